//! The operations of Cognito user pools that are covered, with what they let in (botocore's model
//! `cognito-idp/2016-04-18`).

use super::{
    clients, create_domain, create_pool, create_resource_server, delete_domain, delete_pool, delete_resource_server,
    describe, describe_domain, describe_resource_server, list_pools, list_resource_servers, list_tags, tag, untag,
    update_pool, update_resource_server,
};
use crate::local::services::{
    Operation, operation, read,
    shape::{Member, Shape, integer, list, map, optional, required, text},
};

const POOL_ID: Member = required("UserPoolId", text(1, 55).matching(r"[\w-]+_[0-9a-zA-Z]+"));
const POOL_NAME: Shape = text(1, 128).matching(r"[\w\s+=,.@-]+");
const CLIENT_ID: Member = required("ClientId", text(1, 128).matching(r"[\w+]+"));
const DOMAIN: Member = required("Domain", text(1, 63).matching(r"^[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?$"));
const IDENTIFIER: Member = required("Identifier", text(1, 256).matching(r"[\x21\x23-\x5B\x5D-\x7E]+"));
const ARN: Member = required(
    "ResourceArn",
    text(20, 2048)
        .matching(r"arn:[\w+=/,.@-]+:[\w+=/,.@-]+:([\w+=/,.@-]*)?:[0-9]+:[\w+=/,.@-]+(:[\w+=/,.@-]+)?(:[\w+=/,.@-]+)?"),
);
const TOKEN: Member = optional("NextToken", text(1, 131_072).matching(r"\S+"));
const TAG_KEY: Shape = text(1, 128);
const TAG_VALUE: Shape = text(0, 256);
/// More than 50 are an error of their own.
const TAGS: Shape = map(&TAG_KEY, &TAG_VALUE, usize::MAX);
const ADMIN_CREATE_USER: Member = optional(
    "AdminCreateUserConfig",
    Shape::Structure(&[
        optional("AllowAdminCreateUserOnly", Shape::Boolean),
        // SDKs send its default of 0; there are no users whose accounts could expire.
        optional("UnusedAccountValidityDays", integer(0, 365)),
    ]),
);
const DELETION_PROTECTION: Member = optional("DeletionProtection", Shape::Enum(&["ACTIVE", "INACTIVE"]));
const SCOPE: Shape = Shape::Structure(&[
    required("ScopeName", text(1, 256).matching(r"[\x21\x23-\x2E\x30-\x5B\x5D-\x7E]+")),
    required("ScopeDescription", text(1, 256)),
]);
const SERVER: &[Member] = &[
    POOL_ID,
    IDENTIFIER,
    required("Name", text(1, 256).matching(r"[\w\s+=,.@-]+")),
    optional("Scopes", list(&SCOPE, 0, 100)),
];
const FLOW: Shape = Shape::Enum(&["code", "implicit", "client_credentials"]);
const OAUTH_SCOPE: Shape = text(1, 256).matching(r"[\x21\x23-\x5B\x5D-\x7E]+");
const PROVIDER: Shape = text(1, 32);
const UNIT: Shape = Shape::Enum(&["seconds", "minutes", "hours", "days"]);
const AUTH_FLOW: Shape = Shape::Enum(&[
    "ADMIN_NO_SRP_AUTH",
    "CUSTOM_AUTH_FLOW_ONLY",
    "USER_PASSWORD_AUTH",
    "ALLOW_ADMIN_USER_PASSWORD_AUTH",
    "ALLOW_CUSTOM_AUTH",
    "ALLOW_USER_PASSWORD_AUTH",
    "ALLOW_USER_SRP_AUTH",
    "ALLOW_REFRESH_TOKEN_AUTH",
    "ALLOW_USER_AUTH",
]);
const FLOWS: Member = optional("AllowedOAuthFlows", list(&FLOW, 0, 3));
const OAUTH_SCOPES: Member = optional("AllowedOAuthScopes", list(&OAUTH_SCOPE, 0, 50));
const OAUTH_ENABLED: Member = optional("AllowedOAuthFlowsUserPoolClient", Shape::Boolean);
const PROVIDERS: Member = optional("SupportedIdentityProviders", list(&PROVIDER, 0, usize::MAX));
const ACCESS_VALIDITY: Member = optional("AccessTokenValidity", integer(1, 86_400));
const ID_VALIDITY: Member = optional("IdTokenValidity", integer(1, 86_400));
const REFRESH_VALIDITY: Member = optional("RefreshTokenValidity", integer(0, 315_360_000));
const UNITS: Member = optional(
    "TokenValidityUnits",
    Shape::Structure(&[optional("AccessToken", UNIT), optional("IdToken", UNIT), optional("RefreshToken", UNIT)]),
);
const AUTH_FLOWS: Member = optional("ExplicitAuthFlows", list(&AUTH_FLOW, 0, usize::MAX));
const EXISTENCE_ERRORS: Member = optional("PreventUserExistenceErrors", Shape::Enum(&["LEGACY", "ENABLED"]));
const REVOCATION: Member = optional("EnableTokenRevocation", Shape::Boolean);
const CLIENT_NAME: Shape = text(1, 128).matching(r"[\w\s+=,.@-]+");

pub(crate) const OPERATIONS: &[Operation] = &[
    operation(
        "CreateUserPool",
        &[required("PoolName", POOL_NAME), ADMIN_CREATE_USER, DELETION_PROTECTION, optional("UserPoolTags", TAGS)],
        |state, call, input| create_pool(&mut state.cognito, call, read(input)?),
    ),
    operation("DescribeUserPool", &[POOL_ID], |state, call, input| describe(&state.cognito, call, &read(input)?)),
    operation("ListUserPools", &[TOKEN, required("MaxResults", integer(1, 60))], |state, call, input| {
        list_pools(&state.cognito, call, &read(input)?)
    }),
    operation(
        "UpdateUserPool",
        &[
            POOL_ID,
            optional("PoolName", POOL_NAME),
            ADMIN_CREATE_USER,
            DELETION_PROTECTION,
            optional("UserPoolTags", TAGS),
        ],
        |state, call, input| update_pool(&mut state.cognito, call, read(input)?),
    ),
    operation("DeleteUserPool", &[POOL_ID], |state, call, input| delete_pool(&mut state.cognito, call, &read(input)?)),
    operation(
        "CreateUserPoolDomain",
        &[DOMAIN, POOL_ID, optional("ManagedLoginVersion", integer(1, 2))],
        |state, call, input| create_domain(&mut state.cognito, call, read(input)?),
    ),
    operation("DescribeUserPoolDomain", &[DOMAIN], |state, call, input| {
        describe_domain(&state.cognito, call, &read(input)?)
    }),
    operation("DeleteUserPoolDomain", &[DOMAIN, POOL_ID], |state, call, input| {
        delete_domain(&mut state.cognito, call, &read(input)?)
    }),
    operation("CreateResourceServer", SERVER, |state, call, input| {
        create_resource_server(&mut state.cognito, call, read(input)?)
    }),
    operation("DescribeResourceServer", &[POOL_ID, IDENTIFIER], |state, call, input| {
        describe_resource_server(&state.cognito, call, &read(input)?)
    }),
    operation(
        "ListResourceServers",
        &[POOL_ID, optional("MaxResults", integer(1, 50)), TOKEN],
        |state, call, input| list_resource_servers(&state.cognito, call, &read(input)?),
    ),
    operation("UpdateResourceServer", SERVER, |state, call, input| {
        update_resource_server(&mut state.cognito, call, read(input)?)
    }),
    operation("DeleteResourceServer", &[POOL_ID, IDENTIFIER], |state, call, input| {
        delete_resource_server(&mut state.cognito, call, &read(input)?)
    }),
    operation(
        "CreateUserPoolClient",
        &[
            POOL_ID,
            required("ClientName", CLIENT_NAME),
            optional("GenerateSecret", Shape::Boolean),
            FLOWS,
            OAUTH_SCOPES,
            OAUTH_ENABLED,
            PROVIDERS,
            ACCESS_VALIDITY,
            ID_VALIDITY,
            REFRESH_VALIDITY,
            UNITS,
            AUTH_FLOWS,
            EXISTENCE_ERRORS,
            REVOCATION,
        ],
        |state, call, input| clients::create(&mut state.cognito, call, read(input)?),
    ),
    operation("DescribeUserPoolClient", &[POOL_ID, CLIENT_ID], |state, call, input| {
        clients::describe(&state.cognito, call, &read(input)?)
    }),
    operation(
        "ListUserPoolClients",
        &[POOL_ID, optional("MaxResults", integer(1, 60)), TOKEN],
        |state, call, input| clients::list(&state.cognito, call, &read(input)?),
    ),
    operation(
        "UpdateUserPoolClient",
        &[
            POOL_ID,
            CLIENT_ID,
            optional("ClientName", CLIENT_NAME),
            FLOWS,
            OAUTH_SCOPES,
            OAUTH_ENABLED,
            PROVIDERS,
            ACCESS_VALIDITY,
            ID_VALIDITY,
            REFRESH_VALIDITY,
            UNITS,
            AUTH_FLOWS,
            EXISTENCE_ERRORS,
            REVOCATION,
        ],
        |state, call, input| clients::update(&mut state.cognito, call, read(input)?),
    ),
    operation("DeleteUserPoolClient", &[POOL_ID, CLIENT_ID], |state, call, input| {
        clients::delete(&mut state.cognito, call, &read(input)?)
    }),
    operation("TagResource", &[ARN, required("Tags", TAGS)], |state, call, input| {
        tag(&mut state.cognito, call, read(input)?)
    }),
    operation("UntagResource", &[ARN, required("TagKeys", list(&TAG_KEY, 0, usize::MAX))], |state, call, input| {
        untag(&mut state.cognito, call, &read(input)?)
    }),
    operation("ListTagsForResource", &[ARN], |state, call, input| list_tags(&mut state.cognito, call, &read(input)?)),
];
