"""The sample tools of an AgentCore gateway.

The gateway calls `lambda_handler` with the tool's bare arguments as the event.
The tool's name comes in the Lambda client context, as `{target}___{tool}`.
"""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def get_weather(location):
    # A sample: the answer names the place that was asked for, the weather is always fine.
    return {"location": location, "temperature": "72°F", "conditions": "Sunny"}


def get_time(timezone):
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown timezone {timezone!r}; use a name such as America/Los_Angeles") from None
    now = datetime.now(zone)
    return {"timezone": timezone, "time": now.isoformat(timespec="seconds")}


TOOLS = {
    "get_weather": lambda event: get_weather(event["location"]),
    "get_time": lambda event: get_time(event["timezone"]),
}


def lambda_handler(event, context):
    qualified = context.client_context.custom["bedrockAgentCoreToolName"]
    tool = qualified.split("___", 1)[-1]
    return TOOLS[tool](event)
