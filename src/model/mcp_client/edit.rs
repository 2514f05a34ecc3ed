//! Changes one entry of a client's configuration file, and leaves the rest of its text as it is: comments, order and
//! white space.

use jsonc_parser::{
    ParseOptions,
    cst::{CstInputValue, CstObject, CstObjectProp, CstRootNode},
    errors::ParseError,
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Client, Entry, input_id, is_ours, leads_to};

/// Why a file is left alone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Syntax(#[from] ParseError),
    #[error("{0} is no object")]
    NoObject(String),
    #[error("`inputs` is no list")]
    NoList,
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

/// The file's text with this entry. An entry of ours with the same name keeps the members that the user added, and is
/// otherwise replaced; one of somebody else's only with `force`.
pub fn put(client: Client, text: &str, name: &str, entry: &Entry, force: bool) -> Result<(String, Change), Error> {
    let (mark, text) = split_mark(text);
    if text.trim().is_empty() {
        return Ok((format!("{mark}{:#}\n", client.document(name, entry)), Change::Added));
    }
    let root = parse(text)?;
    let object = root.object_value_or_create().ok_or_else(|| Error::NoObject("it".to_owned()))?;
    let servers = match unique(&object, client.servers_member())? {
        Some(member) => object_of(&member, client.servers_member())?,
        None => object.object_value_or_set(client.servers_member()),
    };
    let existing = unique(&servers, name)?;
    match &existing {
        None => drop(servers.append(name, input_value(&entry.server.clone().into()))),
        Some(member) if is_ours_in_file(member, None) => update(&object_of(member, name)?, &entry.server)?,
        Some(member) if force => member.set_value(input_value(&entry.server.clone().into())),
        Some(_) => return Err(Error::NotOurs(name.to_owned())),
    }
    if client == Client::VsCode {
        set_input(&object, name, entry.input.as_ref())?;
    }
    let edited = root.to_string();
    let change = match existing {
        None => Change::Added,
        Some(_) if edited == text => Change::Unchanged,
        Some(_) => Change::Updated,
    };
    Ok((format!("{mark}{edited}"), change))
}

/// The file's text without the entry of this name, or else without ours that leads to the gateway of this name; and the
/// entry's name. `None` if there is none. An entry that is not ours is taken out only with `force`.
pub fn take(client: Client, text: &str, name: &str, force: bool) -> Result<Option<(String, String)>, Error> {
    let (mark, text) = split_mark(text);
    let root = parse(text)?;
    if root.value().is_none() {
        return Ok(None);
    }
    let object = root.object_value().ok_or_else(|| Error::NoObject("it".to_owned()))?;
    let Some(servers) = unique(&object, client.servers_member())? else { return Ok(None) };
    let servers = object_of(&servers, client.servers_member())?;
    let member = match unique(&servers, name)? {
        Some(member) => Some(member),
        None => only(servers.properties().into_iter().filter(|member| is_ours_in_file(member, Some(name))))
            .map_err(|()| Error::Several(name.to_owned()))?,
    };
    let Some(member) = member else { return Ok(None) };
    let name = member.decoded_name().unwrap_or_default();
    if !force && !is_ours_in_file(&member, None) {
        return Err(Error::NotOurs(name));
    }
    member.remove();
    if client == Client::VsCode {
        set_input(&object, &name, None)?;
    }
    Ok(Some((format!("{mark}{root}"), name)))
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

/// Whether an entry is ours and, if a gateway is named, leads to that one.
fn is_ours_in_file(member: &CstObjectProp, gateway: Option<&str>) -> bool {
    let is_it = |entry: &Value| is_ours(entry) && gateway.is_none_or(|gateway| leads_to(entry, gateway));
    member.to_serde_value().as_ref().is_some_and(is_it)
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

/// Sets variables or headers to these, takes out those that only this program sets, and keeps the others.
fn update_map(map: &CstObject, wanted: Option<&Map<String, Value>>) -> Result<(), Error> {
    let is_wanted = |name: &str| wanted.is_some_and(|wanted| wanted.contains_key(name));
    for member in map.properties() {
        let name = member.decoded_name().unwrap_or_default();
        if (name.starts_with("AGENTCORE_GW_LOCAL_") || name == "Authorization") && !is_wanted(&name) {
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

/// Makes VS Code's question for a server's token this one, or takes it out if there is none.
fn set_input(object: &CstObject, name: &str, wanted: Option<&Value>) -> Result<(), Error> {
    let member = unique(object, "inputs")?;
    let inputs = match &member {
        Some(member) => member.array_value().ok_or(Error::NoList)?,
        None if wanted.is_none() => return Ok(()),
        None => object.array_value_or_set("inputs"),
    };
    let id = input_id(name);
    let is_it = |input: &Value| input["id"] == id.as_str();
    let existing = inputs.elements().into_iter().find(|input| input.to_serde_value().as_ref().is_some_and(is_it));
    match (existing, wanted) {
        (None, Some(wanted)) => drop(inputs.append(input_value(wanted))),
        (Some(existing), None) => {
            existing.remove();
            if let Some(member) = member.filter(|_| inputs.elements().is_empty()) {
                member.remove();
            }
        }
        (Some(_), Some(_)) | (None, None) => {}
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn entry(command: &str, env: Value) -> Entry {
        let Value::Object(mut server) = json!({ "type": "stdio", "command": command, "args": ["connect", "g"] }) else {
            unreachable!()
        };
        if !env.is_null() {
            server.insert("env".to_owned(), env);
        }
        Entry { server, input: None }
    }

    fn bridge() -> Entry {
        entry("/opt/agentcore-gw", Value::Null)
    }

    fn value(text: &str) -> Value {
        parse(text.trim_start_matches('\u{feff}')).unwrap().to_serde_value().unwrap()
    }

    #[track_caller]
    fn put_in(text: &str, entry: &Entry) -> (String, Change) {
        put(Client::VsCode, text, "g", entry, false).unwrap()
    }

    #[test]
    fn a_new_file_has_the_entry_alone() {
        for text in ["", " \n", "\u{feff}"] {
            let (text, change) = put_in(text, &bridge());
            assert_eq!(change, Change::Added);
            assert_eq!(value(&text), json!({ "servers": { "g": bridge().server } }));
            assert!(text.ends_with("}\n"));
        }
    }

    #[test]
    fn comments_order_and_line_ends_stay() {
        let before = "\u{feff}// mine\r\n{\r\n\t\"z\": [1, 2], // two\r\n\t\"servers\": {\r\n\t\t/* other */\r\n\t\t\"o\": \
                      {\"command\": \"x\"}\r\n\t},\r\n\t\"a\": 1e3\r\n}\r\n";
        let (after, change) = put_in(before, &bridge());
        assert_eq!(change, Change::Added);
        let lines: Vec<&str> = after.split("\r\n").collect();
        assert!(lines.iter().all(|line| !line.contains('\n')), "{after:?}");
        let mut rest = after.as_str();
        for piece in before.split("\r\n") {
            let kept = piece.trim_end_matches(['}', ',']);
            rest = &rest[rest.find(kept).unwrap_or_else(|| panic!("{kept:?} in {after}"))..];
        }
        assert!(after.contains("\r\n\t\t\"g\": {\r\n\t\t\t\"type\": \"stdio\",\r\n"), "{after}");
        let (again, change) = put_in(&after, &bridge());
        assert_eq!((again.as_str(), change), (after.as_str(), Change::Unchanged));
        let taken = take(Client::VsCode, &after, "g", false).unwrap();
        assert_eq!(taken, Some((before.to_owned(), "g".to_owned())));
        assert_eq!(take(Client::VsCode, before, "g", false).unwrap(), None);
    }

    #[test]
    fn an_entry_of_another_name_is_found_by_its_gateway() {
        let (text, _) = put(Client::Kiro, "", "short", &bridge(), false).unwrap();
        let (without, name) = take(Client::Kiro, &text, "g", false).unwrap().unwrap();
        assert_eq!((value(&without), name.as_str()), (json!({ "mcpServers": {} }), "short"));
        assert_eq!(take(Client::Kiro, &text, "connect", false).unwrap(), None);
        let (twice, _) = put(Client::Kiro, &text, "other", &bridge(), false).unwrap();
        let several = take(Client::Kiro, &twice, "g", true).unwrap_err().to_string();
        assert_eq!(several, "several of its servers lead to the gateway `g`");
    }

    #[test]
    fn what_the_user_added_to_our_entry_stays() {
        let before = r#"{"servers": {"g": {
            "type": "stdio", "command": "/old/agentcore-gw", "args": ["--local", "connect", "g"], // ours
            "env": {"AGENTCORE_GW_LOCAL_DIR": "/old", "AWS_PROFILE": "mine"}, "disabled": true,
        }}}"#;
        let (after, change) = put_in(before, &bridge());
        assert_eq!(change, Change::Updated);
        let mut wanted = bridge().server;
        wanted.insert("env".to_owned(), json!({ "AWS_PROFILE": "mine" }));
        wanted.insert("disabled".to_owned(), json!(true));
        assert_eq!(value(&after)["servers"]["g"], Value::from(wanted));
        assert!(after.contains("// ours"));
        let (after, _) = put_in(before, &entry("/opt/agentcore-gw", json!({ "AGENTCORE_GW_LOCAL_DIR": "/new" })));
        let env = json!({ "AGENTCORE_GW_LOCAL_DIR": "/new", "AWS_PROFILE": "mine" });
        assert_eq!(value(&after)["servers"]["g"]["env"], env);
    }

    #[test]
    fn the_other_form_leaves_nothing_of_this_one() {
        let server = super::super::Server::Address {
            url: "http://127.0.0.1:7755/gateways/g-1/mcp".to_owned(),
            token: super::super::Token::Users,
        };
        let address = Client::VsCode.entry("g", &server).unwrap();
        let (before, _) = put_in("", &entry("/opt/agentcore-gw", json!({ "A": "b" })));
        let (after, change) = put_in(&before, &address);
        assert_eq!(change, Change::Updated);
        assert_eq!(value(&after)["servers"]["g"], Value::from(address.server.clone()));
        assert_eq!(value(&after)["inputs"], json!([address.input]));
        let (back, _) = put_in(&after, &bridge());
        assert_eq!(value(&back), json!({ "servers": { "g": bridge().server } }));
        // Other questions stay.
        let with_other = after.replacen('[', "[{\"id\": \"other\"},", 1);
        let (back, _) = take(Client::VsCode, &with_other, "g", false).unwrap().unwrap();
        assert_eq!(value(&back)["inputs"], json!([{ "id": "other" }]));
    }

    #[test]
    fn an_entry_of_others_is_left_alone() {
        let before = r#"{"servers": {"g": {"command": "npx"}}}"#;
        let refused = put(Client::VsCode, before, "g", &bridge(), false).unwrap_err();
        assert_eq!(refused.to_string(), "its server `g` is not one of agentcore-gw");
        assert!(matches!(take(Client::VsCode, before, "g", false), Err(Error::NotOurs(_))));
        let (after, change) = put(Client::VsCode, before, "g", &bridge(), true).unwrap();
        assert_eq!((value(&after), change), (json!({ "servers": { "g": bridge().server } }), Change::Updated));
        let (after, _) = take(Client::VsCode, before, "g", true).unwrap().unwrap();
        assert_eq!(value(&after), json!({ "servers": {} }));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_refused() {
        for (text, problem) in [
            ("{", "Unterminated object on line 1 column 1"),
            ("[]", "it is no object"),
            ("7", "it is no object"),
            (r#"{"servers": []}"#, "`servers` is no object"),
            (r#"{"servers": {}, "servers": {}}"#, "`servers` is there twice"),
            (r#"{"servers": {"g": {}, "\u0067": {}}}"#, "`g` is there twice"),
            ("{'servers': {}}", "Single-quoted strings are not allowed on line 1 column 2"),
        ] {
            let put = put(Client::VsCode, text, "g", &bridge(), true).unwrap_err().to_string();
            assert_eq!(put, problem, "{text}");
            assert_eq!(take(Client::VsCode, text, "g", true).unwrap_err().to_string(), problem, "{text}");
        }
        let no_list = r#"{"servers": {}, "inputs": {}}"#;
        assert_eq!(put(Client::VsCode, no_list, "g", &bridge(), true).unwrap_err().to_string(), "`inputs` is no list");
        assert_eq!(take(Client::Cursor, "// nothing", "g", false).unwrap(), None);
        assert_eq!(put(Client::Cursor, "// nothing", "g", &bridge(), false).unwrap().1, Change::Added);
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..4).prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_else_changes(others in json_value(), servers in prop::collection::btree_map(".{0,6}", json_value(), 0..4), name in ".{1,6}") {
            let mut whole = json!({ "before": others, "mcpServers": Value::from_iter(servers), "after": 1 });
            let text = format!("{whole:#}");
            let (edited, _) = put(Client::Kiro, &text, &name, &bridge(), true).unwrap();
            whole["mcpServers"][&name] = bridge().server.into();
            prop_assert_eq!(value(&edited), whole.clone());
            let (edited, _) = take(Client::Kiro, &edited, &name, false).unwrap().unwrap();
            whole["mcpServers"].as_object_mut().unwrap().shift_remove(&name);
            prop_assert_eq!(value(&edited), whole);
        }

        #[test]
        fn no_text_makes_it_panic(text in r#"[{}\[\]:,"a-c1 \n/*\\u\u{feff}é-]{0,40}"#) {
            drop(put(Client::VsCode, &text, "a", &bridge(), true));
            drop(take(Client::VsCode, &text, "a", true));
        }
    }
}
