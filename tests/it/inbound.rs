//! Gateways with IAM authorization, and gateways with interceptors, as users create them.

use std::fs;

use serde_json::{Value, json};

use crate::support::env::Env;

#[test]
fn callers_with_the_accounts_key_are_let_in_as_botocore_and_our_client_sign() {
    let env = Env::new();
    let created = env.ok(&["--local", "create", "signed", "--sample", "--authorizer", "iam", "-o", "json"]).json();
    let url = created["gateway"]["gatewayUrl"].as_str().unwrap();
    let answers = env.with_boto3("signed_calls.py", &[url]).json();
    assert_eq!(answers["good"], json!([200, {"jsonrpc": "2.0", "id": 1, "result": {}}]));
    for (what, answer) in answers.as_object().unwrap().iter().filter(|(what, _)| *what != "good") {
        assert_eq!((&answer[0], &answer[1]["error"]["code"]), (&json!(403), &json!(-32001)), "{what}");
    }
    let called =
        env.ok(&["--local", "tools", "call", "signed", "weather-tool___get_weather", r#"{"location":"Oslo"}"#]);
    assert_eq!(called.json()["location"], "Oslo");
    let said = env.ok(&["--local", "create", "signed", "--sample", "--authorizer", "iam"]).stdout;
    assert!(said.contains("tools call signed weather-tool___get_weather"), "{said}");
    env.ok(&["--local", "cleanup", "signed", "--yes"]);
    assert!(env.is_empty());
}

/// Converts places to upper case, rejects Atlantis, and hides the time tool.
const GUARD: &str = r#"
def handler(event, context):
    assert event["interceptorInputVersion"] == "1.0"
    assert set(context.client_context.custom) == {"GATEWAY_ARN", "GATEWAY_ACCOUNT_ID", "REQUEST_ID", "SOURCE_IP"}
    mcp = event["mcp"]
    request = mcp["gatewayRequest"]
    body = request["body"]
    assert (request["path"], request["httpMethod"]) == ("/mcp", "POST") and "host" in request["headers"]
    if "gatewayResponse" in mcp:
        response = mcp["gatewayResponse"]
        if body.get("method") == "tools/list":
            tools = response["body"]["result"]["tools"]
            response["body"]["result"]["tools"] = [one for one in tools if not one["name"].endswith("get_time")]
        return {"interceptorOutputVersion": "1.0", "mcp": {"transformedGatewayResponse": response}}
    answer = {"transformedGatewayRequest": {"body": body}}
    if body.get("method") == "tools/call":
        arguments = body["params"]["arguments"]
        if arguments["location"] == "Atlantis":
            error = {"jsonrpc": "2.0", "id": body["id"], "error": {"code": -32002, "message": "It is under water"}}
            answer["transformedGatewayResponse"] = {"statusCode": 200, "body": error}
        if arguments["location"] == "Nowhere":
            return "not what a gateway expects"
        wrong = {"Here": {"transformedGatewayRequest": "x"}, "There": {"transformedGatewayResponse": []},
                 "Anywhere": {"transformedGatewayResponse": {"statusCode": 101}}}
        if arguments["location"] in wrong:
            return {"interceptorOutputVersion": "1.0", "mcp": wrong[arguments["location"]]}
        assert arguments["location"] in mcp["rawGatewayRequest"]["body"]
        arguments["location"] = arguments["location"].upper()
    return {"interceptorOutputVersion": "1.0", "mcp": answer}
"#;

#[test]
fn interceptors_see_and_change_what_goes_through_a_gateway() {
    let env = Env::new();
    let source = env.home().join("guard.py");
    fs::write(&source, GUARD).unwrap();
    let created = env.ok(&["--local", "create", "guarded", "--sample", "--debug-errors", "-o", "json"]).json();
    let id = created["gateway"]["gatewayId"].as_str().unwrap();
    env.with_boto3("interceptors.py", &[id, "REQUEST,RESPONSE", source.to_str().unwrap()]);

    let names = |listed: Value| -> Vec<String> {
        let tools = listed["items"].as_array().unwrap().clone();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    };
    let listed = env.ok(&["--local", "tools", "list", "guarded", "-o", "json"]).json();
    assert_eq!(names(listed), ["x_amz_bedrock_agentcore_search", "weather-tool___get_weather"]);
    let call = |location: &str| {
        let arguments = json!({ "location": location }).to_string();
        env.run(&["--local", "tools", "call", "guarded", "weather-tool___get_weather", &arguments])
    };
    assert_eq!(call("Oslo").json()["location"], "OSLO");
    let refused = call("Atlantis");
    assert!(refused.code == 1 && refused.stderr.contains("It is under water"), "{refused:?}");
    for (place, said) in [
        ("Nowhere", "interceptorOutputVersion"),
        ("Here", "transformedGatewayRequest is no object"),
        ("There", "transformedGatewayResponse is no object"),
        ("Anywhere", "statusCode 101"),
    ] {
        let broken = call(place);
        assert!(broken.code == 1 && broken.stderr.contains(said), "{place}: {broken:?}");
    }
}
