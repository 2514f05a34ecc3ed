//! The shapes of AgentCore's inputs (service model bedrock-agentcore-control, 2023-06-05): everything that the model has,
//! so that the control plane keeps and shows it. What of it the data plane does not serve is told when it is called.

mod gateway;
mod provider;
mod target;

pub(super) use self::{gateway::*, provider::*, target::*};
use crate::{
    local::services::shape::{Member, Shape, TEXT, integer, list, map, optional, required, text},
    model::provider::VENDOR_NAMES,
};

/// An ARN is accepted here too, so that it can be denied as AWS does.
pub(super) const GATEWAY_ID: Member =
    required("gatewayIdentifier", TEXT.matching(r"([0-9a-z][-]?){1,100}-[0-9a-z]{10}|arn:.*"));
pub(super) const DESCRIPTION: Member = optional("description", text(1, 200).sensitive());
pub(super) const CLIENT_TOKEN: Member =
    optional("clientToken", text(33, 256).matching("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,256}"));
pub(super) const TAG_KEY: Shape = text(1, 128).matching(r"[a-zA-Z0-9\s._:/=+@-]*");
const TAG_VALUE: Shape = text(0, 256).matching(r"[a-zA-Z0-9\s._:/=+@-]*");
pub(super) const TAGS: Shape = map(&TAG_KEY, &TAG_VALUE, 0, 50);
pub(super) const MAX_RESULTS: Member = optional("maxResults", integer(1, 1000));
pub(super) const NEXT_TOKEN: Member = optional("nextToken", text(1, 2048).matching(r"\S*"));
pub(super) const RESOURCE_ARN: Member = required(
    "resourceArn",
    text(20, 1011).matching("arn:(?:[^:]+)?:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:([a-z-]+/[^/]+)(?:/[a-z-]+/[^/]+)*"),
);
const DISCOVERY_URL: Shape =
    TEXT.matching(r"[^\s?#]+/\.well-known/(openid-configuration|oauth-authorization-server)(/[^\s?#]+)?");
const LAMBDA_ARN: Shape = text(1, 170).matching(
    r"arn:(aws[a-zA-Z-]*)?:lambda:([a-z]{2}(-gov)?-[a-z]+-\d{1}):(\d{12}):function:([a-zA-Z0-9-_.]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?",
);
const ACCOUNT_ID: Shape = TEXT.matching("[0-9]{12}");
const PRIVATE_ENDPOINT: Shape = Shape::Union(&[
    optional(
        "selfManagedLatticeResource",
        Shape::Union(&[optional(
            "resourceConfigurationIdentifier",
            text(20, 2048).matching(
                r"((rcfg-[0-9a-z]{17})|(arn:[a-z0-9\-]+:vpc-lattice:[a-zA-Z0-9\-]+:\d{12}:resourceconfiguration/rcfg-[0-9a-z]{17}))",
            ),
        )]),
    ),
    optional(
        "managedVpcResource",
        Shape::Structure(&[
            required("vpcIdentifier", TEXT.matching("vpc-(([0-9a-z]{8})|([0-9a-z]{17}))")),
            required("subnetIds", list(&TEXT.matching("subnet-[0-9a-zA-Z]{8,17}"), 0, usize::MAX)),
            required("endpointIpAddressType", Shape::Enum(&["IPV4", "IPV6"])),
            optional("securityGroupIds", list(&TEXT.matching("sg-(([0-9a-z]{8})|([0-9a-z]{17}))"), 0, 5)),
            optional("tags", TAGS),
            optional("routingDomain", text(3, 255)),
        ]),
    ),
]);
const CERTIFICATES: Member = optional("certificateConfigurations", list(&CERTIFICATE, 1, 1));
const CERTIFICATE: Shape = Shape::Union(&[
    optional(
        "s3",
        Shape::Structure(&[
            required("uri", TEXT.matching("s3://.{1,2043}")),
            optional("bucketOwnerAccountId", ACCOUNT_ID),
        ]),
    ),
    optional(
        "secretsManager",
        Shape::Structure(&[required(
            "secretArn",
            TEXT.matching("arn:aws(-[^:]+)?:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+"),
        )]),
    ),
]);
