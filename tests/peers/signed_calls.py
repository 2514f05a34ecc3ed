"""Calls a gateway that lets in who has an AWS key, signed as botocore signs; prints what was answered.

usage: signed_calls.py URL
"""

import json
import sys
import urllib.error
import urllib.request

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

url = sys.argv[1]
session = boto3.Session()
own = session.get_credentials().get_frozen_credentials()
stranger = Credentials(own.access_key, "x" * 40)
BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})


def call(credentials=own, service="bedrock-agentcore", region=session.region_name, sent=BODY):
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    request = AWSRequest(method="POST", url=url, data=BODY, headers=headers)
    SigV4Auth(credentials, service, region).add_auth(request)
    plain = urllib.request.Request(url, sent.encode(), dict(request.headers), method="POST")
    try:
        with urllib.request.urlopen(plain) as answer:
            return [answer.status, json.load(answer)]
    except urllib.error.HTTPError as error:
        return [error.code, json.load(error)]


answers = {
    "good": call(),
    "another secret": call(stranger),
    "another service": call(service="lambda"),
    "another region": call(region="eu-west-1"),
    "another body": call(sent=BODY.replace("ping", "tools/list")),
}
print(json.dumps(answers))
