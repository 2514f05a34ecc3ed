//! The operations of S3 that are covered, with what they accept (service model s3, 2006-03-01).

use super::{
    Member, Operation, Shape, TEXT, create_bucket, delete_bucket, delete_object, get_object, handler, head_bucket,
    head_object, integer, list_buckets, list_objects, location, map, operation, optional, put_object, required, text,
};
use crate::local::wire::Route;

const BUCKET: Member = required("Bucket", TEXT);

const KEY: Member = required("Key", text(1, 1024));

const OWNER: Member = optional("ExpectedBucketOwner", TEXT);

const ANY_TEXT: Shape = TEXT;

/// The route of an operation that returns XML or nothing.
const fn xml(method: &'static str, path: &'static str, query: &'static str, success: u16) -> Route {
    Route { method, path, query, success, payload: false, headers: &[] }
}

/// The route of an operation that returns headers and possibly a body.
const fn payload(method: &'static str, path: &'static str) -> Route {
    Route { method, path, query: "", success: 200, payload: true, headers: &[] }
}

const OBJECT: &str = "/{Bucket}/{Key+}";

pub(super) const OPERATIONS: &[Operation] = &[
    operation("ListBuckets", &[], handler!(list_buckets)).at(xml("GET", "/", "", 200)),
    operation("CreateBucket", &[BUCKET, optional("Body", TEXT), optional("BadDigest", TEXT)], handler!(create_bucket))
        .at(xml("PUT", "/{Bucket}", "", 200)),
    operation("HeadBucket", &[BUCKET, OWNER], handler!(head_bucket)).at(payload("HEAD", "/{Bucket}")),
    operation("GetBucketLocation", &[BUCKET, OWNER, optional("Location", TEXT)], handler!(location)).at(xml(
        "GET",
        "/{Bucket}",
        "location",
        200,
    )),
    operation(
        "ListObjectsV2",
        &[
            BUCKET,
            OWNER,
            optional("Prefix", TEXT),
            optional("Delimiter", TEXT),
            optional("MaxKeys", integer(0, i32::MAX as i64)),
            optional("ContinuationToken", TEXT),
            optional("StartAfter", TEXT),
            optional("EncodingType", Shape::Enum(&["url"])),
        ],
        handler!(list_objects),
    )
    .at(xml("GET", "/{Bucket}", "list-type=2", 200)),
    operation("DeleteBucket", &[BUCKET, OWNER], handler!(delete_bucket)).at(xml("DELETE", "/{Bucket}", "", 204)),
    operation(
        "PutObject",
        &[
            BUCKET,
            KEY,
            OWNER,
            optional("Body", TEXT.sensitive()),
            optional("BadDigest", TEXT),
            optional("ContentType", TEXT),
            optional("Metadata", map(&ANY_TEXT, &ANY_TEXT, 0, usize::MAX)),
        ],
        handler!(put_object),
    )
    .at(payload("PUT", OBJECT)),
    operation("GetObject", &[BUCKET, KEY, OWNER], handler!(get_object)).at(payload("GET", OBJECT)),
    operation("HeadObject", &[BUCKET, KEY, OWNER], handler!(head_object)).at(payload("HEAD", OBJECT)),
    operation("DeleteObject", &[BUCKET, KEY, OWNER], handler!(delete_object)).at(xml("DELETE", OBJECT, "", 204)),
];
