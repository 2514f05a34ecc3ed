//! What goes over the wire for each location, style and value. The expected bytes are derived by hand from OpenAPI
//! 3.0.4 ("Parameter Object", "Encoding Object") and RFC 6570.

use serde_json::{Value, json};

use super::tests::{one, read_one};

/// The request's path and query for a value of the one parameter, without a type of its own; or why there is none.
fn sent(parameter: Value, value: &Value) -> String {
    let mut parameter = parameter;
    let place = parameter["in"].as_str().unwrap().to_owned();
    parameter["name"] = json!("p");
    parameter["schema"] = json!({});
    if place == "path" {
        parameter["required"] = json!(true);
    }
    let path = if place == "path" { "/x/{p}" } else { "/x" };
    let operation = read_one(&one("get", path, json!({ "parameters": [parameter] })));
    match operation.request(&json!({ "p": value })) {
        Err(problem) => problem,
        Ok(sent) if place == "header" => {
            sent.headers.iter().find(|(name, _)| name == "p").map_or("-".to_owned(), |(_, value)| value.clone())
        }
        Ok(sent) => sent.url.trim_start_matches("https://api.example.com/v1").to_owned(),
    }
}

/// How the parameter is written, by the names of the table below.
fn styles() -> Vec<(&'static str, Value)> {
    vec![
        ("path", json!({ "in": "path" })),
        ("path*", json!({ "in": "path", "explode": true })),
        ("query", json!({ "in": "query" })),
        ("query-", json!({ "in": "query", "explode": false })),
        ("deep", json!({ "in": "query", "style": "deepObject", "explode": true })),
        ("reserved", json!({ "in": "query", "allowReserved": true })),
        ("header", json!({ "in": "header" })),
        ("header*", json!({ "in": "header", "explode": true })),
    ]
}

/// A value, and what is sent for it by each style: `-` for no header.
const TABLE: &str = r#"
"blue"
    path path* = /x/blue
    query query- deep reserved = /x?p=blue
    header header* = blue
""
    path path* = the path parameter `p` cannot be ``
    query query- deep reserved = /x?p=
    header header* =
"a/b?c&d=e #[f]+%41%4"
    path path* = /x/a%2Fb%3Fc%26d%3De%20%23%5Bf%5D%2B%2541%254
    query query- deep = /x?p=a%2Fb%3Fc%26d%3De%20%23%5Bf%5D%2B%2541%254
    reserved = /x?p=a/b?c%26d=e%20%23%5Bf%5D%2B%41%254
    header header* = a/b?c&d=e #[f]+%41%4
"Zürich-._~"
    path path* = /x/Z%C3%BCrich-._~
    query query- deep reserved = /x?p=Z%C3%BCrich-._~
    header header* = Zürich-._~
0
    path path* = /x/0
    query query- deep reserved = /x?p=0
    header header* = 0
-1.5
    path path* = /x/-1.5
    query query- deep reserved = /x?p=-1.5
    header header* = -1.5
9007199254740993
    path path* = /x/9007199254740993
    query query- deep reserved = /x?p=9007199254740993
    header header* = 9007199254740993
false
    path path* = /x/false
    query query- deep reserved = /x?p=false
    header header* = false
null
    path path* = the path parameter `p` cannot be ``
    query query- deep reserved = /x
    header header* = -
["blue", "b,c", 1]
    path path* = /x/blue,b%2Cc,1
    query deep = /x?p=blue&p=b%2Cc&p=1
    query- = /x?p=blue,b%2Cc,1
    reserved = /x?p=blue&p=b,c&p=1
    header header* = blue,b,c,1
[]
    path path* = the path parameter `p` cannot be ``
    query query- deep reserved = /x
    header header* = -
[null, "a"]
    path path* = /x/a
    query query- deep reserved = /x?p=a
    header header* = a
[""]
    path path* = the path parameter `p` cannot be ``
    query query- deep reserved = /x?p=
    header header* =
{"R": 100, "g b": "x=y"}
    path = /x/R,100,g%20b,x%3Dy
    path* = /x/R=100,g%20b=x%3Dy
    query = /x?R=100&g%20b=x%3Dy
    query- = /x?p=R,100,g%20b,x%3Dy
    deep = /x?p%5BR%5D=100&p%5Bg%20b%5D=x%3Dy
    reserved = /x?R=100&g%20b=x=y
    header = R,100,g b,x=y
    header* = R=100,g b=x=y
{}
    path path* = the path parameter `p` cannot be ``
    query query- deep reserved = /x
    header header* = -
{"a": {"b": 1, "c": [1, 2]}, "d": null}
    path = /x/a,%7B%22b%22%3A1%2C%22c%22%3A%5B1%2C2%5D%7D
    path* = /x/a=%7B%22b%22%3A1%2C%22c%22%3A%5B1%2C2%5D%7D
    query = /x?a=%7B%22b%22%3A1%2C%22c%22%3A%5B1%2C2%5D%7D
    query- = /x?p=a,%7B%22b%22%3A1%2C%22c%22%3A%5B1%2C2%5D%7D
    deep = /x?p%5Ba%5D%5Bb%5D=1&p%5Ba%5D%5Bc%5D=1&p%5Ba%5D%5Bc%5D=2
    reserved = /x?a=%7B%22b%22:1,%22c%22:%5B1,2%5D%7D
    header = a,{"b":1,"c":[1,2]}
    header* = a={"b":1,"c":[1,2]}
"#;

#[test]
fn parameters_are_written_as_rfc_6570_expands_them() {
    let styles = styles();
    let mut value = Value::Null;
    let mut missing: Vec<&str> = Vec::new();
    for line in TABLE.lines().filter(|line| !line.is_empty()) {
        let Some(row) = line.strip_prefix("    ") else {
            assert!(missing.is_empty(), "{value} has no row for {missing:?}");
            value = serde_json::from_str(line).unwrap();
            missing = styles.iter().map(|(name, _)| *name).collect();
            continue;
        };
        let (names, expected) = row.split_once(" =").unwrap();
        for name in names.split(' ') {
            missing.retain(|other| *other != name);
            let (_, style) = styles.iter().find(|(known, _)| *known == name).unwrap();
            assert_eq!(sent(style.clone(), &value), expected.trim_start(), "{value} by {name}");
        }
    }
    assert!(missing.is_empty(), "{value} has no row for {missing:?}");
    for broken in ["a\nb", "a\r\nX-Admin: 1", "\0"] {
        let refused = sent(json!({ "in": "header" }), &json!(broken));
        assert!(refused.contains("the header `p` cannot have line breaks"), "{refused}");
    }
}

/// The styles that the gateway does not support are refused before anything is sent.
#[test]
fn other_styles_are_errors() {
    for (place, style) in [
        ("path", "label"),
        ("path", "matrix"),
        ("query", "spaceDelimited"),
        ("query", "pipeDelimited"),
        ("header", "form"),
    ] {
        let path = if place == "path" { "/x/{p}" } else { "/x" };
        let parameter =
            json!({ "name": "p", "in": place, "required": true, "style": style, "schema": { "type": "string" } });
        let document = one("get", path, json!({ "parameters": [parameter] }));
        super::tests::finds(
            &document,
            super::Severity::Error,
            "parameter style",
            &format!("{}/get/parameters/0/style", path_pointer(path)),
        );
    }
}

fn path_pointer(path: &str) -> String {
    format!("/paths/{}", path.replace('/', "~1"))
}

/// The body that is sent for these arguments, or `-` if there is none.
fn body(media_type: &str, media: &Value, arguments: &Value) -> String {
    let document = one("post", "/x", json!({ "requestBody": { "required": true, "content": { media_type: media } } }));
    let sent = read_one(&document).request(arguments);
    match sent.map(|sent| sent.payload) {
        Err(problem) => problem,
        Ok(None) => "-".to_owned(),
        Ok(Some(payload)) => {
            let text = String::from_utf8(payload.bytes).unwrap();
            match payload.content_type.split_once("boundary=") {
                None => text,
                // The boundary is a hash of the parts.
                Some((_, boundary)) => {
                    assert!(boundary.len() <= 70, "{boundary}");
                    text.replace(boundary, "agentcore-gw")
                }
            }
        }
    }
}

#[test]
fn forms_are_written_by_style_or_by_media_type() {
    let of = |encoding: Value, value: Value| {
        let media = json!({ "schema": { "type": "object", "properties": { "p": {} } }, "encoding": { "p": encoding } });
        body("application/x-www-form-urlencoded", &media, &json!({ "p": value }))
    };
    let (list, object) = (json!(["a b", "c"]), json!({ "R": 100, "s": "x y" }));
    for (encoding, value, expected) in [
        // Without a style, by media type: text for scalars, JSON for objects, an item of a list on its own.
        (json!({}), json!("1 & 2"), "p=1+%26+2"),
        (json!({}), json!(true), "p=true"),
        (json!({}), json!(null), ""),
        (json!({}), json!([]), ""),
        (json!({}), list.clone(), "p=a+b&p=c"),
        (json!({}), object.clone(), "p=%7B%22R%22%3A100%2C%22s%22%3A%22x+y%22%7D"),
        (json!({}), json!([{ "a": 1 }]), "p=%7B%22a%22%3A1%7D"),
        (json!({ "contentType": "application/json" }), json!("id"), "p=%22id%22"),
        (json!({ "contentType": "application/json" }), list.clone(), "p=%5B%22a+b%22%2C%22c%22%5D"),
        (
            json!({ "contentType": "application/vnd.x+json; v=1" }),
            object.clone(),
            "p=%7B%22R%22%3A100%2C%22s%22%3A%22x+y%22%7D",
        ),
        (json!({ "contentType": "text/plain" }), json!(1), "p=1"),
        // By style, as in a query.
        (json!({ "style": "form" }), list.clone(), "p=a%20b&p=c"),
        (json!({ "explode": false }), list.clone(), "p=a%20b,c"),
        (json!({ "style": "form", "explode": false }), object.clone(), "p=R,100,s,x%20y"),
        (json!({ "style": "form", "explode": true }), object.clone(), "R=100&s=x%20y"),
        (json!({ "style": "spaceDelimited" }), list.clone(), "p=a%20b%20c"),
        (json!({ "style": "pipeDelimited", "explode": false }), list.clone(), "p=a%20b%7Cc"),
        (json!({ "style": "deepObject", "explode": true }), object.clone(), "p%5BR%5D=100&p%5Bs%5D=x%20y"),
        (json!({ "allowReserved": true }), json!("a/b&c"), "p=a/b%26c"),
        (json!({ "style": "form", "contentType": "application/json" }), object, "R=100&s=x%20y"),
    ] {
        assert_eq!(of(encoding.clone(), value.clone()), expected, "{value} by {encoding}");
    }
}

#[test]
fn multipart_forms_have_a_part_for_each_file_item_and_value() {
    let schema = json!({ "type": "object", "properties": {
        "file": { "type": "string", "format": "binary" },
        "files": { "type": "array", "items": { "type": "string", "contentMediaType": "application/octet-stream" } },
        "maybe": { "anyOf": [{ "type": "string", "format": "binary" }, { "type": "null" }] },
        "byte": { "type": "string", "format": "byte" },
        "tags": { "type": "array", "items": { "type": "string" } },
        "meta": { "type": "object" }, "xml": { "type": "string" }, "id": { "type": "string" },
        "image": { "contentMediaType": "image/png" },
        "encoded": { "type": "string", "contentEncoding": "base64", "contentMediaType": "image/png" },
        "bytes": { "type": "string", "contentEncoding": "base64" },
    } });
    let encoding = json!({
        "maybe": { "contentType": "image/*, image/png, image/jpeg" },
        "xml": { "contentType": "application/xml; charset=utf-8" },
        "id": { "contentType": "application/json" },
    });
    let media = json!({ "schema": schema, "encoding": encoding });
    let part =
        |name: &str, rest: &str| format!("--agentcore-gw\r\ncontent-disposition: form-data; name=\"{name}\"{rest}\r\n");
    let file = |name: &str, kind: &str, bytes: &str| {
        part(name, &format!("; filename=\"{name}\"\r\ncontent-type: {kind}\r\n\r\n{bytes}"))
    };
    let octets = "application/octet-stream";
    for (arguments, expected) in [
        (json!({ "file": "aGVsbG8=" }), file("file", octets, "hello")),
        (json!({ "file": "aGVs\nbG8" }), file("file", octets, "hello")),
        (json!({ "file": "" }), file("file", octets, "")),
        (json!({ "files": ["YQ==", "Yg=="] }), file("files", octets, "a") + &file("files", octets, "b")),
        (json!({ "maybe": "aGk=" }), file("maybe", "image/png", "hi")),
        (json!({ "maybe": null }), String::new()),
        (json!({ "image": "aGk=" }), file("image", "image/png", "hi")),
        (
            json!({ "encoded": "aGk=" }),
            part("encoded", "\r\ncontent-type: image/png\r\ncontent-transfer-encoding: base64\r\n\r\naGk="),
        ),
        (
            json!({ "bytes": "aGk=" }),
            part(
                "bytes",
                "\r\ncontent-type: application/octet-stream\r\ncontent-transfer-encoding: base64\r\n\r\naGk=",
            ),
        ),
        (
            json!({ "byte": "aGk=" }),
            part("byte", "\r\ncontent-type: application/octet-stream\r\ncontent-transfer-encoding: base64\r\n\r\naGk="),
        ),
        (json!({ "tags": ["a", "b"] }), part("tags", "\r\n\r\na") + &part("tags", "\r\n\r\nb")),
        (json!({ "meta": { "k": 1 } }), part("meta", "\r\ncontent-type: application/json\r\n\r\n{\"k\":1}")),
        (json!({ "xml": "<a/>" }), part("xml", "\r\ncontent-type: application/xml; charset=utf-8\r\n\r\n<a/>")),
        (json!({ "id": "x" }), part("id", "\r\ncontent-type: application/json\r\n\r\n\"x\"")),
        (json!({ "other \"q\"\r\n": 1.5 }), part("other %22q%22%0D%0A", "\r\n\r\n1.5")),
    ] {
        let end = "--agentcore-gw--\r\n";
        assert_eq!(body("multipart/form-data", &media, &arguments), format!("{expected}{end}"), "{arguments}");
    }
    let refused = body("multipart/form-data", &media, &json!({ "file": "no base64!" }));
    assert!(refused.contains("the file `file` is to be given in base64"), "{refused}");
    let document = one("post", "/x", json!({ "requestBody": { "content": { "multipart/form-data": media } } }));
    super::tests::finds(
        &document,
        super::Severity::Warning,
        "media type",
        "/paths/~1x/post/requestBody/content/multipart~1form-data/schema/properties/file",
    );
    let schema = read_one(&document).input_schema;
    assert_eq!(
        schema["properties"]["file"],
        json!({ "type": "string", "contentEncoding": "base64", "description": "A file, in base64" })
    );
    assert_eq!(schema["properties"]["files"]["items"]["contentEncoding"], "base64");

    let combined = json!({ "schema": { "allOf": [schema_of_file(), { "type": "object" }] } });
    let sent = body("multipart/form-data", &combined, &json!({ "body": { "file": "aGk=" } }));
    assert_eq!(sent, file("file", octets, "hi") + "--agentcore-gw--\r\n");
    let document = one("post", "/x", json!({ "requestBody": { "content": { "multipart/form-data": combined } } }));
    let schema = read_one(&document).input_schema;
    assert_eq!(schema["properties"]["body"]["allOf"][0]["properties"]["file"]["contentEncoding"], "base64");
}

fn schema_of_file() -> Value {
    json!({ "type": "object", "properties": { "file": { "type": "string", "format": "binary" } } })
}

#[test]
fn bodies_that_are_no_objects_are_sent_as_their_text_or_refused() {
    let form = "application/x-www-form-urlencoded";
    assert_eq!(body(form, &json!({}), &json!({ "body": "a=1&b=2" })), "a=1&b=2");
    assert_eq!(body(form, &json!({}), &json!({ "body": { "a": [1, 2] } })), "a=1&a=2");
    assert!(body(form, &json!({}), &json!({ "body": [1] })).contains("a form is given as an object, or as its text"));
    assert!(body("multipart/form-data", &json!({}), &json!({ "body": "x" })).contains("a form is given as an object"));
    let xml = json!({ "schema": { "type": "object", "properties": { "name": { "type": "string" } } } });
    assert_eq!(body("text/xml; charset=utf-8", &xml, &json!({ "body": "<a/>" })), "<a/>");
    let document =
        one("post", "/x", json!({ "requestBody": { "required": true, "content": { "application/xml": xml } } }));
    let schema = read_one(&document).input_schema;
    assert_eq!((&schema["properties"]["body"]["type"], &schema["required"]), (&json!("string"), &json!(["body"])));
    let place = "/paths/~1x/post/requestBody/content/application~1xml";
    super::tests::finds(&document, super::Severity::Warning, "media type", place);
}

#[test]
fn bodies_have_what_their_schema_says_of_further_properties() {
    let of = |schema: Value| {
        let document = one(
            "post",
            "/x",
            json!({ "requestBody": { "required": true, "content": { "application/json; charset=utf-8": { "schema": schema } } } }),
        );
        read_one(&document)
    };
    let sent = |schema: &Value, arguments: &Value| {
        let operation = of(schema.clone());
        let payload = operation.request(arguments).unwrap().payload.unwrap();
        assert_eq!(payload.content_type, "application/json; charset=utf-8");
        let refused = crate::model::tool::check_arguments(&operation.input_schema, arguments);
        (String::from_utf8(payload.bytes).unwrap(), refused)
    };
    let object = |more: Value| {
        let mut schema =
            json!({ "type": "object", "properties": { "a": { "type": "string" }, "ro": { "readOnly": true } } });
        schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        schema
    };
    let given = json!({ "a": "x", "n": { "k": 1 }, "ro": 1 });
    let (whole, fine) = (r#"{"a":"x","n":{"k":1}}"#, Vec::<String>::new());
    assert_eq!(sent(&object(json!({})), &given), (whole.to_owned(), fine.clone()));
    assert_eq!(sent(&object(json!({ "additionalProperties": true })), &given), (whole.to_owned(), fine.clone()));
    assert_eq!(
        sent(&object(json!({ "additionalProperties": { "type": "object" } })), &json!({ "a": "x", "n": { "k": 1 } })),
        (whole.to_owned(), fine.clone())
    );
    let typed = sent(&object(json!({ "additionalProperties": { "type": "string" } })), &json!({ "n": 1 })).1;
    assert_eq!(typed, ["- Field '/n' has invalid type: integer found, string expected"]);
    for closed in [json!({ "additionalProperties": false }), json!({ "unevaluatedProperties": false })] {
        let (body, refused) = sent(&object(closed), &json!({ "a": "x", "b": 1 }));
        assert_eq!(body, r#"{"a":"x"}"#);
        assert!(refused[0].contains("property 'b' is not defined in the schema"), "{refused:?}");
    }
    let ordered = json!({ "type": "object", "properties": { "z": {}, "a": {}, "m": {} } });
    assert_eq!(sent(&ordered, &json!({ "m": 1, "a": 2, "z": 3, "b": 4 })).0, r#"{"z":3,"a":2,"m":1,"b":4}"#);
    let patterns =
        object(json!({ "additionalProperties": false, "patternProperties": { "^x-": { "type": "integer" } } }));
    assert_eq!(crate::model::tool::check_arguments(&of(patterns.clone()).input_schema, &json!({ "x-a": 1 })), fine);
    assert_eq!(
        crate::model::tool::check_arguments(&of(patterns.clone()).input_schema, &json!({ "x-a": "1", "y": 1 })).len(),
        2
    );
    assert_eq!(sent(&patterns, &json!({ "a": "x", "x-a": 1 })), (r#"{"a":"x","x-a":1}"#.to_owned(), fine));
    let schema = of(object(json!({ "minProperties": 1, "maxProperties": 3 }))).input_schema;
    assert_eq!((&schema["minProperties"], &schema["maxProperties"]), (&json!(1), &json!(3)));
}

#[test]
fn inputs_of_one_name_fill_both_or_are_two_arguments() {
    let operation = |parameters: Value, body: Value| {
        let content = json!({ "required": true, "content": { "application/json": { "schema": body } } });
        read_one(&one("post", "/u/{id}", json!({ "parameters": parameters, "requestBody": content })))
    };
    let parameter = |name: &str, place: &str, kind: &str| json!({ "name": name, "in": place, "required": place == "path", "schema": { "type": kind, "description": "d" } });
    let id = || parameter("id", "path", "integer");
    let number = || json!({ "type": "integer", "format": "int64" });

    let both = operation(
        json!([id()]),
        json!({ "type": "object", "required": ["id"], "properties": { "id": number(), "name": {} } }),
    );
    let sent = both.request(&json!({ "id": 5, "name": "n" })).unwrap();
    assert_eq!(
        (sent.url.rsplit('/').next().unwrap(), sent.payload.unwrap().bytes.as_slice()),
        ("5", &br#"{"id":5,"name":"n"}"#[..])
    );
    assert_eq!(both.input_schema["required"], json!(["id"]));

    let differ = operation(
        json!([id(), parameter("version", "header", "string"), parameter("id", "query", "string")]),
        json!({ "type": "object", "required": ["version"], "additionalProperties": false, "properties": { "version": number() } }),
    );
    let arguments = json!({ "id": 5, "version": "2", "version__body": 3, "id__query": "q" });
    assert_eq!(crate::model::tool::check_arguments(&differ.input_schema, &arguments), Vec::<String>::new());
    let sent = differ.request(&arguments).unwrap();
    assert!(sent.url.ends_with("/u/5?id=q"), "{}", sent.url);
    assert!(sent.headers.contains(&("version".to_owned(), "2".to_owned())));
    assert_eq!(sent.payload.unwrap().bytes, br#"{"version":3}"#);
    assert_eq!(differ.input_schema["required"], json!(["id", "version__body"]));

    let whole = operation(json!([id(), parameter("body", "query", "string")]), json!({ "type": "array" }));
    let sent = whole.request(&json!({ "id": 1, "body": "q", "body__body": [1] })).unwrap();
    assert_eq!((sent.url.ends_with("/u/1?body=q"), sent.payload.unwrap().bytes.as_slice()), (true, &b"[1]"[..]));
}

#[test]
fn the_parameter_that_a_credential_fills_is_no_argument() {
    use crate::model::finding::{Filled, Reading};
    let parameter = |name: &str, place: &str| json!({ "name": name, "in": place, "required": true, "schema": { "type": "string" } });
    let document = one(
        "get",
        "/x",
        json!({ "parameters": [parameter("appid", "query"), parameter("X-Api-Key", "header"), parameter("q", "query")] }),
    );
    let arguments = |in_query: bool, name: &'static str| {
        let reading = Reading { filled: Some(Filled { in_query, name }), ..Reading::of("t", false) };
        let document = super::Document::parse(&document.to_string()).unwrap();
        let api = super::Api::read(&document, reading);
        assert!(
            api.findings.iter().all(|finding| finding.problem.contains("the target's credential fills")),
            "{:?}",
            api.findings
        );
        api.operations[0].input_schema["required"].clone()
    };
    assert_eq!(arguments(true, "appid"), json!(["X-Api-Key", "q"]));
    assert_eq!(arguments(false, "x-api-key"), json!(["appid", "q"]));
    assert_eq!(arguments(false, "appid"), json!(["appid", "X-Api-Key", "q"]));
}

/// RFC 6570 §3.1: literals that are neither reserved nor unreserved are percent-encoded.
#[test]
fn literals_of_paths_are_encoded_and_numbers_have_their_digits() {
    let url = |path: &str, arguments: &Value| {
        let parameters: Vec<Value> = super::templates(path)
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": {} }))
            .collect();
        let document = one("get", path, json!({ "parameters": parameters }));
        let sent = read_one(&document).request(arguments).unwrap();
        sent.url.strip_prefix("https://api.example.com/v1").unwrap().to_owned()
    };
    for (path, expected) in [
        ("/café", "/caf%C3%A9"),
        ("/a|b", "/a%7Cb"),
        ("/a\"b", "/a%22b"),
        ("/a^b`<c>", "/a%5Eb%60%3Cc%3E"),
        ("/100%", "/100%25"),
        ("/a%20b", "/a%20b"),
        ("/v1/things:batch(x)!$&'*+,;=@~", "/v1/things:batch(x)!$&'*+,;=@~"),
    ] {
        assert_eq!(url(path, &json!({})), expected, "{path}");
        assert!(url(path, &json!({})).parse::<http::Uri>().is_ok(), "{path}");
    }
    assert_eq!(url("/café/{é}/{user-id}", &json!({ "é": "ü", "user-id": 7 })), "/caf%C3%A9/%C3%BC/7");
    for (number, expected) in [
        ("2.0", "/n/2"),
        ("-0.5", "/n/-0.5"),
        ("18446744073709551615", "/n/18446744073709551615"),
        ("18446744073709551616", "/n/18446744073709552000"),
        ("1e21", "/n/1e%2B21"),
        ("0.9493626211187817", "/n/0.9493626211187817"),
    ] {
        let number: Value = serde_json::from_str(number).unwrap();
        assert_eq!(url("/n/{n}", &json!({ "n": number })), expected);
    }
}
