//! AWS services as tools: models added through the program, and their operations called at moto, at the local
//! AWS itself and at a fake service.

use std::{
    fs,
    io::{ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::support::local_gateway::LocalGateway;
use crate::{
    moto::Moto,
    support::env::{Env, Run, boto3},
};

/// A gateway whose Smithy targets call moto, another endpoint, or the local AWS itself.
struct SmithyGateway {
    gateway: LocalGateway,
    /// `None` for the local AWS itself.
    endpoint: Option<String>,
    _moto: Option<Moto>,
}

impl SmithyGateway {
    /// With the services at moto, according to the environment's variables.
    fn at_moto() -> Self {
        let gateway = LocalGateway::not_yet();
        let moto = Moto::start(&gateway.env);
        Self::with(gateway, Some(moto.endpoint.clone()), Some(moto))
    }

    fn at_the_local_aws() -> Self {
        Self::with(LocalGateway::not_yet(), None, None)
    }

    fn at(endpoint: String) -> Self {
        Self::with(LocalGateway::not_yet(), Some(endpoint), None)
    }

    fn with(mut gateway: LocalGateway, endpoint: Option<String>, moto: Option<Moto>) -> Self {
        let services = ["DYNAMODB", "S3", "SQS", "STS", "LAMBDA", "SECRETS_MANAGER"].into_iter();
        let of = |endpoint: &String| services.map(|it| (format!("AWS_ENDPOINT_URL_{it}"), endpoint.clone())).collect();
        gateway.variables = endpoint.as_ref().map_or_else(Vec::new, of);
        gateway.create(&["--debug-errors"]);
        Self { gateway, endpoint, _moto: moto }
    }

    fn run(&self, args: &[&str]) -> Run {
        self.gateway.run(args)
    }

    #[track_caller]
    fn ok(&self, args: &[&str]) -> Run {
        self.gateway.ok(args)
    }

    #[track_caller]
    fn add(&self, name: &str, flags: &[&str]) -> Run {
        self.ok(&[&["target", "add", "smithy", name, "--gateway", "g"], flags].concat())
    }

    fn tools(&self, target: &str) -> Vec<String> {
        let names = self.gateway.tools().into_iter();
        names.filter_map(|name| name.strip_prefix(&format!("{target}___")).map(str::to_owned)).collect()
    }

    fn try_call(&self, tool: &str, arguments: &Value) -> Run {
        self.gateway.call(tool, arguments)
    }

    #[track_caller]
    fn call(&self, tool: &str, arguments: &Value) -> Value {
        let called = self.try_call(tool, arguments);
        assert_eq!(called.code, 0, "{tool}: {}{}", called.stdout, called.stderr);
        called.json()
    }

    /// The message of a failed call.
    #[track_caller]
    fn refused(&self, tool: &str, arguments: &Value) -> String {
        let called = self.try_call(tool, arguments);
        assert_eq!(called.code, 1, "{tool}: {}{}", called.stdout, called.stderr);
        called.stdout
    }

    /// The value of a boto3 expression, evaluated against moto.
    fn at_moto_seen(&self, expression: &str) -> Value {
        let endpoint = self.endpoint.as_ref().unwrap();
        let script = format!(
            "
import boto3, json
def client(service):
    return boto3.client(service, endpoint_url='{endpoint}', region_name='us-west-2',
                        aws_access_key_id='test', aws_secret_access_key='test')
print(json.dumps({expression}, default=str))"
        );
        Run::of(Command::new(boto3()).args(["-c", &script]).output().unwrap()).json()
    }

    /// The statements of the gateway's role for AWS services.
    fn statements(&self) -> Vec<Value> {
        let roles = self.gateway.env.state()["iam"]["roles"].clone();
        let role = roles.as_object().unwrap().values().find(|role| role["inline"]["base"].is_object()).unwrap().clone();
        let policy = role["inline"]["smithy"]["document"].as_str().unwrap_or("{\"Statement\":[]}");
        let policy: Value = serde_json::from_str(policy).unwrap();
        policy["Statement"].as_array().unwrap().clone()
    }

    /// Deletes the gateway, and checks that nothing is left.
    fn end(&self) {
        self.ok(&["cleanup", "g", "--yes"]);
        assert!(self.gateway.env.is_empty(), "{}", self.gateway.env.state());
    }
}

fn model(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/models");
    folder.join(format!("{name}.json")).to_str().unwrap().to_owned()
}

/// The names of a model's operations.
fn operations(text: &str) -> Vec<String> {
    let model: Value = serde_json::from_str(text).unwrap();
    let shapes = model["shapes"].as_object().unwrap();
    let operations = shapes.iter().filter(|(_, shape)| shape["type"] == "operation");
    let mut names: Vec<String> = operations.map(|(id, _)| id.split_once('#').unwrap().1.to_owned()).collect();
    names.sort();
    names
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[test]
fn dynamodb_is_there_without_a_model() {
    let setting = SmithyGateway::at_moto();
    let added = setting.add("db", &[]);
    assert!(added.stdout.contains("Target db of g is READY ("), "{added:?}");
    let ours = include_str!("../../templates/smithy/dynamodb.json");
    assert_eq!(sorted(setting.tools("db")), operations(ours));
    let shown = setting.ok(&["target", "get", "db", "--gateway", "g"]).json();
    let uri = shown["targetConfiguration"]["mcp"]["smithyModel"]["s3"]["uri"].as_str().unwrap();
    assert!(uri.ends_with("-omxvr7ybq9g8/dynamodb-smithy.json"), "that of the region: {uri}");

    let table = json!({
        "TableName": "cities",
        "AttributeDefinitions": [{ "AttributeName": "name", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "name", "KeyType": "HASH" }],
        "BillingMode": "PAY_PER_REQUEST",
    });
    assert_eq!(setting.call("db___CreateTable", &table)["TableDescription"]["TableName"], "cities");
    let item = json!({ "name": { "S": "Zürich & more" }, "size": { "N": "447000" }, "raw": { "B": "AAH/" } });
    setting.call("db___PutItem", &json!({ "TableName": "cities", "Item": item }));
    let got =
        setting.call("db___GetItem", &json!({ "TableName": "cities", "Key": { "name": { "S": "Zürich & more" } } }));
    assert_eq!(got["Item"], item);
    let seen = setting.at_moto_seen("client('dynamodb').scan(TableName='cities')['Items'][0]['size']");
    assert_eq!(seen, json!({ "N": "447000" }), "boto3 sees it, too");
    let query = json!({
        "TableName": "cities", "KeyConditionExpression": "#n = :n", "ExpressionAttributeNames": { "#n": "name" },
        "ExpressionAttributeValues": { ":n": { "S": "Zürich & more" } },
    });
    assert_eq!(setting.call("db___Query", &query)["Count"], 1);
    let update = json!({
        "TableName": "cities", "Key": { "name": { "S": "Zürich & more" } }, "UpdateExpression": "SET #s = :s",
        "ExpressionAttributeNames": { "#s": "size" },
        "ExpressionAttributeValues": { ":s": { "N": "1" } }, "ReturnValues": "ALL_NEW",
    });
    assert_eq!(setting.call("db___UpdateItem", &update)["Attributes"]["size"], json!({ "N": "1" }));
    let described = setting.call("db___DescribeTable", &json!({ "TableName": "cities" }));
    let created: jiff::Timestamp = described["Table"]["CreationDateTime"].as_str().unwrap().parse().unwrap();
    assert!(jiff::Timestamp::now().duration_since(created).as_secs().abs() < 600, "{created}");

    let none = setting.refused("db___GetItem", &json!({ "TableName": "none", "Key": { "a": { "S": "b" } } }));
    assert!(none.contains("The service answered HTTP 400: ResourceNotFoundException"), "{none}");
    let wrong = setting.refused("db___PutItem", &json!({ "TableName": "cities" }));
    assert!(wrong.contains("Missing required field(s): 'Item'"), "{wrong}");
    setting.ok(&["target", "remove", "db", "--gateway", "g"]);
    assert_eq!(setting.statements(), Vec::<Value>::new(), "its permissions go with it");
    setting.end();
}

/// One model for each protocol, and the results of calls to moto.
#[test]
fn models_of_every_protocol_are_called_at_moto() {
    let setting = SmithyGateway::at_moto();
    for name in ["s3", "sqs", "sts", "lambda"] {
        setting.add(name, &["--model", &model(name)]);
        assert_eq!(sorted(setting.tools(name)), operations(&fs::read_to_string(model(name)).unwrap()), "{name}");
    }
    // restXml, with names in paths and bytes in bodies
    setting.call(
        "s3___CreateBucket",
        &json!({
            "Bucket": "bucket", "CreateBucketConfiguration": { "LocationConstraint": "us-west-2" },
        }),
    );
    let (key, bytes) = ("a folder/ü & <file>?.bin", STANDARD.encode([0, 1, 255]));
    setting.call("s3___PutObject", &json!({
        "Bucket": "bucket", "Key": key, "Body": bytes, "ContentType": "application/x-mine", "Metadata": { "colour": "blue" },
    }));
    let got = setting.call("s3___GetObject", &json!({ "Bucket": "bucket", "Key": key }));
    assert_eq!((&got["Body"], &got["ContentType"]), (&json!(bytes), &json!("application/x-mine")));
    assert_eq!(got["Metadata"], json!({ "colour": "blue" }));
    let seen = setting
        .at_moto_seen("list(client('s3').get_object(Bucket='bucket', Key='a folder/ü & <file>?.bin')['Body'].read())");
    assert_eq!(seen, json!([0, 1, 255]), "boto3 sees it, too");
    let listed =
        setting.call("s3___ListObjectsV2", &json!({ "Bucket": "bucket", "Prefix": "a folder/", "MaxKeys": 5 }));
    assert_eq!((&listed["Contents"][0]["Key"], &listed["Contents"][0]["Size"]), (&json!(key), &json!(3)));
    setting.call(
        "s3___CopyObject",
        &json!({ "Bucket": "bucket", "Key": "copy", "CopySource": "bucket/a%20folder/%C3%BC%20%26%20%3Cfile%3E%3F.bin" }),
    );
    assert_eq!(setting.call("s3___HeadObject", &json!({ "Bucket": "bucket", "Key": "copy" }))["ContentLength"], 3);
    let deleted = setting.call(
        "s3___DeleteObjects",
        &json!({
            "Bucket": "bucket", "Delete": { "Objects": [{ "Key": "copy" }, { "Key": key }] },
        }),
    );
    assert_eq!(deleted["Deleted"].as_array().unwrap().len(), 2, "{deleted}");
    let gone = setting.refused("s3___GetObject", &json!({ "Bucket": "bucket", "Key": key }));
    assert!(gone.contains("HTTP 404: NoSuchKey"), "{gone}");
    let out = setting.refused("s3___GetObject", &json!({ "Bucket": "bucket", "Key": "../../elsewhere" }));
    assert!(out.contains("it is part of the path"), "{out}");
    let text = setting.refused("s3___PutObject", &json!({ "Bucket": "bucket", "Key": "k", "Body": "no base64!" }));
    assert!(text.contains("`Body` is to be base64"), "{text}");

    // awsJson1.0
    let queue = setting.call("sqs___CreateQueue", &json!({ "QueueName": "q", "Attributes": { "DelaySeconds": "0" } }));
    let url = queue["QueueUrl"].clone();
    let sent = setting.call(
        "sqs___SendMessage",
        &json!({
            "QueueUrl": url, "MessageBody": "hello",
            "MessageAttributes": { "n": { "DataType": "Binary", "BinaryValue": "AAE=" } },
        }),
    );
    let received = setting.call("sqs___ReceiveMessage", &json!({ "QueueUrl": url, "MessageAttributeNames": ["All"] }));
    let message = &received["Messages"][0];
    assert_eq!((&message["Body"], &message["MessageId"]), (&json!("hello"), &sent["MessageId"]));
    assert_eq!(message["MessageAttributes"]["n"]["BinaryValue"], "AAE=");
    setting.call("sqs___DeleteMessage", &json!({ "QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"] }));

    // awsQuery, with responses in XML
    let caller = setting.call("sts___GetCallerIdentity", &json!({}));
    assert!(caller["Arn"].as_str().unwrap().starts_with("arn:aws:"), "{caller}");
    let role = "arn:aws:iam::123456789012:role/some";
    let assumed = setting.call("sts___AssumeRole", &json!({
        "RoleArn": role, "RoleSessionName": "mine", "DurationSeconds": 900, "Tags": [{ "Key": "a", "Value": "b&c" }],
    }));
    let ends: jiff::Timestamp = assumed["Credentials"]["Expiration"].as_str().unwrap().parse().unwrap();
    assert!(ends > jiff::Timestamp::now(), "{ends}");
    assert!(assumed["AssumedRoleUser"]["Arn"].as_str().unwrap().ends_with("/mine"), "{assumed}");

    // restJson1
    assert_eq!(setting.call("lambda___ListFunctions", &json!({ "MaxItems": 5 }))["Functions"], json!([]));
    let none = setting.refused("lambda___GetFunction", &json!({ "FunctionName": "none" }));
    assert!(none.contains("HTTP 404: ResourceNotFoundException"), "{none}");
    setting.end();
}

/// With arguments for every member of a tool, for every operation of every model.
#[test]
fn requests_are_those_that_botocore_makes() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let setting = SmithyGateway::at(format!("http://127.0.0.1:{port}"));
    setting.add("dynamodb", &[]);
    for name in ["lambda", "s3", "secrets-manager", "sqs", "sts"] {
        setting.add(name, &["--model", &model(name)]);
    }
    let url = setting.ok(&["get", "g"]).json()["gatewayUrl"].as_str().unwrap().to_owned();
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/peers/smithy_requests.py");
    let mut compare = Command::new(boto3());
    compare.arg(script).arg(port.to_string()).arg(url).args(["dynamodb=dynamodb", "lambda=lambda", "s3=s3"]);
    let run = Run::of(compare.args(["secrets-manager=secretsmanager", "sqs=sqs", "sts=sts"]).output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let seen = run.json();
    assert_eq!((&seen["differences"], &seen["skipped"]), (&json!([]), &json!({})), "{seen:#}");
    assert_eq!(seen["compared"], 49);
    setting.end();
}

#[test]
fn without_an_endpoint_a_service_is_called_at_the_local_aws_itself() {
    let setting = SmithyGateway::at_the_local_aws();
    // awsJson1.1
    setting.add("secrets", &["--model", &model("secrets-manager")]);
    let made = setting.call("secrets___CreateSecret", &json!({ "Name": "mine", "SecretString": "s3cret" }));
    let got = setting.call("secrets___GetSecretValue", &json!({ "SecretId": made["ARN"] }));
    assert_eq!(got["SecretString"], "s3cret");
    let listed = setting.call("secrets___ListSecrets", &json!({}));
    assert_eq!(listed["SecretList"][0]["Name"], "mine");
    setting.call("secrets___DeleteSecret", &json!({ "SecretId": "mine", "ForceDeleteWithoutRecovery": true }));
    // An unsupported service is reported, with the remedy.
    setting.add("queues", &["--model", &model("sqs")]);
    let missing = setting.refused("queues___ListQueues", &json!({}));
    assert!(missing.contains("AWS_ENDPOINT_URL_SQS") && missing.contains("--real-aws"), "{missing}");
    setting.end();
}

/// Its requests to itself carry its access key, which is for the control plane.
#[test]
fn a_caller_who_names_another_port_does_not_get_the_servers_requests() {
    let setting = SmithyGateway::at_the_local_aws();
    setting.ok(&["target", "add", "smithy", "db", "--gateway", "g", "--allow-action", "dynamodb:ListTables"]);
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let url = setting.gateway.url();
    let (server, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "db___ListTables", "arguments": {} } });
    let (body, host) = (call.to_string(), elsewhere.local_addr().unwrap());
    let mut connection = TcpStream::connect(server).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(
        connection,
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\naccept: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let asked = elsewhere.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(asked, Err(ErrorKind::WouldBlock), "{answer}");
}

#[test]
fn the_role_gets_what_the_operations_need_or_what_is_named_and_no_more() {
    let setting = SmithyGateway::at_the_local_aws();
    let (secrets, queues) = (model("secrets-manager"), model("sqs"));
    let dry = setting.add("s", &["--model", &secrets, "--dry-run"]);
    assert!(dry.stdout.contains("secretsmanager:GetSecretValue"), "{}", dry.stdout);
    let planned = setting.add("s", &["--model", &secrets, "--dry-run", "-o", "json"]).json();
    assert!(planned.to_string().contains("secretsmanager:PutSecretValue"), "{planned}");
    assert_eq!(setting.statements(), Vec::<Value>::new(), "a dry run makes nothing");
    assert_eq!(setting.ok(&["target", "list", "--gateway", "g", "-o", "json"]).json()["items"], json!([]));

    setting.add("s", &["--model", &secrets, "--allow-action", "secretsmanager:ListSecrets"]);
    setting.add("q", &["--model", &queues]);
    let statements = setting.statements();
    let of = |action: &str| {
        let actions = |it: &Value| it["Action"].as_array().unwrap().clone();
        statements.iter().map(actions).find(|actions| actions.contains(&json!(action))).unwrap()
    };
    assert_eq!(of("secretsmanager:ListSecrets"), [json!("secretsmanager:ListSecrets")]);
    assert_eq!(of("sqs:SendMessage").len(), 9, "one for each operation, a batch's that of its entries");
    assert_eq!(setting.call("s___ListSecrets", &json!({}))["SecretList"], json!([]));
    let denied = setting.refused("s___CreateSecret", &json!({ "Name": "n", "SecretString": "v" }));
    assert!(denied.contains("is not authorized to perform secretsmanager:CreateSecret"), "{denied}");

    let both = ["--allow-action", "secretsmanager:ListSecrets", "--allow-action", "secretsmanager:CreateSecret"];
    setting.ok(&[&["target", "update", "s", "--gateway", "g"][..], &both].concat());
    setting.call("s___CreateSecret", &json!({ "Name": "n", "SecretString": "v" }));
    setting.add("all", &["--model", &secrets]);
    setting.call("all___DeleteSecret", &json!({ "SecretId": "n", "ForceDeleteWithoutRecovery": true }));
    setting.ok(&["target", "remove", "all", "--gateway", "g"]);
    // The same model again does not undo the narrowing.
    let again = setting.ok(&["target", "update", "s", "--gateway", "g", "--model", &secrets]);
    assert!(again.stdout.contains("the role stays without") && again.stdout.contains("secretsmanager:DeleteSecret"));
    let kept = json!(setting.statements()).to_string();
    assert!(kept.contains("secretsmanager:CreateSecret") && !kept.contains("secretsmanager:DeleteSecret"), "{kept}");
    // To add it again says what is wanted, anew.
    let wider = setting.add("s", &["--model", &secrets]);
    let said =
        wider.stdout.split("Warning: the role gets more than it was allowed before, ").nth(1).expect("a warning");
    assert!(said.contains("secretsmanager:DeleteSecret") && !said.contains("secretsmanager:CreateSecret"), "{said}");
    assert!(json!(setting.statements()).to_string().contains("secretsmanager:DeleteSecret"));
    let same = setting.add("s", &["--model", &secrets]);
    assert!(!same.stdout.contains("than it was allowed before"), "{same:?}");
    // Another model needs other permissions.
    setting.ok(&["target", "update", "s", "--gateway", "g", "--model", &model("sts")]);
    assert_eq!(sorted(setting.tools("s"))[0], "AssumeRole");
    assert!(!json!(setting.statements()).to_string().contains("secretsmanager"), "{:?}", setting.statements());
    setting.ok(&["target", "remove", "s", "--gateway", "g"]);
    assert_eq!(setting.statements().len(), 1, "the other target's stay");
    for wrong in ["ListSecrets", "secretsmanager", "secretsmanager:List Secrets", "*"] {
        let add = ["target", "add", "smithy", "s", "--gateway", "g", "--model", &secrets, "--allow-action", wrong];
        assert_eq!(setting.run(&add).code, 2, "{wrong}");
    }
    setting.end();
}

#[test]
fn models_are_checked_before_anything_is_made() {
    let setting = SmithyGateway::at_the_local_aws();
    let file = |name: &str, text: &str| {
        let path = setting.gateway.env.home().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = fs::read_to_string(model("sts")).unwrap();
    let old = file("old.json", &good.replacen("\"2.0\"", "\"1.0\"", 1));
    let large = {
        let mut model: Value = serde_json::from_str(&good).unwrap();
        model["metadata"] = json!({ "padding": "x".repeat(1_100_000) });
        file("large.json", &model.to_string())
    };
    let none = setting.gateway.env.home().join("none.json").to_str().unwrap().to_owned();
    for (place, said) in [
        (old.as_str(), "Smithy version \"1.0\" is not supported"),
        (&large, "put it into S3"),
        (&none, "none.json"),
        ("s3://nowhere/model.json", "--allow-action"),
    ] {
        let add = ["target", "add", "smithy", "s", "--gateway", "g", "--model", place];
        let refused = setting.run(&add);
        assert!(refused.code != 0 && refused.stderr.contains(said), "{place}: {refused:?}");
    }
    let elsewhere = ["--region", "eu-west-1", "target", "add", "smithy", "s", "--gateway", "g"];
    let refused = setting.run(&elsewhere);
    assert!(refused.code == 2 && refused.stderr.contains("AWS has no sample model in eu-west-1"), "{refused:?}");
    assert!(refused.stderr.contains("--model"), "{refused:?}");
    assert_eq!(setting.ok(&["target", "list", "--gateway", "g", "-o", "json"]).json()["items"], json!([]));

    // From standard input; and from S3, where a model may be larger.
    let command = format!(
        "'{}' --local target add smithy piped --gateway g --model - < '{}'",
        env!("CARGO_BIN_EXE_agentcore-gw"),
        model("sts")
    );
    let mut piped = setting.gateway.env.command(&[]);
    let environment: Vec<_> =
        piped.get_envs().map(|(name, value)| (name.to_owned(), value.unwrap().to_owned())).collect();
    piped = Command::new("sh");
    let piped = Run::of(piped.args(["-c", &command]).env_clear().envs(environment).output().unwrap());
    assert_eq!(piped.code, 0, "{piped:?}");
    setting.gateway.env.with_boto3("put_object.py", &["models", "sts.json", &large]);
    setting.add("stored", &["--model", "s3://models/sts.json"]);
    assert_eq!(sorted(setting.tools("stored")), operations(&good));
    assert!(setting.call("stored___GetCallerIdentity", &json!({}))["Account"].is_string());
    // Once the model comes from elsewhere, the role may no longer read it.
    let reads = || setting.gateway.env.state()["iam"]["roles"].to_string().contains("models/sts.json");
    assert!(reads());
    setting.ok(&["target", "update", "stored", "--gateway", "g", "--model", &model("sts")]);
    assert!(!reads());
}

#[test]
fn a_role_has_room_for_so_much_and_no_more() {
    let setting = SmithyGateway::at_the_local_aws();
    let queues = model("sqs");
    let many: Vec<String> = (0..600).map(|at| format!("sqs:VeryLongActionNumber{at}")).collect();
    let flags = many.iter().flat_map(|action| ["--allow-action", action]);
    let add = ["target", "add", "smithy", "s", "--gateway", "g", "--model", &queues];
    let before = setting.gateway.env.state();
    let refused = setting.run(&add.into_iter().chain(flags).collect::<Vec<_>>());
    assert_eq!(setting.gateway.env.state(), before, "it is known before anything is made");
    assert!(refused.code == 2 && refused.stderr.contains("name what is needed with `--allow-action`"), "{refused:?}");
    setting.end();
}

#[test]
fn a_model_is_validated_with_positions_and_remedies() {
    let env = Env::new();
    let good = env.ok(&["validate", "smithy", &model("lambda")]);
    assert!(good.stdout.contains('8'), "it says how many tools there are: {}", good.stdout);
    let mut broken: Value = serde_json::from_str(&fs::read_to_string(model("lambda")).unwrap()).unwrap();
    let shapes = broken["shapes"].as_object_mut().unwrap();
    let (id, _) = shapes.iter().find(|(_, shape)| shape["type"] == "operation").unwrap();
    let id = id.clone();
    shapes[&id]["input"]["target"] = json!("com.example#Nowhere");
    let path = env.home().join("broken.json");
    fs::write(&path, serde_json::to_string_pretty(&broken).unwrap()).unwrap();
    let line = fs::read_to_string(&path).unwrap().lines().position(|line| line.contains("#Nowhere")).unwrap() + 1;
    let refused = env.run(&["validate", "smithy", path.to_str().unwrap()]);
    assert_eq!(refused.code, 2, "{refused:?}");
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains(&line.to_string()) && said.contains("there is no shape `com.example#Nowhere`"), "{said}");
    let found = env.run(&["validate", "smithy", path.to_str().unwrap(), "-o", "json"]).json();
    assert!(found.to_string().contains("define it, or mend the reference"), "{found}");
}

#[test]
fn a_profile_without_a_key_is_refused_before_the_local_aws_starts() {
    let env = Env::new();
    let refused = env.run(&["local", "serve", "--real-aws", "nobody"]);
    assert!(refused.code == 4 && refused.stderr.contains("the profile `nobody` gives none"), "{refused:?}");
}
