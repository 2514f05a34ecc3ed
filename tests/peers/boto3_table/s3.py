"""S3: buckets and objects."""

from calls import REGION, STRANGER, fail, good, bad, pages


def buckets():
    c = "s3"
    b, none = {"Bucket": "a-bucket"}, {"Bucket": "no-bucket"}
    here = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    good(c, "CreateBucket", dict(b, **here))
    bad(c, "CreateBucket", "BucketAlreadyOwnedByYou", dict(b, **here))
    bad(c, "CreateBucket", "InvalidBucketName", dict(Bucket="A_b", **here))
    bad(c, "CreateBucket", "IllegalLocationConstraintException", dict(b, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}))
    good(c, "HeadBucket", b, lambda a: a["BucketRegion"] == REGION)
    bad(c, "HeadBucket", "404", none)
    good(c, "GetBucketLocation", b, lambda a: a["LocationConstraint"] == REGION)
    bad(c, "GetBucketLocation", "NoSuchBucket", none)
    good(c, "ListBuckets", {}, lambda a: [x["Name"] for x in a["Buckets"]] == ["a-bucket"])
    for key in ("a/1", "a/2", "ü b", "z/"):
        good(c, "PutObject", dict(b, Key=key, Body=key.encode(), ContentType="text/plain", Metadata={"m": "1"}), lambda a: a["ETag"].startswith('"'))
    bad(c, "PutObject", "NoSuchBucket", dict(none, Key="k", Body=b""))
    bad(c, "PutObject", "AccessDenied", dict(b, Key="k", Body=b"", ExpectedBucketOwner=STRANGER))
    bad(c, "PutObject", "NotImplemented", dict(b, Key="k", Body=b"", ACL="public-read"), "`Acl`")
    bad(c, "PutObject", "NotImplemented", dict(b, Key="k", Body=b"", CacheControl="no-cache"), "`CacheControl`")
    bad(c, "PutObject", "BadDigest", dict(b, Key="k", Body=b"x", ChecksumCRC32="AAAAAA=="), "crc32")
    for key in (".well-known/jwks.json", "x/mcp"):
        good(c, "PutObject", dict(b, Key=key, Body=b"{}"))
        good(c, "GetObject", dict(b, Key=key), lambda a: a["Body"].read() == b"{}")
        good(c, "DeleteObject", dict(b, Key=key))
    good(c, "GetObject", dict(b, Key="ü b"), lambda a: a["Body"].read().decode() == "ü b" and a["ContentType"] == "text/plain" and a["Metadata"] == {"m": "1"})
    bad(c, "GetObject", "NoSuchKey", dict(b, Key="none"))
    good(c, "HeadObject", dict(b, Key="a/1"), lambda a: a["ContentLength"] == 3 and a["LastModified"].year >= 2026)
    bad(c, "HeadObject", "404", dict(b, Key="none"))
    good(c, "ListObjectsV2", b, lambda a: [o["Key"] for o in a["Contents"]] == ["a/1", "a/2", "z/", "ü b"] and a["KeyCount"] == 4)
    good(c, "ListObjectsV2", dict(b, Delimiter="/"), lambda a: [p["Prefix"] for p in a["CommonPrefixes"]] == ["a/", "z/"] and [o["Key"] for o in a["Contents"]] == ["ü b"])
    good(c, "ListObjectsV2", dict(b, Prefix="a/", StartAfter="a/1"), lambda a: [o["Key"] for o in a["Contents"]] == ["a/2"])
    rolled = pages(c, "ListObjectsV2", dict(b, Delimiter="/"), "CommonPrefixes", "MaxKeys", "ContinuationToken", "NextContinuationToken")
    if [prefix["Prefix"] for prefix in rolled] != ["a/", "z/"]:
        fail(c, "ListObjectsV2", f"rolled up pages gave {rolled}")
    found = pages(c, "ListObjectsV2", b, "Contents", "MaxKeys", "ContinuationToken", "NextContinuationToken")
    if len(found) != 4:
        fail(c, "ListObjectsV2", f"pages gave {found}")
    bad(c, "ListObjectsV2", "NoSuchBucket", none)
    bad(c, "DeleteBucket", "BucketNotEmpty", b)
    for key in ("a/1", "a/2", "ü b", "z/", "none"):
        good(c, "DeleteObject", dict(b, Key=key))
    bad(c, "DeleteObject", "NoSuchBucket", dict(none, Key="k"))
    good(c, "DeleteBucket", b)
    bad(c, "DeleteBucket", "NoSuchBucket", b)
