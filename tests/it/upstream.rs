//! What an API behind a gateway is sent, byte by byte, and how its answers are read: content codings, charsets and
//! bytes.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use async_compression::{
    Level,
    tokio::write::{BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder},
};
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::support::{env::Run, fake_server::serve, local_gateway::LocalGateway};

const JSON: &str = r#"{"city":"München"}"#;
/// More than the program reads of an answer.
const TOO_LARGE: usize = 17 * 1024 * 1024;

/// Writes bytes through an encoder.
macro_rules! encoded {
    ($encoder:ident, $bytes:expr) => {{
        let mut encoder = $encoder::with_quality(Vec::new(), Level::Fastest);
        finished(&mut encoder, $bytes).await;
        encoder.into_inner()
    }};
}

async fn finished(encoder: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    encoder.write_all(bytes).await.unwrap();
    encoder.shutdown().await.unwrap();
}

async fn of_coding(coding: &str, bytes: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" | "x-gzip" => encoded!(GzipEncoder, bytes),
        "deflate" => encoded!(ZlibEncoder, bytes),
        "raw" => encoded!(DeflateEncoder, bytes),
        "br" => encoded!(BrotliEncoder, bytes),
        "zstd" => encoded!(ZstdEncoder, bytes),
        other => panic!("{other}"),
    }
}

/// Answers as its path says: `/coding/NAME`, `/STATUS`, or with what it was asked.
async fn answer(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let path = parts.uri.path().to_owned();
    let as_coded = |coding: &str, body: Vec<u8>| {
        let coding = if coding == "raw" { "deflate" } else { coding };
        ([(header::CONTENT_ENCODING, coding), (header::CONTENT_TYPE, "application/json")], body).into_response()
    };
    let typed = |kind: &'static str, body: &'static [u8]| ([(header::CONTENT_TYPE, kind)], body).into_response();
    if let Some(coding) = path.strip_prefix("/coding/") {
        return as_coded(coding, of_coding(coding, JSON.as_bytes()).await);
    }
    if let Some(coding) = path.strip_prefix("/bomb/") {
        return as_coded(coding, of_coding(coding, &vec![b' '; TOO_LARGE]).await);
    }
    match path.as_str() {
        "/frames" => {
            let halves = JSON.split_at(5);
            let first = of_coding("zstd", halves.0.as_bytes()).await;
            as_coded("zstd", [first, of_coding("zstd", halves.1.as_bytes()).await].concat())
        }
        "/both" => as_coded("gzip, br", of_coding("br", &of_coding("gzip", JSON.as_bytes()).await).await),
        // Empty members, which unpack to nothing, packed again: 20 MB of them, and nothing to count in the end.
        "/hollow" => {
            let one = of_coding("gzip", b"").await;
            let all = one.repeat(20 * 1024 * 1024 / one.len());
            as_coded("gzip, gzip", of_coding("gzip", &all).await)
        }
        "/many" => as_coded("gzip, gzip, gzip", b"x".into()),
        "/members" => {
            let halves = JSON.split_at(5);
            let first = of_coding("gzip", halves.0.as_bytes()).await;
            as_coded("x-gzip", [first, of_coding("gzip", halves.1.as_bytes()).await].concat())
        }
        "/identity" => as_coded("identity", JSON.into()),
        "/empty" => (StatusCode::NO_CONTENT, [(header::CONTENT_ENCODING, "gzip")], Body::empty()).into_response(),
        "/unknown" => as_coded("exi", b"x".into()),
        "/broken" => as_coded("gzip", b"no gzip at all".into()),
        "/cut" => as_coded("gzip", of_coding("gzip", JSON.as_bytes()).await[..20].to_vec()),
        "/refused" => {
            let mut response = as_coded("zstd", of_coding("zstd", br#"{"error":"no such city"}"#).await);
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
        "/latin1" => typed("application/json; charset=iso-8859-1", b"{\"city\":\"M\xfcnchen\"}"),
        "/pdf" => typed("application/pdf", b"%PDF-1.4\n\x80\x81\xff"),
        "/png" => (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "image/png")], &b"\x89PNG\0"[..]).into_response(),
        _ => asked(parts.method.as_str(), &parts.uri.to_string(), &parts.headers, &body).to_string().into_response(),
    }
}

/// What was asked, with the headers but those of every connection.
fn asked(method: &str, uri: &str, headers: &HeaderMap, body: &Bytes) -> Value {
    let headers = headers.iter().filter(|(name, _)| *name != "host");
    let headers: serde_json::Map<String, Value> =
        headers.map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes())))).collect();
    json!({ "method": method, "uri": uri, "headers": headers, "body": String::from_utf8_lossy(body) })
}

/// A gateway with a target `api` for a document with these operations, by name.
fn gateway(operations: &Value, flags: &[&str]) -> LocalGateway {
    let gateway = LocalGateway::new();
    let origin = serve(|_| Router::new().fallback(answer));
    let mut paths = json!({});
    for (name, operation) in operations.as_object().unwrap() {
        let mut operation = operation.clone();
        operation["operationId"] = json!(name);
        operation["summary"] = json!("For the test");
        operation["responses"] = json!({ "200": { "description": "ok" } });
        let method = operation.as_object_mut().unwrap().remove("method").unwrap_or(json!("get"));
        let path = operation.as_object_mut().unwrap().remove("path").unwrap_or(json!(format!("/{name}")));
        paths[path.as_str().unwrap()][method.as_str().unwrap()] = operation;
    }
    let document = json!({ "openapi": "3.0.3", "info": { "title": "t", "version": "1" }, "servers": [{ "url": origin }], "paths": paths });
    let spec = gateway.env.home().join("api.json");
    fs::write(&spec, document.to_string()).unwrap();
    let added =
        gateway.target(&["add", "openapi", "api"], "s3cret", &[&["--spec", spec.to_str().unwrap()], flags].concat());
    assert_eq!(added.code, 0, "{added:?}");
    gateway
}

fn call(gateway: &LocalGateway, tool: &str, arguments: &Value) -> Run {
    gateway.call(&format!("api___{tool}"), arguments)
}

#[test]
fn answers_are_decoded_whatever_their_content_coding() {
    let names = ["gzip", "x-gzip", "deflate", "raw", "br", "zstd"];
    let of = |kind: &str, name: &str| (format!("{kind}_{name}"), json!({ "path": format!("/{kind}/{name}") }));
    let mut operations: serde_json::Map<String, Value> = names.iter().map(|name| of("coding", name)).collect();
    operations.extend(["gzip", "br", "zstd"].iter().map(|name| of("bomb", name)));
    for other in
        ["both", "members", "frames", "identity", "empty", "unknown", "broken", "cut", "refused", "hollow", "many"]
    {
        operations.insert(other.to_owned(), json!({}));
    }
    let gateway = gateway(&Value::Object(operations), &[]);
    for name in names
        .map(|name| format!("coding_{name}"))
        .iter()
        .map(String::as_str)
        .chain(["both", "members", "frames", "identity"])
    {
        let called = call(&gateway, name, &json!({}));
        assert_eq!((called.code, called.stdout.trim_end()), (0, JSON), "{name}: {called:?}");
    }
    assert_eq!(call(&gateway, "empty", &json!({})).stdout.trim_end(), "");
    assert_eq!(call(&gateway, "unknown", &json!({})).stdout.trim_end(), "x", "what is no coding changes nothing");
    for name in ["gzip", "br", "zstd"] {
        let called = call(&gateway, &format!("bomb_{name}"), &json!({}));
        assert!(called.code == 1 && called.stdout.contains("the answer is longer than 16 MB"), "{name}: {called:?}");
    }
    for (name, said) in [
        ("broken", "OpenAPIClientException"),
        ("cut", "OpenAPIClientException"),
        ("hollow", "OpenAPIClientException"),
        ("many", "OpenAPIClientException"),
        ("refused", r#"API request failed with status: 404 - {"error":"no such city"}"#),
    ] {
        let called = call(&gateway, name, &json!({}));
        assert!(called.code == 1 && called.stdout.contains(said), "{name}: {called:?}");
    }
    gateway.end();
}

/// An API that counts who connects, and keeps connections open.
fn counting_api() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let answer_all = |connection: TcpStream| {
        let mut lines = BufReader::new(&connection).lines();
        while let Some(Ok(line)) = lines.next() {
            if line.is_empty() {
                (&connection).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
            }
        }
    };
    let count = connections.clone();
    thread::spawn(move || {
        for connection in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || answer_all(connection.unwrap()));
        }
    });
    (origin, connections)
}

#[test]
fn calls_of_an_api_share_a_connection() {
    let gateway = LocalGateway::new();
    let (origin, connections) = counting_api();
    let operation =
        json!({ "operationId": "get", "summary": "For the test", "responses": { "200": { "description": "ok" } } });
    let document = json!({ "openapi": "3.0.3", "info": { "title": "t", "version": "1" }, "servers": [{ "url": origin }],
        "paths": { "/": { "get": operation } } });
    let spec = gateway.env.home().join("api.json");
    fs::write(&spec, document.to_string()).unwrap();
    let added = gateway.target(&["add", "openapi", "api"], "s3cret", &["--spec", spec.to_str().unwrap()]);
    assert_eq!(added.code, 0, "{added:?}");
    for _ in 0..3 {
        assert_eq!(call(&gateway, "get", &json!({})).stdout.trim_end(), "{}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    gateway.end();
}

#[test]
fn text_is_read_in_its_charset_and_bytes_are_said_to_be_bytes() {
    let gateway = gateway(&json!({ "latin1": {}, "pdf": {}, "png": {} }), &[]);
    assert_eq!(call(&gateway, "latin1", &json!({})).stdout.trim_end(), JSON);
    let pdf = call(&gateway, "pdf", &json!({}));
    assert!(
        pdf.code == 1 && pdf.stdout.contains("The API answered with binary content: application/pdf, 12 bytes"),
        "{pdf:?}"
    );
    let png = call(&gateway, "png", &json!({}));
    assert!(png.stdout.contains("status: 400 - (binary: image/png, 5 bytes)"), "{png:?}");
    gateway.end();
}

#[test]
fn requests_say_who_asks_and_have_a_length_only_with_content() {
    let parameter = |name: &str, place: &str| json!({ "name": name, "in": place, "schema": { "type": "string" } });
    let gateway = gateway(
        &json!({
            "plain": {},
            "named": { "parameters": [parameter("User-Agent", "header"), parameter("X-City", "header"), parameter("Accept-Encoding", "header")] },
            "empty": { "method": "post", "path": "/posted" },
            "filled": { "method": "post", "path": "/filled", "requestBody": { "content": { "application/json": { "schema": { "type": "object", "properties": { "a": {} } } } } } },
            "gone": { "method": "delete", "path": "/deleted" },
        }),
        &[],
    );
    let sent = |tool: &str, arguments: Value| call(&gateway, tool, &arguments).json();
    let agent = concat!("agentcore-gw/", env!("CARGO_PKG_VERSION"));
    let usual = json!({ "user-agent": agent, "accept": "application/json, */*;q=0.5", "accept-encoding": "gzip, deflate, br, zstd" });
    assert_eq!(sent("plain", json!({}))["headers"], usual);
    assert_eq!(sent("gone", json!({}))["headers"], usual);
    let named = sent("named", json!({ "User-Agent": "mine/1", "X-City": "Zürich", "Accept-Encoding": "exi" }));
    assert_eq!((&named["headers"]["user-agent"], &named["headers"]["x-city"]), (&json!("mine/1"), &json!("Zürich")));
    assert_eq!(
        named["headers"]["accept-encoding"], usual["accept-encoding"],
        "what is decoded is not a caller's choice"
    );
    assert_eq!(sent("empty", json!({}))["headers"]["content-length"], "0");
    let filled = sent("filled", json!({ "a": 1 }));
    assert_eq!((&filled["headers"]["content-length"], &filled["body"]), (&json!("7"), &json!(r#"{"a":1}"#)));
    assert_eq!(filled["headers"]["content-type"], "application/json");
    gateway.end();
}

#[test]
fn a_multipart_form_arrives_with_its_files() {
    let schema = json!({ "type": "object", "required": ["file"], "properties": {
        "file": { "type": "string", "format": "binary" }, "tags": { "type": "array", "items": { "type": "string" } }, "meta": { "type": "object" },
    } });
    let gateway = gateway(
        &json!({ "up": { "method": "post", "requestBody": { "required": true, "content": { "multipart/form-data": { "schema": schema } } } } }),
        &[],
    );
    let sent = call(&gateway, "up", &json!({ "file": "aGVsbG8=", "tags": ["a", "b"], "meta": { "k": 1 } })).json();
    let body = sent["body"].as_str().unwrap();
    assert!(
        sent["headers"]["content-type"].as_str().unwrap().starts_with("multipart/form-data; boundary=agentcore-gw-")
    );
    assert!(
        body.contains("name=\"file\"; filename=\"file\"\r\ncontent-type: application/octet-stream\r\n\r\nhello\r\n"),
        "{body}"
    );
    assert_eq!(body.matches("name=\"tags\"").count(), 2, "{body}");
    assert!(body.contains("content-type: application/json\r\n\r\n{\"k\":1}\r\n"), "{body}");
    let refused = call(&gateway, "up", &json!({ "file": "no base64!" }));
    assert!(refused.code == 1 && refused.stdout.contains("the file `file` is to be given in base64"), "{refused:?}");
    gateway.end();
}

#[test]
fn the_parameter_of_the_credential_is_no_argument() {
    let parameter =
        |name: &str| json!({ "name": name, "in": "query", "required": true, "schema": { "type": "string" } });
    let operations = json!({ "weather": { "parameters": [parameter("city"), parameter("appid")] } });
    let flags = ["--api-key-env", "SECRET", "--api-key-query", "appid"];
    let gateway = gateway(&operations, &flags);
    let called = call(&gateway, "weather", &json!({ "city": "Oslo" }));
    assert_eq!(called.json()["uri"], "/weather?city=Oslo&appid=s3cret", "{called:?}");
    assert_eq!(
        call(&gateway, "weather", &json!({ "city": "Oslo", "appid": "x" })).json()["uri"],
        "/weather?city=Oslo&appid=s3cret"
    );
    let spec = gateway.env.home().join("api.json");
    let spec = spec.to_str().unwrap();
    let warned = gateway.target(&["update", "api"], "s3cret", &[&["--spec", spec], &flags[..]].concat());
    assert!(warned.stdout.contains("the target's credential fills `appid`"), "{warned:?}");
    let adapted = gateway.target(&["update", "api"], "s3cret", &[&["--spec", spec, "--adapt"], &flags[..]].concat());
    assert!(adapted.stdout.contains("the parameter `appid` is left out"), "{adapted:?}");
    assert_eq!(call(&gateway, "weather", &json!({ "city": "Oslo" })).json()["uri"], "/weather?city=Oslo&appid=s3cret");
    gateway.ok(&["target", "update", "api", "--gateway", "g", "--no-credential"]);
    gateway.end();
}
