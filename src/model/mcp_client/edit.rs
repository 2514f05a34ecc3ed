//! Changes one entry of a client's configuration file, and leaves the rest of its text as it is: comments, order and
//! white space.

#[cfg(test)]
mod tests;

use jsonc_parser::{
    ParseOptions,
    cst::{CstInputValue, CstObject, CstObjectProp, CstRootNode},
    errors::ParseError,
};
use serde::{Serialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::{Client, Entry, input, input_id, is_ours, is_place_variable, leads_to};

/// Why a file is left alone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Syntax(#[from] ParseError),
    #[error("{0} is no object")]
    NoObject(String),
    /// The client itself could not read the file.
    #[error("{0} takes neither comments nor trailing commas: {1}")]
    Strict(&'static str, serde_json::Error),
    #[error("`inputs` is no list")]
    NoList,
    #[error("its input `{0}` asks for something else")]
    OtherInput(String),
    #[error("{0} is there twice")]
    Twice(String),
    #[error("several of its servers lead to the gateway `{0}`")]
    Several(String),
    #[error("its server `{0}` is not one of agentcore-gw")]
    NotOurs(String),
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    Added,
    Updated,
    Unchanged,
    Removed,
    /// There was none to remove.
    Absent,
}

/// The members that an entry of ours may have; others are the user's.
const MEMBERS: [&str; 7] = ["type", "command", "args", "env", "url", "headers", "headersHelper"];

/// Changes the files of a client.
#[derive(Debug, Clone, Copy)]
pub struct Editor<'a> {
    pub client: Client,
    /// The path of this program, by which its entries are recognized.
    pub program: &'a str,
    /// Whether an entry of somebody else's is replaced or taken out.
    pub force: bool,
}

impl Editor<'_> {
    /// The file's text with this entry. One of ours with the same name keeps what the user added, except to its arguments.
    pub fn put(&self, text: &str, name: &str, entry: &Entry) -> Result<(String, Change), Error> {
        let (mark, text) = split_mark(text);
        if text.trim().is_empty() {
            return Ok((format!("{mark}{:#}\n", self.client.document(name, entry)), Change::Added));
        }
        let root = self.parse(text)?;
        let object = root.object_value_or_create().ok_or_else(|| Error::NoObject("it".to_owned()))?;
        let servers = match unique(&object, self.client.servers_member())? {
            Some(member) => object_of(&member, self.client.servers_member())?,
            None => object.object_value_or_set(self.client.servers_member()),
        };
        let existing = unique(&servers, name)?;
        match &existing {
            None => drop(servers.append(name, input_value(&entry.server.clone().into()))),
            Some(member) if self.is_ours(member) || has_address(member, entry) => {
                update(&object_of(member, name)?, &entry.server)?;
            }
            Some(member) if self.force => member.set_value(input_value(&entry.server.clone().into())),
            Some(_) => return Err(Error::NotOurs(name.to_owned())),
        }
        self.set_input(&root, &object, name, entry.input.is_some())?;
        let edited = root.to_string();
        let change = match existing {
            None => Change::Added,
            Some(_) if edited == text => Change::Unchanged,
            Some(_) => Change::Updated,
        };
        Ok((format!("{mark}{edited}"), change))
    }

    /// The file's text without the entry of this name, or else without ours that leads to the gateway of this name; and the
    /// entry's name. `None` if there is none.
    pub fn take(&self, text: &str, name: &str) -> Result<Option<(String, String)>, Error> {
        let (mark, text) = split_mark(text);
        let root = self.parse(text)?;
        if root.value().is_none() {
            return Ok(None);
        }
        let object = root.object_value().ok_or_else(|| Error::NoObject("it".to_owned()))?;
        let Some(servers) = unique(&object, self.client.servers_member())? else { return Ok(None) };
        let servers = object_of(&servers, self.client.servers_member())?;
        let leads_there = |member: &CstObjectProp| {
            self.is_ours(member) && member.to_serde_value().is_some_and(|entry| leads_to(&entry, name))
        };
        let member = match unique(&servers, name)? {
            Some(member) => Some(member),
            None => only(servers.properties().into_iter().filter(leads_there))
                .map_err(|()| Error::Several(name.to_owned()))?,
        };
        let Some(member) = member else { return Ok(None) };
        let name = member.decoded_name().unwrap_or_default();
        if !self.force && !self.is_ours(&member) {
            return Err(Error::NotOurs(name));
        }
        member.remove();
        self.set_input(&root, &object, &name, false)?;
        Ok(Some((format!("{mark}{root}"), name)))
    }

    fn parse(&self, text: &str) -> Result<CstRootNode, Error> {
        if !self.client.reads_comments() && !text.trim().is_empty() {
            serde_json::from_str::<IgnoredAny>(text).map_err(|error| Error::Strict(self.client.title(), error))?;
        }
        parse(text)
    }

    fn is_ours(&self, member: &CstObjectProp) -> bool {
        let name = member.decoded_name().unwrap_or_default();
        member.to_serde_value().is_some_and(|entry| is_ours(&name, &entry, self.program))
    }

    /// Adds VS Code's question for a server's token, or takes it out if nothing refers to it.
    fn set_input(&self, root: &CstRootNode, object: &CstObject, name: &str, is_wanted: bool) -> Result<(), Error> {
        if self.client != Client::VsCode {
            return Ok(());
        }
        let member = unique(object, "inputs")?;
        let inputs = match &member {
            Some(member) => member.array_value().ok_or(Error::NoList)?,
            None if !is_wanted => return Ok(()),
            None => object.array_value_or_set("inputs"),
        };
        let (id, ours) = (input_id(name), input(name));
        let with_id = inputs.elements().into_iter().filter_map(|input| Some((input.to_serde_value()?, input)));
        let existing = with_id.into_iter().find(|(input, _)| input["id"] == id.as_str());
        match existing {
            Some((value, _)) if is_wanted && value["type"] != ours["type"] => return Err(Error::OtherInput(id)),
            None if is_wanted => drop(inputs.append(input_value(&ours))),
            Some((value, input)) if !is_wanted && value == ours && !refers_to(root, &id) => {
                input.remove();
                if let Some(member) = member.filter(|_| inputs.elements().is_empty()) {
                    member.remove();
                }
            }
            Some(_) | None => {}
        }
        Ok(())
    }
}

/// Whether an entry of whoever wrote it has the address that is to be written.
fn has_address(member: &CstObjectProp, entry: &Entry) -> bool {
    let url = member.to_serde_value().and_then(|entry| entry["url"].as_str().map(str::to_owned));
    url.is_some() && url.as_deref() == entry.server.get("url").and_then(Value::as_str)
}

/// Whether anything in a file refers to an input.
fn refers_to(root: &CstRootNode, id: &str) -> bool {
    root.to_string().contains(&format!("${{input:{id}}}"))
}

/// Parses JSON with comments and trailing commas, as the editors' files are.
fn parse(text: &str) -> Result<CstRootNode, Error> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    Ok(CstRootNode::parse(text, &options)?)
}

/// A byte order mark, which editors on Windows write, and what follows it.
fn split_mark(text: &str) -> (&str, &str) {
    text.split_at(text.len() - text.trim_start_matches('\u{feff}').len())
}

/// A member by its name. Parsers differ about which of two with the same name counts.
fn unique(object: &CstObject, name: &str) -> Result<Option<CstObjectProp>, Error> {
    let members = object.properties().into_iter().filter(|member| member.decoded_name().as_deref() == Some(name));
    only(members).map_err(|()| Error::Twice(format!("`{name}`")))
}

/// The one that there is, if any; an error if there are more.
fn only<T>(mut items: impl Iterator<Item = T>) -> Result<Option<T>, ()> {
    match (items.next(), items.next()) {
        (_, Some(_)) => Err(()),
        (found, None) => Ok(found),
    }
}

fn object_of(member: &CstObjectProp, name: &str) -> Result<CstObject, Error> {
    member.object_value().ok_or_else(|| Error::NoObject(format!("`{name}`")))
}

/// Sets an entry's members to these, if they are ours to set.
fn update(entry: &CstObject, wanted: &Map<String, Value>) -> Result<(), Error> {
    let form = |is_program: bool| if is_program { "command" } else { "url" };
    let keeps_form = entry.get(form(wanted.contains_key("command"))).is_some();
    for name in MEMBERS {
        let wanted = wanted.get(name);
        let Some(member) = unique(entry, name)? else {
            if let Some(wanted) = wanted {
                entry.append(name, input_value(wanted));
            }
            continue;
        };
        match (member.object_value(), wanted) {
            // The user may have added variables and headers.
            (Some(map), wanted) if keeps_form => {
                update_map(&map, wanted.and_then(Value::as_object))?;
                if map.properties().is_empty() {
                    member.remove();
                }
            }
            (_, Some(wanted)) if member.to_serde_value().as_ref() == Some(wanted) => {}
            (_, Some(wanted)) => member.set_value(input_value(wanted)),
            (_, None) => member.remove(),
        }
    }
    Ok(())
}

/// Sets variables or headers to these, takes out those that this program sets, and keeps the others.
fn update_map(map: &CstObject, wanted: Option<&Map<String, Value>>) -> Result<(), Error> {
    let is_wanted = |name: &str| wanted.is_some_and(|wanted| wanted.contains_key(name));
    for member in map.properties() {
        let name = member.decoded_name().unwrap_or_default();
        if (is_place_variable(&name) || name == "Authorization") && !is_wanted(&name) {
            member.remove();
        }
    }
    for (name, value) in wanted.into_iter().flatten() {
        match unique(map, name)? {
            None => drop(map.append(name, input_value(value))),
            Some(member) if member.to_serde_value().as_ref() == Some(value) => {}
            Some(member) => member.set_value(input_value(value)),
        }
    }
    Ok(())
}

fn input_value(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(value) => CstInputValue::Bool(*value),
        Value::Number(value) => CstInputValue::Number(value.to_string()),
        Value::String(value) => CstInputValue::String(value.clone()),
        Value::Array(values) => CstInputValue::Array(values.iter().map(input_value).collect()),
        Value::Object(members) => {
            CstInputValue::Object(members.iter().map(|(name, value)| (name.clone(), input_value(value))).collect())
        }
    }
}
