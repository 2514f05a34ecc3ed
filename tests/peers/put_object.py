"""Puts a file into S3, making the bucket.

usage: put_object.py BUCKET KEY FILE
"""

import os
import sys

import boto3

bucket, key, file = sys.argv[1:]
s3 = boto3.client("s3")
region = {"LocationConstraint": os.environ["AWS_DEFAULT_REGION"]}
if bucket not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=region)
s3.upload_file(file, bucket, key)
