//! Removes styles and control characters from output.

use std::io::{self, Write};

use anstream::adapter::StripBytes;

use super::style;

/// Passes bytes on without their escape sequences.
pub(super) struct Stripped<'a> {
    out: &'a mut (dyn Write + Send),
    state: StripBytes,
}

impl<'a> Stripped<'a> {
    pub(super) fn new(out: &'a mut (dyn Write + Send)) -> Self {
        Self { out, state: StripBytes::new() }
    }
}

impl Write for Stripped<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.state.strip_next(bytes).try_for_each(|shown| self.out.write_all(shown))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Text with or without its escape sequences.
pub(super) fn strip_styles(text: &str, colors: bool) -> Vec<u8> {
    if colors { text.as_bytes().to_vec() } else { anstream::adapter::strip_bytes(text.as_bytes()).into_vec() }
}

/// Text that is safe for a terminal, whoever wrote it: no control or format characters except line breaks, tabs
/// and this program's own styles. All text that is shown goes through this function.
pub(super) fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let own = style::SEQUENCES.iter().find(|sequence| rest.starts_with(**sequence));
        let length = own.map_or(c.len_utf8(), |sequence| sequence.len());
        let (part, after) = rest.split_at(length);
        match c {
            _ if own.is_some() => shown.push_str(part),
            '\n' | '\t' => shown.push(c),
            // The carriage return of a CRLF.
            '\r' if after.starts_with('\n') => {}
            c if c.is_control() || is_format(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
        rest = after;
    }
    shown
}

/// Foreign text on one line, with control and format characters escaped.
pub fn escape_control(text: &str) -> String {
    let is_odd = |c: char| c.is_control() || is_format(c);
    let shown = |c: char| if is_odd(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}

/// Whether a character has no width or reorders others: Unicode's categories Cf, Zl and Zp, except what scripts
/// and emoji need: Arabic's number signs, the joiners, and the tags of flags.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0001}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_terminal_is_shown_but_our_own_styles() {
        let styled = format!("{}error:{} no", style::ERROR.render(), style::ERROR.render_reset());
        assert_eq!(harmless(&styled), styled);
        for style in [style::ERROR, style::WARN, style::HINT, style::OK, style::DIM, style::HEADING] {
            let styled = format!("{}x{}", style.render(), style.render_reset());
            assert_eq!(harmless(&styled), styled, "{style:?}");
        }
        for (odd, shown) in [
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("a\rb", "a\\u{d}b"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("abc\u{202e}cba", "abc\\u{202e}cba"),
            ("a\u{2028}b\u{feff}", "a\\u{2028}b\\u{feff}"),
            ("two\nlines\tand Zürich 東京", "two\nlines\tand Zürich 東京"),
            ("a\r\nb", "a\nb"),
            ("می\u{200c}خواهم 👩\u{200d}💻", "می\u{200c}خواهم 👩\u{200d}💻"),
        ] {
            assert_eq!(harmless(odd), shown);
        }
    }

    #[test]
    fn escape_sequences_are_taken_out_wherever_the_text_is_cut() {
        let text = "a\u{1b}[1mü\u{1b}[0mb".as_bytes();
        for cut in 0..=text.len() {
            let mut out = Vec::new();
            let mut stripped = Stripped::new(&mut out);
            stripped.write_all(&text[..cut]).and_then(|()| stripped.write_all(&text[cut..])).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), "aüb", "{cut}");
        }
    }
}
