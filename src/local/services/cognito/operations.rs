//! The supported operations of Cognito user pools, with their input shapes (botocore's model
//! `cognito-idp/2016-04-18`).

use super::{clients, domains, list_tags, pools, resource_servers, tag, untag};
use crate::local::services::{
    operation::{Operation, handler, operation},
    shape::{Member, Shape, integer, list, map, optional, required, text},
};

const POOL_ID: Member = required("UserPoolId", text(1, 55).matching(r"[\w-]+_[0-9a-zA-Z]+"));
const POOL_NAME: Shape = text(1, 128).matching(r"[\w\s+=,.@-]+");
const CLIENT_ID: Member = required("ClientId", text(1, 128).matching(r"[\w+]+").sensitive());
const DOMAIN: Member = required("Domain", text(1, 63).matching(r"^[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?$"));
const IDENTIFIER: Member = required("Identifier", text(1, 256).matching(r"[\x21\x23-\x5B\x5D-\x7E]+"));
const ARN: Member = required(
    "ResourceArn",
    text(20, 2048)
        .matching(r"arn:[\w+=/,.@-]+:[\w+=/,.@-]+:([\w+=/,.@-]*)?:[0-9]+:[\w+=/,.@-]+(:[\w+=/,.@-]+)?(:[\w+=/,.@-]+)?"),
);
const TOKEN: Member = optional("NextToken", text(1, usize::MAX).matching(r"[\S]+"));
const CLIENTS_TOKEN: Member = optional("NextToken", text(1, 131_072).matching(r"[\S]+"));
const TAG_KEY: Shape = text(1, 128);
const TAG_VALUE: Shape = text(0, 256);
/// More than 50 tags give a UserPoolTaggingException or InvalidParameterException instead of a length
/// violation.
const TAGS: Shape = map(&TAG_KEY, &TAG_VALUE, 0, usize::MAX);
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
const PROVIDER: Shape = text(1, 32).matching(r"[\p{L}\p{M}\p{S}\p{N}\p{P}\p{Z}]+");
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
    "ALLOW_TOKEN_EXCHANGE_DELEGATION",
    "ALLOW_TOKEN_EXCHANGE_IMPERSONATION",
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

pub(super) const OPERATIONS: &[Operation] = &[
    operation(
        "CreateUserPool",
        &[required("PoolName", POOL_NAME), ADMIN_CREATE_USER, DELETION_PROTECTION, optional("UserPoolTags", TAGS)],
        handler!(pools::create),
    ),
    operation("DescribeUserPool", &[POOL_ID], handler!(pools::describe)),
    operation("ListUserPools", &[TOKEN, required("MaxResults", integer(1, 60))], handler!(pools::list)),
    operation(
        "UpdateUserPool",
        &[
            POOL_ID,
            optional("PoolName", POOL_NAME),
            ADMIN_CREATE_USER,
            DELETION_PROTECTION,
            optional("UserPoolTags", TAGS),
        ],
        handler!(pools::update),
    ),
    operation("DeleteUserPool", &[POOL_ID], handler!(pools::delete)),
    operation(
        "CreateUserPoolDomain",
        &[DOMAIN, POOL_ID, optional("ManagedLoginVersion", integer(1, 2))],
        handler!(domains::create),
    ),
    operation("DescribeUserPoolDomain", &[DOMAIN], handler!(domains::describe)),
    operation("DeleteUserPoolDomain", &[DOMAIN, POOL_ID], handler!(domains::delete)),
    operation("CreateResourceServer", SERVER, handler!(resource_servers::create)),
    operation("DescribeResourceServer", &[POOL_ID, IDENTIFIER], handler!(resource_servers::describe)),
    operation(
        "ListResourceServers",
        &[POOL_ID, optional("MaxResults", integer(1, 50)), TOKEN],
        handler!(resource_servers::list),
    ),
    operation("UpdateResourceServer", SERVER, handler!(resource_servers::update)),
    operation("DeleteResourceServer", &[POOL_ID, IDENTIFIER], handler!(resource_servers::delete)),
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
        handler!(clients::create),
    ),
    operation("DescribeUserPoolClient", &[POOL_ID, CLIENT_ID], handler!(clients::describe)),
    operation(
        "ListUserPoolClients",
        &[POOL_ID, optional("MaxResults", integer(1, 60)), CLIENTS_TOKEN],
        handler!(clients::list),
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
        handler!(clients::update),
    ),
    operation("DeleteUserPoolClient", &[POOL_ID, CLIENT_ID], handler!(clients::delete)),
    operation(
        "AddUserPoolClientSecret",
        &[POOL_ID, CLIENT_ID, optional("ClientSecret", text(24, 64).matching(r"[\w+]+").sensitive())],
        handler!(clients::add_secret),
    ),
    operation("ListUserPoolClientSecrets", &[POOL_ID, CLIENT_ID, CLIENTS_TOKEN], handler!(clients::list_secrets)),
    operation(
        "DeleteUserPoolClientSecret",
        &[POOL_ID, CLIENT_ID, required("ClientSecretId", text(1, 128))],
        handler!(clients::delete_secret),
    ),
    operation("TagResource", &[ARN, required("Tags", TAGS)], handler!(tag)),
    operation("UntagResource", &[ARN, required("TagKeys", list(&TAG_KEY, 0, usize::MAX))], handler!(untag)),
    operation("ListTagsForResource", &[ARN], handler!(list_tags)),
];
