//! Lists in headers (Smithy 2.0, "Serialization rules" of `httpHeader`).

/// The items as one header: a text that has a comma or a quotation mark stands in quotation marks.
pub(super) fn join(items: &[String], are_texts: bool) -> String {
    let quoted = |item: &String| {
        if !are_texts || !item.contains([',', '"']) {
            return item.clone();
        }
        format!("\"{}\"", item.replace('\\', "\\\\").replace('"', "\\\""))
    };
    items.iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// The items of a header.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let (mut in_quotes, mut chars) = (false, text.chars());
    while let Some(c) = chars.next() {
        let Some(item) = items.last_mut() else { break };
        match c {
            '"' => in_quotes = !in_quotes,
            '\\' if in_quotes => item.extend(chars.next()),
            ',' if !in_quotes => items.push(String::new()),
            c if c.is_whitespace() && !in_quotes && item.is_empty() => {}
            c => item.push(c),
        }
    }
    for item in &mut items {
        item.truncate(item.trim_end().len());
    }
    items
}

/// The dates of a header, each of which has a comma (`Mon, 16 Dec 2019 23:48:18 GMT`) unless it is of another format.
pub(super) fn split_dates(text: &str) -> Vec<String> {
    let mut dates: Vec<String> = Vec::new();
    for part in text.split(',').map(str::trim) {
        match dates.last_mut() {
            Some(last) if last.len() == 3 && last.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                last.push_str(", ");
                last.push_str(part);
            }
            _ => dates.push(part.to_owned()),
        }
    }
    dates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_written_and_read() {
        for (items, header) in [
            (&["a", "b", "c"][..], "a, b, c"),
            (&["b,c", "\"def\"", "a"], r#""b,c", "\"def\"", a"#),
            (&["x\\", "a\\,b"], r#"x\, "a\\,b""#),
            (&["", "y"], ", y"),
        ] {
            let items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
            assert_eq!(join(&items, true), header);
            assert_eq!(split(header), items, "{header}");
        }
        assert_eq!(join(&["Mon, 1".to_owned(), "2".to_owned()], false), "Mon, 1, 2");
        assert_eq!(split("a ,b,  \"c\" "), ["a", "b", "c"]);
        assert_eq!(split("\"open"), ["open"]);
        let dates = "Mon, 16 Dec 2019 23:48:18 GMT, Tue, 17 Dec 2019 23:48:18 GMT";
        assert_eq!(split_dates(dates), ["Mon, 16 Dec 2019 23:48:18 GMT", "Tue, 17 Dec 2019 23:48:18 GMT"]);
        assert_eq!(split_dates("1, 2019-12-16T23:48:18Z"), ["1", "2019-12-16T23:48:18Z"]);
    }
}
