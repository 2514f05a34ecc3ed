use serde_json::{Map, Value, json};

use super::*;
use crate::model::{
    document::Document,
    finding::{Reading, Severity},
};

const LOCAL: Reading<'static> = Reading::of("t", true);
const AWS: Reading<'static> = Reading::of("t", false);

/// A document with these paths.
fn api(paths: Value) -> Value {
    json!({
        "openapi": "3.0.3",
        "info": { "title": "x", "version": "1" },
        "servers": [{ "url": "https://api.example.com/v1/" }],
        "paths": paths,
    })
}

/// A document with one operation.
pub(super) fn one(method: &str, path: &str, mut operation: Value) -> Value {
    operation["operationId"] = json!("op");
    operation["summary"] = json!("does it");
    if operation.get("responses").is_none() {
        operation["responses"] = json!({ "200": { "description": "ok" } });
    }
    api(json!({ path: { method: operation } }))
}

fn read(document: &Value, reading: Reading<'_>) -> Api {
    Api::read(&Document::parse(&document.to_string()).unwrap(), reading)
}

/// The operation of a document that has one.
pub(super) fn read_one(document: &Value) -> Operation {
    read(document, AWS).operations.remove(0)
}

/// Severity, construct and pointer of each finding.
fn findings(document: &Value, reading: Reading<'_>) -> Vec<(Severity, &'static str, String)> {
    let found = read(document, reading).findings;
    found.into_iter().map(|finding| (finding.severity, finding.construct, finding.pointer)).collect()
}

#[track_caller]
pub(super) fn finds(document: &Value, severity: Severity, construct: &str, pointer: &str) {
    let found = findings(document, AWS);
    let wanted = found.iter().any(|(s, c, p)| (*s, *c, p.as_str()) == (severity, construct, pointer));
    assert!(wanted, "{construct} at {pointer}: {found:?}");
}

fn text() -> Value {
    json!({ "type": "string" })
}

#[test]
fn a_tool_stays_under_a_hundred_thousand_bytes() {
    let long = "é".repeat(100_000);
    let parameters: Vec<Value> = (0..3000)
        .map(|n| json!({ "name": format!("parameter{n}"), "in": "query", "description": "d".repeat(200), "schema": { "type": "string" } }))
        .collect();
    let document = one("get", "/x", json!({ "description": long, "parameters": parameters }));
    let tool = read_one(&document).into_tool();
    assert!(tool.description.ends_with("é…") && tool.description.len() < 9000, "{}", tool.description.len());
    let schema = tool.input_schema.to_string();
    assert!(schema.len() + tool.description.len() < 100_000 && schema.len() > 10_000, "{}", schema.len());
}

#[test]
fn a_plain_document_has_nothing_to_find_and_its_operations_are_tools() {
    let document = one(
        "post",
        "/cities/{city}/weather",
        json!({
            "parameters": [
                { "name": "city", "in": "path", "required": true, "schema": text(), "description": "Where" },
                { "name": "days", "in": "query", "schema": { "type": "array", "items": { "type": "integer" } } },
                { "name": "X-Trace", "in": "header", "schema": text() },
            ],
            "requestBody": { "required": true, "content": { "application/json": { "schema": {
                "type": "object", "required": ["units"],
                "properties": { "units": { "type": "string", "enum": ["c", "f"] }, "note": { "type": "string", "nullable": true } },
            } } } },
            "responses": { "default": { "description": "ok" } },
        }),
    );
    let api = read(&document, AWS);
    assert_eq!(api.findings, []);
    let operation = &api.operations[0];
    assert_eq!(
        operation.tool().listed("t"),
        json!({
            "name": "t___op",
            "description": "does it",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "city": { "type": "string", "description": "Where" },
                    "days": { "type": "array", "items": { "type": "integer" } },
                    "X-Trace": { "type": "string" },
                    "units": { "type": "string", "enum": ["c", "f"] },
                    "note": { "type": ["string", "null"] },
                },
                "required": ["city", "units"],
            },
        })
    );
    let arguments = json!({ "city": "São/Paulo ?", "days": [1, 2], "X-Trace": "a", "units": "c", "unknown": 1 });
    let sent = operation.request(&arguments).unwrap();
    assert_eq!(sent.url, "https://api.example.com/v1/cities/S%C3%A3o%2FPaulo%20%3F/weather?days=1&days=2");
    assert_eq!((sent.method.as_str(), sent.headers[1].clone()), ("POST", ("X-Trace".to_owned(), "a".to_owned())));
    assert_eq!(sent.payload.unwrap().bytes, br#"{"units":"c","unknown":1}"#);
}

#[test]
fn what_is_no_method_and_no_member_of_a_path_is_told() {
    let mut document = one("get", "/x", json!({}));
    document["paths"]["/x"]["gett"] = json!({ "operationId": "other" });
    document["paths"]["/x"]["x-ours"] = json!(1);
    document["paths"]["/x"]["summary"] = json!("s");
    let findings = read(&document, AWS).findings;
    let [found] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((found.severity, found.pointer.as_str()), (Severity::Warning, "/paths/~1x/gett"));
    assert!(found.problem.contains("`gett`") && found.remedy.contains("`get`"), "{found:?}");
}

#[test]
fn what_the_gateway_refuses_is_an_error_at_its_place() {
    use Severity::Error;
    let parameter = |parameter: Value| one("get", "/x", json!({ "parameters": [parameter] }));
    let body = |schema: Value| {
        one("post", "/x", json!({ "requestBody": { "content": { "application/json": { "schema": schema } } } }))
    };
    let at = |rest: &str| format!("/paths/~1x/get{rest}");
    let media = "/paths/~1x/post/requestBody/content/application~1json/schema";
    let without = |member: &str| {
        let mut document = one("get", "/x", json!({}));
        document.as_object_mut().unwrap().remove(member);
        document
    };
    for (document, construct, pointer) in [
        (json!({ "swagger": "2.0" }), "openapi", "/swagger".to_owned()),
        (json!({ "openapi": "3.2.0" }), "openapi", "/openapi".to_owned()),
        (json!({ "openapi": 3.0 }), "openapi", "/openapi".to_owned()),
        (json!([]), "openapi", String::new()),
        (api(json!({})), "operationId", "/paths".to_owned()),
        (api(json!(7)), "paths", "/paths".to_owned()),
        (without("servers"), "server", "/servers".to_owned()),
        (one("get", "/x#y", json!({})), "path", "/paths/~1x#y".to_owned()),
        (one("get", "/a/{id", json!({})), "path", "/paths/~1a~1{id".to_owned()),
        (one("get", "/../x", json!({})), "path", "/paths/~1..~1x".to_owned()),
        (parameter(json!({ "name": "X Y", "in": "header", "schema": text() })), "parameter", at("/parameters/0")),
        (parameter(json!({ "name": "b", "in": "body", "schema": text() })), "parameter", at("/parameters/0")),
        (parameter(json!({ "name": "c", "in": "cookie", "schema": text() })), "parameter", at("/parameters/0")),
        (parameter(json!({ "name": "c", "in": "query" })), "parameter", at("/parameters/0")),
        (parameter(json!({ "in": "query", "schema": text() })), "parameter", at("/parameters/0")),
        (parameter(json!({ "name": "c", "in": "query", "content": {} })), "parameter", at("/parameters/0")),
        (
            parameter(json!({ "name": "c", "in": "query", "style": "pipeDelimited", "schema": { "type": "array" } })),
            "parameter style",
            at("/parameters/0/style"),
        ),
        (
            parameter(json!({ "name": "c", "in": "header", "schema": { "type": "array" } })),
            "parameter style",
            at("/parameters/0"),
        ),
        (one("get", "/{a}", json!({})), "path parameter", "/paths/~1{a}/get".to_owned()),
        (parameter(json!({ "$ref": "#/components/parameters/none" })), "$ref", at("/parameters/0/$ref")),
        (parameter(json!({ "$ref": "other.yaml#/x" })), "$ref", at("/parameters/0/$ref")),
        (parameter(json!({ "$ref": 7 })), "$ref", at("/parameters/0/$ref")),
        (body(json!(7)), "schema", media.to_owned()),
        (
            one("post", "/x", json!({ "requestBody": { "content": { "image/png": {} } } })),
            "media type",
            "/paths/~1x/post/requestBody".to_owned(),
        ),
        (without("info"), "info", "/info".to_owned()),
        (api(json!({ "/x": { "get": { "operationId": "op" } } })), "response", at("")),
        (
            one("get", "/x", json!({ "security": [{ "entraId": ["read"] }] })),
            "security scheme",
            at("/security/0/entraId"),
        ),
        (
            api(json!({ "/a": { "get": { "operationId": "same" } }, "/b": { "get": { "operationId": "same" } } })),
            "operationId",
            "/paths/~1b/get/operationId".to_owned(),
        ),
    ] {
        finds(&document, Error, construct, &pointer);
    }
}

#[test]
fn what_aws_was_seen_to_refuse_of_responses_and_schemes_is_an_error() {
    let answer = "/paths/~1x/get/responses/200";
    let mut untyped = one("get", "/x", json!({}));
    untyped["components"] = json!({ "securitySchemes": { "s": { "scheme": "bearer" } } });
    for (document, construct, pointer) in [
        (
            one("get", "/x", json!({ "responses": { "200": { "description": "d", "content": { "text/html": {} } } } })),
            "media type",
            format!("{answer}/content/text~1html"),
        ),
        (one("get", "/x", json!({ "responses": { "200": {} } })), "response", answer.to_owned()),
        (api(json!({ "/x": { "get": {} } })), "operationId", "/paths/~1x/get".to_owned()),
        (untyped, "security scheme", "/components/securitySchemes/s".to_owned()),
    ] {
        finds(&document, Severity::Error, construct, &pointer);
    }
}

#[test]
fn what_awss_own_samples_have_is_a_warning_that_says_so() {
    let query = |parameter: Value| one("get", "/x", json!({ "parameters": [parameter] }));
    let schema = |schema: Value| query(json!({ "name": "q", "in": "query", "schema": schema }));
    let at = "/paths/~1x/get/parameters/0";
    for (document, construct, pointer, said) in [
        (schema(json!({ "oneOf": [text(), {}] })), "schema keyword", format!("{at}/schema/oneOf"), "another accept it"),
        (
            schema(json!({ "anyOf": [text(), {}] })),
            "schema keyword",
            format!("{at}/schema/anyOf"),
            "nobody has seen AWS",
        ),
        (schema(json!({ "allOf": [text()] })), "schema keyword", format!("{at}/schema/allOf"), "nobody has seen AWS"),
        // What FastAPI writes for every optional value (PrefectHQ/fastmcp#2456).
        (
            schema(json!({ "anyOf": [text(), { "type": "null" }] })),
            "schema keyword",
            format!("{at}/schema/anyOf"),
            "`type: [string, \"null\"]`, or take the null out",
        ),
        (
            query(json!({ "name": "p", "in": "query", "style": "deepObject", "schema": { "type": "object" } })),
            "parameter style",
            format!("{at}/style"),
            "AWS's own samples have it too",
        ),
        (
            query(json!({ "name": "id", "in": "path", "required": true, "schema": text() })),
            "path parameter",
            at.to_owned(),
            "the parameter is left out",
        ),
    ] {
        let api = read(&document, AWS);
        let found = api.findings.iter().find(|found| (found.construct, &found.pointer) == (construct, &pointer));
        let found = found.unwrap_or_else(|| panic!("{construct} at {pointer}: {:?}", api.findings));
        assert_eq!((found.severity, api.operations.len()), (Severity::Warning, 1));
        assert!(format!("{} {}", found.problem, found.remedy).contains(said), "{found:?}");
    }
    let twice = one(
        "get",
        "/x",
        json!({ "parameters": [
        { "name": "a", "in": "query", "schema": text() }, { "name": "a", "in": "query", "schema": { "type": "integer" } },
    ] }),
    );
    finds(&twice, Severity::Warning, "parameter", "/paths/~1x/get/parameters/1");
    assert_eq!(read(&twice, AWS).operations[0].input_schema["properties"]["a"]["type"], "integer");
}

#[test]
fn a_deep_object_is_sent_member_by_member() {
    let document = one(
        "get",
        "/x",
        json!({ "parameters": [
        { "name": "page", "in": "query", "style": "deepObject", "explode": true, "schema": { "type": "object" } },
    ] }),
    );
    let sent = |value: Value| read(&document, AWS).operations[0].request(&json!({ "page": value })).unwrap().url;
    let url = "https://api.example.com/v1/x";
    assert_eq!(sent(json!({ "size": 2, "after": "a b" })), format!("{url}?page%5Bsize%5D=2&page%5Bafter%5D=a%20b"));
    assert_eq!(sent(json!({ "ids": [1, 2] })), format!("{url}?page%5Bids%5D=1&page%5Bids%5D=2"));
    assert_eq!(sent(json!("all")), format!("{url}?page=all"));
}

/// One invalid schema makes the API of a model refuse all tools (anthropics/claude-code#586).
#[test]
fn values_that_json_schema_does_not_allow_reach_no_tool_and_are_warned_of() {
    let body = |schema: Value| {
        one(
            "post",
            "/x",
            json!({ "requestBody": { "required": true, "content": { "application/json": { "schema": {
            "type": "object", "properties": { "v": schema },
        } } } } }),
        )
    };
    let place = "/paths/~1x/post/requestBody/content/application~1json/schema/properties/v";
    for (schema, keyword, tool) in [
        (json!({ "type": "string", "required": true }), "/required", json!({ "type": "string" })),
        (json!({ "type": "file" }), "/type", json!({ "type": "string" })),
        (json!({ "type": "integer", "minimum": "1" }), "/minimum", json!({ "type": "integer", "minimum": 1 })),
        (json!({ "type": "string", "pattern": "/^[a-z/i" }), "/pattern", json!({ "type": "string" })),
        (json!({ "type": "string", "enum": ["a", "a"] }), "/enum", json!({ "type": "string", "enum": ["a"] })),
        (json!({ "type": "array" }), "", json!({ "type": "array", "items": {} })),
        (json!({ "type": ["array", "null"] }), "", json!({ "type": ["array", "null"], "items": {} })),
        (json!({ "type": "string", "maxLength": -1 }), "/maxLength", json!({ "type": "string" })),
        (json!({ "type": "object", "properties": [] }), "/properties", json!({ "type": "object" })),
    ] {
        let document = body(schema);
        finds(&document, Severity::Warning, "schema value", &format!("{place}{keyword}"));
        assert_eq!(read(&document, AWS).operations[0].input_schema["properties"]["v"], tool);
    }
    for (schema, tool) in [
        (
            json!({ "type": "number", "minimum": 0, "exclusiveMinimum": true }),
            json!({ "type": "number", "exclusiveMinimum": 0 }),
        ),
        (
            json!({ "type": "number", "maximum": 9, "exclusiveMaximum": false }),
            json!({ "type": "number", "maximum": 9 }),
        ),
        (
            json!({ "type": "string", "nullable": true, "example": "x", "x-y": 1 }),
            json!({ "type": ["string", "null"] }),
        ),
    ] {
        let document = body(schema);
        assert_eq!(findings(&document, AWS), [], "right in OpenAPI 3.0");
        assert_eq!(read(&document, AWS).operations[0].input_schema["properties"]["v"], tool);
    }
}

#[test]
fn large_schemas_keep_their_first_levels_whole() {
    let leaf = |n: usize| json!({ "type": "object", "description": "d".repeat(300), "properties": { "end": { "type": "string", "description": format!("{n}") } } });
    let branch: Map<String, Value> = (0..60)
        .map(|n| (format!("b{n}"), json!({ "type": "object", "properties": { "leaf": leaf(n), "more": leaf(n) } })))
        .collect();
    let wide: Map<String, Value> =
        (0..10).map(|n| (format!("a{n}"), json!({ "type": "object", "properties": branch }))).collect();
    let document = one(
        "post",
        "/x",
        json!({ "requestBody": { "content": { "application/json": { "schema": { "type": "object", "properties": wide } } } } }),
    );
    let api = read(&document, AWS);
    let tool = &api.operations[0].input_schema;
    assert!((10_000..=100_000).contains(&tool.to_string().len()), "{}", tool.to_string().len());
    let levels = |first: &str, second: &str| tool["properties"][first]["properties"][second]["type"] == "object";
    assert!(
        (0..10).all(|a| (0..60).all(|b| levels(&format!("a{a}"), &format!("b{b}")))),
        "the last is as deep as the first"
    );
    assert!(api.findings.iter().any(|found| found.problem.contains("described in part")), "{:?}", api.findings);
    // Even where the arguments alone are too many.
    let names: Map<String, Value> = (0..3000)
        .map(|n| (format!("argument-{n}"), json!({ "type": "string", "description": "d".repeat(200) })))
        .collect();
    let document = one(
        "post",
        "/x",
        json!({ "requestBody": { "required": true, "content": { "application/json": { "schema": { "type": "object", "properties": names, "required": ["argument-2999"] } } } } }),
    );
    let tool = &read(&document, AWS).operations[0].input_schema;
    assert!(tool.to_string().len() <= 100_000 && tool["properties"]["argument-2999"].is_object());
    assert_eq!(tool["required"], json!(["argument-2999"]));
}

#[test]
fn a_server_is_one_that_the_gateway_reaches() {
    let server = |url: &str| {
        let mut document = one("get", "/x", json!({}));
        document["servers"][0]["url"] = json!(url);
        document
    };
    for url in [
        "/v1",
        "http://api.example.com",
        "ftp://api.example.com",
        "https://api.example.com/#x",
        "https://api.example.com/v1?key=1",
        "https://user:pw@api.example.com",
        "https://api.example.com:99999",
    ] {
        finds(&server(url), Severity::Error, "server", "/servers/0/url");
    }
    for url in [
        "https://10.1.2.3",
        "https://localhost:8080/x",
        "https://[::ffff:127.0.0.1]",
        "https://100.64.0.1",
        "https://0x7f.1",
        "https://a.internal.",
    ] {
        assert_eq!(findings(&server(url), AWS), [(Severity::Warning, "server", "/servers/0/url".to_owned())], "{url}");
    }
    finds(&server("https://{region}.example.com"), Severity::Error, "server variable", "/servers/0/url");
    for url in
        ["https://api.example.com", "https://api.example.com:8443/a/b/", "https://8.8.8.8", "https://xn--mnchen-3ya.de"]
    {
        assert_eq!(findings(&server(url), AWS), [], "{url}");
    }
}

#[test]
fn what_a_model_stumbles_over_is_a_warning() {
    use Severity::Warning;
    let nameless = api(json!({ "/x": { "post": { "operationId": "a/b", "callbacks": {} } } }));
    finds(&nameless, Warning, "tool name", "/paths/~1x/post/operationId");
    finds(&nameless, Warning, "description", "/paths/~1x/post");
    finds(&nameless, Warning, "ignored member", "/paths/~1x/post/callbacks");
    let long = api(json!({ "/x": { "get": { "operationId": "o".repeat(62), "summary": "s" } } }));
    finds(&long, Warning, "tool name", "/paths/~1x/get/operationId");
    let response = one(
        "get",
        "/x",
        json!({ "responses": { "200": { "description": "d", "content": { "application/json": { "schema": { "anyOf": [] } } } } } }),
    );
    let schema = "/paths/~1x/get/responses/200/content/application~1json/schema/anyOf";
    finds(&response, Warning, "schema keyword", schema);
    let collides = one(
        "post",
        "/x",
        json!({
            "parameters": [{ "name": "a", "in": "query", "schema": text() }, { "name": "b c", "in": "query", "schema": text() }],
            "requestBody": { "content": { "application/json": { "schema": { "properties": { "a": text() } } } } },
        }),
    );
    finds(&collides, Warning, "name collision", "/paths/~1x/post/requestBody/content/application~1json");
    finds(&collides, Warning, "property name", "/paths/~1x/post");
    assert!(read(&collides, AWS).errors().next().is_none());
    for reserved in ["Host", "Connection", "X-Amz-Date", "Content-Length", "Proxy-Authorization", "authorization"] {
        let document =
            one("get", "/x", json!({ "parameters": [{ "name": reserved, "in": "header", "schema": text() }] }));
        finds(&document, Warning, "parameter", "/paths/~1x/get/parameters/0");
        assert_eq!(read(&document, AWS).operations[0].input_schema["properties"], json!({}), "{reserved}");
    }
}

#[test]
fn addresses_that_only_this_machine_reaches_are_warnings_with_a_local_gateway() {
    let mut document = one("get", "/x", json!({}));
    document["servers"][0]["url"] = json!("http://127.0.0.1:9000");
    assert!(findings(&document, LOCAL).iter().all(|(severity, ..)| *severity == Severity::Warning));
    assert_eq!(findings(&document, AWS).iter().filter(|(severity, ..)| *severity == Severity::Error).count(), 1);
}

#[test]
fn references_go_in_circles_and_everywhere_and_end() {
    let mut document = one(
        "post",
        "/x",
        json!({
            "parameters": [{ "$ref": "#/components/parameters/limit" }],
            "requestBody": { "$ref": "#/components/requestBodies/node" },
        }),
    );
    document["components"] = json!({
        "parameters": { "limit": { "name": "limit", "in": "query", "schema": { "$ref": "#/components/schemas/count" } } },
        "requestBodies": { "node": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/node" } } } } },
        "schemas": {
            "count": { "type": "integer" },
            "node": { "type": "object", "properties": { "next": { "$ref": "#/components/schemas/node" }, "value": text() } },
        },
    });
    let api = read(&document, AWS);
    assert_eq!(api.findings, []);
    let properties = &api.operations[0].input_schema["properties"];
    assert_eq!(properties["limit"]["type"], "integer");
    let again = json!({ "type": "object" });
    assert_eq!(properties["next"], json!({ "type": "object", "properties": { "next": again, "value": text() } }));
    let circle = json!({ "$ref": "#/components/schemas/b" });
    document["components"]["schemas"] =
        json!({ "count": circle, "b": { "$ref": "#/components/schemas/count" }, "node": {} });
    let found = findings(&document, AWS);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].1 == "$ref" && found[0].2.starts_with("/components/schemas/"), "{found:?}");
}

#[test]
fn every_schema_is_looked_at_once_however_often_it_is_named() {
    // Each level refers to the next one twice: expanded, 2^60 nodes.
    let mut schemas = Map::new();
    for n in 0..60 {
        let next = json!({ "$ref": format!("#/components/schemas/s{}", n + 1) });
        schemas.insert(format!("s{n}"), json!({ "type": "object", "properties": { "a": next, "b": next } }));
    }
    schemas.insert("s60".to_owned(), json!({ "oneOf": [{}] }));
    let mut document = one(
        "post",
        "/x",
        json!({ "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/s0" } } } } }),
    );
    document["components"] = json!({ "schemas": schemas });
    let keyword = (Severity::Warning, "schema keyword", "/components/schemas/s60/oneOf".to_owned());
    // What is left out of the tool's schema is said, once.
    let schema = (Severity::Warning, "schema", "/paths/~1x/post".to_owned());
    assert_eq!(findings(&document, AWS), [keyword, schema]);
    let tool = &read(&document, AWS).operations[0].input_schema;
    assert!((1000..=100_000).contains(&tool.to_string().len()), "{tool}");
    assert!(tool["properties"]["a"]["properties"]["b"]["properties"].is_object(), "whole levels: {tool}");
}

#[test]
fn bodies_of_each_kind_are_written_as_the_document_says() {
    let sent = |media_type: &str, schema: Value, arguments: Value| {
        let document = one("post", "/x", json!({ "requestBody": { "content": { media_type: { "schema": schema } } } }));
        read(&document, AWS).operations[0].request(&arguments).unwrap().payload
    };
    let object = json!({ "type": "object", "properties": { "a": text(), "b": { "type": "array", "items": text() } } });
    let arguments = json!({ "a": "1 & 2", "b": ["x", "y"] });
    let form = sent("application/x-www-form-urlencoded", object.clone(), arguments.clone()).unwrap();
    assert_eq!(form.bytes, b"a=1+%26+2&b=x&b=y");
    let parts = sent("multipart/form-data", object.clone(), json!({ "a": "agentcore-gw" })).unwrap();
    assert!(parts.content_type.starts_with("multipart/form-data; boundary=agentcore-gw-"), "{}", parts.content_type);
    let parts = String::from_utf8(parts.bytes).unwrap();
    assert!(parts.contains("name=\"a\"\r\n\r\nagentcore-gw\r\n--agentcore-gw-"), "{parts}");
    let list = sent("application/json", json!({ "type": "array", "items": text() }), json!({ "body": ["x"] })).unwrap();
    assert_eq!(list.bytes, br#"["x"]"#);
    assert_eq!(sent("application/json", object, json!({})), None);
    let dots = one(
        "get",
        "/{a}/x",
        json!({ "parameters": [{ "name": "a", "in": "path", "required": true, "schema": text() }] }),
    );
    for elsewhere in ["", ".", ".."] {
        let refused = read(&dots, AWS).operations[0].request(&json!({ "a": elsewhere })).unwrap_err();
        assert!(refused.contains("`a`"), "no argument leaves its place in the path: {refused}");
    }
    let sent = read(&dots, AWS).operations[0].request(&json!({ "a": "..." })).unwrap();
    assert_eq!(sent.url, "https://api.example.com/v1/.../x");
}

#[test]
fn a_combined_body_is_one_argument_and_loses_nothing() {
    let schema = json!({
        "type": "object", "properties": { "kind": text() },
        "oneOf": [{ "properties": { "a": text() } }, { "properties": { "b": text() } }],
    });
    let document = one(
        "post",
        "/x",
        json!({ "requestBody": { "required": true, "content": { "application/json": { "schema": schema } } } }),
    );
    let operation = &read(&document, AWS).operations[0];
    assert_eq!(operation.input_schema["properties"]["body"], schema);
    let sent = operation.request(&json!({ "body": { "kind": "x", "a": "1" } })).unwrap().payload.unwrap();
    assert_eq!(sent.bytes, br#"{"kind":"x","a":"1"}"#);
}

#[test]
fn what_a_path_says_holds_for_its_operations_unless_they_say_otherwise() {
    let parameter = |name: &str, kind: &str| json!({ "name": name, "in": "query", "schema": { "type": kind } });
    let mut document = one("get", "/x", json!({ "parameters": [parameter("limit", "integer")] }));
    let path = &mut document["paths"]["/x"];
    path["parameters"] = json!([parameter("limit", "string"), parameter("page", "string")]);
    path["servers"] = json!([{ "url": "https://other.example.com" }]);
    let api = read(&document, AWS);
    assert_eq!(api.findings, []);
    let properties = &api.operations[0].input_schema["properties"];
    assert_eq!((&properties["limit"]["type"], &properties["page"]["type"]), (&json!("integer"), &json!("string")));
    assert_eq!(api.operations[0].request(&json!({ "page": "2" })).unwrap().url, "https://other.example.com/x?page=2");
}

#[test]
fn a_server_variable_is_an_argument_with_a_default() {
    let mut document = one("get", "/x", json!({}));
    document["servers"][0] =
        json!({ "url": "https://{region}.example.com", "variables": { "region": { "default": "eu" } } });
    let api = read(&document, AWS);
    assert_eq!(api.findings, []);
    let request = |arguments: Value| api.operations[0].request(&arguments).unwrap().url;
    assert_eq!(request(json!({})), "https://eu.example.com/x");
    assert_eq!(request(json!({ "region": "us" })), "https://us.example.com/x");
    for elsewhere in ["evil.example/", "a.b", "x@y", "a?", "#", ""] {
        let refused = api.operations[0].request(&json!({ "region": elsewhere })).unwrap_err();
        assert!(refused.contains("`region`"), "{refused}");
    }
    assert_eq!(api.operations[0].input_schema["properties"]["region"]["default"], "eu");
    let mut whole = document.clone();
    whole["servers"][0]["url"] = json!("https://{region}:8443/{region}");
    let api = read(&whole, LOCAL);
    assert!(api.operations[0].request(&json!({ "region": "metadata" })).is_err(), "a variable is no host of its own");
    document["servers"][0]["variables"]["region"]["enum"] = json!(["eu", "us.west"]);
    let api = read(&document, AWS);
    assert!(api.operations[0].request(&json!({ "region": "us.west" })).is_ok());
    assert!(api.operations[0].request(&json!({ "region": "us" })).is_err());
}

mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::model::broken;

    /// Any JSON, with the keys and strings that the reader looks for.
    fn any_json() -> impl Strategy<Value = Value> {
        const TEXTS: &[&str] = &["#/components/schemas/a", "#/paths/~1x", "string"];
        const KEYS: &[&str] = &[
            "$ref",
            "properties",
            "type",
            "schema",
            "content",
            "parameters",
            "requestBody",
            "operationId",
            "in",
            "name",
            "url",
            "get",
            "required",
        ];
        broken::any_json(TEXTS, KEYS, "[a-z/{}]{0,6}")
    }

    /// A complete document in which one node is replaced.
    fn broken_document() -> impl Strategy<Value = Value> {
        (any_json(), any::<prop::sample::Index>()).prop_map(|(part, place)| {
            let mut document = one(
                "post",
                "/x/{id}",
                json!({
                    "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }],
                    "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/a" } } } },
                    "responses": { "200": { "content": { "application/json": { "schema": { "type": "array" } } } } },
                }),
            );
            document["servers"][0]["variables"] = json!({ "v": { "default": "d" } });
            document["components"] = json!({ "schemas": { "a": { "type": "object", "properties": { "b": {} } } } });
            broken::with_one_part_else(document, part, place)
        })
    }

    proptest! {
        // The failing case is in the test's output; write no file into the source tree.
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_broken_is_found_and_nothing_panics(document in broken_document(), arguments in any_json()) {
            let text = document.to_string();
            let read = Document::parse(&text).unwrap();
            let api = Api::read(&read, AWS);
            for finding in &api.findings {
                prop_assert!(finding.line == 1 && !finding.remedy.is_empty());
            }
            for operation in &api.operations {
                prop_assert_eq!(&operation.input_schema["type"], "object");
                let refused = tool::check_arguments(&operation.input_schema, &arguments);
                if let Ok(sent) = operation.request(&arguments) && api.errors().next().is_none() && refused.is_empty() {
                    prop_assert!(sent.url.starts_with("https://api.example.com/v1/"), "{}", sent.url);
                    prop_assert!(sent.url.parse::<http::Uri>().is_ok(), "{}", sent.url);
                }
            }
        }

        #[test]
        fn json_is_read_alike_as_json_and_as_yaml(value in any_json()) {
            let json = Document::parse(&value.to_string()).unwrap();
            prop_assert_eq!(&*json.value, &value);
            let yaml = Document::parse(&format!("# not JSON\n{value}")).unwrap();
            prop_assert_eq!(&*yaml.value, &value);
        }

        #[test]
        fn no_text_panics(text in "(\\PC|\n|[{}:,\\[\\]&*#|>'\"-]){0,200}") {
            if let Ok(document) = Document::parse(&text) {
                Api::read(&document, AWS);
                tool::lint(&document, AWS);
                tool::lint(&Document::of(tool::adapt(&document).value), AWS);
            }
        }
    }
}
