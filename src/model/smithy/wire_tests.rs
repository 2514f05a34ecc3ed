//! What Smithy's own protocol tests ask of a client's requests and answers, by the ids of these tests (smithy-lang/smithy,
//! `smithy-aws-protocol-tests`), with models and values of our own.

use serde_json::{Value, json};

use super::tests::{body, got, model, sent, shapes, structure, with};

const JSON: &str = "aws.protocols#restJson1";
const XML: &str = "aws.protocols#restXml";
const TEXT: &str = "smithy.api#String";

/// The traits of an operation at this address.
fn at(method: &str, uri: &str) -> Value {
    json!({ "smithy.api#http": { "method": method, "uri": uri } })
}

fn bound(target: &str, binding: &str, name: &str) -> Value {
    with(target, json!({ format!("smithy.api#{binding}"): name }))
}

fn label(target: &str) -> Value {
    with(target, json!({ "smithy.api#httpLabel": {}, "smithy.api#required": {} }))
}

fn more_shapes() -> Value {
    let mut all = shapes();
    let more = json!({
        "a#Flags": { "type": "list", "member": { "target": "smithy.api#Boolean" } },
        "a#Times": { "type": "list", "member": { "target": "smithy.api#Timestamp" } },
        "a#Colours": { "type": "list", "member": { "target": "a#Colour" } },
        "a#Lists": { "type": "map", "key": { "target": TEXT }, "value": { "target": "a#Texts" } },
        "a#Json": { "type": "string", "traits": { "smithy.api#mediaType": "application/json" } },
        "a#Config": structure(json!({ "data": "smithy.api#Integer" })),
        "a#Epoch": { "type": "timestamp", "traits": { "smithy.api#timestampFormat": "epoch-seconds" } },
    });
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    all
}

/// The headers that are sent for these members, each bound to `X-` and its name.
fn headers(targets: &[(&str, &str)], arguments: Value) -> Vec<(String, String)> {
    let members =
        targets.iter().map(|(name, target)| ((*name).to_owned(), bound(target, "httpHeader", &format!("X-{name}"))));
    let input = Value::Object(members.collect());
    sent(&model(JSON, at("POST", "/"), input, json!({}), more_shapes()), arguments).headers
}

#[test]
fn headers_are_written_by_type() {
    for (target, value, expected) in [
        (TEXT, json!("Hello"), Some("Hello")),
        ("a#Texts", json!(["a", "b", "c"]), Some("a, b, c")),
        ("a#Texts", json!(["b,c", "\"def\"", "a"]), Some(r#""b,c", "\"def\"", a"#)),
        ("smithy.api#Integer", json!(123), Some("123")),
        ("a#Numbers", json!([1, 2, 3]), Some("1, 2, 3")),
        ("smithy.api#Double", json!(1.1), Some("1.1")),
        ("smithy.api#Boolean", json!(false), Some("false")),
        ("a#Flags", json!([true, false, true]), Some("true, false, true")),
        ("smithy.api#Timestamp", json!("2019-12-16T23:48:18Z"), Some("Mon, 16 Dec 2019 23:48:18 GMT")),
        (
            "a#Times",
            json!(["2019-12-16T23:48:18Z", "2019-12-16T23:48:18Z"]),
            Some("Mon, 16 Dec 2019 23:48:18 GMT, Mon, 16 Dec 2019 23:48:18 GMT"),
        ),
        ("a#Day", json!("2019-12-16T23:48:18Z"), Some("2019-12-16T23:48:18Z")),
        ("a#Epoch", json!("2019-12-16T23:48:18Z"), Some("1576540098")),
        ("a#Colours", json!(["red", "blue"]), Some("red, blue")),
        ("a#Level", json!(1), Some("1")),
        ("a#Json", json!("true"), Some("dHJ1ZQ==")),
        ("a#Json", json!("{\n}"), Some("ewp9")),
        // NullAndEmptyHeaders
        (TEXT, json!(""), None),
        ("a#Texts", json!([]), None),
    ] {
        let sent = headers(&[("it", target)], json!({ "it": value }));
        assert_eq!(sent.first().map(|(_, value)| value.as_str()), expected, "{target} {value}");
    }
    let input = json!({ "it": bound(TEXT, "httpHeader", "X-It") });
    let model = super::tests::read(&model(JSON, at("GET", "/"), input, json!({}), more_shapes()));
    let refused =
        model.request(&model.operations[0], &json!({ "it": "a\r\nX-Admin: 1" }), super::tests::HERE).unwrap_err();
    assert!(refused.contains("`it` cannot have line breaks"), "{refused}");
}

#[test]
fn a_named_header_goes_before_one_of_a_map() {
    let input = json!({
        "foo": bound(TEXT, "httpHeader", "hello"),
        "map": bound("a#Tags", "httpPrefixHeaders", ""),
    });
    let model = model(JSON, at("GET", "/"), input, json!({}), more_shapes());
    let headers = |arguments: Value| sent(&model, arguments).headers;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        headers(json!({ "foo": "There", "map": { "Hello": "x", "y": "Y" } })),
        [pair("hello", "There"), pair("y", "Y")]
    );
    assert_eq!(headers(json!({ "map": { "Hello": "x" } })), [pair("hello", "x")]);
    assert_eq!(headers(json!({ "foo": "There", "map": {} })), [pair("hello", "There")]);
}

/// The path and the query.
fn address(uri: &str, input: Value, arguments: Value) -> String {
    let sent = sent(&model(JSON, at("GET", uri), input, json!({}), more_shapes()), arguments);
    sent.url.trim_start_matches("https://mine.us-east-1.amazonaws.com").to_owned()
}

#[test]
fn queries_are_written_by_type() {
    let all = "%:/?#[]@!$&'()*+,;=😹";
    for (target, value, expected) in [
        (TEXT, json!("Hello there"), "/?it=Hello%20there"),
        (TEXT, json!(all), "/?it=%25%3A%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D%F0%9F%98%B9"),
        (TEXT, json!(""), "/?it="),
        (TEXT, json!(null), "/"),
        ("a#Texts", json!(["a", "b"]), "/?it=a&it=b"),
        ("a#Texts", json!([]), "/"),
        ("a#Numbers", json!([1, 2]), "/?it=1&it=2"),
        ("a#Flags", json!([true, false]), "/?it=true&it=false"),
        ("smithy.api#Timestamp", json!("1970-01-01T00:00:01Z"), "/?it=1970-01-01T00%3A00%3A01Z"),
        (
            "a#Times",
            json!(["1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z"]),
            "/?it=1970-01-01T00%3A00%3A01Z&it=1970-01-01T00%3A00%3A02Z",
        ),
        ("a#Epoch", json!("1970-01-01T00:00:01Z"), "/?it=1"),
        ("a#Colours", json!(["red", "blue"]), "/?it=red&it=blue"),
        ("a#Level", json!(1), "/?it=1"),
    ] {
        if value.is_null() {
            assert_eq!(address("/", json!({ "it": bound(target, "httpQuery", "it") }), json!({})), expected);
            continue;
        }
        let written = address("/", json!({ "it": bound(target, "httpQuery", "it") }), json!({ "it": value }));
        assert_eq!(written, expected, "{target} {value}");
    }
    // ConstantQueryString, QueryPrecedence, QueryParamsAsStringListMap
    let input = json!({ "hello": label(TEXT), "baz": bound(TEXT, "httpQuery", "baz") });
    assert_eq!(address("/c/{hello}?foo=bar&hello", input.clone(), json!({ "hello": "hi" })), "/c/hi?foo=bar&hello");
    assert_eq!(address("/c/{hello}?foo=bar", input, json!({ "hello": "hi", "baz": "bam" })), "/c/hi?foo=bar&baz=bam");
    let input = json!({ "foo": bound(TEXT, "httpQuery", "bar"), "map": with("a#Tags", json!({ "smithy.api#httpQueryParams": {} })) });
    let given = json!({ "foo": "named", "map": { "bar": "fromMap", "qux": "alsoFromMap" } });
    assert_eq!(address("/", input.clone(), given), "/?bar=named&qux=alsoFromMap");
    assert_eq!(address("/?bar=fixed", input, json!({ "map": { "bar": "x", "Bar": "y" } })), "/?bar=fixed&Bar=y");
    let input = json!({ "map": with("a#Lists", json!({ "smithy.api#httpQueryParams": {} })) });
    assert_eq!(address("/", input, json!({ "map": { "baz": ["bar", "qux"] } })), "/?baz=bar&baz=qux");
}

#[test]
fn labels_are_written_by_type() {
    for (target, value, expected) in [
        (
            TEXT,
            json!("%:/?#[]@!$&'()*+,;=😹"),
            "/%25%3A%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D%F0%9F%98%B9",
        ),
        ("smithy.api#Integer", json!(2), "/2"),
        ("smithy.api#Double", json!(4.1), "/4.1"),
        ("smithy.api#Boolean", json!(true), "/true"),
        ("smithy.api#Timestamp", json!("2019-12-16T23:48:18Z"), "/2019-12-16T23%3A48%3A18Z"),
        ("a#Epoch", json!("2019-12-16T23:48:18Z"), "/1576540098"),
    ] {
        assert_eq!(
            address("/{it}", json!({ "it": label(target) }), json!({ "it": value })),
            expected,
            "{target} {value}"
        );
    }
    let dated = with(
        "smithy.api#Timestamp",
        json!({ "smithy.api#httpLabel": {}, "smithy.api#required": {}, "smithy.api#timestampFormat": "http-date" }),
    );
    let written = address("/{it}", json!({ "it": dated }), json!({ "it": "2019-12-16T23:48:18Z" }));
    assert_eq!(written, "/Mon%2C%2016%20Dec%202019%2023%3A48%3A18%20GMT");
    let greedy = json!({ "foo": label(TEXT), "baz": label(TEXT) });
    let given = json!({ "foo": "hello/escape", "baz": "there/guy" });
    assert_eq!(address("/foo/{foo}/baz/{baz+}", greedy, given), "/foo/hello%2Fescape/baz/there/guy");
}

#[test]
fn a_body_is_there_where_the_model_has_one() {
    let header = || bound(TEXT, "httpHeader", "X-Amz-Test-Id");
    let payload = |target: &str| with(target, json!({ "smithy.api#httpPayload": {} }));
    let of = |protocol: &str, method: &str, input: Value, arguments: Value| {
        let sent = sent(&model(protocol, at(method, "/"), input, json!({}), more_shapes()), arguments);
        sent.payload.as_ref().map(|_| {
            let (kind, text) = body(&sent);
            format!("{kind} {text}")
        })
    };
    let some = |text: &str| Some(text.to_owned());
    for (id, input, arguments, expected) in [
        (
            "TestBodyStructure",
            json!({ "id": header(), "config": "a#Config" }),
            json!({ "config": { "data": 10 } }),
            some(r#"application/json {"config":{"data":10}}"#),
        ),
        ("HttpWithEmptyBody", json!({ "id": header(), "config": "a#Config" }), json!({}), some("application/json {}")),
        (
            "TestPayloadStructure",
            json!({ "id": header(), "config": payload("a#Config") }),
            json!({ "config": { "data": 25 } }),
            some(r#"application/json {"data":25}"#),
        ),
        (
            "HttpWithHeadersButNoPayload",
            json!({ "id": header(), "config": payload("a#Config") }),
            json!({ "id": "t" }),
            some("application/json {}"),
        ),
        (
            "HttpPayloadTraitsWithBlob",
            json!({ "blob": payload("smithy.api#Blob") }),
            json!({ "blob": "YmxvYmJ5" }),
            some("application/octet-stream blobby"),
        ),
        (
            "HttpPayloadTraitsWithNoBlobBody",
            json!({ "id": header(), "blob": payload("smithy.api#Blob") }),
            json!({}),
            None,
        ),
        (
            "TestPayloadBlob",
            json!({ "type": bound(TEXT, "httpHeader", "Content-Type"), "blob": payload("smithy.api#Blob") }),
            json!({ "type": "image/jpg", "blob": "MTIzNA==" }),
            some("image/jpg 1234"),
        ),
        ("HttpStringPayload", json!({ "text": payload(TEXT) }), json!({ "text": "a\"b" }), some("text/plain a\"b")),
        (
            "HttpEnumPayload",
            json!({ "colour": payload("a#Colour") }),
            json!({ "colour": "red" }),
            some("text/plain red"),
        ),
        ("HttpWithNoModeledBody", json!({ "id": header() }), json!({ "id": "t" }), None),
        ("HttpPayloadWithUnsetUnion", json!({ "either": payload("a#Either") }), json!({}), None),
        ("NoInputAndNoOutput", json!({}), json!({}), None),
    ] {
        assert_eq!(of(JSON, "POST", input, arguments), expected, "{id}");
    }
    let input = json!({ "id": header(), "config": payload("a#Config") });
    assert_eq!(of(XML, "POST", input, json!({ "id": "t" })), None, "XML has no document without a payload");
    assert_eq!(of(JSON, "GET", json!({ "id": header() }), json!({ "id": "t" })), None);
}

#[test]
fn headers_of_answers_are_read_by_type() {
    for (target, text, expected) in [
        (TEXT, "Hello", json!("Hello")),
        ("a#Texts", "a, b, c", json!(["a", "b", "c"])),
        ("a#Texts", r#""b,c", "\"def\"", a"#, json!(["b,c", "\"def\"", "a"])),
        ("a#Numbers", "1, 2, 3", json!([1, 2, 3])),
        ("a#Flags", "true, false", json!([true, false])),
        ("smithy.api#Timestamp", "Mon, 16 Dec 2019 23:48:18 GMT", json!("2019-12-16T23:48:18Z")),
        (
            "a#Times",
            "Mon, 16 Dec 2019 23:48:18 GMT, Tue, 17 Dec 2019 23:48:18 GMT",
            json!(["2019-12-16T23:48:18Z", "2019-12-17T23:48:18Z"]),
        ),
        ("smithy.api#Double", "NaN", json!("NaN")),
        ("smithy.api#Double", "1.1", json!(1.1)),
        ("a#Json", "dHJ1ZQ==", json!("true")),
        ("a#Json", "no base64!", json!("no base64!")),
    ] {
        let output = json!({ "it": bound(target, "httpHeader", "X-It") });
        let model = model(JSON, at("GET", "/"), json!({}), output, more_shapes());
        assert_eq!(got(&model, &[("x-it", text)], "{}"), json!({ "it": expected }), "{target} {text}");
    }
}
