//! One page of a list.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::protocol::RpcError;

/// Items on a page (of tools, three or four observers; of other lists, nobody has said).
const PAGE: usize = 30;
/// Bytes of them, as clients can be expected to take.
const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// One page of a list, as its member; all of it where paging is switched off.
pub(super) fn page(is_paged: bool, member: &str, items: &[Value], params: &Value) -> Result<Value, RpcError> {
    let start = match &params["cursor"] {
        Value::Null => 0,
        cursor => cursor
            .as_str()
            .and_then(position)
            .filter(|start| is_paged && *start < items.len())
            .ok_or_else(|| RpcError::invalid_params("Invalid cursor"))?,
    };
    let mut size = 0;
    let fits = |item: &&Value| {
        size += item.to_string().len();
        size <= PAGE_BYTES
    };
    // One at least, however large.
    let page = items[start..].iter().take(PAGE).take_while(fits).count().max(1);
    let end = if is_paged { items.len().min(start + page) } else { items.len() };
    let mut result = json!({ member: items[start..end] });
    if end < items.len() {
        result["nextCursor"] = json!(URL_SAFE_NO_PAD.encode(end.to_string()));
    }
    Ok(result)
}

/// Where the page of a cursor begins, if it is one of ours.
fn position(cursor: &str) -> Option<usize> {
    let start: usize = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?.parse().ok()?;
    (start > 0).then_some(start)
}
