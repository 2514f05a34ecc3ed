//! The operations of IAM that are covered, with what they let in (botocore's model `iam/2010-05-08`).

use super::{
    attach_policy, create_role, delete_boundary, delete_role, delete_role_policy, detach_policy, get_role,
    get_role_policy, list_instance_profiles, list_role_policies, list_role_tags, list_roles, policies, put_boundary,
    put_role_policy, tag_role, untag_role, update_role, update_trust,
};
use crate::local::services::{
    Operation, operation, read,
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

pub(crate) const OPERATIONS: &[Operation] = &[
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
        |state, call, input| create_role(&mut state.iam, call, read(input)?),
    ),
    operation("GetRole", &[ROLE_NAME], |state, _, input| get_role(&state.iam, &read(input)?)),
    operation("ListRoles", &[optional("PathPrefix", PREFIX), MARKER, MAX_ITEMS], |state, call, input| {
        list_roles(&state.iam, call, &read(input)?)
    }),
    operation("DeleteRole", &[ROLE_NAME], |state, _, input| delete_role(&mut state.iam, &read(input)?)),
    operation(
        "UpdateRole",
        &[ROLE_NAME, optional("Description", DESCRIPTION), optional("MaxSessionDuration", SESSION)],
        |state, _, input| update_role(&mut state.iam, read(input)?),
    ),
    operation("UpdateAssumeRolePolicy", &[ROLE_NAME, required("PolicyDocument", DOCUMENT)], |state, call, input| {
        update_trust(&mut state.iam, call, read(input)?)
    }),
    operation(
        "PutRolePermissionsBoundary",
        &[ROLE_NAME, required("PermissionsBoundary", text(20, 2048))],
        |state, _, input| put_boundary(&mut state.iam, read(input)?),
    ),
    operation("DeleteRolePermissionsBoundary", &[ROLE_NAME], |state, _, input| {
        delete_boundary(&mut state.iam, &read(input)?)
    }),
    operation(
        "PutRolePolicy",
        &[ROLE_NAME, POLICY_NAME, required("PolicyDocument", DOCUMENT)],
        |state, call, input| put_role_policy(&mut state.iam, call, read(input)?),
    ),
    operation("GetRolePolicy", &[ROLE_NAME, POLICY_NAME], |state, _, input| get_role_policy(&state.iam, &read(input)?)),
    operation("ListRolePolicies", &[ROLE_NAME, MARKER, MAX_ITEMS], |state, _, input| {
        list_role_policies(&state.iam, &read(input)?)
    }),
    operation("DeleteRolePolicy", &[ROLE_NAME, POLICY_NAME], |state, _, input| {
        delete_role_policy(&mut state.iam, &read(input)?)
    }),
    operation("AttachRolePolicy", &[ROLE_NAME, POLICY_ARN], |state, call, input| {
        attach_policy(&mut state.iam, call, read(input)?)
    }),
    operation("DetachRolePolicy", &[ROLE_NAME, POLICY_ARN], |state, _, input| {
        detach_policy(&mut state.iam, &read(input)?)
    }),
    operation(
        "ListAttachedRolePolicies",
        &[ROLE_NAME, optional("PathPrefix", POLICY_PATH), MARKER, MAX_ITEMS],
        |state, _, input| policies::list_attached(&state.iam, &read(input)?),
    ),
    operation("ListInstanceProfilesForRole", &[ROLE_NAME, MARKER, MAX_ITEMS], |state, _, input| {
        list_instance_profiles(&state.iam, &read(input)?)
    }),
    operation("TagRole", &[ROLE_NAME, required("Tags", TAGS)], |state, _, input| {
        tag_role(&mut state.iam, read(input)?)
    }),
    operation("UntagRole", &[ROLE_NAME, required("TagKeys", list(&TAG_KEY, 0, 50))], |state, _, input| {
        untag_role(&mut state.iam, &read(input)?)
    }),
    operation("ListRoleTags", &[ROLE_NAME, MARKER, MAX_ITEMS], |state, _, input| {
        list_role_tags(&state.iam, &read(input)?)
    }),
    operation(
        "CreatePolicy",
        &[
            POLICY_NAME,
            optional("Path", POLICY_PATH),
            required("PolicyDocument", DOCUMENT),
            optional("Description", text(0, 1000)),
            optional("Tags", TAGS),
        ],
        |state, call, input| policies::create(&mut state.iam, call, read(input)?),
    ),
    operation("GetPolicy", &[POLICY_ARN], |state, _, input| policies::get(&state.iam, &read(input)?)),
    operation(
        "ListPolicies",
        &[
            optional("Scope", Shape::Enum(&["All", "AWS", "Local"])),
            optional("OnlyAttached", Shape::Boolean),
            optional("PathPrefix", POLICY_PATH),
            MARKER,
            MAX_ITEMS,
        ],
        |state, call, input| policies::list(&state.iam, call, read(input)?),
    ),
    operation("DeletePolicy", &[POLICY_ARN], |state, _, input| policies::delete(&mut state.iam, &read(input)?)),
    operation(
        "CreatePolicyVersion",
        &[POLICY_ARN, required("PolicyDocument", DOCUMENT), optional("SetAsDefault", Shape::Boolean)],
        |state, call, input| policies::create_version(&mut state.iam, call, read(input)?),
    ),
    operation("GetPolicyVersion", &[POLICY_ARN, VERSION_ID], |state, _, input| {
        policies::get_version(&state.iam, &read(input)?)
    }),
    operation("ListPolicyVersions", &[POLICY_ARN, MARKER, MAX_ITEMS], |state, _, input| {
        policies::list_versions(&state.iam, &read(input)?)
    }),
    operation("SetDefaultPolicyVersion", &[POLICY_ARN, VERSION_ID], |state, _, input| {
        policies::set_default_version(&mut state.iam, &read(input)?)
    }),
    operation("DeletePolicyVersion", &[POLICY_ARN, VERSION_ID], |state, _, input| {
        policies::delete_version(&mut state.iam, &read(input)?)
    }),
    operation("ListPolicyTags", &[POLICY_ARN, MARKER, MAX_ITEMS], |state, _, input| {
        policies::list_tags(&state.iam, &read(input)?)
    }),
    operation(
        "ListEntitiesForPolicy",
        &[
            POLICY_ARN,
            optional("EntityFilter", Shape::Enum(&["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"])),
            optional("PathPrefix", PATH),
            MARKER,
            MAX_ITEMS,
        ],
        |state, _, input| policies::list_entities(&state.iam, &read(input)?),
    ),
];
