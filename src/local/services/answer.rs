//! Helpers for handlers: typed inputs, errors, pages and timestamps.

use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::local::wire::WireError;

/// An operation's result: its output members, or null if it has none.
pub(crate) type Answer = Result<Value, WireError>;

pub(crate) fn bad_request(code: &str, message: impl Into<String>) -> WireError {
    WireError::new(StatusCode::BAD_REQUEST, code, message)
}

pub(crate) fn internal(message: String) -> WireError {
    WireError::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", message)
}

/// The error for an operation or a member that the local AWS does not support.
pub(crate) fn not_implemented(what: impl Into<String>) -> WireError {
    WireError::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", what)
}

/// Deserializes a validated input into the operation's input type.
pub(crate) fn read<T: DeserializeOwned>(input: Value) -> Result<T, WireError> {
    serde_json::from_value(input)
        .map_err(|error| internal(format!("an operation does not understand what its shape lets in: {error}")))
}

/// Returns one page of a list sorted by key, and the token of the next page. The token is the last key shown,
/// so that pages neither skip nor repeat items when items come and go.
///
/// # Errors
/// If this function did not issue the token.
pub(crate) fn page<T>(
    items: impl Iterator<Item = (impl AsRef<str>, T)>,
    most: Option<usize>,
    token: Option<&str>,
) -> Result<(Vec<T>, Option<String>), BadToken> {
    page_within(items, (most, usize::MAX, |_| 0), token)
}

/// A page with at most so many items that weigh no more than so much together, but at least one.
pub(crate) fn page_within<T>(
    items: impl Iterator<Item = (impl AsRef<str>, T)>,
    (most, most_weight, weight): (Option<usize>, usize, impl Fn(&T) -> usize),
    token: Option<&str>,
) -> Result<(Vec<T>, Option<String>), BadToken> {
    let after = match token {
        None => None,
        Some(token) => {
            let key = URL_SAFE_NO_PAD.decode(token).map_err(|_| BadToken)?;
            Some(String::from_utf8(key).map_err(|_| BadToken)?)
        }
    };
    let mut rest = items.skip_while(|(key, _)| after.as_deref().is_some_and(|after| key.as_ref() <= after)).peekable();
    let (mut shown, mut last, mut left) = (Vec::new(), String::new(), most_weight);
    while shown.len() < most.unwrap_or(usize::MAX)
        && let Some((key, item)) = rest.next_if(|(_, item)| shown.is_empty() || weight(item) <= left)
    {
        left = left.saturating_sub(weight(&item));
        shown.push(item);
        key.as_ref().clone_into(&mut last);
    }
    Ok((shown, rest.peek().is_some().then(|| URL_SAFE_NO_PAD.encode(last))))
}

/// A pagination token that [`page`] did not issue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadToken;

/// `2026-11-22T13:59:00.123Z`.
pub(crate) fn iso8601(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map(|time| format!("{time:.3}")).unwrap_or_default()
}

/// Unix time in seconds, as JSON 1.1 carries timestamps.
pub(crate) fn epoch_seconds(millis: i64) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "53 bits of milliseconds reach far beyond any date here")]
    let seconds = millis as f64 / 1000.0;
    json!(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_weighs_no_more_than_it_may_and_has_an_item() {
        let items = [("a", 9), ("b", 3), ("c", 3), ("d", 1)];
        let page =
            |token: Option<&str>| page_within(items.into_iter(), (None, 6, |weight: &usize| *weight), token).unwrap();
        let (first, token) = page(None);
        let (second, token) = page(token.as_deref());
        let (third, token) = page(token.as_deref());
        assert_eq!((first, second, third, token), (vec![9], vec![3, 3], vec![1], None));
    }

    #[test]
    fn pages_neither_skip_nor_repeat_when_items_go() {
        let mut items: std::collections::BTreeMap<String, u32> = (0..5).map(|n| (format!("k{n}"), n)).collect();
        let (first, token) = page(items.iter(), Some(2), None).unwrap();
        assert_eq!(first, [&0, &1]);
        items.remove("k1");
        let (second, token) = page(items.iter(), Some(2), token.as_deref()).unwrap();
        assert_eq!(second, [&2, &3]);
        let (third, token) = page(items.iter(), Some(2), token.as_deref()).unwrap();
        assert_eq!((third, token), (vec![&4], None));
        assert_eq!(page(items.iter(), Some(2), Some("%")), Err(BadToken));
    }
}
