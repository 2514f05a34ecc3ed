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

fn vs_code(force: bool) -> Editor<'static> {
    Editor { client: Client::VsCode, program: "/opt/agentcore-gw", force }
}

fn kiro(force: bool) -> Editor<'static> {
    Editor { client: Client::Kiro, ..vs_code(force) }
}

fn bridge() -> Entry {
    entry("/opt/agentcore-gw", Value::Null)
}

fn value(text: &str) -> Value {
    parse(text.trim_start_matches('\u{feff}')).unwrap().to_serde_value().unwrap()
}

#[track_caller]
fn put_in(text: &str, entry: &Entry) -> (String, Change) {
    vs_code(false).put(text, "g", entry).unwrap()
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
    let taken = vs_code(false).take(&after, "g").unwrap();
    assert_eq!(taken, Some((before.to_owned(), "g".to_owned())));
    assert_eq!(vs_code(false).take(before, "g").unwrap(), None);
}

#[test]
fn an_entry_of_another_name_is_found_by_its_gateway() {
    let (text, _) = kiro(false).put("", "short", &bridge()).unwrap();
    let (without, name) = kiro(false).take(&text, "g").unwrap().unwrap();
    assert_eq!((value(&without), name.as_str()), (json!({ "mcpServers": {} }), "short"));
    assert_eq!(kiro(false).take(&text, "connect").unwrap(), None);
    let (twice, _) = kiro(false).put(&text, "other", &bridge()).unwrap();
    let several = kiro(true).take(&twice, "g").unwrap_err().to_string();
    assert_eq!(several, "several of its servers lead to the gateway `g`");
}

#[test]
fn what_the_user_added_to_our_entry_stays() {
    let before = r#"{"servers": {"g": {
        "type": "stdio", "command": "/old/agentcore-gw", "args": ["--local", "connect", "g"], // ours
        "env": {"AGENTCORE_GW_LOCAL_DIR": "/old", "AWS_PROFILE": "old", "MINE": "1"}, "disabled": true,
    }}}"#;
    let (after, change) = put_in(before, &bridge());
    assert_eq!(change, Change::Updated);
    let mut wanted = bridge().server;
    wanted.insert("env".to_owned(), json!({ "MINE": "1" }));
    wanted.insert("disabled".to_owned(), json!(true));
    assert_eq!(value(&after)["servers"]["g"], Value::from(wanted));
    assert!(after.contains("// ours"));
    let (after, _) = put_in(before, &entry("/opt/agentcore-gw", json!({ "AGENTCORE_GW_LOCAL_DIR": "/new" })));
    let env = json!({ "AGENTCORE_GW_LOCAL_DIR": "/new", "MINE": "1" });
    assert_eq!(value(&after)["servers"]["g"]["env"], env);
}

#[test]
fn the_other_form_leaves_nothing_of_this_one() {
    let server = crate::model::mcp_client::Server::Address {
        url: "http://127.0.0.1:7755/gateways/g-1/mcp".to_owned(),
        token: crate::model::mcp_client::Token::Users,
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
    let (back, _) = vs_code(false).take(&with_other, "g").unwrap().unwrap();
    assert_eq!(value(&back)["inputs"], json!([{ "id": "other" }]));
}

#[test]
fn a_question_of_others_stays() {
    let server = crate::model::mcp_client::Server::Address {
        url: "http://127.0.0.1:7755/gateways/g-1/mcp".to_owned(),
        token: crate::model::mcp_client::Token::Users,
    };
    let address = Client::VsCode.entry("g", &server).unwrap();
    // The same id, for another purpose.
    let others = r#"{"inputs": [{"type": "promptString", "id": "g-token", "description": "mine"}], "servers": {}}"#;
    let (after, _) = put_in(others, &bridge());
    assert_eq!(value(&after)["inputs"], value(others)["inputs"]);
    let choice = others.replace("promptString", "pickString");
    assert!(matches!(vs_code(true).put(&choice, "g", &address), Err(Error::OtherInput(_))));
    // Ours, if another server refers to it too.
    let (text, _) = put_in(r#"{"servers": {"o": {"headers": {"A": "${input:g-token}"}}}}"#, &address);
    let (without, _) = vs_code(false).take(&text, "g").unwrap().unwrap();
    assert_eq!(value(&without)["inputs"], json!([address.input]));
}

#[test]
fn claude_code_takes_plain_json_only() {
    let claude = Editor { client: Client::ClaudeCode, ..vs_code(true) };
    for text in ["{} // c", r#"{"a": 1,}"#, "{\"a\": \"\t\"}"] {
        assert!(matches!(claude.put(text, "g", &bridge()), Err(Error::Strict(..))), "{text}");
        assert!(matches!(claude.take(text, "g"), Err(Error::Strict(..))), "{text}");
    }
    assert_eq!(claude.put("\u{feff}{}", "g", &bridge()).unwrap().1, Change::Added);
}

#[test]
fn an_entry_of_others_is_left_alone() {
    let before = r#"{"servers": {"g": {"command": "npx"}}}"#;
    let refused = vs_code(false).put(before, "g", &bridge()).unwrap_err();
    assert_eq!(refused.to_string(), "its server `g` is not one of agentcore-gw");
    assert!(matches!(vs_code(false).take(before, "g"), Err(Error::NotOurs(_))));
    let (after, change) = vs_code(true).put(before, "g", &bridge()).unwrap();
    assert_eq!((value(&after), change), (json!({ "servers": { "g": bridge().server } }), Change::Updated));
    let (after, _) = vs_code(true).take(before, "g").unwrap().unwrap();
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
        let put = vs_code(true).put(text, "g", &bridge()).unwrap_err().to_string();
        assert_eq!(put, problem, "{text}");
        assert_eq!(vs_code(true).take(text, "g").unwrap_err().to_string(), problem, "{text}");
    }
    let no_list = r#"{"servers": {}, "inputs": {}}"#;
    assert_eq!(vs_code(true).put(no_list, "g", &bridge()).unwrap_err().to_string(), "`inputs` is no list");
    assert_eq!(vs_code(false).take("// nothing", "g").unwrap(), None);
    assert_eq!(vs_code(false).put("// nothing", "g", &bridge()).unwrap().1, Change::Added);
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
        let (edited, _) = kiro(true).put(&text, &name, &bridge()).unwrap();
        whole["mcpServers"][&name] = bridge().server.into();
        prop_assert_eq!(value(&edited), whole.clone());
        let (edited, _) = kiro(false).take(&edited, &name).unwrap().unwrap();
        whole["mcpServers"].as_object_mut().unwrap().shift_remove(&name);
        prop_assert_eq!(value(&edited), whole);
    }

    #[test]
    fn no_text_makes_it_panic(text in r#"[{}\[\]:,"a-c1 \n/*\\u\u{feff}é-]{0,40}"#) {
        drop(vs_code(true).put(&text, "a", &bridge()));
        drop(vs_code(true).take(&text, "a"));
    }
}
