"""Meets the faults that `local serve --fault` was told, and prints which errors boto3 made of them."""

import json

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

CALLS = [
    ("iam", "iam", "ListRoles", {}),
    ("cognito-idp", "cognito-idp", "ListUserPools", {"MaxResults": 1}),
    ("lambda", "lambda", "ListFunctions", {}),
    ("logs", "logs", "DescribeLogGroups", {}),
    ("logs", "logs", "DescribeDeliveries", {}),
    ("bedrock-agentcore", "bedrock-agentcore-control", "ListGateways", {}),
    (
        "bedrock-agentcore",
        "bedrock-agentcore-control",
        "ListTagsForResource",
        {"resourceArn": "arn:aws:bedrock-agentcore:us-west-2:000000000000:gateway/g-0123456789"},
    ),
]

seen = []
for scope, service, operation, params in CALLS:
    client = boto3.client(service, config=Config(retries={"total_max_attempts": 1}))
    try:
        getattr(client, xform_name(operation))(**params)
    except ClientError as error:
        status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
        modelled = type(error) is not ClientError
        shape = client.meta.service_model.shape_for(type(error).__name__) if modelled else None
        expected = shape.metadata.get("error", {}).get("httpStatusCode", status) if modelled else None
        seen.append(f"{scope}:{operation}={code}" if status == expected else f"{type(error)} with status {status}")
print(json.dumps(seen))
