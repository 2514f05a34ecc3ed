//! One page of a list.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{content::Content, protocol::RpcError};

/// Items per page. For tools, three or four public reports agree on 30; for other lists, AWS's page size is not
/// known.
const PAGE: usize = 30;
/// Most bytes of the items on a page, so that clients can handle it.
const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// One page of a list, in a result with this member; the whole list if pagination is disabled. The items are JSON texts.
pub(super) fn page(is_paged: bool, member: &str, items: &[String], params: &Value) -> Result<Content, RpcError> {
    let start = match &params["cursor"] {
        Value::Null => 0,
        cursor => cursor
            .as_str()
            .and_then(position)
            .filter(|start| is_paged && *start < items.len())
            .ok_or_else(|| RpcError::invalid_params("Invalid cursor"))?,
    };
    let mut size = 0;
    let fits = |item: &&String| {
        size += item.len();
        size <= PAGE_BYTES
    };
    // At least one item, however large.
    let page = items[start..].iter().take(PAGE).take_while(fits).count().max(1);
    let end = if is_paged { items.len().min(start + page) } else { items.len() };
    let mut text = format!("{{\"{member}\":[{}]", items[start..end].join(","));
    if end < items.len() {
        text += &format!(",\"nextCursor\":\"{}\"", URL_SAFE_NO_PAD.encode(end.to_string()));
    }
    Ok(Content::Text(text + "}"))
}

/// Decodes a cursor to the page's first index; `None` if `page` did not issue it.
fn position(cursor: &str) -> Option<usize> {
    let start: usize = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?.parse().ok()?;
    (start > 0).then_some(start)
}
