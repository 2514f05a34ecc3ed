"""Makes an API key credential provider; prints its ARN.

usage: credential_provider.py NAME KEY
"""

import json
import sys

import boto3

name, key = sys.argv[1:]
control = boto3.client("bedrock-agentcore-control")
made = control.create_api_key_credential_provider(name=name, apiKey=key)
value = boto3.client("secretsmanager").get_secret_value(SecretId=made["apiKeySecretArn"]["secretArn"])
assert json.loads(value["SecretString"]) == {"api_key_value": key}, value
print(json.dumps({"arn": made["credentialProviderArn"]}))
