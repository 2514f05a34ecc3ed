//! The supported operations of AgentCore, with their input shapes (service model bedrock-agentcore-control,
//! `bedrock-agentcore-control/2023-06-05` in botocore).

use super::{
    advance, gateway, list_tags, provider,
    shapes::{
        AUTHORIZER, AUTHORIZER_TYPE, CLIENT_TOKEN, CREDENTIALS, DESCRIPTION, DOMAINS, EXCEPTION_LEVEL, GATEWAY_ID,
        GATEWAY_NAME, INTERCEPTORS, KMS_KEY_ARN, MAX_RESULTS, METADATA, NEXT_TOKEN, OAUTH_CONFIG, POLICY_ENGINE,
        PROTOCOL, PROTOCOL_TYPE, PROVIDER_KEY, PROVIDER_NAME, RESOURCE_ARN, ROLE_ARN, TAG_KEY, TAGS,
        TARGET_CERTIFICATES, TARGET_CONFIGURATION, TARGET_ID, TARGET_ID_TEXT, TARGET_NAME, TARGET_PRIVATE_ENDPOINT,
        TRANSFORM, VENDOR, WAF,
    },
    tag, targets, untag,
};
use crate::local::services::{
    operation::{Operation, Resource, handler, rest_operation},
    shape::{TEXT, integer, list, optional, required},
};

const GATEWAYS: &str = "/gateways/";
const GATEWAY: &str = "/gateways/{gatewayIdentifier}/";
const TARGETS: &str = "/gateways/{gatewayIdentifier}/targets/";
const TARGET: &str = "/gateways/{gatewayIdentifier}/targets/{targetId}/";
const TAGS_OF: &str = "/tags/{resourceArn}";

impl Operation {
    /// On gateways, targets and their tags: what is in progress and due is completed first.
    const fn on_gateways(self) -> Self {
        self.on(Resource::Gateways).before(advance)
    }
}

pub(super) const OPERATIONS: &[Operation] = &[
    rest_operation(
        "CreateGateway",
        ("POST", GATEWAYS, 202),
        &[
            GATEWAY_NAME,
            DESCRIPTION,
            CLIENT_TOKEN,
            ROLE_ARN,
            PROTOCOL_TYPE,
            PROTOCOL,
            AUTHORIZER_TYPE,
            AUTHORIZER,
            INTERCEPTORS,
            KMS_KEY_ARN,
            EXCEPTION_LEVEL,
            POLICY_ENGINE,
            DOMAINS,
            optional("tags", TAGS),
        ],
        handler!(gateway::create),
    )
    .on_gateways(),
    rest_operation("ListGateways", ("GET", GATEWAYS, 200), &[MAX_RESULTS, NEXT_TOKEN], handler!(gateway::list))
        .on_gateways()
        .observes(),
    rest_operation("GetGateway", ("GET", GATEWAY, 200), &[GATEWAY_ID], handler!(gateway::get)).on_gateways().observes(),
    rest_operation(
        "UpdateGateway",
        ("PUT", GATEWAY, 202),
        &[
            GATEWAY_ID,
            GATEWAY_NAME,
            DESCRIPTION,
            ROLE_ARN,
            PROTOCOL_TYPE,
            PROTOCOL,
            AUTHORIZER_TYPE,
            AUTHORIZER,
            INTERCEPTORS,
            KMS_KEY_ARN,
            EXCEPTION_LEVEL,
            POLICY_ENGINE,
            DOMAINS,
            TRANSFORM,
            WAF,
        ],
        handler!(gateway::update),
    )
    .on_gateways(),
    rest_operation("DeleteGateway", ("DELETE", GATEWAY, 202), &[GATEWAY_ID], handler!(gateway::delete)).on_gateways(),
    rest_operation(
        "CreateGatewayTarget",
        ("POST", TARGETS, 202),
        &[
            GATEWAY_ID,
            TARGET_NAME,
            DESCRIPTION,
            CLIENT_TOKEN,
            TARGET_CONFIGURATION,
            CREDENTIALS,
            METADATA,
            TARGET_PRIVATE_ENDPOINT,
            TARGET_CERTIFICATES,
        ],
        handler!(targets::create),
    )
    .on_gateways(),
    rest_operation(
        "ListGatewayTargets",
        ("GET", TARGETS, 200),
        &[GATEWAY_ID, MAX_RESULTS, NEXT_TOKEN],
        handler!(targets::list),
    )
    .on_gateways()
    .observes(),
    rest_operation("GetGatewayTarget", ("GET", TARGET, 200), &[GATEWAY_ID, TARGET_ID], handler!(targets::get))
        .on_gateways()
        .observes(),
    rest_operation(
        "UpdateGatewayTarget",
        ("PUT", TARGET, 202),
        &[
            GATEWAY_ID,
            TARGET_ID,
            TARGET_NAME,
            DESCRIPTION,
            TARGET_CONFIGURATION,
            CREDENTIALS,
            METADATA,
            TARGET_PRIVATE_ENDPOINT,
            TARGET_CERTIFICATES,
        ],
        handler!(targets::update),
    )
    .on_gateways(),
    rest_operation("DeleteGatewayTarget", ("DELETE", TARGET, 202), &[GATEWAY_ID, TARGET_ID], handler!(targets::delete))
        .on_gateways(),
    rest_operation(
        "SynchronizeGatewayTargets",
        ("PUT", "/gateways/{gatewayIdentifier}/synchronizeTargets", 202),
        &[GATEWAY_ID, required("targetIdList", list(&TARGET_ID_TEXT, 1, 1))],
        handler!(targets::synchronize),
    )
    .on_gateways(),
    rest_operation(
        "CreateApiKeyCredentialProvider",
        ("POST", "/identities/CreateApiKeyCredentialProvider", 201),
        &[PROVIDER_NAME, PROVIDER_KEY[0], PROVIDER_KEY[1], PROVIDER_KEY[2], optional("tags", TAGS)],
        handler!(provider::create_api_key),
    )
    .on(Resource::CredentialProviders),
    rest_operation(
        "GetApiKeyCredentialProvider",
        ("POST", "/identities/GetApiKeyCredentialProvider", 200),
        &[PROVIDER_NAME],
        handler!(provider::get_api_key),
    ),
    rest_operation(
        "UpdateApiKeyCredentialProvider",
        ("POST", "/identities/UpdateApiKeyCredentialProvider", 200),
        &[PROVIDER_NAME, PROVIDER_KEY[0], PROVIDER_KEY[1], PROVIDER_KEY[2]],
        handler!(provider::update_api_key),
    )
    .on(Resource::CredentialProviders),
    rest_operation(
        "DeleteApiKeyCredentialProvider",
        ("POST", "/identities/DeleteApiKeyCredentialProvider", 204),
        &[PROVIDER_NAME],
        handler!(provider::delete_api_key),
    )
    .on(Resource::CredentialProviders),
    rest_operation(
        "ListApiKeyCredentialProviders",
        ("POST", "/identities/ListApiKeyCredentialProviders", 200),
        &[optional("nextToken", TEXT), optional("maxResults", integer(1, 100))],
        handler!(provider::list_api_keys),
    ),
    rest_operation(
        "CreateOauth2CredentialProvider",
        ("POST", "/identities/CreateOauth2CredentialProvider", 201),
        &[PROVIDER_NAME, VENDOR, OAUTH_CONFIG, optional("tags", TAGS)],
        handler!(provider::create_oauth2),
    )
    .on(Resource::CredentialProviders),
    rest_operation(
        "GetOauth2CredentialProvider",
        ("POST", "/identities/GetOauth2CredentialProvider", 200),
        &[PROVIDER_NAME],
        handler!(provider::get_oauth2),
    ),
    rest_operation(
        "UpdateOauth2CredentialProvider",
        ("POST", "/identities/UpdateOauth2CredentialProvider", 200),
        &[PROVIDER_NAME, VENDOR, OAUTH_CONFIG],
        handler!(provider::update_oauth2),
    )
    .on(Resource::CredentialProviders),
    rest_operation(
        "DeleteOauth2CredentialProvider",
        ("POST", "/identities/DeleteOauth2CredentialProvider", 204),
        &[PROVIDER_NAME],
        handler!(provider::delete_oauth2),
    )
    .on(Resource::CredentialProviders),
    rest_operation(
        "ListOauth2CredentialProviders",
        ("POST", "/identities/ListOauth2CredentialProviders", 200),
        &[optional("nextToken", TEXT), optional("maxResults", integer(1, 20))],
        handler!(provider::list_oauth2),
    ),
    rest_operation("ListTagsForResource", ("GET", TAGS_OF, 200), &[RESOURCE_ARN], handler!(list_tags))
        .on_gateways()
        .observes(),
    rest_operation("TagResource", ("POST", TAGS_OF, 204), &[RESOURCE_ARN, required("tags", TAGS)], handler!(tag))
        .on_gateways(),
    rest_operation(
        "UntagResource",
        ("DELETE", TAGS_OF, 204),
        &[RESOURCE_ARN, required("tagKeys", list(&TAG_KEY, 0, 200))],
        handler!(untag),
    )
    .on_gateways(),
];
