//! What an API answered: text in its charset, or bytes that are no text.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::http::Response;

/// The content of a response.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    Text(String),
    /// Says which media type it has, and how many bytes.
    Binary(String),
}

impl Content {
    /// Reads a response's body. A byte order mark says more than the named charset (WHATWG Encoding, "decode"); without
    /// either, JSON and all that is UTF-8 is UTF-8, and other text is what HTML takes it for, Windows-1252.
    pub(super) fn of(response: &Response) -> Self {
        let content_type = response.header("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let named = charset(content_type).or_else(|| declared(&media_type, &response.body));
        let is_text = media_type.starts_with("text/");
        let encoding = match Encoding::for_bom(&response.body) {
            Some((encoding, _)) => encoding,
            None => named.unwrap_or(UTF_8),
        };
        let (text, _, is_broken) = encoding.decode(&response.body);
        if is_broken && named.is_none() && is_text && !response.body.contains(&0) {
            return Self::Text(WINDOWS_1252.decode(&response.body).0.into_owned());
        }
        // A text has no zero byte; an archive, an image or a document in a binary format soon has one, but for a short one.
        if is_broken || text.contains('\0') || is_binary(&media_type) && !response.body.is_empty() {
            let kind = if media_type.is_empty() { "of no media type" } else { media_type.as_str() };
            return Self::Binary(format!("{kind}, {} bytes", response.body.len()));
        }
        Self::Text(text.into_owned())
    }

    /// The text, or a sentence in its place.
    pub(super) fn or_sentence(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Binary(what) => format!("(binary: {what})"),
        }
    }
}

/// Whether a media type is one of bytes: images but for SVG, sound, films, fonts, archives and PDF.
fn is_binary(media_type: &str) -> bool {
    let kinds = ["image/", "audio/", "video/", "font/"];
    let archives = ["zip", "gzip", "x-gzip", "x-tar", "x-7z-compressed", "vnd.rar", "zstd", "pdf", "wasm"];
    kinds.iter().any(|kind| media_type.starts_with(kind)) && !media_type.ends_with("+xml")
        || media_type.strip_prefix("application/").is_some_and(|name| archives.contains(&name))
}

/// The charset that a media type names.
fn charset(content_type: &str) -> Option<&'static Encoding> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, name) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Encoding::for_label(name.trim().trim_matches('"').as_bytes())
}

/// The charset that an XML declaration names (XML 1.0, §4.3.3).
fn declared(media_type: &str, body: &[u8]) -> Option<&'static Encoding> {
    let is_xml = media_type.ends_with("/xml") || media_type.ends_with("+xml");
    let declaration = body.split(|byte| *byte == b'>').next().filter(|head| is_xml && head.starts_with(b"<?xml"))?;
    let declaration = String::from_utf8_lossy(declaration.get(..declaration.len().min(200))?).into_owned();
    let (_, after) = declaration.split_once("encoding")?;
    let after = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = after.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
    let encoding = Encoding::for_label(after[1..].split(quote).next()?.as_bytes())?;
    // The declaration was read as ASCII, so the body cannot be UTF-16, which .NET writes there (WHATWG HTML, "prescan a byte
    // stream").
    Some(if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: &str, body: &[u8]) -> Content {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Content::of(&Response { status: 200, headers, body: body.to_vec() })
    }

    #[test]
    fn text_is_read_in_its_charset() {
        for (content_type, body) in [
            ("application/json", "{\"city\":\"München\"}".as_bytes()),
            ("application/json; charset=utf-8", "{\"city\":\"München\"}".as_bytes()),
            ("application/json; charset=iso-8859-1", b"{\"city\":\"M\xfcnchen\"}"),
            ("application/json; profile=x; CHARSET=\"Latin1\"", b"{\"city\":\"M\xfcnchen\"}"),
            ("text/plain", b"{\"city\":\"M\xfcnchen\"}"),
            ("application/octet-stream", "{\"city\":\"München\"}".as_bytes()),
            ("", "\u{feff}{\"city\":\"München\"}".as_bytes()),
        ] {
            assert_eq!(read(content_type, body), Content::Text("{\"city\":\"München\"}".to_owned()), "{content_type}");
        }
        let utf_16: Vec<u8> = "\u{feff}Grüße".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read("text/plain; charset=utf-16", &utf_16), Content::Text("Grüße".to_owned()));
        assert_eq!(read("text/plain", &utf_16), Content::Text("Grüße".to_owned()));
        assert_eq!(read("text/html; charset=Shift_JIS", b"\x93\xfa\x96{"), Content::Text("日本".to_owned()));
        let xml = b"<?xml version='1.0' encoding='ISO-8859-15'?><a>\xa4</a>";
        assert_eq!(
            read("application/xml", xml),
            Content::Text("<?xml version='1.0' encoding='ISO-8859-15'?><a>€</a>".to_owned())
        );
        let dotnet = "<?xml version=\"1.0\" encoding=\"utf-16\"?><a>é</a>";
        assert_eq!(read("application/xml", dotnet.as_bytes()), Content::Text(dotnet.to_owned()));
        assert_eq!(read("text/plain; charset=nonsense", b"x"), Content::Text("x".to_owned()));
        assert_eq!(read("image/png", b""), Content::Text(String::new()));
        assert_eq!(read("image/svg+xml", b"<svg/>"), Content::Text("<svg/>".to_owned()));
    }

    #[test]
    fn bytes_that_are_no_text_are_said_to_be_binary() {
        for (content_type, body, said) in [
            ("application/pdf", &b"%PDF-1.4\n\x80\x81\xff"[..], "application/pdf, 12 bytes"),
            ("image/png; q=1", b"\x89PNG\r\n\x1a\n\0\0", "image/png, 10 bytes"),
            ("", b"PK\x03\x04\0\0", "of no media type, 6 bytes"),
            ("application/json", b"{\"a\":\"\xff\"}", "application/json, 9 bytes"),
            ("text/plain; charset=utf-8", b"\xf0\xff\0", "text/plain, 3 bytes"),
            ("application/zip", b"PK\x03\x04abc", "application/zip, 7 bytes"),
            ("image/png", b"ABC", "image/png, 3 bytes"),
            ("application/pdf", b"%PDF-1.7 ascii", "application/pdf, 14 bytes"),
        ] {
            assert_eq!(read(content_type, body), Content::Binary(said.to_owned()), "{content_type}");
        }
        assert_eq!(read("application/zip", b"\x00").or_sentence(), "(binary: application/zip, 1 bytes)");
    }
}
