//! The supported operations of Lambda, with their input shapes (botocore's model `lambda/2015-03-31`; its
//! limits for memory and timeout include managed instances, those here are for functions).

use super::{create, delete, get, get_configuration, list, policy, tags, update};
use crate::local::{
    services::{
        operation::{Operation, Resource, Run, handler, operation, rest_operation},
        shape::{Member, Shape, TEXT, integer, list as items, map, optional, required, text},
    },
    wire::Route,
};

const FUNCTION: Member = required(
    "FunctionName",
    text(1, 256).matching(
        r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?",
    ),
);
const PLAIN_FUNCTION: Member = required(
    "FunctionName",
    text(1, 140).matching(
        r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?",
    ),
);
const QUALIFIER: Member = optional("Qualifier", text(1, 128).matching(r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"));
const ROLE: Shape = text(0, 10_000).matching(r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+");
const HANDLER: Shape = text(0, 128).matching(r"[^\s]+");
const DESCRIPTION: Shape = text(0, 256);
const TIMEOUT: Shape = integer(1, 900);
const MEMORY: Shape = integer(128, 10_240);
const VARIABLE: Shape = TEXT.matching(r"[a-zA-Z]([a-zA-Z0-9_])+").sensitive();
const SECRET_TEXT: Shape = TEXT.sensitive();
const ENVIRONMENT: Shape = Shape::Structure(&[optional("Variables", map(&VARIABLE, &SECRET_TEXT, 0, usize::MAX))]);
const RUNTIME: Shape = TEXT;
const ARCHITECTURE: Shape = Shape::Enum(&["x86_64", "arm64"]);
const REVISION: Member = optional("RevisionId", TEXT);
const RESOURCE: Member = required(
    "Resource",
    text(1, 10_000).matching(
        r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|(capacity-provider|network-connector):[a-zA-Z0-9-_]{1,64})",
    ),
);
const TAG_KEY: Shape = text(1, 128).matching(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)");
const TAG_VALUE: Shape = text(0, 256).matching(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)");
const TAGS: Shape = map(&TAG_KEY, &TAG_VALUE, 0, usize::MAX);
const STATEMENT_ID: Member = required("StatementId", text(1, 100).matching("([a-zA-Z0-9-_.]+)"));

pub(super) const OPERATIONS: &[Operation] = &[
    rest_operation(
        "CreateFunction",
        ("POST", "/2015-03-31/functions", 201),
        &[
            PLAIN_FUNCTION,
            optional("Runtime", RUNTIME),
            required("Role", ROLE),
            optional("Handler", HANDLER),
            required("Code", Shape::Structure(&[optional("ZipFile", SECRET_TEXT)])),
            optional("Architectures", items(&ARCHITECTURE, 1, 1)),
            optional("Description", DESCRIPTION),
            optional("Timeout", TIMEOUT),
            optional("MemorySize", MEMORY),
            optional("PackageType", Shape::Enum(&["Zip", "Image"])),
            optional("Environment", ENVIRONMENT),
            optional("Tags", TAGS),
        ],
        handler!(create),
    ).on(Resource::Functions),
    rest_operation(
        "ListFunctions",
        ("GET", "/2015-03-31/functions", 200),
        &[optional("Marker", TEXT), optional("MaxItems", integer(1, 10_000))],
        handler!(list),
    ),
    rest_operation(
        "GetFunction",
        ("GET", "/2015-03-31/functions/{FunctionName}", 200),
        &[FUNCTION, QUALIFIER],
        handler!(get),
    ),
    rest_operation(
        "DeleteFunction",
        ("DELETE", "/2015-03-31/functions/{FunctionName}", 204),
        &[FUNCTION, QUALIFIER],
        handler!(delete),
    ).on(Resource::Functions),
    rest_operation(
        "GetFunctionConfiguration",
        ("GET", "/2015-03-31/functions/{FunctionName}/configuration", 200),
        &[FUNCTION, QUALIFIER],
        handler!(get_configuration),
    ),
    rest_operation(
        "UpdateFunctionConfiguration",
        ("PUT", "/2015-03-31/functions/{FunctionName}/configuration", 200),
        &[
            PLAIN_FUNCTION,
            optional("Role", ROLE),
            optional("Handler", HANDLER),
            optional("Description", DESCRIPTION),
            optional("Timeout", TIMEOUT),
            optional("MemorySize", MEMORY),
            optional("Environment", ENVIRONMENT),
            optional("Runtime", RUNTIME),
            REVISION,
        ],
        handler!(update::update_configuration),
    ).on(Resource::Functions),
    rest_operation(
        "UpdateFunctionCode",
        ("PUT", "/2015-03-31/functions/{FunctionName}/code", 200),
        &[PLAIN_FUNCTION, optional("ZipFile", SECRET_TEXT), REVISION],
        handler!(update::update_code),
    ).on(Resource::Functions),
    operation(
        "Invoke",
        &[
            FUNCTION,
            QUALIFIER,
            optional("InvocationType", Shape::Enum(&["Event", "RequestResponse", "DryRun"])),
            optional("LogType", Shape::Enum(&["None", "Tail"])),
            optional("ClientContext", TEXT),
        ],
        Run::Function,
    )
    .at(Route {
        method: "POST",
        path: "/2015-03-31/functions/{FunctionName}/invocations",
        query: "",
        success: 200,
        payload: true,
        // The last two are not accepted: naming one is an error.
        headers: &[
            ("x-amz-invocation-type", "InvocationType"),
            ("x-amz-log-type", "LogType"),
            ("x-amz-client-context", "ClientContext"),
            ("x-amz-durable-execution-name", "DurableExecutionName"),
            ("x-amz-tenant-id", "TenantId"),
        ],
    }),
    rest_operation(
        "AddPermission",
        ("POST", "/2015-03-31/functions/{FunctionName}/policy", 201),
        &[
            FUNCTION,
            QUALIFIER,
            required("StatementId", text(1, 100).matching("([a-zA-Z0-9-_]+)")),
            required("Action", text(0, 10_000).matching(r"(lambda:[*]|lambda:[a-zA-Z]+|[*])")),
            required("Principal", text(0, 2048).matching(r"[^\s]+")),
            optional(
                "SourceArn",
                text(0, 10_000).matching(
                    r"arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)",
                ),
            ),
            optional("SourceAccount", text(0, 12).matching(r"\d{12}")),
            REVISION,
        ],
        handler!(policy::add),
    ),
    rest_operation(
        "GetPolicy",
        ("GET", "/2015-03-31/functions/{FunctionName}/policy", 200),
        &[FUNCTION, QUALIFIER],
        handler!(policy::get),
    ),
    rest_operation(
        "RemovePermission",
        ("DELETE", "/2015-03-31/functions/{FunctionName}/policy/{StatementId}", 204),
        &[FUNCTION, STATEMENT_ID, QUALIFIER, REVISION],
        handler!(policy::remove),
    ),
    rest_operation("ListTags", ("GET", "/2017-03-31/tags/{Resource}", 200), &[RESOURCE], handler!(tags::list_tags)),
    rest_operation(
        "TagResource",
        ("POST", "/2017-03-31/tags/{Resource}", 204),
        &[RESOURCE, required("Tags", TAGS)],
        handler!(tags::tag),
    ),
    rest_operation(
        "UntagResource",
        ("DELETE", "/2017-03-31/tags/{Resource}", 204),
        &[RESOURCE, required("tagKeys", items(&TAG_KEY, 0, usize::MAX))],
        handler!(tags::untag),
    ),
];
