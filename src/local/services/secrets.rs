//! Secrets Manager: the API keys and client secrets of credential providers, and the user's own secrets.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Answer, Call, ErrorCodes, Service, bad_request, epoch_seconds,
    operation::{Operation, handler, operation},
    page,
    shape::{Member, Shape, integer, list, optional, required, text},
};
use crate::local::{
    random,
    wire::{Protocol, WireError},
};

const SECRET_ID: Member = required("SecretId", text(1, 2048));
const SECRET_STRING: Member = optional("SecretString", text(1, 65_536).sensitive());
const TAG: Shape = Shape::Structure(&[optional("Key", text(1, 128)), optional("Value", text(0, 256))]);
const TAGS: Shape = list(&TAG, 0, 50);

const OPERATIONS: &[Operation] = &[
    operation(
        "CreateSecret",
        &[
            required("Name", text(1, 512).matching(r"[A-Za-z0-9/_+=.@!-]+")),
            optional("Description", text(0, 2048)),
            optional("ClientRequestToken", text(32, 64)),
            SECRET_STRING,
            optional("Tags", TAGS),
        ],
        handler!(create),
    ),
    operation(
        "GetSecretValue",
        &[SECRET_ID, optional("VersionStage", Shape::Enum(&["AWSCURRENT"]))],
        handler!(get_value),
    ),
    operation(
        "PutSecretValue",
        &[SECRET_ID, optional("ClientRequestToken", text(32, 64)), SECRET_STRING],
        handler!(put_value),
    ),
    operation("DescribeSecret", &[SECRET_ID], handler!(describe)),
    operation(
        "ListSecrets",
        &[optional("MaxResults", integer(1, 100)), optional("NextToken", text(1, 4096))],
        handler!(list_secrets),
    ),
    operation(
        "DeleteSecret",
        // Without a recovery window: a secret is always deleted at once.
        &[SECRET_ID, optional("ForceDeleteWithoutRecovery", Shape::Boolean)],
        handler!(delete),
    ),
];

pub(crate) const SERVICE: Service = Service {
    scope: "secretsmanager",
    protocol: Protocol::Json11,
    operations: OPERATIONS,
    errors: ErrorCodes::plain("UnrecognizedClientException", "SerializationException", "InvalidParameterException"),
};

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Secrets {
    /// By ARN.
    secrets: BTreeMap<String, Secret>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Secret {
    name: String,
    region: String,
    description: Option<String>,
    value: Option<String>,
    version: String,
    /// The service that manages the secret; others cannot change it.
    owner: Option<String>,
    tags: Vec<Value>,
    created: i64,
    changed: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    name: String,
    description: Option<String>,
    secret_string: Option<String>,
    #[serde(default)]
    tags: Vec<Value>,
}

fn create(secrets: &mut Secrets, call: &Call, input: Create) -> Answer {
    if secrets.in_region(call).any(|(_, secret)| secret.name == input.name) {
        let message = format!("The operation failed because the secret {} already exists.", input.name);
        return Err(bad_request("ResourceExistsException", message));
    }
    let arn = secrets.insert(call, &input.name, input.secret_string, None);
    if let Some(secret) = secrets.secrets.get_mut(&arn) {
        secret.description = input.description;
        secret.tags = input.tags;
    }
    let version = secrets.secrets.get(&arn).map(|secret| secret.version.clone());
    Ok(json!({ "ARN": arn, "Name": input.name, "VersionId": version }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretId {
    secret_id: String,
    secret_string: Option<String>,
}

fn get_value(secrets: &mut Secrets, call: &Call, input: SecretId) -> Answer {
    let (arn, secret) = secrets.find(call, &input.secret_id)?;
    let Some(value) = &secret.value else {
        let message = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT";
        return Err(bad_request("ResourceNotFoundException", message));
    };
    Ok(json!({
        "ARN": arn,
        "Name": secret.name,
        "VersionId": secret.version,
        "SecretString": value,
        "VersionStages": ["AWSCURRENT"],
        "CreatedDate": epoch_seconds(secret.changed),
    }))
}

fn put_value(secrets: &mut Secrets, call: &Call, input: SecretId) -> Answer {
    let (arn, secret) = secrets.find(call, &input.secret_id)?;
    if let Some(owner) = &secret.owner {
        return Err(managed(owner));
    }
    let (arn, name) = (arn.clone(), secret.name.clone());
    secrets.set(&arn, input.secret_string.clone(), call);
    let version = secrets.secrets.get(&arn).map(|secret| secret.version.clone());
    Ok(json!({ "ARN": arn, "Name": name, "VersionId": version, "VersionStages": ["AWSCURRENT"] }))
}

fn show(arn: &str, secret: &Secret) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("ARN".to_owned(), json!(arn));
    shown.insert("Name".to_owned(), json!(secret.name));
    shown.insert("CreatedDate".to_owned(), epoch_seconds(secret.created));
    shown.insert("LastChangedDate".to_owned(), epoch_seconds(secret.changed));
    if let Some(description) = &secret.description {
        shown.insert("Description".to_owned(), json!(description));
    }
    if let Some(owner) = &secret.owner {
        shown.insert("OwningService".to_owned(), json!(owner));
    }
    if !secret.tags.is_empty() {
        shown.insert("Tags".to_owned(), json!(secret.tags));
    }
    shown
}

fn describe(secrets: &mut Secrets, call: &Call, input: SecretId) -> Answer {
    let (arn, secret) = secrets.find(call, &input.secret_id)?;
    let mut shown = show(arn, secret);
    shown.insert("VersionIdsToStages".to_owned(), json!({ &secret.version: ["AWSCURRENT"] }));
    Ok(Value::Object(shown))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    max_results: Option<usize>,
    next_token: Option<String>,
}

fn list_secrets(secrets: &mut Secrets, call: &Call, input: List) -> Answer {
    let shown = secrets.in_region(call).map(|(arn, secret)| (arn, Value::Object(show(arn, secret))));
    let (items, next) = page(shown, input.max_results.or(Some(100)), input.next_token.as_deref())
        .map_err(|_| bad_request("InvalidNextTokenException", "Invalid NextToken"))?;
    let mut answer = json!({ "SecretList": items });
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

fn delete(secrets: &mut Secrets, call: &Call, input: SecretId) -> Answer {
    let (arn, secret) = secrets.find(call, &input.secret_id)?;
    if let Some(owner) = &secret.owner {
        return Err(managed(owner));
    }
    let (arn, name) = (arn.clone(), secret.name.clone());
    secrets.secrets.remove(&arn);
    Ok(json!({ "ARN": arn, "Name": name, "DeletionDate": epoch_seconds(call.now) }))
}

fn managed(owner: &str) -> WireError {
    bad_request("InvalidRequestException", format!("You can't perform this operation on secrets managed by {owner}."))
}

impl Secrets {
    fn in_region(&self, call: &Call) -> impl Iterator<Item = (&String, &Secret)> {
        self.secrets.iter().filter(|(_, secret)| secret.region == call.region)
    }

    /// A secret by name or ARN.
    fn find(&self, call: &Call, id: &str) -> Result<(&String, &Secret), WireError> {
        let found = self.in_region(call).find(|(arn, secret)| *arn == id || secret.name == id);
        let missing = "Secrets Manager can't find the specified secret.";
        found.ok_or_else(|| WireError::new(StatusCode::BAD_REQUEST, "ResourceNotFoundException", missing))
    }

    /// Stores a new secret and returns its ARN.
    pub(super) fn insert(&mut self, call: &Call, name: &str, value: Option<String>, owner: Option<&str>) -> String {
        let unique = random::lower_alphanumeric(6);
        let arn = format!("arn:aws:secretsmanager:{}:{}:secret:{name}-{unique}", call.region, call.account);
        let secret = Secret {
            name: name.to_owned(),
            region: call.region.clone(),
            description: None,
            value,
            version: random::uuid(),
            owner: owner.map(str::to_owned),
            tags: Vec::new(),
            created: call.now,
            changed: call.now,
        };
        self.secrets.insert(arn.clone(), secret);
        arn
    }

    pub(super) fn set(&mut self, arn: &str, value: Option<String>, call: &Call) {
        if let Some(secret) = self.secrets.get_mut(arn) {
            secret.value = value;
            secret.version = random::uuid();
            secret.changed = call.now;
        }
    }

    pub(super) fn remove(&mut self, arn: &str) {
        self.secrets.remove(arn);
    }

    /// The ARN of a secret, given its name or ARN.
    pub(super) fn arn_of(&self, call: &Call, id: &str) -> Option<String> {
        self.find(call, id).ok().map(|(arn, _)| arn.clone())
    }

    /// A string member of a secret's JSON.
    pub(crate) fn member(&self, arn: &str, key: &str) -> Option<String> {
        let document: Value = serde_json::from_str(self.secrets.get(arn)?.value.as_deref()?).ok()?;
        document[key].as_str().map(str::to_owned)
    }
}
