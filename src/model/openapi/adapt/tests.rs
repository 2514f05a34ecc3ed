use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::model::{adapt::Pick, finding::Severity};

const READING: Reading<'static> = Reading::of("t", false);

/// A document with these operations, each with what it must have.
fn api(paths: Value) -> Value {
    let mut document = json!({
        "openapi": "3.0.3",
        "info": { "title": "x", "version": "1" },
        "servers": [{ "url": "https://api.example.com" }],
        "paths": paths,
    });
    for (path, item) in members_of(&mut document, "paths") {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if METHODS.contains(&method.as_str()) {
                let name = format!("{method}{}", path.replace(['/', '{', '}', '#'], "_"));
                let operation = operation.as_object_mut().unwrap();
                operation.entry("operationId").or_insert(json!(name));
                operation.entry("summary").or_insert(json!("s"));
                operation.entry("responses").or_insert(json!({ "200": { "description": "ok" } }));
            }
        }
    }
    document
}

/// A document with one operation that has this body.
fn body(schema: Value) -> Value {
    api(
        json!({ "/x": { "post": { "requestBody": { "required": true, "content": { "application/json": { "schema": schema } } } } } }),
    )
}

const SCHEMA: &str = "/paths/~1x/post/requestBody/content/application~1json/schema";

fn adapted_by(document: &Value, adapting: &Adapting) -> Adapted {
    Api::adapt(&Document::of(document.clone()), adapting, READING).unwrap()
}

fn adapted(document: &Value) -> Adapted {
    adapted_by(document, &Adapting::all())
}

fn errors(document: &Value) -> Vec<String> {
    let errors = Api::read(&Document::of(document.clone()), READING).findings.into_iter();
    errors.filter(|finding| finding.severity == Severity::Error).map(|finding| finding.problem).collect()
}

/// What is at a place of the document, after each adaptation and after one alone, which reports it.
#[track_caller]
fn becomes(document: &Value, adaptation: Adaptation, pointer: &str, expected: Value) {
    let one = Adapting { adaptations: [adaptation].into(), ..Adapting::default() };
    for adapting in [&one, &Adapting::all()] {
        let Adapted { value, changes, .. } = adapted_by(document, adapting);
        let found = value.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(found, expected, "{pointer}: {value:#}");
        let reported: Vec<_> = changes.iter().filter(|change| change.adaptation == adaptation.flag()).collect();
        assert!(!reported.is_empty() && reported.iter().all(|change| !change.reason.is_empty()), "{changes:?}");
    }
    let without = Adapting::all().adaptations.into_iter().filter(|other| *other != adaptation);
    let without = adapted_by(document, &Adapting { adaptations: without.collect(), ..Adapting::default() });
    if !expected.is_null() {
        assert_ne!(without.value.pointer(pointer), Some(&expected), "another adaptation did it");
    }
    let all = adapted(document);
    assert_eq!(errors(&all.value), Vec::<String>::new(), "{:#}", all.value);
    let again = adapted(&all.value);
    assert!(again.changes.is_empty(), "an adapted document stays as it is: {:?}", again.changes);
}

#[test]
fn a_document_that_is_right_stays_as_it_is() {
    let document = body(json!({ "type": "object", "properties": { "a": { "type": "string" } } }));
    let Adapted { value, changes, operations, .. } = adapted(&document);
    assert_eq!((value, changes, operations), (document, Vec::new(), Kept { kept: 1, of: 1 }));
}

#[test]
fn operations_get_names_that_models_take() {
    let named = |id: Value| {
        api(json!({ "/pets/{id}": { "get": { "operationId": id, "parameters": [
        { "name": "id", "in": "path", "required": true, "schema": { "type": "string" } },
    ] } } }))
    };
    let id = "/paths/~1pets~1{id}/get/operationId";
    let mut nameless = named(json!(""));
    becomes(&nameless, Adaptation::MakeOperationIds, id, json!("get_pets_id"));
    nameless["paths"]["/pets/{id}"]["get"].as_object_mut().unwrap().remove("operationId");
    becomes(&nameless, Adaptation::MakeOperationIds, id, json!("get_pets_id"));
    for (own, clean) in [("pets/get", "pets_get"), ("Pets.Get all", "Pets_Get_all"), ("{x}", "x")] {
        becomes(&named(json!(own)), Adaptation::CleanNames, id, json!(clean));
        let value = adapted(&named(json!(own))).value;
        assert_eq!(value["paths"]["/pets/{id}"]["get"]["description"], format!("s (operationId {own})"));
    }
    // The whole name has at most 64 characters, and names stay different.
    let long = "o".repeat(90);
    let twice = api(
        json!({ "/a": { "get": { "operationId": long } }, "/b": { "get": { "operationId": long } }, "/c": { "get": { "operationId": "c" } }, "/d": { "get": { "operationId": "c" } } }),
    );
    let value = adapted(&twice).value;
    let all: BTreeSet<&str> =
        operations(&value).map(|place| place.operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(all.len(), 4, "{all:?}");
    assert!(all.iter().all(|name| name.len() + "t___".len() <= 64), "{all:?}");
    assert_eq!((errors(&value), adapted(&twice).value), (Vec::new(), value));
}

#[test]
fn the_server_is_one_that_the_gateway_calls() {
    let with = |servers: Value| {
        let mut document = api(json!({ "/x": { "get": {} } }));
        document["servers"] = servers;
        document
    };
    let url = "/servers/0/url";
    for (servers, expected) in [
        (json!([{ "url": "http://a.example" }, { "url": "https://a.example" }]), "https://a.example"),
        (
            json!([{ "url": "/v1" }, { "url": "https://{x}.example" }, { "url": "https://b.example/v1" }]),
            "https://b.example/v1",
        ),
        (json!([{ "url": "//c.example/v2" }]), "https://c.example/v2"),
        (json!([{ "url": "https://a.example/?x" }, { "url": "https://d.example" }]), "https://d.example"),
    ] {
        becomes(&with(servers), Adaptation::ChooseServer, url, json!(expected));
    }
    let given =
        Adapting { server: Some("https://api.example.com/base/".trim_end_matches('/').to_owned()), ..Adapting::all() };
    for (servers, expected) in [
        (json!([]), "https://api.example.com/base"),
        (json!([{ "url": "/v1" }]), "https://api.example.com/v1"),
        (json!([{ "url": "v1" }]), "https://api.example.com/v1"),
        (json!([{ "url": "" }]), "https://api.example.com/base"),
        (json!([{ "url": "http://a.example/v1" }]), "https://api.example.com/base"),
        (json!([{ "url": "https://a.example" }]), "https://api.example.com/base"),
        (json!([{ "url": "{host}/v1" }]), "https://api.example.com/base"),
        (json!("https://a.example"), "https://api.example.com/base"),
    ] {
        let value = adapted_by(&with(servers.clone()), &given).value;
        assert_eq!((value.pointer(url), errors(&value)), (Some(&json!(expected)), Vec::new()), "{servers}");
    }
    // An operation's own address stays.
    let mut elsewhere = with(json!([]));
    elsewhere["paths"]["/x"]["get"]["servers"] =
        json!([{ "url": "http://up.example" }, { "url": "https://up.example" }]);
    let value = adapted_by(&elsewhere, &given).value;
    assert_eq!(value["paths"]["/x"]["get"]["servers"], json!([{ "url": "https://up.example" }]));
    // Nobody but the user knows it.
    assert!(errors(&adapted(&with(json!([{ "url": "http://a.example" }]))).value)[0].contains("HTTPS"));
}

#[test]
fn all_of_is_merged_or_unwrapped() {
    let property = |schema: Value| body(json!({ "type": "object", "properties": { "n": schema } }));
    let with = |mut document: Value, schemas: Value| {
        document["components"] = json!({ "schemas": schemas });
        document
    };
    let at = format!("{SCHEMA}/properties/n");
    let name = json!({ "N": { "type": "string" }, "M": { "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] } });
    let reference = json!({ "$ref": "#/components/schemas/N" });
    for (schema, expected) in [
        (json!({ "allOf": [reference] }), reference.clone()),
        (
            json!({ "allOf": [reference, { "description": "a name" }] }),
            json!({ "$ref": "#/components/schemas/N", "description": "a name" }),
        ),
        (
            json!({ "allOf": [reference], "description": "d", "nullable": true }),
            json!({ "description": "d", "nullable": true, "type": "string" }),
        ),
        (
            json!({ "description": "both", "allOf": [
                { "$ref": "#/components/schemas/M" },
                { "type": "object", "properties": { "b": { "type": "integer" } }, "required": ["b"] },
            ] }),
            json!({
                "description": "both", "type": "object",
                "properties": { "a": { "type": "string" }, "b": { "type": "integer" } }, "required": ["a", "b"],
            }),
        ),
        (
            json!({ "allOf": [{ "allOf": [{ "type": "number" }] }, { "type": "integer", "minimum": 1 }] }),
            json!({ "type": "integer", "minimum": 1 }),
        ),
        (
            json!({ "allOf": [{ "type": "string", "enum": ["a", "b"] }, { "enum": ["b", "c"] }] }),
            json!({ "type": "string", "enum": ["b"] }),
        ),
    ] {
        becomes(&with(property(schema), name.clone()), Adaptation::MergeSchemas, &at, expected);
    }
    // A schema within itself ends.
    let node = json!({ "type": "object", "properties": { "next": { "allOf": [{ "$ref": "#/components/schemas/B" }, { "type": "object", "properties": { "more": {} } }] } } });
    let circle = json!({ "B": { "allOf": [{ "$ref": "#/components/schemas/C" }, node] }, "C": { "allOf": [{ "$ref": "#/components/schemas/B" }] } });
    let value = adapted(&with(property(json!({ "$ref": "#/components/schemas/B" })), circle)).value;
    assert_eq!(errors(&value), Vec::<String>::new());
    assert!(!value.to_string().contains("allOf") && value.to_string().len() < 2000, "{value:#}");
    // Each level consists of the next one twice: expanded, 2^60 schemas.
    let twice = |n: usize| {
        json!({ "allOf": [
        { "type": "object", "properties": { "a": { "allOf": [{ "$ref": format!("#/components/schemas/s{}", n + 1) }, { "type": "object", "properties": {} }] } } },
        { "type": "object", "properties": { "b": { "allOf": [{ "$ref": format!("#/components/schemas/s{}", n + 1) }, { "type": "object", "properties": {} }] } } },
    ] })
    };
    let mut schemas: Value = (0..60).map(|n| (format!("s{n}"), twice(n))).collect::<Map<_, _>>().into();
    schemas["s60"] = json!({ "type": "string" });
    let value = adapted(&with(property(json!({ "$ref": "#/components/schemas/s0" })), schemas)).value;
    let text = value.to_string();
    assert!(text.len() < 50_000_000 && errors(&value).is_empty() && Document::parse(&text).is_ok());
}

#[test]
fn alternatives_become_one_nullable_or_one_open_schema() {
    let at = format!("{SCHEMA}/properties/n");
    let property = |version: &str, schema: Value| {
        let mut document = body(json!({ "type": "object", "properties": { "n": schema } }));
        document["openapi"] = json!(version);
        document["components"] = json!({ "schemas": {
            "Cat": { "type": "object", "properties": { "claws": { "type": "integer" }, "name": { "type": "string" } } },
            "Dog": { "type": "object", "properties": { "bark": { "type": "string" } } },
        } });
        document
    };
    let cat = json!({ "$ref": "#/components/schemas/Cat" });
    for (version, schema, expected) in [
        (
            "3.1.0",
            json!({ "anyOf": [{ "type": "string" }, { "type": "null" }], "title": "Q" }),
            json!({ "title": "Q", "type": ["string", "null"] }),
        ),
        (
            "3.0.3",
            json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "enum": [null] }] }),
            json!({ "type": "integer", "minimum": 0, "nullable": true }),
        ),
        (
            "3.1.0",
            json!({ "oneOf": [cat, { "type": "null" }], "description": "d" }),
            json!({ "description": "d", "type": ["object", "null"], "properties": { "claws": { "type": "integer" }, "name": { "type": "string" } } }),
        ),
        (
            "3.0.3",
            json!({ "anyOf": [cat, { "type": "object", "nullable": true }] }),
            json!({ "type": "object", "properties": { "claws": { "type": "integer" }, "name": { "type": "string" } }, "nullable": true }),
        ),
        (
            "3.0.3",
            json!({ "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] }),
            json!({ "description": "(One of: string; list of string)" }),
        ),
        (
            "3.0.3",
            json!({ "oneOf": [{ "type": "string", "enum": ["a"] }, { "type": "string", "enum": ["b"] }] }),
            json!({ "type": "string", "enum": ["a", "b"], "description": "(One of: \"a\"; \"b\")" }),
        ),
        (
            "3.0.3",
            json!({ "description": "A pet.", "discriminator": { "propertyName": "kind" }, "oneOf": [cat, { "$ref": "#/components/schemas/Dog" }] }),
            json!({
                "description": "A pet. (One of: Cat: object with claws, name; Dog: object with bark)", "type": "object",
                "properties": { "claws": { "type": "integer" }, "name": { "type": "string" }, "bark": { "type": "string" } },
            }),
        ),
        (
            "3.0.3",
            json!({ "type": "object", "properties": { "a": {}, "b": {} }, "anyOf": [{ "required": ["a"] }, { "required": ["b"] }] }),
            json!({ "type": "object", "properties": { "a": {}, "b": {} }, "description": "(One of: with a; with b)" }),
        ),
    ] {
        becomes(&property(version, schema), Adaptation::MergeSchemas, &at, expected);
    }
    let many: Vec<Value> = (0..40)
        .map(|n| json!({ "title": format!("T{n}"), "type": "object", "properties": { "x".repeat(60): {} } }))
        .collect();
    let value = adapted(&property("3.0.3", json!({ "oneOf": many }))).value;
    let said = value.pointer(&at).unwrap()["description"].as_str().unwrap();
    assert!(said.len() < 700 && said.ends_with("…)"), "{said}");
}

#[test]
fn the_parameter_that_the_credential_fills_is_left_out() {
    let parameter = |name: &str, place: &str| json!({ "name": name, "in": place, "schema": { "type": "string" } });
    let mut document = api(json!({ "/x": {
        "parameters": [parameter("X-Key", "header"), parameter("key", "query")],
        "get": { "operationId": "op", "summary": "s", "parameters": [{ "$ref": "#/components/parameters/Key" }, parameter("q", "query")],
            "responses": { "200": { "description": "ok" } } },
    } }));
    document["components"]["parameters"]["Key"] = parameter("key", "query");
    let reading = Reading { filled: Some(crate::model::finding::Filled { in_query: true, name: "key" }), ..READING };
    let adapted = Api::adapt(&Document::of(document), &Adapting::all(), reading).unwrap();
    let item = &adapted.value["paths"]["/x"];
    assert_eq!(item["parameters"], json!([parameter("X-Key", "header")]));
    assert_eq!(item["get"]["parameters"], json!([parameter("q", "query")]));
    let places: Vec<&str> =
        adapted.changes.iter().filter(|it| it.reason.contains("credential")).map(|it| it.pointer.as_str()).collect();
    assert_eq!(places, ["/paths/~1x/get/parameters/0", "/paths/~1x/parameters/1"]);
}

#[test]
fn path_parameters_are_those_of_the_path() {
    let parameter = |name: &str, place: &str| json!({ "name": name, "in": place, "required": true, "schema": { "type": "string" } });
    let unused = api(json!({ "/groups": { "parameters": [parameter("user_id", "path")], "get": {} } }));
    becomes(&unused, Adaptation::MatchPathParameters, "/paths/~1groups/parameters", json!([]));
    let mut referred = api(
        json!({ "/g": { "get": { "parameters": [{ "$ref": "#/components/parameters/id" }, parameter("q", "query")] } } }),
    );
    referred["components"] = json!({ "parameters": { "id": parameter("id", "path") } });
    becomes(&referred, Adaptation::MatchPathParameters, "/paths/~1g/get/parameters", json!([parameter("q", "query")]));
    let undescribed = api(
        json!({ "/a/{b}/{c}": { "parameters": [parameter("b", "path")], "get": {}, "put": { "parameters": [parameter("c", "path")] } } }),
    );
    becomes(
        &undescribed,
        Adaptation::MatchPathParameters,
        "/paths/~1a~1{b}~1{c}/get/parameters",
        json!([parameter("c", "path")]),
    );
    let optional = api(
        json!({ "/a/{b}": { "get": { "parameters": [{ "name": "b", "in": "path", "schema": { "type": "integer" } }] } } }),
    );
    becomes(&optional, Adaptation::MatchPathParameters, "/paths/~1a~1{b}/get/parameters/0/required", json!(true));
    let shapeless =
        api(json!({ "/a": { "get": { "parameters": [{ "name": "q", "in": "query", "required": true }] } } }));
    becomes(
        &shapeless,
        Adaptation::MatchPathParameters,
        "/paths/~1a/get/parameters/0/schema",
        json!({ "type": "string" }),
    );
}

#[test]
fn media_types_are_json_or_left_out() {
    let sends = |content: Value, required: bool| {
        api(json!({ "/x": { "post": { "requestBody": { "required": required, "content": content } } } }))
    };
    let answers = |content: Value| {
        api(json!({ "/x": { "get": { "responses": { "200": { "description": "d", "content": content } } } } }))
    };
    let media = json!({ "schema": { "type": "object" } });
    let json = json!({ "application/json": media });
    let (request, response) = ("/paths/~1x/post/requestBody/content", "/paths/~1x/get/responses/200/content");
    for name in
        ["application/vnd.api+json", "*/*", "application/*", "text/json", "application/problem+json; charset=utf-8"]
    {
        becomes(&sends(json!({ name: media }), true), Adaptation::JsonMediaTypes, request, json.clone());
        becomes(&answers(json!({ name: media })), Adaptation::JsonMediaTypes, response, json.clone());
    }
    let both = json!({ "application/json": media, "text/html": {}, "image/png": {} });
    becomes(&answers(both.clone()), Adaptation::DropUnsupportedContent, response, json.clone());
    becomes(&sends(both, true), Adaptation::DropUnsupportedContent, request, json.clone());
    becomes(
        &answers(json!({ "application/octet-stream": {} })),
        Adaptation::DropUnsupportedContent,
        "/paths/~1x/get/responses/200",
        json!({ "description": "d" }),
    );
    becomes(
        &sends(json!({ "application/octet-stream": {} }), false),
        Adaptation::DropUnsupportedContent,
        "/paths/~1x/post/requestBody",
        Value::Null,
    );
    let scalar = |name: &str| {
        api(json!({ "/x/{id}": { "get": { "parameters": [
        { "name": "id", "in": "path", "required": true, "content": { name: { "schema": { "type": "string" } } } },
    ] } } }))
    };
    for name in ["*/*", "application/json", "text/plain"] {
        becomes(
            &scalar(name),
            Adaptation::JsonMediaTypes,
            "/paths/~1x~1{id}/get/parameters/0/schema",
            json!({ "type": "string" }),
        );
    }
}

#[test]
fn what_cannot_be_sent_is_left_out_where_it_is_optional() {
    let parameters = |all: Value| api(json!({ "/x": { "get": { "parameters": all } }, "/good": { "get": {} } }));
    let at = "/paths/~1x/get/parameters";
    let query = json!({ "name": "q", "in": "query", "schema": { "type": "string" } });
    for odd in [
        json!({ "name": "session", "in": "cookie", "schema": { "type": "string" } }),
        json!({ "name": "l", "in": "query", "style": "pipeDelimited", "schema": { "type": "array", "items": {} } }),
        json!({ "name": "f", "in": "query", "content": { "application/json": { "schema": { "type": "object" } } } }),
        json!({ "name": "r", "in": "query", "schema": { "$ref": "#/components/schemas/None" } }),
        json!({ "in": "query", "schema": { "type": "string" } }),
    ] {
        becomes(&parameters(json!([odd, query])), Adaptation::DropUnsupportedContent, at, json!([query]));
        let mut needed = odd.clone();
        needed["required"] = json!(true);
        if needed.get("name").is_some() {
            becomes(&parameters(json!([needed, query])), Adaptation::SkipUnsupported, "/paths/~1x", Value::Null);
        }
    }
    let mut answers =
        api(json!({ "/x": { "get": { "responses": { "200": { "$ref": "#/components/responses/A" } } } } }));
    answers["components"] = json!({ "responses": { "A": { "description": "a", "content": { "application/json": { "schema": { "$ref": "#/nowhere" } } } } } });
    becomes(
        &answers,
        Adaptation::DropUnsupportedContent,
        "/paths/~1x/get/responses/200",
        json!({ "description": "a" }),
    );
}

#[test]
fn operations_that_cannot_be_tools_are_left_out_and_named() {
    let required = json!({ "required": true, "content": { "text/csv": {} } });
    let broken = json!({ "$ref": "#/components/requestBodies/Broken" });
    let mut document = api(json!({
        "/good": { "get": {} },
        "/#action": { "get": {} },
        "/csv": { "post": { "requestBody": required }, "get": {} },
        "/deep": { "put": { "requestBody": broken } },
        "/cookie": { "parameters": [{ "name": "c", "in": "cookie", "required": true, "schema": {} }], "get": {}, "put": {} },
    }));
    document["components"] = json!({
        "requestBodies": { "Broken": { "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/A" } } } } },
        "schemas": { "A": { "type": "object", "properties": { "b": { "$ref": "#/components/schemas/B" } } }, "B": { "$ref": "#/components/schemas/None" }, "Unused": {} },
    });
    let Adapted { value, changes, operations: kept, .. } = adapted(&document);
    assert_eq!(kept, Kept { kept: 2, of: 7 });
    let left: Vec<String> = operations(&value).map(|place| place.shown()).collect();
    assert_eq!(left, ["GET /good", "GET /csv"]);
    let skipped: Vec<_> = changes.iter().filter(|change| change.adaptation == "skip-unsupported").collect();
    let said = |place: &str| {
        skipped.iter().find(|change| change.change.starts_with(place)).map(|change| change.reason.as_str())
    };
    assert!(said("GET /#action (get__action)").is_some(), "{skipped:?}");
    assert_eq!(said("POST /csv (post_csv)"), Some("a body of text/csv is not supported"));
    assert!(said("PUT /deep (put_deep)").unwrap().contains("leads nowhere"));
    assert!(said("GET /cookie").unwrap().contains("cookie") && said("PUT /cookie").is_some());
    assert_eq!(value.get("components"), None, "what nothing leads to is left out: {value:#}");
    assert_eq!(errors(&value), Vec::<String>::new());
    let nothing = adapted(&api(json!({ "/#a": { "get": {} } })));
    assert_eq!((nothing.operations.kept, errors(&nothing.value)), (0, vec!["no operation becomes a tool".to_owned()]));
}

#[test]
fn what_openapi_requires_is_written_and_broken_security_is_left_out() {
    let mut bare = api(json!({ "/x": { "get": { "responses": null } } }));
    becomes(
        &bare,
        Adaptation::FillMissing,
        "/paths/~1x/get/responses",
        json!({ "default": { "description": "Any response" } }),
    );
    bare["paths"]["/x"]["get"]["responses"] = json!({ "404": {}, "200": { "$ref": "#/components/responses/Ok" } });
    bare["components"] = json!({ "responses": { "Ok": { "content": { "application/json": {} } } } });
    becomes(&bare, Adaptation::FillMissing, "/paths/~1x/get/responses/404", json!({ "description": "Response 404" }));
    becomes(&bare, Adaptation::FillMissing, "/components/responses/Ok/description", json!("Response Ok"));
    bare.as_object_mut().unwrap().remove("info");
    becomes(&bare, Adaptation::FillMissing, "/info", json!({ "title": "API", "version": "1" }));
    let mut secured = api(json!({ "/x": { "get": { "security": [{ "other": [] }, { "key": [] }] } } }));
    secured["security"] = json!([{ "entraId": ["read"] }]);
    secured["components"] =
        json!({ "securitySchemes": { "entraId": {}, "key": { "type": "apiKey", "name": "k", "in": "query" } } });
    becomes(&secured, Adaptation::DropBrokenSecurity, "/components/securitySchemes/entraId", Value::Null);
    becomes(&secured, Adaptation::DropBrokenSecurity, "/security", json!([]));
    becomes(&secured, Adaptation::DropBrokenSecurity, "/paths/~1x/get/security", json!([{ "key": [] }]));
}

#[test]
fn values_are_those_of_json_schema() {
    for (schema, expected) in [
        (json!({ "type": "string", "required": true }), json!({ "type": "string" })),
        (json!({ "type": "file" }), json!({ "type": "string" })),
        (json!({ "type": "integer", "minimum": "1" }), json!({ "type": "integer", "minimum": 1 })),
        (json!({ "type": "string", "pattern": "/^[a-z/i" }), json!({ "type": "string" })),
        (json!({ "type": "string", "enum": ["a", "a"] }), json!({ "type": "string", "enum": ["a"] })),
        (json!({ "type": "array" }), json!({ "type": "array", "items": {} })),
    ] {
        let document = body(json!({ "type": "object", "properties": { "v": schema } }));
        becomes(&document, Adaptation::MendValues, &format!("{SCHEMA}/properties/v"), expected);
    }
    // OpenAPI 3.0 has a boolean here; the tool has JSON Schema's number.
    let document = body(
        json!({ "type": "object", "properties": { "v": { "type": "number", "minimum": 0, "exclusiveMinimum": true } } }),
    );
    let Adapted { value, changes, .. } = adapted(&document);
    assert_eq!((&value, changes), (&document, Vec::new()));
    let tool = &Api::read(&Document::of(value), READING).operations[0].input_schema;
    assert_eq!(tool["properties"]["v"], json!({ "type": "number", "exclusiveMinimum": 0 }));
}

#[test]
fn picked_operations_stay_with_what_they_lead_to_however_the_document_is_written() {
    let reference = |name: &str| json!({ "requestBody": { "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{name}") } } } } });
    let mut document = api(json!({
        "/pets": { "get": {}, "post": reference("Pet") },
        "/pets/{id}": { "parameters": [{ "name": "id", "in": "path", "required": true, "schema": {} }], "get": { "operationId": "pets/get" } },
        "/admin": { "delete": {}, "put": reference("Admin") },
    }));
    document["components"] = json!({ "schemas": { "Pet": { "type": "object" }, "Admin": { "type": "object" } } });
    let pick = |include: &[&str], exclude: &[&str], names: &[&str]| Pick {
        include: include.iter().map(|one| one.parse().unwrap()).collect(),
        exclude: exclude.iter().map(|one| one.parse().unwrap()).collect(),
        operations: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    for (pick, expected) in [
        (pick(&["GET /pets*"], &[], &[]), vec!["GET /pets", "GET /pets/{id}"]),
        (pick(&[], &["/admin"], &[]), vec!["GET /pets", "POST /pets", "GET /pets/{id}"]),
        (pick(&[], &[], &["pets/get"]), vec!["GET /pets/{id}"]),
        (pick(&[], &[], &["pets_get", "post_pets"]), vec!["POST /pets", "GET /pets/{id}"]),
    ] {
        let adapting = Adapting { pick, ..Adapting::default() };
        for text in [document.to_string(), format!("# YAML\n{document}")] {
            let loaded = Api::load(&text, &adapting.pick, "t").unwrap();
            let Adapted { value, changes, operations: kept, .. } =
                Api::adapt(&loaded.document, &adapting, READING).unwrap();
            let left: Vec<String> = operations(&value).map(|place| place.shown()).collect();
            assert_eq!(
                (left, kept),
                (expected.iter().map(|one| (*one).to_owned()).collect(), Kept { kept: expected.len(), of: 5 })
            );
            let has_pet = value.pointer("/components/schemas/Pet").is_some();
            assert_eq!(has_pet, expected.contains(&"POST /pets"), "{value:#}");
            assert!(
                value.pointer("/components/schemas/Admin").is_none()
                    && changes.iter().any(|change| change.adaptation == "include")
            );
        }
    }
    let none = pick(&["/cats"], &[], &[]);
    assert!(Api::load(&document.to_string(), &none, "t").unwrap_err().to_string().contains("matches no operation"));
    let adapting = Adapting { pick: none, ..Adapting::default() };
    assert!(Api::adapt(&Document::of(document), &adapting, READING).unwrap_err().contains("matches no operation"));
}

#[test]
fn a_document_with_too_many_operations_is_not_read_and_a_part_of_it_is() {
    let paths: Map<String, Value> =
        (0..1001).map(|n| (format!("/p{n}"), json!({ "get": { "x-long": "x".repeat(11_000) } }))).collect();
    let document = api(Value::Object(paths)).to_string();
    let loaded = Api::load(&document, &Pick::default(), "t").unwrap();
    assert_eq!(loaded.too_many, Some(Kept { kept: 1001, of: 1001 }));
    assert!(loaded.document.value.to_string().len() < document.len() / 20);
    let pick = Pick { include: vec!["/p1*".parse().unwrap()], ..Pick::default() };
    let loaded = Api::load(&document, &pick, "t").unwrap();
    assert_eq!((loaded.too_many, loaded.document.left_out), (None, 1001 - 112));
    let lines = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&document).unwrap()).unwrap();
    let loaded = Api::load(&lines, &pick, "t").unwrap();
    let line = lines.lines().position(|line| line.contains("\"/p1000\"")).unwrap() + 1;
    assert_eq!(loaded.document.line_of("/paths/~1p1000"), line, "lines are those of the whole text");
    let everything = Pick { include: vec!["*".parse().unwrap(), "/*".parse().unwrap()], ..Pick::default() };
    assert_eq!(Api::load(&document, &everything, "t").unwrap().too_many, Some(Kept { kept: 1001, of: 1001 }));
}

#[test]
fn what_combinations_say_is_kept() {
    let schemas = json!({
        "Base": { "type": "object", "properties": { "id": { "type": "string" } }, "required": ["id"] },
        "State": { "type": "string", "enum": ["on", "off"] },
    });
    let property = |version: &str, schema: Value| {
        let mut document = body(json!({ "type": "object", "properties": { "n": schema } }));
        document["openapi"] = json!(version);
        document["components"] = json!({ "schemas": schemas });
        document
    };
    let (base, state) =
        (json!({ "$ref": "#/components/schemas/Base" }), json!({ "$ref": "#/components/schemas/State" }));
    let text = json!({ "type": "string" });
    for (version, schema, expected) in [
        // A base within what has the same base.
        (
            "3.0.3",
            json!({ "allOf": [base, { "type": "object", "properties": { "owner": { "allOf": [base, { "properties": { "name": text } }] } } }] }),
            json!({ "type": "object", "required": ["id"], "properties": {
                "id": text,
                "owner": { "type": "object", "properties": { "id": text, "name": text }, "required": ["id"] },
            } }),
        ),
        (
            "3.0.3",
            json!({ "readOnly": true, "allOf": [state] }),
            json!({ "readOnly": true, "type": "string", "enum": ["on", "off"] }),
        ),
        (
            "3.0.3",
            json!({ "default": "on", "allOf": [state] }),
            json!({ "default": "on", "type": "string", "enum": ["on", "off"] }),
        ),
        (
            "3.1.0",
            json!({ "anyOf": [state, { "type": "null" }] }),
            json!({ "type": ["string", "null"], "enum": ["on", "off", null] }),
        ),
        (
            "3.1.0",
            json!({ "oneOf": [{ "const": "a" }, { "const": "b" }] }),
            json!({ "type": "string", "enum": ["a", "b"], "description": "(One of: \"a\"; \"b\")" }),
        ),
        (
            "3.1.0",
            json!({ "$ref": "#/components/schemas/Base", "required": ["x"] }),
            json!({ "required": ["x", "id"], "type": "object", "properties": { "id": text } }),
        ),
        (
            "3.1.0",
            json!({ "anyOf": [{ "oneOf": [text, { "type": "integer" }] }, { "type": "null" }] }),
            json!({ "description": "(One of: string; integer)" }),
        ),
        (
            "3.0.3",
            json!({ "type": "object", "not": { "anyOf": [{ "required": ["a"] }] } }),
            json!({ "type": "object" }),
        ),
        (
            "3.0.3",
            json!({ "allOf": [{ "minimum": 1, "maximum": 9 }, { "type": "integer", "minimum": 5, "maximum": 12 }] }),
            json!({ "minimum": 5, "maximum": 9, "type": "integer" }),
        ),
        (
            "3.0.3",
            json!({ "allOf": [{ "properties": { "a": { "type": "object" } } }, { "properties": { "a": base } }] }),
            json!({ "properties": { "a": base }, "type": "object" }),
        ),
        (
            "3.0.3",
            json!({ "type": "object", "required": ["kind"], "properties": { "kind": text }, "oneOf": [{ "properties": { "a": text } }, { "properties": { "b": text } }] }),
            json!({
                "type": "object", "required": ["kind"], "properties": { "kind": text, "a": text, "b": text },
                "description": "(One of: object with a; object with b)",
            }),
        ),
    ] {
        becomes(&property(version, schema), Adaptation::MergeSchemas, &format!("{SCHEMA}/properties/n"), expected);
    }
}

#[test]
fn a_part_that_leads_nowhere_is_not_forgotten() {
    let mut dangling =
        body(json!({ "allOf": [{ "$ref": "common.yaml#/Base" }, { "properties": { "a": { "type": "string" } } }] }));
    dangling["paths"]["/y"] = api(json!({ "/y": { "get": {} } }))["paths"]["/y"].clone();
    let Adapted { changes, operations, .. } = adapted(&dangling);
    assert_eq!(operations, Kept { kept: 1, of: 2 });
    assert!(changes.iter().any(|change| change.reason.contains("leads out of the document")), "{changes:?}");
}

#[test]
fn what_belongs_to_a_path_stays_with_all_of_its_operations() {
    let query = |name: &str| json!({ "name": name, "in": "query", "schema": { "type": "string" } });
    let cookie = json!({ "name": "c", "in": "cookie", "schema": { "type": "string" } });
    let document =
        api(json!({ "/a": { "parameters": [cookie, query("p"), query("q")], "get": {}, "put": {}, "delete": {} } }));
    let Adapted { value, changes, places, .. } = adapted(&document);
    assert_eq!(value["paths"]["/a"]["parameters"], json!([query("p"), query("q")]));
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(places.origin("/paths/~1a/parameters/1/name"), "/paths/~1a/parameters/2/name");
    // Names that may stay do so, whatever is made of others.
    let named = api(
        json!({ "/a/b": { "get": { "operationId": "" } }, "/c": { "get": { "operationId": "get_a_b" } }, "/d": { "get": { "operationId": "x.y" } }, "/e": { "get": { "operationId": "x_y" } } }),
    );
    let value = adapted(&named).value;
    let ids: Vec<&str> = operations(&value).map(|place| place.operation["operationId"].as_str().unwrap()).collect();
    assert_eq!((ids[1], ids[3]), ("get_a_b", "x_y"), "{ids:?}");
    let only_made = Adapting { adaptations: [Adaptation::MakeOperationIds].into(), ..Adapting::default() };
    assert_eq!(errors(&adapted_by(&named, &only_made).value), Vec::<String>::new());
}

#[test]
fn an_operation_that_is_left_out_takes_nothing_with_it() {
    let schema = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    let mut document = api(json!({
        "/a": { "post": { "requestBody": { "content": { "application/json": { "schema": schema } } } } },
        "/b": { "post": { "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/paths/~1a/post/requestBody/content/application~1json/schema" } } } } } },
    }));
    let picked =
        Adapting { pick: Pick { include: vec!["/b".parse().unwrap()], ..Pick::default() }, ..Adapting::default() };
    for text in [document.to_string(), format!("# YAML\n{document}")] {
        let loaded = Api::load(&text, &picked.pick, "t").unwrap();
        let value = Api::adapt(&loaded.document, &picked, READING).unwrap().value;
        let tool = Api::read(&Document::of(value), READING).operations[0].input_schema.clone();
        assert_eq!(tool["properties"]["a"], json!({ "type": "string" }));
    }
    document["paths"]["/a"]["post"]["parameters"] =
        json!([{ "name": "c", "in": "cookie", "required": true, "schema": {} }]);
    assert_eq!(adapted(&document).operations, Kept { kept: 1, of: 2 });
    // A path may be a reference, with operations of its own beside it.
    let mut document = api(json!({ "/c": { "get": { "operationId": "own" } } }));
    document["paths"]["/c"]["$ref"] = json!("#/components/pathItems/C");
    document["components"] = json!({ "pathItems": { "C": { "delete": { "operationId": "other", "summary": "s", "responses": { "200": { "description": "ok" } } } } } });
    for (pattern, kept) in [("GET *", "own"), ("DELETE *", "other")] {
        let picked = Adapting {
            pick: Pick { include: vec![pattern.parse().unwrap()], ..Pick::default() },
            ..Adapting::default()
        };
        let loaded = Api::load(&document.to_string(), &picked.pick, "t").unwrap();
        let value = Api::adapt(&loaded.document, &picked, READING).unwrap().value;
        let ids: Vec<&str> = operations(&value).map(|place| place.operation["operationId"].as_str().unwrap()).collect();
        assert_eq!(ids, [kept]);
    }
}

#[test]
fn what_is_no_response_is_one_and_what_is_no_operation_goes() {
    let mut document =
        api(json!({ "/x": { "get": { "responses": { "200": null, "404": "x", "x-a": {} } } }, "/y": { "get": {} } }));
    document["paths"]["/y"]["get"] = json!({ "$ref": "#/paths/~1x/get" });
    assert_eq!(errors(&document).len(), 3, "{:?}", errors(&document));
    let value = adapted(&document).value;
    let responses =
        json!({ "200": { "description": "Response 200" }, "404": { "description": "Response 404" }, "x-a": {} });
    assert_eq!((&value["paths"]["/x"]["get"]["responses"], value["paths"].get("/y")), (&responses, None));
    // The last of two keys holds, and that is said.
    let twice = format!(
        "openapi: 3.0.3\ninfo: {{title: x, version: 1.0.0}}\nservers: [{{url: https://x.example}}]\npaths:\n  /a: {}\n  /a: {}\n",
        "{}", document["paths"]["/x"]
    );
    let changes = Api::adapt(&Document::parse(&twice).unwrap(), &Adapting::all(), READING).unwrap().changes;
    assert!(
        changes.iter().any(|change| change.pointer == "/paths/~1a" && change.change.contains("two `/a`")),
        "{changes:?}"
    );
}

#[test]
fn an_address_that_was_resolved_stays() {
    let with = |url: &str| {
        let mut document = api(json!({ "/x": { "get": {} } }));
        document["servers"] = json!([{ "url": url }]);
        document
    };
    let given = |server: &str| Adapting { server: Some(server.to_owned()), ..Adapting::all() };
    for (url, server, expected) in [
        ("/v1", "https://h.example", "https://h.example/v1"),
        ("/v1", "https://h.example/base", "https://h.example/v1"),
        ("v2", "https://h.example/base/", "https://h.example/base/v2"),
        ("api.example.com/v1", "https://h.example/", "https://h.example"),
        ("../v1", "https://h.example", "https://h.example"),
    ] {
        let once = adapted_by(&with(url), &given(server)).value;
        assert_eq!(once["servers"][0]["url"], expected, "{url} {server}");
        let twice = adapted_by(&once, &given(server));
        assert_eq!((twice.value, twice.changes), (once, Vec::new()));
    }
}

#[test]
fn paths_that_refer_to_others_are_operations_of_their_own() {
    let mut document = api(json!({ "/a": { "get": {} } }));
    document["paths"]["/b"] = json!({ "$ref": "#/paths/~1a" });
    let Adapted { value, operations: kept, .. } = adapted(&document);
    assert_eq!((kept, errors(&value)), (Kept { kept: 2, of: 2 }, Vec::new()));
}

#[test]
fn a_large_document_is_sent_without_the_schemas_of_its_responses() {
    let mut document = api(
        json!({ "/x": { "get": { "responses": { "200": { "description": "d", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Big" } } } } } } } }),
    );
    document["components"] =
        json!({ "schemas": { "Big": { "type": "object", "description": "x".repeat(1_100_000) } } });
    let Adapted { value, changes, .. } = adapted(&document);
    assert!(value.to_string().len() < 1000 && !changes.is_empty());
    assert_eq!(value["paths"]["/x"]["get"]["responses"]["200"]["content"], json!({ "application/json": {} }));
}

mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::model::broken;

    /// Any JSON, with the keys and strings that adaptations look for.
    fn any_json() -> impl Strategy<Value = Value> {
        const TEXTS: &[&str] = &["#/components/schemas/a", "#/paths/~1x", "string", "path", "a/b", "/v1"];
        const KEYS: &[&str] = &[
            "$ref",
            "allOf",
            "anyOf",
            "oneOf",
            "properties",
            "items",
            "type",
            "schema",
            "content",
            "parameters",
            "requestBody",
            "operationId",
            "in",
            "name",
            "url",
            "servers",
            "get",
            "required",
            "enum",
            "responses",
            "security",
        ];
        broken::any_json(TEXTS, KEYS, "[a-z/{}*+]{0,6}")
    }

    fn broken_document() -> impl Strategy<Value = Value> {
        (any_json(), any::<prop::sample::Index>()).prop_map(|(part, place)| {
            let mut document = api(json!({ "/x/{id}": { "post": {
                "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }],
                "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/a" } } } },
                "responses": { "200": { "content": { "*/*": { "schema": { "type": "array" } } } } },
            } }, "/y": { "get": {} } }));
            document["components"] = json!({ "schemas": {
                "a": { "allOf": [{ "type": "object", "properties": { "b": {} } }, { "oneOf": [{ "type": "string" }] }] },
            } });
            broken::with_one_part_else(document, part, place)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_broken_an_operation_that_is_not_stays(document in broken_document()) {
            let text = document.to_string();
            let read = Document::parse(&text).unwrap();
            let Adapted { value, changes, operations: kept, .. } = Api::adapt(&read, &Adapting::all(), READING).unwrap();
            prop_assert!(kept.kept <= kept.of);
            for change in &changes {
                prop_assert!(!change.change.is_empty() && !change.reason.is_empty() && change.line == 1);
            }
            let again = Document::parse(&value.to_string()).unwrap();
            let api = Api::read(&again, READING);
            prop_assert!(api.errors().next().is_some() || api.operations.len() == kept.kept);
            // What belongs to the whole document nobody can mend.
            let whole = api.errors().all(|error| ["/servers", "/openapi", "/paths"].iter().any(|at| error.pointer.starts_with(at) && !error.pointer.starts_with("/paths/")) || error.pointer.is_empty());
            prop_assert!(whole, "{:?}", api.findings);
        }
    }
}

#[test]
fn what_a_discriminator_maps_to_is_used_and_shared_responses_are_described() {
    let animal = json!({ "type": "object", "properties": { "kind": { "type": "string" } },
        "discriminator": { "propertyName": "kind", "mapping": { "cat": "#/components/schemas/Cat" } } });
    let cat = json!({ "type": "object", "properties": { "lives": { "type": "integer" } } });
    let body = json!({ "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Animal" } } } });
    let mut document = api(
        json!({ "/a": { "post": { "operationId": "a", "requestBody": body, "responses": { "200": { "description": "" } } } } }),
    );
    document["components"] = json!({ "schemas": { "Animal": animal, "Cat": cat, "Unused": { "type": "string" } } });
    let schemas = adapted(&document).value["components"]["schemas"].clone();
    assert!(schemas.get("Cat").is_some() && schemas.get("Unused").is_none(), "{schemas}");

    document["components"]["responses"] = json!({ "NotFound": {}, "Gone": { "description": "" } });
    assert_eq!(errors(&document), ["attribute components.responses.NotFound.description is missing"]);
    assert_eq!(errors(&adapted(&document).value), Vec::<String>::new());
}
