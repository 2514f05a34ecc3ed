//! Any text at all, read as an OpenAPI document, adapted, and each of its operations called; and read as tools.

#![no_main]

use agentcore_gw::model::{adapt::Adapting, document::Document, finding::Reading, openapi::Api, tool};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    let Ok(document) = Document::parse(text) else { return };
    let reading = Reading::of("t", false);
    tool::lint(&document, reading);
    tool::lint(&Document::of(tool::adapt(&document).value), reading);
    drop(Api::load(text, &Adapting::all().pick, reading.target));
    if let Ok(adapted) = Api::adapt(&document, &Adapting::all(), reading) {
        assert!(adapted.operations.kept <= adapted.operations.of);
        Api::read(&Document::of(adapted.value), reading);
    }
    let api = Api::read(&document, reading);
    for finding in &api.findings {
        assert!(finding.line >= 1);
    }
    for operation in &api.operations {
        let arguments = json!({ "id": "..", "body": document.value });
        tool::check_arguments(&operation.input_schema, &arguments);
        drop(operation.request(&arguments));
    }
});
