"""Compares the operation tables of the local AWS with AWS's service models, as botocore has them.

usage: shapes.py FILE, where FILE is the tables as `agentcore_gw::local::tables` gives them. Reports as JSON the
`differences` that no entry of ON_PURPOSE explains, and the entries that are `unneeded`.

Members that AWS has and a table lacks are no difference: the local AWS refuses them by name. That responses have the
members that AWS requires is checked where they are made, in boto3_table.
"""

import fnmatch
import json
import re
import sys

import botocore.session

MODELS = {"bedrock-agentcore": "bedrock-agentcore-control"}

# What differs on purpose: service, operation, path and what of it, each with wildcards; how often; and why.
ON_PURPOSE = [
    ("cognito-idp.CreateUserPoolDomain.ManagedLoginVersion range", 1, "the API reference names 1 and 2"),
    ("lambda.*.Runtime type", 2, "each model has new runtimes; one that cannot be run here is refused by its name"),
    ("lambda.*.Timeout range", 2, "the model's 5400 s are those of managed instances, 900 s those of functions"),
    ("lambda.*.MemorySize range", 2, "the model's 32 GB are those of managed instances, 10 GB those of functions"),
    ("lambda.DeleteFunction status", 1, "the service answers 204 (API reference, DeleteFunction), the model says 200"),
    ("logs.PutRetentionPolicy.retentionInDays range", 1, "a 32-bit number that is not negative; the operation has the list"),
    ("bedrock-agentcore.*.gatewayIdentifier pattern", 9, "an ARN is answered with a denial (terraform-provider-aws #47525)"),
    ("bedrock-agentcore.*.toolSchema.inlinePayload.member type", 2, "read by the parser that the command line has, too"),
    ("bedrock-agentcore.*.responseInterceptionMode member", 2, "of botocore 1.44.8"),
    ("bedrock-agentcore.*.responseStreamingConfiguration member", 2, "of botocore 1.44.8"),
    ("bedrock-agentcore.*.mcp.connector.configurations.member.parameterValues type", 2, "a document of any kind, of which nothing is read"),
    ("bedrock-agentcore.*.mcpServer.endpoint pattern", 2, "servers on this machine have no certificates"),
    ("secretsmanager.GetSecretValue.VersionStage type", 1, "secrets have one version, AWSCURRENT"),
    ("secretsmanager.CreateSecret.Name pattern", 1, "the API reference has it, the model has not"),
    ("secretsmanager.CreateSecret.Tags length", 1, "the quota of 50 tags"),
    ("s3.CreateBucket.Body member", 1, "the location constraint, which the protocol's layer leaves in the body"),
    ("s3.*.BadDigest member", 2, "the checksums that do not hold, as the protocol's layer found them"),
    ("s3.GetBucketLocation.Location member", 1, "the query parameter that names the operation"),
    ("s3.PutObject.Body sensitive", 1, "an object's content is in no error"),
    ("s3.*.Key length", 4, "1024 bytes (S3 user guide, Naming Amazon S3 objects)"),
    ("s3.ListObjectsV2.MaxKeys range", 1, "a 32-bit number that is not negative (API reference, InvalidArgument)"),
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
        self.protocol = None
        self.compared = 0

    def differ(self, where, what, ours, aws):
        if ours != aws:
            self.differences.append({"where": where, "what": what, "ours": ours, "aws": aws})

    def name(self, name, shape):
        """A member's name in our tables: restJson1 has the query parameter's."""
        in_query = self.protocol == "rest-json" and shape.serialization.get("location") == "querystring"
        return shape.serialization["name"] if in_query else name

    def members(self, where, ours, model):
        """The members of a structure, a union, or an operation's input."""
        known = {self.name(name, shape): shape for name, shape in model.members.items()} if model else {}
        required = {self.name(name, model.members[name]) for name in model.required_members} if model else set()
        for member in ours:
            name = member["name"]
            at = f"{where}.{name}"
            if name not in known:
                self.differ(at, "member", "is there", "is not")
                continue
            self.differ(at, "required", member["required"], name in required)
            self.shape(at, member["shape"], known[name])
        for name in required - {member["name"] for member in ours}:
            self.differ(f"{where}.{name}", "required", "is not there", True)

    def shape(self, where, ours, model):
        self.compared += 1
        kind = ours["kind"]
        self.differ(where, "type", kind, self.kind(model))
        if kind != self.kind(model):
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
    def kind(model):
        """The type of a shape of AWS's, in the words of our tables."""
        if model.type_name == "structure":
            return "union" if model.is_tagged_union else "structure"
        if model.type_name == "string":
            return "enum" if model.enum else "text"
        return {"long": "integer", "blob": "text", "timestamp": "text"}.get(model.type_name, model.type_name)

    def operation(self, scope, ours, model):
        where = f"{scope}.{ours['name']}"
        route = ours.get("route")
        if route:
            http = model.http
            uri = re.sub(r"\?.*$", "", http["requestUri"])
            self.differ(where, "route", (route["method"], route["path"].rstrip("/")), (http["method"], uri.rstrip("/")))
            self.differ(where, "status", route["success"], http.get("responseCode", 200))
            self.differ(where, "query", route["query"], http["requestUri"].partition("?")[2])
            bound = {name: model.input_shape.members[name] for _, name in route["headers"]}
            bound = [[shape.serialization["name"].lower(), name] for name, shape in bound.items()]
            self.differ(where, "headers", route["headers"], bound)
        self.members(where, ours["input"], model.input_shape)


def main():
    with open(sys.argv[1]) as file:
        tables = json.load(file)
    session = botocore.session.get_session()
    comparison = Comparison()
    for scope, operations in tables.items():
        service = session.get_service_model(MODELS.get(scope, scope))
        comparison.protocol = service.metadata["protocol"]
        for ours in operations:
            comparison.operation(scope, ours, service.operation_model(ours["name"]))
    counts = [0] * len(ON_PURPOSE)
    left = []
    for difference in comparison.differences:
        name = f"{difference['where']} {difference['what']}"
        reasons = [index for index, (glob, _, _) in enumerate(ON_PURPOSE) if fnmatch.fnmatchcase(name, glob)]
        for index in reasons:
            counts[index] += 1
        if not reasons:
            left.append(difference)
    # An entry that explains more or fewer differences than it says hides one, or is not needed any more.
    unneeded = [[glob, times, count] for (glob, times, _), count in zip(ON_PURPOSE, counts) if times != count]
    print(json.dumps({"compared": comparison.compared, "differences": left, "unneeded": unneeded}))


main()
