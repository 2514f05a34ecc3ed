//! Any text at all, read as a Smithy model, and each of its operations called and answered.

#![no_main]

use agentcore_gw::model::{
    adapt::Adapting,
    document::Document,
    finding::Reading,
    smithy::{HttpResponse, Model, RequestOptions},
    tool,
};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    let Ok(document) = Document::parse(text) else { return };
    let reading = Reading::of("t", false);
    if let Ok(adapted) = Model::adapt(&document, &Adapting::all(), reading) {
        Model::read(&Document::of(adapted.value), reading);
    }
    let model = Model::read(&document, reading);
    for finding in &model.findings {
        assert!(finding.line >= 1);
    }
    let arguments = json!({ "id": "..", "list": [1, "2"], "map": { "a": 0.5 }, "all": document.value });
    let response = HttpResponse { status: 200, headers: &[], body: text.as_bytes() };
    for operation in &model.operations {
        tool::check_arguments(&operation.input_schema, &arguments);
        for endpoint in [None, Some("http://127.0.0.1:1")] {
            let options = RequestOptions { region: "us-east-1", endpoint, token: "token" };
            drop(model.request(operation, &arguments, options));
        }
        drop(model.output(operation, response));
    }
});
