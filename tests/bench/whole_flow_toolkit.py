"""AWS's starter toolkit makes a gateway with four targets and deletes it again. Prints how long each part took, as JSON.

Its fixed sleeps are added up instead of slept.
"""

import json
import os
import pathlib
import sys
import time

begun = time.perf_counter()
from bedrock_agentcore_starter_toolkit.operations.gateway import GatewayClient  # noqa: E402

seconds = {"import": time.perf_counter() - begun}

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "peers"))
import toolkit  # noqa: E402

slept = []
time.sleep = slept.append


def timed(part, action):
    begun = time.perf_counter()
    result = action()
    seconds[part] = time.perf_counter() - begun
    return result


def main():
    client = timed("client", lambda: GatewayClient(region_name=os.environ["AWS_DEFAULT_REGION"]))
    cognito = timed("authorizer", lambda: client.create_oauth_authorizer_with_cognito("weather-gateway"))
    config = cognito["authorizer_config"]
    gateway = timed("gateway", lambda: client.create_mcp_gateway(name="weather-gateway", authorizer_config=config))
    timed("permissions", lambda: client.fix_iam_permissions(gateway))
    timed("function", lambda: client.create_mcp_gateway_target(gateway=gateway, name="weather-tool", target_type="lambda"))
    timed("apis", lambda: toolkit.add_apis(client, gateway, cognito))
    timed("model", lambda: toolkit.add_dynamodb(client, gateway))
    timed("cleanup", lambda: client.cleanup_gateway(gateway["gatewayId"], cognito["client_info"]))
    print(json.dumps({"seconds": seconds, "slept": sum(slept)}))


main()
