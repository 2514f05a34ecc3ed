"""Compares the operation tables of the local AWS with AWS's service models, as botocore has them.

usage: shapes.py FILE, where FILE is the tables as `agentcore_gw::local::tables` gives them. Reports as JSON the
`differences` that no entry of ON_PURPOSE explains, and the entries that are `unneeded`.

Members that AWS has and a table lacks are no difference: the local AWS refuses them by name.
"""

import fnmatch
import json
import re
import sys

import botocore.session

MODELS = {"bedrock-agentcore": "bedrock-agentcore-control"}

# What differs on purpose: service, operation, path and what of it, each with wildcards; and why.
ON_PURPOSE = [
    ("cognito-idp.CreateUserPoolDomain.ManagedLoginVersion range", "the API reference names 1 and 2"),
    ("lambda.*.Runtime type", "each model has new runtimes; one that cannot be run here is refused by its name"),
    ("lambda.*.Timeout range", "the model's 5400 s are those of managed instances, 900 s those of functions"),
    ("lambda.*.MemorySize range", "the model's 32 GB are those of managed instances, 10 GB those of functions"),
    ("lambda.DeleteFunction status", "the service answers 204 (API reference, DeleteFunction), the model says 200"),
    ("logs.PutRetentionPolicy.retentionInDays range", "a 32-bit number that is not negative; the operation has the list"),
    ("bedrock-agentcore.*.gatewayIdentifier pattern", "an ARN is answered with a denial (terraform-provider-aws #47525)"),
    ("bedrock-agentcore.*.toolSchema.inlinePayload.member type", "read by the parser that the command line has, too"),
    ("bedrock-agentcore.*.mcpServer.endpoint pattern", "servers on this machine have no certificates"),
    ("secretsmanager.GetSecretValue.VersionStage type", "secrets have one version, AWSCURRENT"),
    ("secretsmanager.CreateSecret.Name pattern", "the API reference has it, the model has not"),
    ("secretsmanager.CreateSecret.Tags length", "the quota of 50 tags"),
    ("s3.CreateBucket.Body member", "the location constraint, which the protocol's layer leaves in the body"),
    ("s3.*.BadDigest member", "the checksums that do not hold, as the protocol's layer found them"),
    ("s3.GetBucketLocation.Location member", "the query parameter that names the operation"),
    ("s3.PutObject.Body sensitive", "an object's content is in no error"),
    ("s3.*.Key length", "1024 bytes (S3 user guide, Naming Amazon S3 objects)"),
    ("s3.ListObjectsV2.MaxKeys range", "a 32-bit number that is not negative (API reference, InvalidArgument)"),
]


def pattern(text):
    """A pattern in one dialect: whole texts are matched, and characters are written as Rust's regex does."""
    if text is None:
        return None
    text = re.sub(r"\\u([0-9A-Fa-f]{4})", lambda hex: "\\x{%X}" % int(hex.group(1), 16), text)
    text = re.sub(r"\\x([0-9A-Fa-f]{2})", lambda hex: "\\x{%X}" % int(hex.group(1), 16), text)
    for letter, code in (("t", "9"), ("n", "A"), ("r", "D")):
        text = text.replace("\\" + letter, "\\x{%s}" % code)
    return text.replace("\\x{2F}", "/").removeprefix("^").removesuffix("$")


def limits(shape, least, most):
    """Bounds as AWS means them: no upper bound is None, and no lower one is 0."""
    return (shape.metadata.get(least) or 0, shape.metadata.get(most))


class Comparison:
    def __init__(self):
        self.differences = []
        self.seen = set()
        self.compared = 0

    def differ(self, where, what, ours, aws):
        if ours != aws:
            self.differences.append({"where": where, "what": what, "ours": ours, "aws": aws})

    def members(self, where, ours, model):
        """The members of a structure, a union, or an operation's input."""
        known = dict(model.members) if model else {}
        by_location = {
            shape.serialization["name"]: name
            for name, shape in known.items()
            if shape.serialization.get("location") in ("querystring", "header", "uri")
        }
        required = set(model.required_members) if model else set()
        for member in ours:
            name = member["name"]
            name = name if name in known else by_location.get(name, name)
            at = f"{where}.{name}"
            if name not in known:
                self.differ(at, "member", "is there", "is not")
                continue
            self.differ(at, "required", member["required"], name in required)
            self.shape(at, member["shape"], known[name])
        ours = {by_location.get(member["name"], member["name"]) for member in ours}
        for name in required - ours:
            self.differ(f"{where}.{name}", "required", "is not there", True)

    def shape(self, where, ours, model):
        self.compared += 1
        kind = ours["kind"]
        self.differ(where, "type", kind, self.kind(model, kind))
        if kind != self.kind(model, kind):
            return
        if kind in ("text", "enum"):
            self.differ(where, "sensitive", ours["sensitive"], bool(model.metadata.get("sensitive")))
        if kind == "text":
            self.differ(where, "length", (ours["least"], ours["most"]), limits(model, "min", "max"))
            self.differ(where, "pattern", pattern(ours["pattern"]), pattern(model.metadata.get("pattern")))
        elif kind == "enum":
            self.differ(where, "values", sorted(ours["values"]), sorted(model.enum))
        elif kind == "integer":
            bounds = (model.metadata.get("min"), model.metadata.get("max"))
            self.differ(where, "range", (ours["least"], ours["most"]), bounds)
        elif kind == "list":
            self.differ(where, "length", (ours["least"], ours["most"]), limits(model, "min", "max"))
            self.shape(f"{where}.member", ours["item"], model.member)
        elif kind == "map":
            self.differ(where, "length", (ours["least"], ours["most"]), limits(model, "min", "max"))
            self.shape(f"{where}.key", ours["key"], model.key)
            self.shape(f"{where}.value", ours["value"], model.value)
        elif kind in ("structure", "union"):
            self.members(where, ours["members"], model)

    @staticmethod
    def kind(model, ours):
        """What the model has, in our words; texts with an enumeration may be taken for either."""
        kinds = {"long": "integer", "boolean": "boolean", "blob": "text", "timestamp": "text"}
        if model.type_name == "structure":
            return "union" if getattr(model, "is_tagged_union", False) or model.is_document_type else "structure"
        if model.type_name == "string":
            return "enum" if model.enum else "text"
        return kinds.get(model.type_name, model.type_name)

    def operation(self, scope, ours, model):
        where = f"{scope}.{ours['name']}"
        route = ours.get("route")
        if route:
            http = model.http
            uri = re.sub(r"\?.*$", "", http["requestUri"])
            self.differ(where, "route", (route["method"], route["path"].rstrip("/")), (http["method"], uri.rstrip("/")))
            self.differ(where, "status", route["success"], http.get("responseCode", 200))
        self.members(where, ours["input"], model.input_shape)


def main():
    with open(sys.argv[1]) as file:
        tables = json.load(file)
    session = botocore.session.get_session()
    comparison = Comparison()
    for scope, operations in tables.items():
        service = session.get_service_model(MODELS.get(scope, scope))
        for ours in operations:
            comparison.operation(scope, ours, service.operation_model(ours["name"]))
    used = set()
    left = []
    for difference in comparison.differences:
        name = f"{difference['where']} {difference['what']}"
        reasons = [index for index, (glob, _) in enumerate(ON_PURPOSE) if fnmatch.fnmatchcase(name, glob)]
        used.update(reasons)
        if not reasons:
            left.append(difference)
    unneeded = [glob for index, (glob, _) in enumerate(ON_PURPOSE) if index not in used]
    print(json.dumps({"compared": comparison.compared, "differences": left, "unneeded": unneeded}))


main()
