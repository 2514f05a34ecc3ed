use std::collections::BTreeMap;

use serde_json::{Map, json};

use super::{shape::local_name, *};
use crate::model::{document::Document, finding::Reading, http_request::HttpRequest, tool};

const LOCAL: Reading<'static> = Reading::of("t", true);
/// The models in this repository: one for each protocol, and a second one for awsJson 1.0.
const OURS: [(&str, &str, Protocol); 6] = [
    ("dynamodb", DYNAMODB, Protocol::AwsJson1_0),
    ("lambda", include_str!("../../../tests/models/lambda.json"), Protocol::RestJson1),
    ("s3", include_str!("../../../tests/models/s3.json"), Protocol::RestXml),
    ("secrets-manager", include_str!("../../../tests/models/secrets-manager.json"), Protocol::AwsJson1_1),
    ("sqs", include_str!("../../../tests/models/sqs.json"), Protocol::AwsJson1_0),
    ("sts", include_str!("../../../tests/models/sts.json"), Protocol::AwsQuery),
];

/// A structure of these members, each a target or a target with traits.
pub(super) fn structure(members: Value) -> Value {
    let of = |(name, member): (&String, &Value)| {
        let member = match member {
            Value::String(target) => json!({ "target": target }),
            whole => whole.clone(),
        };
        (name.clone(), member)
    };
    let members: Map<String, Value> = members.as_object().unwrap().iter().map(of).collect();
    json!({ "type": "structure", "members": members })
}

pub(super) fn with(target: &str, traits: Value) -> Value {
    json!({ "target": target, "traits": traits })
}

const TEXT: &str = "smithy.api#String";

/// A model of one operation, `a#Op`, of this protocol, with these shapes beside it.
pub(super) fn model(protocol: &str, operation_traits: Value, input: Value, output: Value, others: Value) -> Value {
    let mut traits = json!({ "smithy.api#documentation": "Does it." });
    traits.as_object_mut().unwrap().extend(operation_traits.as_object().unwrap().clone());
    let mut model = json!({ "smithy": "2.0", "shapes": {
        "a#Svc": {
            "type": "service",
            "version": "2026-01-01",
            "operations": [{ "target": "a#Op" }],
            "traits": {
                "aws.api#service": { "sdkId": "My Service" },
                "aws.auth#sigv4": { "name": "mine" },
                "smithy.rules#endpointRuleSet": {
                    "version": "1.0",
                    "parameters": { "Region": { "type": "string", "builtIn": "AWS::Region" } },
                    "rules": [{
                        "type": "endpoint",
                        "conditions": [],
                        "endpoint": { "url": "https://mine.{Region}.amazonaws.com" },
                    }],
                },
            },
        },
        "a#Op": {
            "type": "operation",
            "input": { "target": "a#In" },
            "output": { "target": "a#Out" },
            "traits": traits,
        },
        "a#In": structure(input),
        "a#Out": structure(output),
    } });
    model["shapes"]["a#Svc"]["traits"][protocol] = json!({});
    model["shapes"].as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    model
}

pub(super) fn read(model: &Value) -> Model {
    Model::read(&Document::parse(&model.to_string()).unwrap(), LOCAL)
}

/// The request of the only operation, for arguments that its schema accepts.
#[track_caller]
pub(super) fn sent(model: &Value, arguments: Value) -> HttpRequest {
    let model = read(model);
    assert_eq!(model.error(), None);
    let operation = &model.operations[0];
    assert_eq!(tool::check_arguments(&operation.input_schema, &arguments), Vec::<String>::new());
    model.request(operation, &arguments, HERE).unwrap().outgoing
}

pub(super) const HERE: RequestOptions<'static> =
    RequestOptions { region: "us-east-1", endpoint: None, token: "a-token" };

/// The output that is read from a response.
#[track_caller]
pub(super) fn got(model: &Value, headers: &[(&str, &str)], body: &str) -> Value {
    let model = read(model);
    let headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let incoming = HttpResponse { status: 207, headers: &headers, body: body.as_bytes() };
    model.output(&model.operations[0], incoming).unwrap()
}

pub(super) fn body(outgoing: &HttpRequest) -> (&str, &str) {
    let payload = outgoing.payload.as_ref().unwrap();
    (&payload.content_type, std::str::from_utf8(&payload.bytes).unwrap())
}

/// Shapes for all tests: lists, a map, a structure within itself, a union, enums, times.
pub(super) fn shapes() -> Value {
    json!({
        "a#Texts": { "type": "list", "member": { "target": TEXT } },
        "a#Named": { "type": "list", "member": with(TEXT, json!({ "smithy.api#xmlName": "Item" })) },
        "a#Numbers": { "type": "list", "member": { "target": "smithy.api#Integer" } },
        "a#Tags": { "type": "map", "key": { "target": TEXT }, "value": { "target": TEXT } },
        "a#Node": structure(json!({
            "name": with(TEXT, json!({ "smithy.api#required": {}, "smithy.api#jsonName": "n", "smithy.api#xmlName": "N" })),
            "next": "a#Node",
            "kind": with(TEXT, json!({ "smithy.api#xmlAttribute": {} })),
        })),
        "a#Either": { "type": "union", "members": { "text": { "target": TEXT }, "number": { "target": "smithy.api#Long" } } },
        "a#Colour": { "type": "enum", "members": {
            "RED": with("smithy.api#Unit", json!({ "smithy.api#enumValue": "red" })), "blue": { "target": "smithy.api#Unit" },
        } },
        "a#Level": { "type": "intEnum", "members": { "LOW": with("smithy.api#Unit", json!({ "smithy.api#enumValue": 1 })) } },
        "a#Day": { "type": "timestamp", "traits": { "smithy.api#timestampFormat": "date-time" } },
    })
}

#[test]
fn our_own_models_have_nothing_to_find_but_their_protocol() {
    for (name, text, protocol) in OURS {
        let document = Document::parse(text).unwrap();
        let model = Model::read(&document, Reading::of(name, false));
        assert_eq!(model.service.protocol, protocol, "{name}");
        let found: Vec<&str> = model.findings.iter().map(|finding| finding.construct).collect();
        let streams = if name == "s3" { vec!["protocol", "streaming", "streaming"] } else { vec!["protocol"] };
        let expected = if protocol == Protocol::RestJson1 { Vec::new() } else { streams };
        assert_eq!(found, expected, "{name}: {:?}", model.findings);
        let listed = document.value["shapes"].as_object().unwrap();
        let listed: BTreeSet<&str> =
            listed.iter().filter(|(_, shape)| shape["type"] == "operation").map(|(id, _)| local_name(id)).collect();
        let tools: BTreeSet<&str> = model.operations.iter().map(|operation| operation.name.as_str()).collect();
        assert_eq!(tools, listed, "{name}: one tool per operation");
        for operation in &model.operations {
            assert!(operation.description.ends_with('.'), "{name} {}: {}", operation.name, operation.description);
            assert_eq!(operation.input_schema["type"], "object", "{name} {}", operation.name);
        }
    }
}

#[test]
fn endpoints_are_those_that_services_have() {
    let url = |text: &str, region: &str| {
        let model = Model::read(&Document::parse(text).unwrap(), LOCAL);
        let parameters = BTreeMap::from([("Region".to_owned(), json!(region))]);
        endpoint::resolve(&model.service.rules, &parameters).unwrap().url
    };
    assert_eq!(url(DYNAMODB, "us-east-1"), "https://dynamodb.us-east-1.amazonaws.com");
    assert_eq!(url(DYNAMODB, "cn-north-1"), "https://dynamodb.cn-north-1.amazonaws.com.cn");
    assert_eq!(url(OURS[1].1, "eu-central-1"), "https://lambda.eu-central-1.amazonaws.com");
    let s3 = Model::read(&Document::parse(OURS[2].1).unwrap(), LOCAL);
    let get = s3.operations.iter().find(|operation| operation.name == "GetObject").unwrap();
    let sent = s3.request(get, &json!({ "Bucket": "my-bucket", "Key": "a/b c" }), HERE).unwrap();
    assert_eq!(sent.outgoing.url, "https://s3.us-east-1.amazonaws.com/my-bucket/a/b%20c?x-id=GetObject");
    let here = RequestOptions { endpoint: Some("http://127.0.0.1:1/"), ..HERE };
    let sent = s3.request(get, &json!({ "Bucket": "my-bucket", "Key": "a" }), here).unwrap();
    assert_eq!(sent.outgoing.url, "http://127.0.0.1:1/my-bucket/a?x-id=GetObject");
}

/// AWS's own rules for S3 put the bucket before the host, or into the path themselves.
#[test]
fn a_bucket_stands_in_the_address_once() {
    let bucket = json!({
        "smithy.api#httpLabel": {}, "smithy.api#required": {}, "smithy.rules#contextParam": { "name": "Bucket" },
    });
    let http = json!({ "smithy.api#http": { "method": "GET", "uri": "/{Bucket}?acl" } });
    let mut whole = model("aws.protocols#restXml", http, json!({ "Bucket": with(TEXT, bucket) }), json!({}), json!({}));
    let traits = &mut whole["shapes"]["a#Svc"]["traits"];
    traits["aws.api#service"]["sdkId"] = json!("S3");
    traits[RULES]["parameters"]["Bucket"] = json!({ "type": "string" });
    traits[RULES]["rules"][0]["endpoint"]["url"] = json!("https://{Bucket}.s3.{Region}.amazonaws.com");
    let arguments = json!({ "Bucket": "my-bucket" });
    assert_eq!(sent(&whole, arguments.clone()).url, "https://my-bucket.s3.us-east-1.amazonaws.com/?acl");
    let model = read(&whole);
    let here = RequestOptions { endpoint: Some("http://127.0.0.1:1"), ..HERE };
    let sent = model.request(&model.operations[0], &arguments, here).unwrap();
    assert_eq!(sent.outgoing.url, "http://127.0.0.1:1/my-bucket?acl");
}

/// Every function and every kind of rule, with the parameters and the expected result.
#[test]
fn rules_are_evaluated() {
    let rule = |conditions: Value, url: &str| json!({ "type": "endpoint", "conditions": conditions, "endpoint": { "url": url } });
    let of = |name: &str, argv: Value| json!({ "fn": name, "argv": argv });
    let region = json!({ "ref": "Region" });
    let assigned = |name: &str, argv: Value| json!([{ "fn": name, "argv": argv, "assign": "v" }]);
    let cases = [
        (rule(json!([of("isSet", json!([region]))]), "https://{Region}.x"), "https://r-1.x"),
        (rule(json!([of("not", json!([of("isSet", json!([{ "ref": "None" }]))]))]), "https://a"), "https://a"),
        (rule(json!([of("stringEquals", json!([region, "r-1"]))]), "https://a"), "https://a"),
        (rule(json!([of("stringEquals", json!([region, "r-2"]))]), "https://a"), "no rule fits"),
        (rule(json!([of("booleanEquals", json!([{ "ref": "Fips" }, true]))]), "https://a"), "no rule fits"),
        (rule(json!([of("booleanEquals", json!([{ "ref": "Fips" }, false]))]), "https://{{a}}"), "https://{a}"),
        (rule(assigned("aws.partition", json!([region])), "https://{v#dnsSuffix}"), "https://amazonaws.com"),
        (rule(assigned("aws.parseArn", json!(["arn:aws:s3:r:1:a/b:c"])), "https://{v#resourceId[1]}"), "https://b"),
        (rule(assigned("aws.parseArn", json!(["arn:aws:s3"])), "https://a"), "no rule fits"),
        (rule(assigned("parseURL", json!(["https://h:1/p/"])), "https://{v#authority}{v#path}"), "https://h:1/p"),
        (rule(assigned("parseURL", json!(["ftp://h"])), "https://a"), "no rule fits"),
        (rule(assigned("substring", json!(["abcd", 0, 2, false])), "https://{v}"), "https://ab"),
        (rule(assigned("substring", json!(["abcd", 0, 2, true])), "https://{v}"), "https://cd"),
        (rule(assigned("substring", json!(["abcd", 0, 9, true])), "https://{v}"), "no rule fits"),
        (rule(assigned("uriEncode", json!(["a b"])), "https://{v}"), "https://a%20b"),
        (rule(assigned("coalesce", json!([{ "ref": "None" }, "c"])), "https://{v}"), "https://c"),
        (rule(assigned("ite", json!([true, "t", "f"])), "https://{v}"), "https://t"),
        (rule(assigned("split", json!(["a--b--c", "--", 2])), "https://{v#[1]}"), "https://b--c"),
        (rule(json!([of("isValidHostLabel", json!(["a.b", false]))]), "https://a"), "no rule fits"),
        (rule(json!([of("isValidHostLabel", json!(["a.b", true]))]), "https://a"), "https://a"),
        (rule(json!([of("aws.isVirtualHostableS3Bucket", json!(["my.b", false]))]), "https://a"), "no rule fits"),
        (rule(json!([of("aws.isVirtualHostableS3Bucket", json!(["my-b", false]))]), "https://a"), "https://a"),
        (rule(json!([of("guess", json!([]))]), "https://a"), "calls the function `guess`"),
        (rule(json!([]), "https://{open"), "an open brace"),
        (json!({ "type": "error", "conditions": [], "error": "not in {Region}" }), "not in r-1"),
        (json!({ "type": "tree", "conditions": [], "rules": [rule(json!([]), "https://in")] }), "https://in"),
        (json!({ "type": "tree", "conditions": [], "rules": [] }), "no rule"),
        (json!({ "type": "bush", "conditions": [] }), "unknown type"),
    ];
    for (rule, expected) in cases {
        let rules = json!({ "parameters": { "Region": {}, "Fips": { "default": false } }, "rules": [rule] });
        let parameters = BTreeMap::from([("Region".to_owned(), json!("r-1"))]);
        match endpoint::resolve(&rules, &parameters) {
            Ok(found) => assert_eq!(found.url, expected, "{rule}"),
            Err(why) => {
                let expected = expected.replace("no rule fits", "no rule of its endpoint rule set fits");
                assert!(why.contains(&expected), "{rule}: {why}");
            }
        }
    }
}

#[test]
fn a_rule_says_how_calls_are_signed() {
    let mut model = model("aws.protocols#awsJson1_0", json!({}), json!({}), json!({}), json!({}));
    model["shapes"]["a#Svc"]["traits"][RULES]["rules"][0]["endpoint"]["properties"] =
        json!({ "authSchemes": [{ "name": "sigv4", "signingName": "other", "signingRegion": "{Region}x" }] });
    let model = read(&model);
    let sent = model.request(&model.operations[0], &json!({}), HERE).unwrap();
    assert_eq!((sent.signing_name.as_str(), sent.signing_region.as_str()), ("other", "us-east-1x"));
    let there = RequestOptions { endpoint: Some("http://127.0.0.1:1"), ..HERE };
    let sent = model.request(&model.operations[0], &json!({}), there).unwrap();
    assert_eq!((sent.signing_name.as_str(), sent.signing_region.as_str()), ("mine", "us-east-1"));
}

#[test]
fn an_operation_may_put_an_argument_before_its_host() {
    let traits = json!({
        "smithy.api#http": { "method": "POST", "uri": "/" },
        "smithy.api#endpoint": { "hostPrefix": "{Route}.part." },
    });
    let route = with(TEXT, json!({ "smithy.api#hostLabel": {}, "smithy.api#required": {} }));
    let model = model("aws.protocols#restJson1", traits, json!({ "Route": route }), json!({}), json!({}));
    assert_eq!(sent(&model, json!({ "Route": "a-1" })).url, "https://a-1.part.mine.us-east-1.amazonaws.com/");
    let model = read(&model);
    for odd in ["", "a/b", "evil.example/", "a.b", "{Route}"] {
        let refused = model.request(&model.operations[0], &json!({ "Route": odd }), HERE).unwrap_err();
        assert!(refused.contains("part of the host"), "{refused}");
    }
}

#[test]
fn the_schema_of_an_input_says_what_its_shapes_say() {
    let input = json!({
        "text": with(TEXT, json!({
            "smithy.api#required": {},
            "smithy.api#documentation": "<p>Some <b>text</b>.</p>",
            "smithy.api#length": { "min": 1, "max": 9 },
        })),
        "token": with(TEXT, json!({ "smithy.api#required": {}, "smithy.api#idempotencyToken": {} })),
        "colour": "a#Colour",
        "level": "a#Level",
        "blob": "smithy.api#Blob",
        "when": "a#Day",
        "count": with("smithy.api#Integer", json!({ "smithy.api#range": { "min": 0 }, "smithy.api#default": 3 })),
        "ratio": "smithy.api#Double",
        "yes": "smithy.api#PrimitiveBoolean",
        "any": "smithy.api#Document",
        "numbers": "a#Numbers",
        "tags": "a#Tags",
        "node": "a#Node",
        "either": "a#Either",
    });
    let model = read(&model("aws.protocols#awsJson1_1", json!({}), input, json!({}), shapes()));
    insta::assert_snapshot!(serde_json::to_string_pretty(&model.operations[0].input_schema).unwrap());
    let schema = &model.operations[0].input_schema;
    let refused = |arguments: Value| tool::check_arguments(schema, &arguments);
    assert!(
        refused(json!({ "text": "a", "colour": "blue", "node": { "name": "a", "next": { "name": "b" } } })).is_empty()
    );
    for wrong in [
        json!({}),
        json!({ "text": "a", "colour": "RED" }),
        json!({ "text": "a", "level": 2 }),
        json!({ "text": "a", "node": {} }),
    ] {
        assert!(!refused(wrong.clone()).is_empty(), "{wrong}");
    }
}

#[test]
fn mixins_and_applied_traits_count() {
    let others = json!({
        "a#In": {
            "type": "structure",
            "mixins": [{ "target": "a#Mixin" }],
            "members": { "own": { "target": TEXT } },
        },
        "a#Mixin": structure(json!({ "mixed": with(TEXT, json!({ "smithy.api#required": {} })) })),
        "a#In$own": { "type": "apply", "traits": { "smithy.api#documentation": "Own." } },
    });
    let model = read(&model("aws.protocols#awsJson1_1", json!({}), json!({}), json!({}), others));
    let schema = &model.operations[0].input_schema;
    assert_eq!(schema["required"], json!(["mixed"]));
    assert_eq!(schema["properties"]["own"]["description"], "Own.");
}

#[test]
fn small_models_stay_small() {
    // Mixins that would expand to more members than there are atoms.
    let itself = json!({ "type": "structure", "members": {}, "mixins": vec![json!({ "target": "a#Loop" }); 12] });
    let others = json!({ "a#Loop": itself });
    let looped = read(&model("aws.protocols#awsJson1_1", json!({}), json!({}), json!({}), others));
    let error = looped.error().unwrap();
    assert_eq!((error.construct, error.pointer.as_str()), ("mixin", "/shapes/a#Loop/mixins"));
    let mut chain = Map::new();
    for at in 0..30 {
        let mixins: Vec<Value> =
            (0..3).filter(|_| at > 0).map(|_| json!({ "target": format!("a#M{}", at - 1) })).collect();
        let members = json!({ format!("m{at}"): { "target": TEXT } });
        chain.insert(format!("a#M{at}"), json!({ "type": "structure", "mixins": mixins, "members": members }));
    }
    let input = json!({ "all": "a#M29" });
    let chained = read(&model("aws.protocols#awsJson1_1", json!({}), input, json!({}), Value::Object(chain)));
    let schema = &chained.operations[0].input_schema;
    assert_eq!(schema["properties"]["all"]["properties"].as_object().unwrap().len(), 30);
    // Many operations with one large input.
    let leaves: Map<String, Value> = (0..70).map(|at| (format!("leaf{at}"), json!(TEXT))).collect();
    let branches: Map<String, Value> = (0..70).map(|at| (format!("branch{at}"), json!("a#Branch"))).collect();
    let others = json!({ "a#Branch": structure(Value::Object(leaves)) });
    let mut wide = model("aws.protocols#awsJson1_1", json!({}), Value::Object(branches), json!({}), others);
    for at in 0..100 {
        wide["shapes"][format!("a#Op{at}")] = wide["shapes"]["a#Op"].clone();
        wide["shapes"]["a#Svc"]["operations"].as_array_mut().unwrap().push(json!({ "target": format!("a#Op{at}") }));
    }
    let wide = read(&wide);
    let size: usize = wide.operations.iter().map(|operation| operation.input_schema.to_string().len()).sum();
    assert!(wide.operations.len() == 101 && size < 4_000_000, "{size}");
    assert!(wide.findings.iter().any(|finding| finding.construct == "schema"));
}

#[test]
fn operations_of_resources_are_tools_too() {
    let mut whole = model("aws.protocols#awsJson1_1", json!({}), json!({}), json!({}), json!({}));
    whole["shapes"]["a#Svc"]["resources"] = json!([{ "target": "a#Res" }]);
    whole["shapes"]["a#Res"] = json!({
        "type": "resource", "create": { "target": "a#Make" }, "collectionOperations": [{ "target": "a#Count" }],
        "resources": [{ "target": "a#Inner" }],
    });
    whole["shapes"]["a#Inner"] =
        json!({ "type": "resource", "read": { "target": "a#Look" }, "resources": [{ "target": "a#Res" }] });
    for operation in ["Make", "Count", "Look"] {
        whole["shapes"][format!("a#{operation}")] = whole["shapes"]["a#Op"].clone();
    }
    let model = read(&whole);
    assert_eq!(model.findings.iter().filter(|finding| finding.severity == Severity::Error).count(), 0);
    let names: Vec<&str> = model.operations.iter().map(|operation| operation.name.as_str()).collect();
    assert_eq!(names, ["Op", "Make", "Count", "Look"]);
}

#[test]
fn every_http_binding_is_written_where_it_belongs() {
    let input = json!({
        "id": with(TEXT, json!({ "smithy.api#httpLabel": {}, "smithy.api#required": {} })),
        "rest": with(TEXT, json!({ "smithy.api#httpLabel": {}, "smithy.api#required": {} })),
        "q": with("a#Texts", json!({ "smithy.api#httpQuery": "Q" })),
        "since": with("smithy.api#Timestamp", json!({ "smithy.api#httpQuery": "since" })),
        "more": with("a#Tags", json!({ "smithy.api#httpQueryParams": {} })),
        "header": with("smithy.api#Boolean", json!({ "smithy.api#httpHeader": "X-Header" })),
        "listed": with("a#Numbers", json!({ "smithy.api#httpHeader": "X-Listed" })),
        "at": with("smithy.api#Timestamp", json!({ "smithy.api#httpHeader": "X-At" })),
        "meta": with("a#Tags", json!({ "smithy.api#httpPrefixHeaders": "X-Meta-" })),
        "node": "a#Node",
        "when": "smithy.api#Timestamp",
        "day": "a#Day",
        "token": with(TEXT, json!({ "smithy.api#idempotencyToken": {} })),
    });
    let http = json!({ "smithy.api#http": { "method": "PUT", "uri": "/a/{id}/{rest+}?fixed=1&flag" } });
    let model = model("aws.protocols#restJson1", http, input, json!({}), shapes());
    let arguments = json!({
        "id": "a/b c", "rest": "x/y z", "q": ["1&2", "ü"], "since": "2026-11-22T10:00:00Z", "more": { "m": "1", "n": "=" },
        "header": true, "listed": [1, 2], "at": "1970-01-01T00:00:00Z", "meta": { "One": "1" }, "when": "1970-01-01T00:01:00Z",
        "day": "1970-01-01T00:01:00Z", "node": { "name": "a", "next": { "name": "b" } },
    });
    let sent = sent(&model, arguments);
    assert_eq!(
        sent.url,
        "https://mine.us-east-1.amazonaws.com/a/a%2Fb%20c/x/y%20z\
         ?fixed=1&flag&Q=1%262&Q=%C3%BC&since=2026-11-22T10%3A00%3A00Z&m=1&n=%3D"
    );
    let headers: Vec<(&str, &str)> = sent.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected =
        [("x-header", "true"), ("x-listed", "1, 2"), ("x-at", "Thu, 01 Jan 1970 00:00:00 GMT"), ("x-meta-one", "1")];
    assert_eq!((sent.method.as_str(), headers), ("PUT", expected.to_vec()));
    let (kind, text) = body(&sent);
    let written: Value = serde_json::from_str(text).unwrap();
    let expected = json!({
        "node": { "n": "a", "next": { "n": "b" } }, "when": 60, "day": "1970-01-01T00:01:00Z", "token": "a-token",
    });
    assert_eq!((kind, written), ("application/json", expected));
}

#[test]
fn an_argument_does_not_leave_its_place() {
    let input = json!({
        "id": with(TEXT, json!({ "smithy.api#httpLabel": {}, "smithy.api#required": {} })),
        "rest": with(TEXT, json!({ "smithy.api#httpLabel": {}, "smithy.api#required": {} })),
        "meta": with("a#Tags", json!({ "smithy.api#httpPrefixHeaders": "" })),
    });
    let http = json!({ "smithy.api#http": { "method": "GET", "uri": "/{id}/{rest+}" } });
    let model = read(&model("aws.protocols#restJson1", http, input, json!({}), shapes()));
    let request = |arguments: Value| model.request(&model.operations[0], &arguments, HERE);
    for odd in ["", ".", "..", "../x", "a/../b", "a/.."] {
        assert!(request(json!({ "id": "a", "rest": odd })).is_err(), "{odd:?}");
    }
    for odd in ["", ".", ".."] {
        assert!(request(json!({ "id": odd, "rest": "a" })).is_err(), "{odd:?}");
    }
    for header in ["Host", "Authorization", "Content-Length", "a b", "x\r\ny"] {
        let refused = request(json!({ "id": "a", "rest": "a", "meta": { header: "x" } })).unwrap_err();
        assert!(refused.contains("no header that can be set"), "{refused}");
    }
    let sent = request(json!({ "id": "a?b#c", "rest": "d%2e/e" })).unwrap().outgoing;
    assert_eq!(sent.url, "https://mine.us-east-1.amazonaws.com/a%3Fb%23c/d%252e/e");
}

#[test]
fn one_member_can_be_the_body() {
    let http = json!({ "smithy.api#http": { "method": "POST", "uri": "/" } });
    let payload = |protocol: &str, target: &str, traits: Value, value: Value| {
        let mut all = json!({ "smithy.api#httpPayload": {} });
        all.as_object_mut().unwrap().extend(traits.as_object().unwrap().clone());
        let model = model(protocol, http.clone(), json!({ "body": with(target, all) }), json!({}), shapes());
        let sent = sent(&model, json!({ "body": value }));
        let (kind, text) = body(&sent);
        (kind.to_owned(), text.to_owned())
    };
    let json = "aws.protocols#restJson1";
    let pair = |kind: &str, text: &str| (kind.to_owned(), text.to_owned());
    assert_eq!(payload(json, "smithy.api#Blob", json!({}), json!("YcO8")), pair("application/octet-stream", "aü"));
    assert_eq!(payload(json, TEXT, json!({}), json!("a\"b")), pair("text/plain", "a\"b"));
    let node = json!({ "name": "<a>", "kind": "k" });
    let written = r#"{"n":"<a>","kind":"k"}"#;
    let (kind, text) = payload(json, "a#Node", json!({}), node.clone());
    assert_eq!(kind, "application/json");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), serde_json::from_str::<Value>(written).unwrap());
    let xml = "aws.protocols#restXml";
    let renamed = json!({ "smithy.api#xmlName": "Root" });
    let written = r#"<Root kind="k"><N>&lt;a&gt;</N></Root>"#;
    assert_eq!(payload(xml, "a#Node", renamed, node), pair("application/xml", written));
    // HttpPayloadTraitsWithNoBlobBody of Smithy's protocol tests: an empty body is no blob.
    let body = json!({ "body": with("smithy.api#Blob", json!({ "smithy.api#httpPayload": {} })) });
    assert_eq!(got(&model(json, http, json!({}), body, shapes()), &[], ""), json!({}));
}

/// RestJsonHttpChecksumRequired of Smithy's protocol tests.
#[test]
fn a_required_checksum_is_sent() {
    let traits = json!({ "smithy.api#http": { "method": "POST", "uri": "/" }, "smithy.api#httpChecksumRequired": {} });
    let model = model("aws.protocols#restJson1", traits, json!({ "foo": TEXT }), json!({}), json!({}));
    let outgoing = sent(&model, json!({ "foo": "base64 encoded md5 checksum" }));
    let header = outgoing.headers.iter().find(|(name, _)| name == "content-md5").map(|(_, value)| value.as_str());
    assert_eq!(header, Some("iB0/3YSo7maijL0IGOgA9g=="));
}

/// BodyWithXmlName, HttpPayloadWithXmlNamespaceAndPrefix and RestXmlXmlMapWithXmlNamespace of Smithy's protocol tests.
#[test]
fn xml_names_and_namespaces_stand_where_their_traits_are() {
    let http = json!({ "smithy.api#http": { "method": "POST", "uri": "/" } });
    let space =
        |uri: &str, prefix: Option<&str>| json!({ "smithy.api#xmlNamespace": { "uri": uri, "prefix": prefix } });
    let written = |input: Value, others: Value, traits: Option<Value>, arguments: Value| {
        let mut all = shapes();
        all.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        let mut model = model("aws.protocols#restXml", http.clone(), input, json!({}), all);
        if let Some(traits) = traits {
            model["shapes"]["a#In"]["traits"] = traits;
        }
        let outgoing = sent(&model, arguments);
        body(&outgoing).1.to_owned()
    };
    let named =
        written(json!({ "a": TEXT }), json!({}), Some(json!({ "smithy.api#xmlName": "Ahoy" })), json!({ "a": "x" }));
    assert_eq!(named, "<Ahoy><a>x</a></Ahoy>");
    let mut payload = structure(json!({ "name": TEXT }));
    payload["traits"] = space("http://foo.com", Some("baz"));
    let input = json!({ "nested": with("a#Payload", json!({ "smithy.api#httpPayload": {} })) });
    let prefixed = written(input, json!({ "a#Payload": payload }), None, json!({ "nested": { "name": "Phreddy" } }));
    assert_eq!(prefixed, r#"<Payload xmlns:baz="http://foo.com"><name>Phreddy</name></Payload>"#);
    let map = json!({ "type": "map",
        "key": with(TEXT, json!({ "smithy.api#xmlName": "K", "smithy.api#xmlNamespace": { "uri": "https://key" } })),
        "value": with(TEXT, json!({ "smithy.api#xmlName": "V", "smithy.api#xmlNamespace": { "uri": "https://value" } })) });
    let spaced = written(json!({ "map": "a#Map" }), json!({ "a#Map": map }), None, json!({ "map": { "a": "A" } }));
    let expected = r#"<In><map><entry><K xmlns="https://key">a</K><V xmlns="https://value">A</V></entry></map></In>"#;
    assert_eq!(spaced, expected);
}

#[test]
fn an_input_with_too_many_members_has_as_many_as_fit() {
    let members: Map<String, Value> =
        (0..5000).map(|n| (format!("aMemberWithALongName{n:04}"), json!({ "target": TEXT }))).collect();
    let model = model("aws.protocols#awsJson1_1", json!({}), Value::Object(members), json!({}), json!({}));
    let model = Model::read(&Document::of(model), Reading::of("t", false));
    let schema = &model.operations[0].input_schema;
    let written = schema["properties"].as_object().unwrap();
    assert!(written.len() > 500 && written.contains_key("aMemberWithALongName0000"), "{}", written.len());
    assert!(schema.to_string().len() < 100_000);
}

#[test]
fn xml_has_every_form_of_lists_and_maps() {
    let flat = |target: &str| with(target, json!({ "smithy.api#xmlFlattened": {} }));
    let members = json!({
        "texts": "a#Texts", "named": "a#Named", "flat": flat("a#Texts"), "tags": "a#Tags", "flatTags": flat("a#Tags"),
        "node": "a#Node", "when": "smithy.api#Timestamp", "either": "a#Either",
    });
    let http = json!({ "smithy.api#http": { "method": "POST", "uri": "/" } });
    let mut model = model("aws.protocols#restXml", http, members.clone(), members, shapes());
    model["shapes"]["a#Svc"]["traits"]["smithy.api#xmlNamespace"] = json!({ "uri": "https://x/" });
    let arguments = json!({
        "texts": ["a", "b"], "named": ["c"], "flat": ["d", "e"], "tags": { "k": "v" }, "flatTags": { "l": "w" },
        "node": { "name": "n", "kind": "\"", "next": { "name": "m" } }, "when": "2026-11-22T10:00:00Z", "either": { "number": 1 },
    });
    let sent = sent(&model, arguments.clone());
    let (_, text) = body(&sent);
    let expected = "<In xmlns=\"https://x/\">\
        <texts><member>a</member><member>b</member></texts><named><Item>c</Item></named><flat>d</flat><flat>e</flat>\
        <tags><entry><key>k</key><value>v</value></entry></tags>\
        <flatTags><key>l</key><value>w</value></flatTags>\
        <node kind=\"&quot;\"><N>n</N><next><N>m</N></next></node><when>2026-11-22T10:00:00Z</when>\
        <either><number>1</number></either></In>";
    assert_eq!(text, expected);
    // The same shape reads back what it wrote.
    assert_eq!(got(&model, &[], text), arguments);
}

#[test]
fn forms_have_every_form_of_lists_and_maps() {
    let flat = |target: &str| with(target, json!({ "smithy.api#xmlFlattened": {} }));
    let input = json!({
        "Texts": "a#Texts", "Named": "a#Named", "Flat": flat("a#Texts"), "Empty": "a#Texts", "Tags": "a#Tags",
        "FlatTags": flat("a#Tags"), "Node": "a#Node", "When": "smithy.api#Timestamp",
    });
    let model = model("aws.protocols#awsQuery", json!({}), input, json!({ "Texts": "a#Texts" }), shapes());
    let arguments = json!({
        "Texts": ["a&b", "c"], "Named": ["d"], "Flat": ["e", "f"], "Empty": [], "Tags": { "k": "v" },
        "FlatTags": { "l": "w" }, "Node": { "name": "n", "next": { "name": "m" } }, "When": "1970-01-01T00:00:00Z",
    });
    let sent = sent(&model, arguments);
    let (kind, text) = body(&sent);
    let mut pairs: Vec<&str> = text.split('&').collect();
    assert_eq!((kind, &pairs[..2]), ("application/x-www-form-urlencoded", &["Action=Op", "Version=2026-01-01"][..]));
    pairs.sort_unstable();
    let mut expected = [
        "Action=Op",
        "Version=2026-01-01",
        "Texts.member.1=a%26b",
        "Texts.member.2=c",
        "Named.Item.1=d",
        "Flat.1=e",
        "Flat.2=f",
        "Empty=",
        "Tags.entry.1.key=k",
        "Tags.entry.1.value=v",
        "FlatTags.1.key=l",
        "FlatTags.1.value=w",
        "Node.N=n",
        "Node.next.N=m",
        "When=1970-01-01T00%3A00%3A00Z",
    ];
    expected.sort_unstable();
    assert_eq!(pairs, expected);
    let answer = "<OpResponse xmlns=\"u\"><OpResult><Texts><member>a</member></Texts></OpResult></OpResponse>";
    assert_eq!(got(&model, &[], answer), json!({ "Texts": ["a"] }));
}

#[test]
fn awsjson_names_the_operation_in_a_header() {
    for (protocol, version) in [("aws.protocols#awsJson1_0", "1.0"), ("aws.protocols#awsJson1_1", "1.1")] {
        let members = json!({ "node": "a#Node", "when": "smithy.api#Timestamp" });
        let model = model(protocol, json!({}), members.clone(), members, shapes());
        let sent = sent(&model, json!({ "node": { "name": "n" }, "when": "1970-01-01T00:00:01.5Z" }));
        assert_eq!(sent.headers, [("x-amz-target".to_owned(), "Svc.Op".to_owned())]);
        let (kind, text) = body(&sent);
        assert_eq!(kind, format!("application/x-amz-json-{version}"));
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), json!({ "node": { "name": "n" }, "when": 1.5 }));
        let answer =
            got(&model, &[], r#"{ "__type": "x", "node": { "name": "n", "next": null }, "when": 60, "new": 1 }"#);
        assert_eq!(answer, json!({ "node": { "name": "n" }, "when": "1970-01-01T00:01:00Z", "new": 1 }));
        assert_eq!(got(&model, &[], ""), json!({}));
    }
}

#[test]
fn answers_have_headers_a_status_and_a_body() {
    let output = json!({
        "etag": with(TEXT, json!({ "smithy.api#httpHeader": "ETag" })),
        "at": with("smithy.api#Timestamp", json!({ "smithy.api#httpHeader": "Last-Modified" })),
        "sizes": with("a#Numbers", json!({ "smithy.api#httpHeader": "X-Sizes" })),
        "meta": with("a#Tags", json!({ "smithy.api#httpPrefixHeaders": "X-Meta-" })),
        "status": with("smithy.api#Integer", json!({ "smithy.api#httpResponseCode": {} })),
        "body": with("smithy.api#Blob", json!({ "smithy.api#httpPayload": {} })),
    });
    let http = json!({ "smithy.api#http": { "method": "GET", "uri": "/" } });
    let whole = model("aws.protocols#restXml", http.clone(), json!({}), output, shapes());
    let headers = [
        ("etag", "\"e\""),
        ("last-modified", "Thu, 01 Jan 1970 00:01:00 GMT"),
        ("x-sizes", "1, 2"),
        ("x-meta-a", "b"),
        ("x-other", "c"),
    ];
    let expected = json!({
        "etag": "\"e\"", "at": "1970-01-01T00:01:00Z", "sizes": [1, 2], "meta": { "a": "b" }, "status": 207, "body": "YcO8",
    });
    assert_eq!(got(&whole, &headers, "aü"), expected);
    let output = json!({ "node": with("a#Node", json!({ "smithy.api#httpPayload": {} })) });
    let json = model("aws.protocols#restJson1", http, json!({}), output, shapes());
    assert_eq!(got(&json, &[], r#"{ "n": "a" }"#), json!({ "node": { "name": "a" } }));
    assert_eq!(got(&json, &[], ""), json!({}));
    let model = read(&json);
    for odd in ["{", "[]", "3"] {
        let incoming = HttpResponse { status: 200, headers: &[], body: odd.as_bytes() };
        assert!(model.output(&model.operations[0], incoming).is_err(), "{odd}");
    }
}

#[test]
fn errors_of_every_protocol_are_read() {
    const NONE: &[(&str, &str)] = &[];
    let cases = [
        (NONE, r#"{ "__type": "a.b#Missing", "message": "not here" }"#, "Missing: not here"),
        (&[("X-Amzn-ErrorType", "Missing:http://x/")], r#"{ "Message": "not here" }"#, "Missing: not here"),
        (NONE, "<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>", "NoSuchKey: gone"),
        (NONE, "<ErrorResponse xmlns=\"u\"><Error><Code>A</Code><Message>b</Message></Error></ErrorResponse>", "A: b"),
        (NONE, "<html>", "<html>"),
        (&[("x-amzn-errortype", "OnlyACode")], "", "OnlyACode"),
        (NONE, "", ""),
    ];
    for (headers, body, expected) in cases {
        let headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let incoming = HttpResponse { status: 400, headers: &headers, body: body.as_bytes() };
        assert_eq!(service_error(incoming), expected, "{body}");
    }
}

type Spoil = fn(&mut Value);

/// Changes to a valid model, and the finding for each: severity, construct and pointer.
const SPOILT: &[(Spoil, Severity, &str, &str)] = &[
    (|m| m["smithy"] = json!("1.0"), Severity::Error, "smithy", "/smithy"),
    (|m| drop(m.as_object_mut().unwrap().remove("smithy")), Severity::Error, "smithy", ""),
    (|m| m["shapes"] = json!([]), Severity::Error, "smithy", "/shapes"),
    (|m| m["shapes"] = json!({}), Severity::Error, "service", "/shapes"),
    (|m| m["shapes"]["z#Svc"] = m["shapes"]["a#Svc"].clone(), Severity::Error, "service", "/shapes/z#Svc"),
    (|m| m["shapes"]["a#Svc"]["operations"] = json!([]), Severity::Error, "service", "/shapes/a#Svc"),
    (
        |m| m["shapes"]["a#Svc"]["operations"][0]["target"] = json!("a#No"),
        Severity::Error,
        "target",
        "/shapes/a#Svc/operations/0",
    ),
    (
        |m| m["shapes"]["a#Svc"]["resources"] = json!([{ "target": "a#No" }]),
        Severity::Error,
        "target",
        "/shapes/a#Svc/resources/0",
    ),
    (|m| trait_of(m, "aws.protocols#restJson1", None), Severity::Error, "protocol", "/shapes/a#Svc"),
    (
        |m| {
            trait_of(m, "aws.protocols#restJson1", None);
            trait_of(m, "smithy.protocols#rpcv2Cbor", Some(json!({})));
        },
        Severity::Error,
        "protocol",
        "/shapes/a#Svc",
    ),
    (
        |m| {
            trait_of(m, "aws.protocols#restJson1", None);
            trait_of(m, "aws.protocols#awsJson1_0", Some(json!({})));
        },
        Severity::Warning,
        "protocol",
        "/shapes/a#Svc",
    ),
    (|m| trait_of(m, RULES, None), Severity::Warning, "endpoint", "/shapes/a#Svc"),
    (|m| trait_of(m, "aws.auth#sigv4", None), Severity::Warning, "signature", "/shapes/a#Svc"),
    (
        |m| m["shapes"]["a#In"]["members"]["node"]["target"] = json!("a#No"),
        Severity::Error,
        "target",
        "/shapes/a#In/members/node/target",
    ),
    (
        |m| m["shapes"]["a#Node"]["members"]["next"]["target"] = json!("a#Op"),
        Severity::Error,
        "target",
        "/shapes/a#Node/members/next/target",
    ),
    (
        |m| drop(m["shapes"]["a#In"]["members"]["node"].as_object_mut().unwrap().remove("target")),
        Severity::Error,
        "target",
        "/shapes/a#In/members/node",
    ),
    (
        |m| m["shapes"]["a#Op"]["output"]["target"] = json!("a#No"),
        Severity::Error,
        "target",
        "/shapes/a#Op/output/target",
    ),
    (
        |m| drop(m["shapes"]["a#Op"]["traits"].as_object_mut().unwrap().remove("smithy.api#http")),
        Severity::Error,
        "http",
        "/shapes/a#Op",
    ),
    (
        |m| m["shapes"]["a#Op"]["traits"]["smithy.api#http"]["uri"] = json!("id"),
        Severity::Error,
        "http",
        "/shapes/a#Op",
    ),
    (
        |m| m["shapes"]["a#Op"]["traits"]["smithy.api#http"]["uri"] = json!("/{x}"),
        Severity::Error,
        "http",
        "/shapes/a#Op",
    ),
    (
        |m| m["shapes"]["a#Op"]["traits"]["smithy.api#documentation"] = json!(""),
        Severity::Warning,
        "documentation",
        "/shapes/a#Op",
    ),
    (
        |m| m["shapes"]["a#In"]["members"]["a b"] = json!({ "target": TEXT }),
        Severity::Warning,
        "property name",
        "/shapes/a#Op",
    ),
    (
        |m| m["shapes"]["a#Either"]["traits"] = json!({ "smithy.api#streaming": {} }),
        Severity::Warning,
        "streaming",
        "/shapes/a#Op",
    ),
];

/// What the gateway rejects, and what gets a warning: where, and of what kind.
#[test]
fn what_is_wrong_with_a_model_is_found_where_it_is() {
    let good = || {
        let input = json!({ "id": with(TEXT, json!({ "smithy.api#httpLabel": {} })), "node": "a#Node" });
        let http = json!({ "smithy.api#http": { "method": "POST", "uri": "/{id}" } });
        model("aws.protocols#restJson1", http, input, json!({ "either": "a#Either" }), shapes())
    };
    assert_eq!(read(&good()).findings, []);
    for (spoil, severity, construct, pointer) in SPOILT {
        let mut model = good();
        spoil(&mut model);
        let found = read(&model).findings;
        let wanted = |finding: &&Finding| {
            (finding.severity, finding.construct, finding.pointer.as_str()) == (*severity, *construct, *pointer)
        };
        let told = found.iter().find(wanted);
        assert!(told.is_some_and(|told| !told.remedy.is_empty()), "{construct} at {pointer}: {found:?}");
    }
}

/// Sets or removes a trait of the service.
fn trait_of(model: &mut Value, name: &str, value: Option<Value>) {
    let traits = model["shapes"]["a#Svc"]["traits"].as_object_mut().unwrap();
    match value {
        Some(value) => drop(traits.insert(name.to_owned(), value)),
        None => drop(traits.remove(name)),
    }
}

#[test]
fn an_operation_of_events_is_no_tool_and_one_of_bytes_is() {
    let blob = json!({ "a#Body": { "type": "blob", "traits": { "smithy.api#streaming": {} } } });
    let http = json!({ "smithy.api#http": { "method": "POST", "uri": "/" } });
    let input = json!({ "body": with("a#Body", json!({ "smithy.api#httpPayload": {} })) });
    let bytes = model("aws.protocols#restJson1", http.clone(), input, json!({}), blob);
    assert_eq!(body(&sent(&bytes, json!({ "body": "YQ==" }))), ("application/octet-stream", "a"));
    let events = json!({ "a#Events": {
        "type": "union", "traits": { "smithy.api#streaming": {} }, "members": { "a": { "target": "a#In" } },
    } });
    let output = json!({ "events": with("a#Events", json!({ "smithy.api#httpPayload": {} })) });
    let events = read(&model("aws.protocols#restJson1", http, json!({}), output, events));
    assert!(events.operations.is_empty() && events.error().is_some_and(|error| error.construct == "service"));
}

#[test]
fn required_checksums_are_sent() {
    let traits = json!({
        "smithy.api#http": { "method": "POST", "uri": "/" },
        "aws.protocols#httpChecksum": { "requestChecksumRequired": true },
    });
    let input = json!({ "body": with(TEXT, json!({ "smithy.api#httpPayload": {} })) });
    let model = model("aws.protocols#restXml", traits, input, json!({}), json!({}));
    let sent = sent(&model, json!({ "body": "123456789" }));
    // The check value of CRC-32, cbf43926, in base64.
    assert!(sent.headers.contains(&("x-amz-checksum-crc32".to_owned(), "y/Q5Jg==".to_owned())), "{:?}", sent.headers);
}

#[test]
fn actions_are_those_of_the_service_authorization_reference() {
    let actions = |index: usize| {
        let model = Model::read(&Document::parse(OURS[index].1).unwrap(), LOCAL);
        model.actions().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(actions(5), ["sts:AssumeRole", "sts:GetAccessKeyInfo", "sts:GetCallerIdentity", "sts:GetSessionToken"]);
    let s3 = actions(2);
    for action in ["s3:ListAllMyBuckets", "s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"] {
        assert!(s3.iter().any(|given| given == action), "{action}: {s3:?}");
    }
    assert!(actions(4).iter().all(|action| !action.ends_with("Batch")), "{:?}", actions(4));
    assert!(actions(1).contains(&"lambda:InvokeFunction".to_owned()));
}

#[test]
fn what_iam_does_not_look_at_takes_no_action() {
    let actions = |sigv4: &str, auth: &str, sdk_id: &str| {
        let model = format!(
            r#"{{"smithy": "2.0", "shapes": {{
                "x#S": {{"type": "service", "version": "1", "operations": [{{"target": "x#CreateDomainName"}}], "traits": {{
                    "aws.api#service": {{"sdkId": "{sdk_id}", "arnNamespace": "x"}}, {sigv4}
                    "aws.protocols#restJson1": {{}}, "smithy.rules#endpointRuleSet": {{}}}}}},
                "x#CreateDomainName": {{"type": "operation", "traits": {{
                    "smithy.api#http": {{"method": "POST", "uri": "/", "code": 200}}, {auth} "smithy.api#idempotent": {{}}}}}}
            }}}}"#
        );
        let model = Model::read(&Document::parse(&model).unwrap(), LOCAL);
        assert_eq!(model.operations.len(), 1);
        model.actions().into_iter().collect::<Vec<_>>()
    };
    let signed = |name: &str| format!(r#""aws.auth#sigv4": {{"name": "{name}"}},"#);
    assert_eq!(actions(&signed("monitoring"), "", "CloudWatch"), ["cloudwatch:CreateDomainName"]);
    assert_eq!(actions(&signed("apigateway"), "", "API Gateway"), ["apigateway:POST"]);
    assert_eq!(actions(&signed("monitoring"), r#""smithy.api#auth": [],"#, "CloudWatch"), [""; 0]);
    assert_eq!(actions("", "", "CodeCatalyst"), [""; 0]);
    assert_eq!(actions(&signed("execute-api"), "", "ConnectParticipant"), [""; 0]);
}

mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::model::broken;

    /// Any JSON, with the keys and strings that the reader looks for.
    fn any_json() -> impl Strategy<Value = Value> {
        const TEXTS: &[&str] = &["a#In", "a#Node", "a#Texts", "a#Op", "structure", "list", "apply", "union", TEXT];
        const KEYS: &[&str] = &[
            "target",
            "type",
            "members",
            "member",
            "traits",
            "mixins",
            "operations",
            "resources",
            "fn",
            "argv",
            "rules",
            "endpoint",
            "url",
            "smithy.api#http",
            "uri",
            "method",
            "smithy.api#httpLabel",
            "smithy.api#httpHeader",
            "a#In",
        ];
        broken::any_json(TEXTS, KEYS, "[a-z/{}#]{0,6}")
    }

    /// A complete model in which one node is replaced.
    fn broken_model() -> impl Strategy<Value = Value> {
        let protocols = PROTOCOLS.map(|(name, _)| name);
        (any_json(), any::<prop::sample::Index>(), prop::sample::select(protocols.to_vec())).prop_map(
            |(part, place, protocol)| {
                let input = json!({
                    "id": with(TEXT, json!({ "smithy.api#httpLabel": {}, "smithy.api#required": {} })),
                    "q": with("a#Texts", json!({ "smithy.api#httpQuery": "Q" })),
                    "meta": with("a#Tags", json!({ "smithy.api#httpPrefixHeaders": "X-" })),
                    "node": "a#Node", "either": "a#Either", "when": "a#Day",
                });
                let http = json!({ "smithy.api#http": { "method": "POST", "uri": "/x/{id}" } });
                let model = model(protocol, http, input, json!({ "node": "a#Node", "tags": "a#Tags" }), shapes());
                broken::with_one_part_else(model, part, place)
            },
        )
    }

    /// Arguments of which some are valid.
    fn any_arguments() -> impl Strategy<Value = Value> {
        ("[a-z/. %?]{0,8}", any_json(), any_json()).prop_map(|(id, node, more)| {
            json!({ "id": id, "q": ["a", 1], "meta": { "a": more }, "node": node, "either": { "text": "t" }, "when": 1 })
        })
    }

    proptest! {
        // The failing case is in the test's output; write no file into the source tree.
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_broken_nothing_panics(model in broken_model(), arguments in any_arguments(), answer in any_json()) {
            let model = read(&model);
            for finding in &model.findings {
                prop_assert!(finding.line == 1 && !finding.remedy.is_empty());
            }
            let there = RequestOptions { endpoint: Some("http://127.0.0.1:1"), ..HERE };
            for operation in &model.operations {
                prop_assert_eq!(&operation.input_schema["type"], "object");
                prop_assert!(operation.actions.iter().all(|action| action.contains(':')));
                drop(model.request(operation, &arguments, HERE));
                if let Ok(sent) = model.request(operation, &arguments, there) && model.error().is_none() {
                    let url = sent.outgoing.url;
                    prop_assert!(url.starts_with("http://127.0.0.1:1/"), "{}", url);
                }
                let body = answer.to_string();
                let incoming = HttpResponse { status: 200, headers: &[], body: body.as_bytes() };
                drop(model.output(operation, incoming));
            }
        }

        #[test]
        fn any_answer_is_read_or_refused(body in "[<>/a-zA-Z\"={}\\[\\]:,0-9&; ]{0,80}", which in 0..OURS.len()) {
            let model = Model::read(&Document::parse(OURS[which].1).unwrap(), LOCAL);
            let incoming = HttpResponse { status: 200, headers: &[], body: body.as_bytes() };
            service_error(incoming);
            for operation in &model.operations {
                drop(model.output(operation, incoming));
            }
        }
    }
}
