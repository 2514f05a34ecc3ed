//! A Lambda function in Rust with two tools. One function serves all tools of its target: the gateway
//! names the one that was called in the client context, and sends its arguments as the event.
//!
//! On AWS, `cargo lambda build --release --output-format zip --example temperature` makes the package
//! of a function with the runtime `provided.al2023`; then, with the tools of `temperature.json`:
//!
//! ```text
//! agentcore-gw target add lambda temperature --gateway weather-gateway \
//!     --lambda-arn ARN --tools examples/temperature.json
//! ```

use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Arguments {
    degrees: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Arguments>| {
        answer(&event.payload, tool(&event.context).unwrap_or_default())
    }))
    .await
}

/// The tool that the agent called, without the target's name before it.
fn tool(context: &Context) -> Option<&str> {
    let name = context.client_context.as_ref()?.custom.get("bedrockAgentCoreToolName")?;
    name.split_once("___").map(|(_target, tool)| tool)
}

fn answer(Arguments { degrees }: &Arguments, tool: &str) -> Result<Value, Error> {
    match tool {
        "to_fahrenheit" => Ok(json!({ "fahrenheit": degrees * 9.0 / 5.0 + 32.0 })),
        "to_celsius" => Ok(json!({ "celsius": (degrees - 32.0) * 5.0 / 9.0 })),
        other => Err(format!("there is no tool `{other}`").into()),
    }
}
