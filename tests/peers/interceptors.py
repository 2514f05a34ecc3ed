"""Puts an interceptor on a gateway: makes the function, lets the gateway's role invoke it, updates the gateway.

usage: interceptors.py GATEWAY-ID POINT[,POINT] SOURCE-FILE
"""

import io
import json
import sys
import zipfile

import boto3

gateway_id, points, source = sys.argv[1:]
iam, functions = boto3.client("iam"), boto3.client("lambda")
control = boto3.client("bedrock-agentcore-control")

name = "interceptor-" + points.lower().replace(",", "-")
statement = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
package = io.BytesIO()
with zipfile.ZipFile(package, "w") as archive:
    archive.write(source, "main.py")
arn = functions.create_function(
    FunctionName=name,
    Runtime="python3.13",
    Role=iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"],
    Handler="main.handler",
    Code={"ZipFile": package.getvalue()},
)["FunctionArn"]
functions.get_waiter("function_active_v2").wait(FunctionName=name)

gateway = control.get_gateway(gatewayIdentifier=gateway_id)
members = control.meta.service_model.operation_model("UpdateGateway").input_shape.members
update = {key: value for key, value in gateway.items() if key in members}
update["interceptorConfigurations"] = [
    {
        "interceptor": {"lambda": {"arn": arn}},
        "interceptionPoints": points.split(","),
        "inputConfiguration": {"passRequestHeaders": True},
    }
]
try:
    control.update_gateway(gatewayIdentifier=gateway_id, **update)
    sys.exit("an interceptor that the role may not invoke was let in")
except control.exceptions.ValidationException as error:
    assert "lacks permission to invoke" in str(error), error
role = gateway["roleArn"].rsplit("/", 1)[1]
allow = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn}
document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
iam.put_role_policy(RoleName=role, PolicyName="interceptor", PolicyDocument=document)
control.update_gateway(gatewayIdentifier=gateway_id, **update)
seen = control.get_gateway(gatewayIdentifier=gateway_id)
assert seen["status"] == "READY" and seen["interceptorConfigurations"] == update["interceptorConfigurations"], seen
