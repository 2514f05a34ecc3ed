//! How results are laid out for people: fields, tables, trees.

use std::{
    io::{self, Write},
    time::Duration,
};

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{plain::escape_control, style};

/// Where a result is written for people.
pub struct Page<'a> {
    out: &'a mut dyn Write,
    /// The terminal's columns; `None` if the result goes elsewhere.
    width: Option<usize>,
    /// For how long the command ran.
    took: Duration,
}

impl<'a> Page<'a> {
    pub fn new(out: &'a mut dyn Write, width: Option<usize>, took: Duration) -> Self {
        Self { out, width, took }
    }

    /// A page of no terminal, for text that goes into another one.
    pub fn within(out: &'a mut dyn Write) -> Self {
        Self::new(out, None, Duration::ZERO)
    }

    /// Writes what is the case now, and after what time, or that it was so before.
    pub fn outcome(&mut self, outcome: &str, unchanged: bool) -> io::Result<()> {
        let (heading, reset) = (style::HEADING.render(), style::HEADING.render_reset());
        write!(self, "{heading}{outcome}{reset}")?;
        if unchanged {
            return writeln!(self, " (nothing had to be changed)");
        }
        let (dim, reset, took) = (style::DIM.render(), style::DIM.render_reset(), self.took.as_secs_f64());
        writeln!(self, " {dim}({took:.1} s){reset}")
    }

    /// Writes lines of label and value, aligned; empty values are skipped.
    pub fn fields(&mut self, fields: &[(&str, &str)]) -> io::Result<()> {
        let width = fields.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
        let (dim, reset) = (style::DIM.render(), style::DIM.render_reset());
        for (label, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
            writeln!(self, "  {dim}{label:<width$}{reset}  {value}")?;
        }
        Ok(())
    }

    /// Writes names, each with the first sentence of its description, which on a terminal ends where the line does.
    pub fn described(&mut self, headers: [&str; 2], rows: &[(&str, &str)]) -> io::Result<()> {
        let names = rows.iter().map(|(name, _)| escape_control(name).width());
        let before = names.max().unwrap_or(0).max(headers[0].width()).min(WIDEST) + 2;
        // Where there is hardly any room, it goes on in the next line, as long names do.
        let room = self.width.map(|columns| columns.saturating_sub(before)).filter(|room| *room > LEAST);
        let row = |(name, text): &(&str, &str)| {
            let text = first_sentence(text);
            [(*name).to_owned(), room.map_or_else(|| text.to_owned(), |room| beginning(text, room))]
        };
        self.table(headers, &rows.iter().map(row).collect::<Vec<_>>())
    }

    /// Writes aligned columns below their headers. A column without a value is left out.
    pub fn table<const N: usize>(&mut self, headers: [&str; N], rows: &[[String; N]]) -> io::Result<()> {
        let is_used = |column: &usize| rows.iter().any(|row| !row[*column].is_empty());
        let columns: Vec<usize> = (0..N).filter(is_used).collect();
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| columns.iter().map(|column| escape_control(&row[*column])).collect()).collect();
        let headers: Vec<&str> = columns.iter().map(|column| headers[*column]).collect();
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].width());
            cells.max().unwrap_or(0).max(headers[column].width()).min(WIDEST)
        };
        let widths: Vec<usize> = (0..columns.len()).map(width).collect();
        let (dim, heading, reset) = (style::DIM.render(), style::HEADING.render(), style::DIM.render_reset());
        writeln!(self, "{dim}{}{reset}", Self::line(&headers, &widths))?;
        for row in &rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            let line = Self::line(&cells, &widths);
            let (first, others) = line.split_at(cells.first().map_or(0, |cell| cell.len()).min(line.len()));
            writeln!(self, "{heading}{first}{reset}{others}")?;
        }
        Ok(())
    }

    fn line(cells: &[&str], widths: &[usize]) -> String {
        let mut line = String::new();
        for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
            line += &padded(cell, if column + 1 < cells.len() { width + 2 } else { 0 });
        }
        line.truncate(line.trim_end().len());
        line
    }

    /// Writes a label and a text, whose further lines begin where its first one does, after `before` columns and the
    /// label.
    pub fn hanging(&mut self, before: usize, label: &str, text: &str) -> io::Result<()> {
        let begin = before + label.width();
        let room = self.width.map(|columns| columns.saturating_sub(begin).max(LEAST));
        let lines = lines(text, room);
        write!(self, "{label}")?;
        writeln!(self, "{}", lines.join(&format!("\n{}", " ".repeat(begin))))
    }

    /// Writes a tree, each branch below what it belongs to.
    pub fn tree(&mut self, branches: &[Branch]) -> io::Result<()> {
        self.branches(branches, "")
    }

    fn branches(&mut self, branches: &[Branch], lead: &str) -> io::Result<()> {
        let width = branches.iter().map(|branch| branch.label.width()).max().unwrap_or(0).min(WIDEST);
        for (n, branch) in branches.iter().enumerate() {
            let (fork, next) = if n + 1 == branches.len() { ("└─", "   ") } else { ("├─", "│  ") };
            let (dim, reset) = (style::DIM.render(), style::DIM.render_reset());
            let room = self.width.map(|columns| columns.saturating_sub(lead.width() + width + 5).max(LEAST));
            let lines = lines(&escape_control(&branch.text), room);
            let below = if branch.below.is_empty() { "   " } else { "│  " };
            for (n, line) in lines.iter().enumerate() {
                let (lead, label) = if n == 0 {
                    (format!("{lead}{fork} "), branch.label.as_str())
                } else {
                    (format!("{lead}{next}{below}"), "")
                };
                let width = if n == 0 { width.max(3) } else { width.saturating_sub(3) };
                let text = format!("{}  {line}", padded(label, width));
                writeln!(self, "{dim}{lead}{reset}{}", text.trim_end())?;
            }
            self.branches(&branch.below, &format!("{lead}{next}"))?;
        }
        Ok(())
    }
}

impl Write for Page<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Widest column of a table, in the terminal's columns; a longer text moves the rest of its line.
const WIDEST: usize = 64;
/// Least room for the last column, in the terminal's columns.
const LEAST: usize = 20;

/// A branch of a tree.
#[derive(Debug, Default)]
pub struct Branch {
    label: String,
    text: String,
    below: Vec<Branch>,
}

impl Branch {
    pub fn new(label: &str, text: &str) -> Self {
        Self { label: escape_control(label), text: text.to_owned(), below: Vec::new() }
    }

    /// Whether it has no text, and nothing below it.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.below.is_empty()
    }

    #[must_use]
    pub fn with(mut self, below: impl IntoIterator<Item = Self>) -> Self {
        self.below.extend(below);
        self
    }
}

/// The first sentence of a text.
fn first_sentence(text: &str) -> &str {
    let line = text.trim().lines().next().unwrap_or_default();
    line.find(". ").map_or(line, |end| &line[..=end])
}

/// A text with spaces behind it, up to so many columns.
pub fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// A text in lines of so many columns at most, if no word is longer.
fn lines(text: &str, room: Option<usize>) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.width());
        match lines.last_mut() {
            Some(line) if last == 0 => line.push_str(word),
            Some(line) if room.is_none_or(|room| last + 1 + word.width() <= room) => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// As many whole words of a line as fit so many columns.
fn beginning(line: &str, width: usize) -> String {
    if line.width() <= width {
        return line.to_owned();
    }
    let mut room = width.saturating_sub(2);
    let is_too_much = |(_, character): &(usize, char)| {
        let left = room.checked_sub(character.width().unwrap_or(0));
        room = left.unwrap_or(room);
        left.is_none()
    };
    let end = line.char_indices().find(is_too_much).map_or(line.len(), |(end, _)| end);
    let words = line[..end].rsplit_once(' ').map(|(whole_words, _)| whole_words);
    // A long word is cut, rather than most of the line be empty.
    let cut = words.filter(|words| words.len() * 2 > end).unwrap_or(&line[..end]);
    format!("{cut} …")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(width: Option<usize>, write: impl Fn(&mut Page<'_>) -> io::Result<()>) -> String {
        let mut bytes = Vec::new();
        write(&mut Page::new(&mut bytes, width, Duration::from_millis(1260))).unwrap();
        String::from_utf8(anstream::adapter::strip_bytes(&bytes).into_vec()).unwrap()
    }

    #[test]
    fn a_table_has_headers_and_ends_where_the_terminal_does() {
        let row = |name: &str| [name.to_owned(), String::new(), "id".to_owned()];
        let two = written(Some(10), |page| page.table(["NAME", "UNUSED", "ID"], &[row("a"), row("a long name")]));
        assert_eq!(two, "NAME         ID\na            id\na long name  id\n");
        let rows = [("a", "gets the weather of a place"), ("a long name\u{7}", "waits")];
        let table = |width| written(width, |page| page.described(["NAME", "TEXT"], &rows));
        let whole = "NAME              TEXT\na                 gets the weather of a place\na long name\\u{7}  waits\n";
        assert_eq!(table(None), whole);
        assert_eq!(table(Some(39)), whole.replace(" of a place", " …"));
        assert_eq!(beginning("a https://example.com/a/b", 20), "a https://example. …");
        assert_eq!(table(Some(20)), whole, "no room");
        let wide = [("天気", "東京の天気を一週間分調べます"), ("abc", "é")];
        let table = |width| written(Some(width), |page| page.described(["NAME", "TEXT"], &wide));
        assert_eq!(table(80), "NAME  TEXT\n天気  東京の天気を一週間分調べます\nabc   é\n");
        assert_eq!(
            table(27),
            "NAME  TEXT\n天気  東京の天気を一週間分調べます\nabc   é\n".replace("分調べます", " …"),
            "two columns each"
        );
    }

    #[test]
    fn a_tree_shows_what_belongs_to_what() {
        let tree = [
            Branch::new("role", "r").with([Branch::new("may", "call"), Branch::new("trusts", "the service")]),
            Branch::new("targets", "").with([Branch::new("weather", "READY")]),
        ];
        let expected =
            "├─ role     r\n│  ├─ may     call\n│  └─ trusts  the service\n└─ targets\n   └─ weather  READY\n";
        assert_eq!(written(None, |page| page.tree(&tree)), expected);
    }

    #[test]
    fn an_outcome_has_its_time() {
        assert_eq!(written(None, |page| page.outcome("It is READY", false)), "It is READY (1.3 s)\n");
        assert_eq!(
            written(None, |page| page.outcome("It is READY", true)),
            "It is READY (nothing had to be changed)\n"
        );
    }

    #[test]
    fn a_description_is_shown_by_its_first_sentence() {
        assert_eq!(first_sentence("Gets it. Needs e.g. a key.\nMore"), "Gets it.");
        assert_eq!(first_sentence("Gets version 2.0 of it"), "Gets version 2.0 of it");
        assert_eq!(first_sentence(""), "");
        assert_eq!(beginning(&"word ".repeat(30), 100), format!("{} …", "word ".repeat(19).trim_end()));
        assert_eq!(beginning(&"x".repeat(101), 100), format!("{} …", "x".repeat(98)));
    }
}
