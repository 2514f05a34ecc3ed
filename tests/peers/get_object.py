"""Writes an S3 object to standard output.

usage: get_object.py BUCKET KEY
"""

import sys

import boto3

bucket, key = sys.argv[1:]
sys.stdout.buffer.write(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
