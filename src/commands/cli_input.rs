//! `--cli-input`: the members of an API request, as `aws … --cli-input-json` takes them. Flags win over them.

use serde_json::{Map, Value};

use super::input;
use crate::{
    context::Context,
    error::{Error, ErrorKind},
    model::document::segment,
};

/// The members of a request that a file gives; none without a file.
#[derive(Debug, Clone, Default)]
pub struct CliInput {
    place: String,
    members: Map<String, Value>,
}

impl CliInput {
    /// Reads a file, or standard input.
    ///
    /// # Errors
    /// If it cannot be read, or is no object with the API's members.
    pub async fn read(ctx: &Context, file: Option<&str>) -> Result<Self, Error> {
        let Some(file) = file else { return Ok(Self::default()) };
        // As the AWS CLI writes it.
        let file = file.strip_prefix("file://").unwrap_or(file);
        let document = input::parse(file, &input::read(ctx, file).await?)?;
        let place = input::place(file).to_owned();
        let is_odd = |name: &&String| name.starts_with(|c: char| !c.is_ascii_lowercase());
        if let Some(name) = document.value.as_object().into_iter().flat_map(Map::keys).find(is_odd) {
            let line = document.line_of(&format!("/{}", segment(name)));
            let message = format!("{place}, line {line}: `{name}` is no member of the API");
            return Err(Error::new(ErrorKind::InvalidInput, message)
                .with_hint("names begin with a small letter, such as `roleArn`; CloudFormation's do not"));
        }
        let Value::Object(members) = document.into_value() else {
            let message = format!("{place}: is no object with the members of a request");
            return Err(Error::new(ErrorKind::InvalidInput, message)
                .with_hint("it is what `aws … --cli-input-json` takes, or what `get` prints with `--output json`"));
        };
        Ok(Self::of(place, members))
    }

    /// These members, which are at a place.
    pub fn of(place: String, mut members: Map<String, Value>) -> Self {
        // Every run makes its own.
        members.shift_remove("clientToken");
        Self { place, members }
    }

    /// Whether it has a member that is not null.
    pub fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    pub fn is_null(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(Value::is_null)
    }

    /// Takes a member that is not null.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.members.shift_remove(name).filter(|value| !value.is_null())
    }

    /// Puts a member back.
    pub fn put(&mut self, name: &str, value: Value) {
        self.members.insert(name.to_owned(), value);
    }

    /// Takes a member that is a text.
    ///
    /// # Errors
    /// If it is not.
    pub fn take_text(&mut self, name: &str) -> Result<Option<String>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.invalid(&format!("`{name}` is no text"))),
        }
    }

    /// Takes a member that says what the request is for.
    ///
    /// # Errors
    /// If it is none of these.
    pub fn check_same(&mut self, name: &str, expected: &[&str]) -> Result<(), Error> {
        match self.take_text(name)? {
            Some(given) if !expected.contains(&given.as_str()) => {
                let error = self.invalid(&format!("`{name}` is `{given}`, and the command is for `{}`", expected[0]));
                Err(error.with_hint("leave the member out, or name the same"))
            }
            _ => Ok(()),
        }
    }

    /// Notes each member that is left and that is in none of these lists: it may be newer, or a mistake.
    pub fn note_unknown(&self, ctx: &Context, known: [&[&str]; 2]) {
        let is_new = |name: &&String| !known.iter().any(|list| list.contains(&name.as_str()));
        for name in self.members.keys().filter(is_new) {
            ctx.ui.note(&format!("{}: this program does not know `{name}`, and passes it on as it is", self.place));
        }
    }

    /// The members that are left, but for these, which are no part of a request.
    pub fn rest(mut self, read_only: &[&str]) -> Value {
        self.members.retain(|name, _| !read_only.contains(&name.as_str()));
        Value::Object(self.members)
    }

    /// The error for what the file says.
    pub fn invalid(&self, problem: &str) -> Error {
        Error::new(ErrorKind::InvalidInput, format!("{}: {problem}", self.place))
    }
}

/// Refuses to read standard input for two of these.
///
/// # Errors
/// If more than one is `-`.
pub fn check_stdin<'a>(files: impl IntoIterator<Item = Option<&'a str>>) -> Result<(), Error> {
    if files.into_iter().flatten().filter(|file| *file == "-").count() < 2 {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Usage, "standard input cannot be two files at once");
    Err(error.with_hint("give the secret in a variable, or all but one in files"))
}
