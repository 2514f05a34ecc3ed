//! The supported operations of IAM, with their input shapes (botocore's model `iam/2010-05-08`).

use super::{policies, role_policies, roles};
use crate::local::services::{
    operation::{Operation, handler, operation},
    shape::{Member, Shape, TEXT, integer, list, optional, required, text},
};

const ROLE_NAME: Member = required("RoleName", text(1, 64).matching(r"[\w+=,.@-]+"));
const POLICY_NAME: Member = required("PolicyName", text(1, 128).matching(r"[\w+=,.@-]+"));
const POLICY_ARN: Member = required("PolicyArn", text(20, 2048));
const VERSION_ID: Member = required("VersionId", TEXT.matching(r"v[1-9][0-9]*(\.[A-Za-z0-9-]*)?"));
const DOCUMENT: Shape = text(1, 131_072).matching(r"[\t\n\r\x20-\x{FF}]+");
const DESCRIPTION: Shape = text(0, 1000).matching(r"[\t\n\r\x20-\x7E\x{A1}-\x{FF}]*");
const SESSION: Shape = integer(3600, 43_200);
const PATH: Shape = text(1, 512).matching(r"(/)|(/[\x21-\x7E]+/)");
const POLICY_PATH: Shape = text(1, 512).matching(r"((/[A-Za-z0-9\.,\+@=_-]+)*)/");
const PREFIX: Shape = text(1, 512).matching(r"/[\x21-\x7F]*");
const MARKER: Member = optional("Marker", text(1, 320).matching(r"[\x20-\x{FF}]+"));
const MAX_ITEMS: Member = optional("MaxItems", integer(1, 1000));
const TAG_KEY: Shape = text(1, 128).matching(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+");
const TAG: Shape = Shape::Structure(&[
    required("Key", TAG_KEY),
    required("Value", text(0, 256).matching(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*")),
]);
const TAGS: Shape = list(&TAG, 0, 50);

pub(super) const OPERATIONS: &[Operation] = &[
    operation(
        "CreateRole",
        &[
            ROLE_NAME,
            optional("Path", PATH),
            required("AssumeRolePolicyDocument", DOCUMENT),
            optional("Description", DESCRIPTION),
            optional("MaxSessionDuration", SESSION),
            optional("PermissionsBoundary", text(20, 2048)),
            optional("Tags", TAGS),
        ],
        handler!(roles::create),
    ),
    operation("GetRole", &[ROLE_NAME], handler!(roles::get)),
    operation("ListRoles", &[optional("PathPrefix", PREFIX), MARKER, MAX_ITEMS], handler!(roles::list)),
    operation("DeleteRole", &[ROLE_NAME], handler!(roles::delete)),
    operation(
        "UpdateRole",
        &[ROLE_NAME, optional("Description", DESCRIPTION), optional("MaxSessionDuration", SESSION)],
        handler!(roles::update),
    ),
    operation(
        "UpdateAssumeRolePolicy",
        &[ROLE_NAME, required("PolicyDocument", DOCUMENT)],
        handler!(roles::update_trust),
    ),
    operation(
        "PutRolePermissionsBoundary",
        &[ROLE_NAME, required("PermissionsBoundary", text(20, 2048))],
        handler!(roles::put_boundary),
    ),
    operation("DeleteRolePermissionsBoundary", &[ROLE_NAME], handler!(roles::delete_boundary)),
    operation(
        "PutRolePolicy",
        &[ROLE_NAME, POLICY_NAME, required("PolicyDocument", DOCUMENT)],
        handler!(role_policies::put),
    ),
    operation("GetRolePolicy", &[ROLE_NAME, POLICY_NAME], handler!(role_policies::get)),
    operation("ListRolePolicies", &[ROLE_NAME, MARKER, MAX_ITEMS], handler!(role_policies::list)),
    operation("DeleteRolePolicy", &[ROLE_NAME, POLICY_NAME], handler!(role_policies::delete)),
    operation("AttachRolePolicy", &[ROLE_NAME, POLICY_ARN], handler!(role_policies::attach)),
    operation("DetachRolePolicy", &[ROLE_NAME, POLICY_ARN], handler!(role_policies::detach)),
    operation(
        "ListAttachedRolePolicies",
        &[ROLE_NAME, optional("PathPrefix", POLICY_PATH), MARKER, MAX_ITEMS],
        handler!(policies::list_attached),
    ),
    operation("ListInstanceProfilesForRole", &[ROLE_NAME, MARKER, MAX_ITEMS], handler!(roles::list_instance_profiles)),
    operation("TagRole", &[ROLE_NAME, required("Tags", TAGS)], handler!(roles::tag)),
    operation("UntagRole", &[ROLE_NAME, required("TagKeys", list(&TAG_KEY, 0, 50))], handler!(roles::untag)),
    operation("ListRoleTags", &[ROLE_NAME, MARKER, MAX_ITEMS], handler!(roles::list_tags)),
    operation(
        "CreatePolicy",
        &[
            POLICY_NAME,
            optional("Path", POLICY_PATH),
            required("PolicyDocument", DOCUMENT),
            optional("Description", text(0, 1000)),
            optional("Tags", TAGS),
        ],
        handler!(policies::create),
    ),
    operation("GetPolicy", &[POLICY_ARN], handler!(policies::get)),
    operation(
        "ListPolicies",
        &[
            optional("Scope", Shape::Enum(&["All", "AWS", "Local"])),
            optional("OnlyAttached", Shape::Boolean),
            optional("PathPrefix", POLICY_PATH),
            MARKER,
            MAX_ITEMS,
        ],
        handler!(policies::list),
    ),
    operation("DeletePolicy", &[POLICY_ARN], handler!(policies::delete)),
    operation(
        "CreatePolicyVersion",
        &[POLICY_ARN, required("PolicyDocument", DOCUMENT), optional("SetAsDefault", Shape::Boolean)],
        handler!(policies::create_version),
    ),
    operation("GetPolicyVersion", &[POLICY_ARN, VERSION_ID], handler!(policies::get_version)),
    operation("ListPolicyVersions", &[POLICY_ARN, MARKER, MAX_ITEMS], handler!(policies::list_versions)),
    operation("SetDefaultPolicyVersion", &[POLICY_ARN, VERSION_ID], handler!(policies::set_default_version)),
    operation("DeletePolicyVersion", &[POLICY_ARN, VERSION_ID], handler!(policies::delete_version)),
    operation("ListPolicyTags", &[POLICY_ARN, MARKER, MAX_ITEMS], handler!(policies::list_tags)),
    operation(
        "ListEntitiesForPolicy",
        &[
            POLICY_ARN,
            optional("EntityFilter", Shape::Enum(&["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"])),
            optional("PathPrefix", PATH),
            MARKER,
            MAX_ITEMS,
        ],
        handler!(policies::list_entities),
    ),
];
