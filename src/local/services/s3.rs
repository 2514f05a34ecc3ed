//! S3, as far as schemas in a bucket need it: buckets and whole objects.

mod operations;

use std::{borrow::Cow, collections::BTreeMap};

use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Answer, Call, ErrorCodes, Service, bad_request, iso8601, not_implemented,
    operation::{Operation, handler, operation},
    page,
    shape::{Member, Shape, TEXT, integer, map, optional, required, text},
};
use crate::{
    local::{
        storage::blobs::BlobId,
        wire::{Protocol, WireError},
    },
    model::smithy::{self, SAMPLE_BUCKETS},
};

pub(crate) const SERVICE: Service = Service {
    scope: "s3",
    protocol: Protocol::RestXml,
    operations: operations::OPERATIONS,
    errors: ErrorCodes::plain("InvalidAccessKeyId", "InvalidRequest", "InvalidArgument"),
};

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct S3 {
    buckets: BTreeMap<String, Bucket>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Bucket {
    region: String,
    created: i64,
    objects: BTreeMap<String, Object>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Object {
    content: BlobId,
    size: usize,
    content_type: String,
    metadata: BTreeMap<String, String>,
    modified: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InBucket {
    bucket: String,
    /// Empty for operations on buckets.
    #[serde(default)]
    key: String,
    expected_bucket_owner: Option<String>,
}

fn not_found(code: &str, message: &str) -> WireError {
    WireError::new(StatusCode::NOT_FOUND, code, message)
}

fn conflict(code: &str, message: &str) -> WireError {
    WireError::new(StatusCode::CONFLICT, code, message)
}

impl S3 {
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &BlobId> {
        self.buckets.values().flat_map(|bucket| bucket.objects.values().map(|object| &object.content))
    }

    /// The content of the object at `s3://bucket/key`, if there is one.
    pub(crate) fn content(&self, call: &Call, uri: &str) -> Result<Option<Vec<u8>>, WireError> {
        let Some((name, key)) = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) else {
            return Ok(None);
        };
        let bucket = self.named(call, name)?;
        let object = bucket.as_ref().and_then(|bucket| bucket.objects.get(key));
        object.map(|object| call.kept(&object.content)).transpose()
    }

    /// A bucket of the account, or one of AWS's sample buckets.
    fn named(&self, call: &Call, name: &str) -> Result<Option<Cow<'_, Bucket>>, WireError> {
        let own = self.buckets.get(name).map(Cow::Borrowed);
        if own.is_some() {
            return Ok(own);
        }
        let sample = SAMPLE_BUCKETS.iter().find(|(_, bucket)| *bucket == name);
        sample.map(|(region, _)| Bucket::sample(call, region).map(Cow::Owned)).transpose()
    }

    fn bucket(&self, call: &Call, input: &InBucket) -> Result<Cow<'_, Bucket>, WireError> {
        input.check_owner(call)?;
        self.named(call, &input.bucket)?.ok_or_else(no_bucket)
    }

    fn bucket_mut(&mut self, call: &Call, input: &InBucket) -> Result<&mut Bucket, WireError> {
        input.check_owner(call)?;
        self.buckets.get_mut(&input.bucket).ok_or_else(no_bucket)
    }
}

impl Bucket {
    /// One of AWS's buckets with a Smithy model of DynamoDB. The model here is this project's own.
    fn sample(call: &Call, region: &str) -> Result<Self, WireError> {
        let object = Object {
            content: call.keep(smithy::DYNAMODB.as_bytes())?,
            size: smithy::DYNAMODB.len(),
            content_type: "application/json".to_owned(),
            metadata: BTreeMap::new(),
            modified: 0,
        };
        let objects = BTreeMap::from([(smithy::SAMPLE_KEY.to_owned(), object)]);
        Ok(Self { region: region.to_owned(), created: 0, objects })
    }
}

fn no_bucket() -> WireError {
    not_found("NoSuchBucket", "The specified bucket does not exist")
}

impl InBucket {
    fn check_owner(&self, call: &Call) -> Result<(), WireError> {
        if self.expected_bucket_owner.as_ref().is_none_or(|owner| *owner == call.account) {
            return Ok(());
        }
        Err(WireError::new(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied"))
    }

    fn object<'a>(&self, bucket: &'a Bucket) -> Result<&'a Object, WireError> {
        let object = bucket.objects.get(&self.key);
        object.ok_or_else(|| not_found("NoSuchKey", "The specified key does not exist."))
    }
}

fn list_buckets(s3: &mut S3, _: &Call, _: Value) -> Answer {
    let shown = |(name, bucket): (&String, &Bucket)| json!({ "Name": name, "CreationDate": iso8601(bucket.created) });
    let buckets: Vec<Value> = s3.buckets.iter().map(shown).collect();
    let owner = json!({ "ID": "local", "DisplayName": "local" });
    Ok(json!({ "ListAllMyBucketsResult": { "Owner": owner, "Buckets": { "Bucket": buckets } } }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    bucket: String,
    /// `CreateBucketConfiguration`
    body: Option<String>,
}

fn create_bucket(s3: &mut S3, call: &Call, input: Create) -> Answer {
    let name = &input.bucket;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let reserved = name.contains("..") || name.starts_with("xn--") || name.parse::<std::net::Ipv4Addr>().is_ok();
    let well_formed = (3..=63).contains(&name.len()) && name.chars().all(allowed) && !reserved;
    if !(well_formed && name.starts_with(edge) && name.ends_with(edge)) {
        return Err(bad_request("InvalidBucketName", "The specified bucket is not valid."));
    }
    let body = input.body.as_deref().and_then(|body| BASE64.decode(body).ok()).unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    if let Some(member) = ["Tags", "Location", "Bucket"].iter().find(|name| body.contains(&format!("<{name}>"))) {
        return Err(not_implemented(format!("the local AWS does not honour the member `{member}` of CreateBucket")));
    }
    let asked = body.split_once("<LocationConstraint>").and_then(|(_, rest)| rest.split_once('<'));
    let region = asked.map_or("us-east-1", |(region, _)| region);
    if region != call.region {
        let message =
            "The location constraint is incompatible for the region specific endpoint this request was sent to.";
        return Err(bad_request("IllegalLocationConstraintException", message));
    }
    if s3.buckets.contains_key(name) {
        let message = "Your previous request to create the named bucket succeeded and you already own it.";
        return Err(conflict("BucketAlreadyOwnedByYou", message));
    }
    let bucket = Bucket { region: call.region.clone(), created: call.now, objects: BTreeMap::new() };
    s3.buckets.insert(name.clone(), bucket);
    Ok(Value::Null)
}

fn head_bucket(s3: &mut S3, call: &Call, input: InBucket) -> Answer {
    Ok(json!({ "x-amz-bucket-region": s3.bucket(call, &input)?.region }))
}

fn location(s3: &mut S3, call: &Call, input: InBucket) -> Answer {
    // us-east-1 has an empty location constraint.
    let bucket = s3.bucket(call, &input)?;
    let region = bucket.region.as_str();
    Ok(json!({ "LocationConstraint": if region == "us-east-1" { "" } else { region } }))
}

fn delete_bucket(s3: &mut S3, call: &Call, input: InBucket) -> Answer {
    if !s3.bucket(call, &input)?.objects.is_empty() {
        return Err(conflict("BucketNotEmpty", "The bucket you tried to delete is not empty"));
    }
    s3.buckets.remove(&input.bucket);
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    #[serde(flatten)]
    of: InBucket,
    #[serde(default)]
    prefix: String,
    delimiter: Option<String>,
    max_keys: Option<usize>,
    continuation_token: Option<String>,
    start_after: Option<String>,
    encoding_type: Option<String>,
}

/// Unreserved characters and the slash are not encoded.
const URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

fn list_objects(s3: &mut S3, call: &Call, input: List) -> Answer {
    let bucket = s3.bucket(call, &input.of)?;
    let url = |text: &str| match input.encoding_type {
        Some(_) => utf8_percent_encode(text, URL).to_string(),
        None => text.to_owned(),
    };
    let keys = bucket.objects.iter().filter(|(key, _)| {
        key.starts_with(&input.prefix) && input.start_after.as_deref().is_none_or(|after| key.as_str() > after)
    });
    // Keys are grouped up to the first delimiter after the prefix; a group counts as one entry.
    let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let rolled = |key: &str| {
        let (rest, delimiter) = (&key[input.prefix.len()..], delimiter?);
        rest.find(delimiter).map(|at| format!("{}{}", input.prefix, &rest[..at + delimiter.len()]))
    };
    let mut entries: BTreeMap<String, Option<&Object>> = BTreeMap::new();
    for (key, object) in keys {
        match rolled(key) {
            Some(prefix) => entries.insert(prefix, None),
            None => entries.insert(key.clone(), Some(object)),
        };
    }
    let most = input.max_keys.unwrap_or(1000).min(1000);
    let listed = entries.into_iter().filter(|_| most > 0).map(|(name, object)| (name.clone(), (name, object)));
    let (found, next) = page(listed, Some(most), input.continuation_token.as_deref())
        .map_err(|_| bad_request("InvalidArgument", "The continuation token provided is incorrect"))?;
    let (mut contents, mut prefixes) = (Vec::new(), Vec::new());
    for (name, object) in found {
        match object {
            None => prefixes.push(json!({ "Prefix": url(&name) })),
            Some(object) => contents.push(json!({
                "Key": url(&name),
                "LastModified": iso8601(object.modified),
                "ETag": object.etag(),
                "Size": object.size,
                "StorageClass": "STANDARD",
            })),
        }
    }
    Ok(json!({ "ListBucketResult": {
        "Name": input.of.bucket,
        "Prefix": url(&input.prefix),
        "Delimiter": input.delimiter.as_deref().map(url),
        "MaxKeys": most,
        "KeyCount": contents.len() + prefixes.len(),
        "IsTruncated": next.is_some(),
        "NextContinuationToken": next,
        "EncodingType": input.encoding_type,
        "Contents": contents,
        "CommonPrefixes": prefixes,
    } }))
}

impl Object {
    /// Not an MD5, unlike many ETags of S3; clients must not rely on that.
    fn etag(&self) -> String {
        format!("\"{:.32}\"", self.content.to_string())
    }

    fn head(&self) -> Value {
        json!({
            "ETag": self.etag(),
            "Content-Type": self.content_type,
            "Content-Length": self.size,
            "Last-Modified": http_date(self.modified),
            "Metadata": self.metadata,
        })
    }
}

/// `Sun, 22 Nov 2026 13:59:00 GMT`
fn http_date(millis: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    #[serde(flatten)]
    into: InBucket,
    #[serde(default)]
    body: String,
    content_type: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    /// The checksums that were sent and do not match the body.
    bad_digest: Option<String>,
}

fn put_object(s3: &mut S3, call: &Call, input: Put) -> Answer {
    let bucket = s3.bucket_mut(call, &input.into)?;
    if let Some(wrong) = input.bad_digest {
        return Err(bad_request("BadDigest", format!("The {wrong} you specified did not match what we received.")));
    }
    let body = BASE64.decode(&input.body).unwrap_or_default();
    let object = Object {
        content: call.keep(&body)?,
        size: body.len(),
        content_type: input.content_type.unwrap_or_else(|| "binary/octet-stream".to_owned()),
        metadata: input.metadata,
        modified: call.now,
    };
    let answer = json!({ "ETag": object.etag() });
    bucket.objects.insert(input.into.key, object);
    Ok(answer)
}

fn get_object(s3: &mut S3, call: &Call, input: InBucket) -> Answer {
    let bucket = s3.bucket(call, &input)?;
    let object = input.object(&bucket)?;
    let mut answer = object.head();
    answer["Body"] = json!(BASE64.encode(call.kept(&object.content)?));
    Ok(answer)
}

fn head_object(s3: &mut S3, call: &Call, input: InBucket) -> Answer {
    let bucket = s3.bucket(call, &input)?;
    Ok(input.object(&bucket)?.head())
}

/// Deleting an absent object succeeds.
fn delete_object(s3: &mut S3, call: &Call, input: InBucket) -> Answer {
    s3.bucket_mut(call, &input)?.objects.remove(&input.key);
    Ok(Value::Null)
}
