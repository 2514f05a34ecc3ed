//! Which IAM actions a service's operations need (service authorization reference).

use super::shape::Traits;

/// The actions of an operation, as `service:Action`.
pub(super) fn of_operation(prefix: &str, name: &str, traits: Traits<'_>) -> Vec<String> {
    let own = traits.text("aws.iam#actionName").or_else(|| traits.get("aws.iam#iamAction")?["name"].as_str());
    let actions: Vec<&str> = match (own, exceptional(prefix, name)) {
        (Some(own), _) => vec![own],
        (None, Some(actions)) => actions.to_vec(),
        (None, None) => vec![usual(prefix, name)],
    };
    let further = traits.get("aws.iam#requiredActions").and_then(|all| all.as_array()).into_iter().flatten();
    let further = further.filter_map(|action| action.as_str().map(str::to_owned));
    actions.into_iter().map(|action| format!("{prefix}:{action}")).chain(further).collect()
}

/// Batches are allowed by what is in them.
fn usual<'a>(prefix: &str, name: &'a str) -> &'a str {
    if prefix == "sqs" { name.strip_suffix("Batch").unwrap_or(name) } else { name }
}

/// Operations whose actions have other names than they.
fn exceptional(prefix: &str, name: &str) -> Option<&'static [&'static str]> {
    Some(match (prefix, name) {
        ("dynamodb", "TransactGetItems") => &["GetItem"],
        ("dynamodb", "TransactWriteItems") => &["ConditionCheckItem", "DeleteItem", "PutItem", "UpdateItem"],
        ("dynamodb", "ExecuteStatement" | "BatchExecuteStatement" | "ExecuteTransaction") => {
            &["PartiQLDelete", "PartiQLInsert", "PartiQLSelect", "PartiQLUpdate"]
        }
        ("lambda", "Invoke" | "InvokeAsync" | "InvokeWithResponseStream") => &["InvokeFunction"],
        ("secretsmanager", "BatchGetSecretValue") => &["BatchGetSecretValue", "GetSecretValue"],
        ("s3", name) => return of_s3(name),
        _ => return None,
    })
}

fn of_s3(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "ListBuckets" => &["ListAllMyBuckets"],
        "ListDirectoryBuckets" => &["ListAllMyDirectoryBuckets"],
        "HeadBucket" | "ListObjects" | "ListObjectsV2" => &["ListBucket"],
        "ListObjectVersions" => &["ListBucketVersions"],
        "HeadObject" | "SelectObjectContent" => &["GetObject"],
        "GetObjectAttributes" => &["GetObject", "GetObjectAttributes"],
        "CopyObject" | "UploadPartCopy" => &["GetObject", "PutObject"],
        "CreateMultipartUpload" | "CompleteMultipartUpload" | "UploadPart" => &["PutObject"],
        "DeleteObjects" => &["DeleteObject"],
        "ListMultipartUploads" => &["ListBucketMultipartUploads"],
        "ListParts" => &["ListMultipartUploadParts"],
        "GetBucketCors" => &["GetBucketCORS"],
        "PutBucketCors" | "DeleteBucketCors" => &["PutBucketCORS"],
        "GetBucketEncryption" => &["GetEncryptionConfiguration"],
        "PutBucketEncryption" | "DeleteBucketEncryption" => &["PutEncryptionConfiguration"],
        "GetBucketLifecycle" | "GetBucketLifecycleConfiguration" => &["GetLifecycleConfiguration"],
        "PutBucketLifecycle" | "PutBucketLifecycleConfiguration" | "DeleteBucketLifecycle" => {
            &["PutLifecycleConfiguration"]
        }
        "GetBucketReplication" => &["GetReplicationConfiguration"],
        "PutBucketReplication" | "DeleteBucketReplication" => &["PutReplicationConfiguration"],
        "GetBucketNotificationConfiguration" => &["GetBucketNotification"],
        "PutBucketNotificationConfiguration" => &["PutBucketNotification"],
        "GetBucketAccelerateConfiguration" => &["GetAccelerateConfiguration"],
        "PutBucketAccelerateConfiguration" => &["PutAccelerateConfiguration"],
        "GetBucketAnalyticsConfiguration" | "ListBucketAnalyticsConfigurations" => &["GetAnalyticsConfiguration"],
        "PutBucketAnalyticsConfiguration" | "DeleteBucketAnalyticsConfiguration" => &["PutAnalyticsConfiguration"],
        "GetBucketIntelligentTieringConfiguration" | "ListBucketIntelligentTieringConfigurations" => {
            &["GetIntelligentTieringConfiguration"]
        }
        "PutBucketIntelligentTieringConfiguration" | "DeleteBucketIntelligentTieringConfiguration" => {
            &["PutIntelligentTieringConfiguration"]
        }
        "GetBucketInventoryConfiguration" | "ListBucketInventoryConfigurations" => &["GetInventoryConfiguration"],
        "PutBucketInventoryConfiguration" | "DeleteBucketInventoryConfiguration" => &["PutInventoryConfiguration"],
        "GetBucketMetricsConfiguration" | "ListBucketMetricsConfigurations" => &["GetMetricsConfiguration"],
        "PutBucketMetricsConfiguration" | "DeleteBucketMetricsConfiguration" => &["PutMetricsConfiguration"],
        "GetObjectLockConfiguration" => &["GetBucketObjectLockConfiguration"],
        "PutObjectLockConfiguration" => &["PutBucketObjectLockConfiguration"],
        "GetPublicAccessBlock" => &["GetBucketPublicAccessBlock"],
        "PutPublicAccessBlock" | "DeletePublicAccessBlock" => &["PutBucketPublicAccessBlock"],
        "DeleteBucketTagging" => &["PutBucketTagging"],
        "DeleteBucketOwnershipControls" => &["PutBucketOwnershipControls"],
        _ => return None,
    })
}
