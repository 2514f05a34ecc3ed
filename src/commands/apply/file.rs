//! Reads a file for `apply`: each object as the flags that its members stand for, which the command line's own parser
//! then checks.

use std::{ffi::OsString, path::Path};

use clap::{Command, FromArgMatches as _};
use serde_json::{Map, Value, json};

use super::{
    member::{self, AWS, Member, SAMPLE, Shape, TYPE},
    place::{Place, Refusal, quoted},
};
use crate::{
    commands::{
        cli_input::CliInput,
        create::Create,
        input,
        target::{Add, AddKind},
    },
    context::Context,
    error::{Error, ErrorKind},
    model::{
        document::{Document, segment},
        name::nearest,
        patch::merge,
    },
};

/// What a file says, each part with its place in the file.
#[derive(Debug)]
pub(super) struct File {
    pub gateway: Entry<Create>,
    /// `None` if the file says nothing about targets.
    pub targets: Option<Vec<Entry<AddKind>>>,
    source: Source,
}

/// A gateway or a target.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub args: T,
    /// The raw members of its API request.
    pub input: CliInput,
    place: Place,
}

/// The document, and its name in messages.
#[derive(Debug)]
struct Source {
    document: Document,
    name: String,
}

const EXAMPLE: &str = "a file has `gateway: { name: NAME }` and `targets:`; `agentcore-gw schema` prints all members";

impl File {
    /// Reads a file, or standard input.
    ///
    /// # Errors
    /// If it is no such file, with line and remedy.
    pub(super) async fn read(ctx: &Context, file: &str) -> Result<Self, Error> {
        let document = input::parse(file, &input::read(ctx, file).await?)?;
        let source = Source { document, name: input::place(file).to_owned() };
        let folder = if file == "-" { Path::new("") } else { Path::new(file).parent().unwrap_or(Path::new("")) };
        if let Some((pointer, key, line)) = source.document.duplicates.first() {
            let inside = if pointer.is_empty() { "the file" } else { pointer.as_str() };
            let message = format!("{}, line {line}: `{key}` is there twice in {inside}", source.name);
            return Err(Error::new(ErrorKind::InvalidInput, message).with_hint("leave one of them out"));
        }
        let root = source.object("", &source.document.value, "the file", EXAMPLE)?;
        source.check_names("", root, &["gateway", "targets"], "the file")?;
        let gateway = root.get("gateway").filter(|gateway| !gateway.is_null());
        let gateway = gateway.ok_or_else(|| source.error("", "there is no `gateway`").with_hint(EXAMPLE))?;
        let gateway = source.gateway(gateway, folder)?;
        let targets = match root.get("targets") {
            None => None,
            // `targets:` with nothing below it.
            Some(Value::Null) => Some(Vec::new()),
            Some(targets) => {
                let hint = "targets are an object: `targets: { NAME: { type: lambda, sample: true } }`";
                let targets = source.object("/targets", targets, "`targets`", hint)?;
                let all = targets.iter().map(|(name, target)| source.target(name, target, &gateway, folder));
                Some(all.collect::<Result<_, _>>()?)
            }
        };
        Ok(Self { gateway, targets, source })
    }

    /// An error with members in the place of flags.
    pub(super) fn in_members(&self, error: Error) -> Error {
        let places = self.targets.iter().flatten().map(|target| &target.place);
        let hint = error.hint.map(|hint| {
            std::iter::once(&self.gateway.place).chain(places).fold(hint, |hint, place| place.in_members(&hint))
        });
        Error { hint, ..error }
    }

    /// An error about an entry, with its place, and with members in the place of flags.
    pub(super) fn located<T>(&self, entry: &Entry<T>, error: Error) -> Error {
        match error.kind {
            ErrorKind::Usage | ErrorKind::InvalidInput | ErrorKind::NotFound => {
                self.source.located(&entry.place, error)
            }
            // It is not about the file.
            _ => error,
        }
    }
}

impl Source {
    fn error(&self, pointer: &str, problem: &str) -> Error {
        let line = self.document.line_of(pointer);
        Error::new(ErrorKind::InvalidInput, format!("{}, line {line}: {problem}", self.name))
    }

    fn object<'a>(
        &self,
        pointer: &str,
        value: &'a Value,
        what: &str,
        hint: &str,
    ) -> Result<&'a Map<String, Value>, Error> {
        value.as_object().ok_or_else(|| self.error(pointer, &format!("{what} is no object")).with_hint(hint))
    }

    /// Refuses members that are not known.
    fn check_names(&self, pointer: &str, object: &Map<String, Value>, known: &[&str], what: &str) -> Result<(), Error> {
        let Some(name) = object.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
        let error = self.error(&child(pointer, name), &format!("{what} has no member `{name}`"));
        Err(error.with_hint(match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.len() <= 12 => format!("it has {}", quoted(known)),
            None => "`agentcore-gw schema` prints all members".to_owned(),
        }))
    }

    fn gateway(&self, value: &Value, folder: &Path) -> Result<Entry<Create>, Error> {
        let pointer = "/gateway";
        let gateway = self.object(pointer, value, "`gateway`", EXAMPLE)?;
        let place = Place { pointer: pointer.to_owned(), what: "`gateway`".to_owned(), members: member::of_gateway() };
        let Some(Value::String(name)) = gateway.get("name") else {
            let problem = if gateway.contains_key("name") { "`name` is no text" } else { "the gateway has no `name`" };
            return Err(self.error(&child(pointer, "name"), problem).with_hint("write `name: NAME`, a text"));
        };
        let (words, input) = self.entry(&place, gateway, &["name"], folder)?;
        let args = self.parsed(&place, "name", member::create(), words, name)?;
        let args = Create::from_arg_matches(&args).map_err(|error| self.refused(&place, "name", &error))?;
        Ok(Entry { args, input, place })
    }

    fn target(
        &self,
        name: &str,
        value: &Value,
        gateway: &Entry<Create>,
        folder: &Path,
    ) -> Result<Entry<AddKind>, Error> {
        let pointer = child("/targets", name);
        let what = format!("target `{name}`");
        let kinds = member::of_targets();
        let names: Vec<&str> = kinds.iter().map(|(kind, _)| kind.as_str()).collect();
        let hint = format!("a target has a `type`: {}", quoted(&names));
        let target = self.object(&pointer, value, &what, &hint)?;
        let kind = match target.get(TYPE) {
            Some(Value::String(kind)) => kind,
            Some(_) => return Err(self.error(&child(&pointer, TYPE), "`type` is no text").with_hint(hint)),
            None => return Err(self.error(&pointer, &format!("{what} has no `type`")).with_hint(hint)),
        };
        let Some((_, members)) = kinds.into_iter().find(|(known, _)| known == kind) else {
            let problem = format!("{what}: there is no type `{kind}`");
            return Err(self.error(&child(&pointer, TYPE), &problem).with_hint(hint));
        };
        let place = Place { pointer, what, members };
        let is_lambda = kind == "lambda";
        let reserved: &[&str] = if is_lambda { &[TYPE, SAMPLE] } else { &[TYPE] };
        let (mut words, input) = self.entry(&place, target, reserved, folder)?;
        if is_lambda {
            self.check_sample(&place, target, &input)?;
        }
        if input.has("targetConfiguration") {
            // It says what the flags would: they are not required then.
            words.push(format!("--cli-input={AWS}"));
        }
        words.insert(0, kind.clone());
        words.insert(1, format!("--gateway={}", gateway.args.name));
        let matches = self.parsed(&place, "", member::add(), words, name)?;
        let Add { kind } = Add::from_arg_matches(&matches).map_err(|error| self.refused(&place, "", &error))?;
        Ok(Entry { args: kind, input, place })
    }

    /// The sample is asked for by its name.
    fn check_sample(&self, place: &Place, target: &Map<String, Value>, input: &CliInput) -> Result<(), Error> {
        let pointer = child(&place.pointer, SAMPLE);
        let has_function = ["lambdaArn", "tools"].into_iter().any(|name| target.contains_key(name))
            || input.has("targetConfiguration");
        match target.get(SAMPLE) {
            Some(Value::Bool(true)) if has_function => {
                let problem = format!("{}: `sample` is a function of its own", place.what);
                Err(self.error(&pointer, &problem).with_hint("leave `sample` out, or the other function"))
            }
            None | Some(Value::Bool(false)) if !has_function => {
                let problem = format!("{}: no function is named", place.what);
                Err(self.error(&place.pointer, &problem).with_hint("add `lambdaArn` and `tools`, or `sample: true`"))
            }
            None | Some(Value::Bool(_)) => Ok(()),
            Some(_) => {
                Err(self.error(&pointer, "`sample` is neither true nor false").with_hint("write `sample: true`"))
            }
        }
    }

    /// The flags of an entry's members, and the raw members of its API request.
    fn entry(
        &self,
        place: &Place,
        object: &Map<String, Value>,
        reserved: &[&str],
        folder: &Path,
    ) -> Result<(Vec<String>, CliInput), Error> {
        let objects = member::objects(&place.members);
        let own = place.members.iter().filter(|member| member.object.is_none()).map(|member| member.name.as_str());
        let known: Vec<&str> =
            reserved.iter().copied().chain(own).chain(objects.iter().copied()).chain([AWS]).collect();
        self.check_names(&place.pointer, object, &known, &place.what)?;
        let mut raw = self.raw(&place.pointer, object)?;
        let mut words = Vec::new();
        for member in &place.members {
            let (pointer, holder) = match member.object {
                None => (place.pointer.clone(), Some(object)),
                Some(name) => {
                    let pointer = child(&place.pointer, name);
                    let hint = format!("write `{name}: {{ … }}`");
                    let inner = object.get(name).filter(|inner| !inner.is_null());
                    let inner = inner.map(|inner| self.object(&pointer, inner, &format!("`{name}`"), &hint));
                    (pointer, inner.transpose()?)
                }
            };
            if let Some(value) =
                holder.and_then(|holder| holder.get(&member.name)).filter(|_| member.shape != Shape::Raw)
            {
                let pointer = child(&pointer, &member.name);
                words.extend(self.words(&pointer, member, place.opposite(member), value, folder)?);
            }
        }
        for name in objects {
            let pointer = child(&place.pointer, name);
            let Some(inner) = object.get(name).and_then(Value::as_object) else { continue };
            let of_object = place.members.iter().filter(|member| member.object == Some(name));
            let named = of_object.filter(|member| member.shape != Shape::Raw);
            let known: Vec<&str> = named.map(|member| member.name.as_str()).chain([AWS]).collect();
            self.check_names(&pointer, inner, &known, &format!("`{name}`"))?;
            if inner.get(AWS).is_some_and(|raw| !raw.is_null()) {
                words.extend(self.raw_inner(place, name, inner, &mut raw)?);
            }
        }
        Ok((words, CliInput::of(format!("{}, {}", self.name, place.what), raw)))
    }

    /// The member `aws` of an object within a gateway or target, as raw members of its request or as flags.
    fn raw_inner(
        &self,
        place: &Place,
        name: &str,
        inner: &Map<String, Value>,
        raw: &mut Map<String, Value>,
    ) -> Result<Option<String>, Error> {
        let pointer = child(&place.pointer, name);
        let document = Value::Object(self.raw(&pointer, inner)?);
        let others = inner.keys().filter(|key| *key != AWS).count();
        let refused = |problem: &str, remedy: &str| {
            let problem = format!("{}: {problem}", place.what);
            Err(self.error(&child(&pointer, AWS), &problem).with_hint(remedy))
        };
        if name != "authorizer" {
            let member = "credentialProviderConfigurations";
            if others > 0 || raw.contains_key(member) {
                return refused("`aws` describes the whole credential", "leave it out, or what else describes it");
            }
            if document == json!({}) {
                return refused("`aws` is empty", "describe the credential, or leave it out");
            }
            raw.insert(member.to_owned(), json!([document]));
            return Ok(None);
        }
        match inner.get(TYPE).and_then(Value::as_str) {
            Some("jwt") if others == 1 => return Ok(Some(format!("--authorizer-config={document}"))),
            Some("cognito") if document["customJWTAuthorizer"].get("discoveryUrl").is_some() => {
                return refused(
                    "the gateway's own pool has its own discovery document",
                    "leave it out, or name the type `jwt`",
                );
            }
            None | Some("jwt" | "cognito") => {}
            Some(kind) => {
                let problem = format!("an authorizer of the type `{kind}` has no configuration");
                return refused(&problem, "leave `aws` out, or name the type `jwt`");
            }
        }
        merge(raw.entry("authorizerConfiguration").or_insert_with(|| json!({})), &document);
        Ok(None)
    }

    /// The member `aws` of an object.
    fn raw(&self, pointer: &str, object: &Map<String, Value>) -> Result<Map<String, Value>, Error> {
        let pointer = child(pointer, AWS);
        let hint = "it has members of the AWS API's request, such as `aws: { description: … }`";
        let Some(raw) = object.get(AWS).filter(|raw| !raw.is_null()) else { return Ok(Map::new()) };
        let raw = self.object(&pointer, raw, "`aws`", hint)?;
        match raw.keys().find(|name| name.starts_with(|c: char| !c.is_ascii_lowercase())) {
            None => Ok(raw.clone()),
            Some(name) => {
                let problem = format!("`{name}` is no member of the API");
                let error = self.error(&child(&pointer, name), &problem);
                Err(error.with_hint("names begin with a small letter, such as `roleArn`; CloudFormation's do not"))
            }
        }
    }

    /// A member as flags.
    /// `opposite` is the flag that says the opposite of a switch, if there is one.
    fn words(
        &self,
        pointer: &str,
        member: &Member,
        opposite: Option<&str>,
        value: &Value,
        folder: &Path,
    ) -> Result<Vec<String>, Error> {
        let (name, flag) = (&member.name, &member.flag);
        let wrong = |what: &str, example: String| {
            Err(self.error(pointer, &format!("`{name}` is {what}")).with_hint(format!("write `{name}: {example}`")))
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match (member.shape, value) {
            (_, Value::Null) => {
                Err(self.error(pointer, &format!("`{name}` is empty")).with_hint("give it a value, or leave it out"))
            }
            (Shape::Switch, Value::Bool(true)) => Ok(vec![format!("--{flag}")]),
            (Shape::Switch, Value::Bool(false)) => Ok(opposite.map(|flag| format!("--{flag}")).into_iter().collect()),
            (Shape::Raw, _) => Ok(Vec::new()),
            (Shape::Switch, _) => wrong("neither true nor false", "true".to_owned()),
            (Shape::Number, Value::Number(number)) if number.is_f64() => wrong("no whole number", "30".to_owned()),
            (Shape::Number, Value::Number(number)) => Ok(vec![format!("--{flag}={number}")]),
            (Shape::Number, _) => wrong("no number", "30".to_owned()),
            (Shape::Text, Value::String(text)) => Ok(vec![format!("--{flag}={text}")]),
            (Shape::Text, Value::Number(number)) if !number.is_f64() => wrong("no text", format!("\"{number}\"")),
            (Shape::Text, _) => wrong("no text", "\"…\"".to_owned()),
            (Shape::File, Value::String(file)) if file == "-" => {
                let error = self.error(pointer, &format!("`{name}` is standard input, which can be read once only"));
                Err(error.with_hint("name a file"))
            }
            (Shape::File, Value::String(file)) if file.is_empty() => wrong("empty", "FILE".to_owned()),
            (Shape::File, Value::String(file)) if file.starts_with("s3://") => Ok(vec![format!("--{flag}={file}")]),
            (Shape::File, Value::String(file)) => Ok(vec![format!("--{flag}={}", folder.join(file).display())]),
            (Shape::File, _) => wrong("no path", "FILE".to_owned()),
            (Shape::Texts, Value::Array(items)) if items.is_empty() => {
                let error = self.error(pointer, &format!("`{name}` is an empty list"));
                Err(error.with_hint("leave it out: what is not named stays as it is"))
            }
            (Shape::Texts, Value::Array(items)) => {
                let texts: Option<Vec<String>> = items.iter().map(text).collect();
                match texts {
                    Some(texts) => Ok(texts.iter().map(|text| format!("--{flag}={text}")).collect()),
                    None => wrong("no list of texts", "[\"…\"]".to_owned()),
                }
            }
            (Shape::Texts, _) => wrong("no list", "[…]".to_owned()),
            (Shape::Pairs, Value::Object(pairs)) if pairs.keys().any(|key| key.contains('=')) => {
                let error = self.error(pointer, &format!("`{name}` has a key with `=` in it"));
                Err(error.with_hint("a key ends at the first `=`: name one without it"))
            }
            (Shape::Pairs, Value::Object(pairs)) => {
                let texts: Option<Vec<String>> =
                    pairs.iter().map(|(key, value)| Some(format!("--{flag}={key}={}", text(value)?))).collect();
                texts.map_or_else(|| wrong("no object of texts", "{ key: \"value\" }".to_owned()), Ok)
            }
            (Shape::Pairs, _) => wrong("no object", "{ key: \"value\" }".to_owned()),
        }
    }

    /// Parses flags as the command line does, for the entry of this name; `pointer` leads from it to the name.
    fn parsed(
        &self,
        place: &Place,
        pointer: &str,
        command: Command,
        words: Vec<String>,
        name: &str,
    ) -> Result<clap::ArgMatches, Error> {
        let words = std::iter::once("apply".to_owned()).chain(words).chain(["--".to_owned(), name.to_owned()]);
        let parsed = command.disable_help_flag(true).try_get_matches_from(words.map(OsString::from));
        parsed.map_err(|error| self.refused(place, pointer, &error))
    }

    /// What the command line's parser says of the flags of an entry; `name` leads from it to its name.
    fn refused(&self, place: &Place, name: &str, error: &clap::Error) -> Error {
        let Refusal { paths, problem, hint } = place.refusal(error);
        let pointers = paths.iter().map(|path| place.pointer_of(path));
        let later = pointers.max_by_key(|pointer| self.document.line_of(pointer));
        let pointer = later.unwrap_or_else(|| format!("{}/{name}", place.pointer));
        self.error(&pointer, &format!("{}: {problem}", place.what)).with_hint(hint)
    }

    fn located(&self, place: &Place, error: Error) -> Error {
        let text = place.in_members(&error.message);
        let mentioned = place.mentioned(&error.message).map(|path| place.pointer_of(&path));
        let pointer = mentioned.unwrap_or_else(|| place.pointer.clone());
        let line = self.document.line_of(&pointer);
        let begin = format!("{}, {}: ", self.name, place.what);
        let text = text.strip_prefix(&begin).unwrap_or(&text);
        Error {
            message: format!("{}, line {line}: {}: {text}", self.name, place.what),
            hint: error.hint.as_deref().map(|hint| place.in_members(hint)),
            ..error
        }
    }
}

fn child(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", segment(name))
}
