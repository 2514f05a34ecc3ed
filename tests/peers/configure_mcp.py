"""Merges members into protocolConfiguration.mcp of a gateway, and waits until it is READY.

usage: configure_mcp.py GATEWAY-ID JSON
"""

import json
import sys

import boto3

gateway_id, members = sys.argv[1], json.loads(sys.argv[2])
control = boto3.client("bedrock-agentcore-control")
gateway = control.get_gateway(gatewayIdentifier=gateway_id)
known = control.meta.service_model.operation_model("UpdateGateway").input_shape.members
update = {key: value for key, value in gateway.items() if key in known}
update["protocolConfiguration"]["mcp"].update(members)
control.update_gateway(gatewayIdentifier=gateway_id, **update)
seen = control.get_gateway(gatewayIdentifier=gateway_id)
assert seen["status"] == "READY", seen
assert members.items() <= seen["protocolConfiguration"]["mcp"].items(), seen
