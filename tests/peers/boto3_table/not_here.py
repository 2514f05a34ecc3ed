"""Declared errors that this server cannot come to, each with its reason."""

# Declared errors that this server cannot come to, by name, or by operation and name.
NOT_HERE = {
    # Inner failures and throttling: `local serve --fault` makes them, see ../boto3_faults.py.
    "ServiceFailureException": "an inner failure",
    "ServiceException": "an inner failure",
    "InternalErrorException": "an inner failure",
    "InternalServerException": "an inner failure",
    "ServiceUnavailableException": "an inner failure",
    "ThrottlingException": "nothing is throttled",
    "TooManyRequestsException": "nothing is throttled",
    # AWS answers success for the deletion of a provider that is not there.
    ("DeleteApiKeyCredentialProvider", "ResourceNotFoundException"): "never answered",
    ("DeleteOauth2CredentialProvider", "ResourceNotFoundException"): "never answered",
    # Features that are not here.
    "UnmodifiableEntityException": "there are no service-linked roles",
    "PolicyNotAttachableException": "no policy is kept for service-linked roles",
    "ConcurrentModificationException": "requests are handled one after the other",
    "OperationAbortedException": "requests are handled one after the other",
    "NotAuthorizedException": "the one access key may do everything",
    "OperationNotEnabledException": "pools are in one region",
    "FeatureUnavailableInTierException": "pools have no tiers",
    "TierChangeNotAllowedException": "pools have no tiers",
    "InvalidSmsRoleAccessPolicyException": "pools send no messages",
    "InvalidSmsRoleTrustRelationshipException": "pools send no messages",
    "InvalidEmailRoleAccessPolicyException": "pools send no messages",
    "UserImportInProgressException": "pools have no users",
    "InvalidCodeSignatureException": "code is not signed",
    "CodeVerificationFailedException": "code is not signed",
    "CodeSigningConfigNotFoundException": "code is not signed",
    "CodeStorageExceededException": "the code storage quota is not kept",
    "FunctionVersionsPerCapacityProviderLimitExceededException": "there are no capacity providers",
    "PublicPolicyException": "public access is not blocked",
    ("DescribeUserPool", "UserPoolTaggingException"): "a read tags nothing",
    ("CreateUserPool", "LimitExceededException"): "the quota of 1,000 pools is not kept",
    ("CreateUserPoolClient", "LimitExceededException"): "the quota of 1,000 clients is not kept",
    ("AddUserPoolClientSecret", "AccessDeniedException"): "the one access key may do everything",
    ("ListUserPoolClientSecrets", "AccessDeniedException"): "the one access key may do everything",
    ("DeleteUserPoolClientSecret", "AccessDeniedException"): "the one access key may do everything",
    ("ListUserPoolClientSecrets", "LimitExceededException"): "no quota stands against a read",
    ("DeleteUserPoolClientSecret", "LimitExceededException"): "no quota stands against a deletion",
    ("CreateUserPoolDomain", "LimitExceededException"): "a pool has one domain, and says so otherwise",
    ("CreateLogGroup", "LimitExceededException"): "the quota of 1,000,000 groups is not kept",
    "DecryptionFailure": "there are no KMS keys",
    "EncryptionFailure": "there are no KMS keys",
    "InternalServiceError": "an inner failure",
    "UnauthorizedException": "the one access key may do everything",
    "ResourceLimitExceededException": "the quota of 50 providers is not kept",
    "MalformedPolicyDocumentException": "secrets have no policies",
    "PreconditionNotMetException": "secrets have one version",
    # S3's own, of features that are not here.
    "BucketAlreadyExists": "there is one account",
    "InvalidObjectState": "nothing is archived",
    "InvalidRequest": "no checks of consistency are asked for",
    "InvalidWriteOffset": "objects are written whole",
    "TooManyParts": "objects are written whole",
    "EncryptionTypeMismatch": "objects are not encrypted",
    ("HeadBucket", "NoSuchBucket"): "a HEAD has no body to say more than 404",
    ("HeadObject", "NoSuchKey"): "a HEAD has no body to say more than 404",
    ("DeleteRolePolicy", "LimitExceededException"): "no quota stands against a deletion",
    ("DeleteDelivery", "ConflictException"): "nothing hangs on a delivery",
    ("DeleteLogGroup", "ValidationException"): "groups have no deletion protection",
    ("DescribeUserPoolDomain", "ResourceNotFoundException"): "an unknown domain is an empty description",
    ("DeleteRole", "LimitExceededException"): "no quota stands against a deletion",
    ("DetachRolePolicy", "LimitExceededException"): "no quota stands against it",
    ("DeletePolicy", "LimitExceededException"): "no quota stands against a deletion",
    ("DeletePolicyVersion", "LimitExceededException"): "no quota stands against a deletion",
    ("SetDefaultPolicyVersion", "LimitExceededException"): "no quota stands against it",
    ("CreateDelivery", "AccessDeniedException"): "the one access key may do everything",
    ("ListGateways", "AccessDeniedException"): "the one access key may do everything",
    ("CreateGateway", "ServiceQuotaExceededException"): "the quota is 1,000 gateways, too many to make here",
    ("UpdateGateway", "ServiceQuotaExceededException"): "an update takes no quota",
    ("UpdateGateway", "ConflictException"): "the states that stand against it are a ValidationException",
    ("DeleteFunction", "ResourceConflictException"): "nothing holds a function",
    ("CreateFunction", "ResourceNotFoundException"): "no layers and no keys are looked up",
    ("TagResource", "ResourceConflictException"): "requests are handled one after the other",
    ("UntagResource", "ResourceConflictException"): "requests are handled one after the other",
}
# Credential providers and secrets: quotas, and what stands against a read.
for _kind in ("ApiKey", "Oauth2"):
    for _verb in ("Create", "Get", "Update", "Delete"):
        NOT_HERE[(f"{_verb}{_kind}CredentialProvider", "AccessDeniedException")] = "the one access key may do everything"
        NOT_HERE[(f"{_verb}{_kind}CredentialProvider", "ServiceQuotaExceededException")] = "the quota is not kept"
    NOT_HERE[(f"Create{_kind}CredentialProvider", "ConflictException")] = "a taken name is a ValidationException"
    NOT_HERE[(f"Update{_kind}CredentialProvider", "ConflictException")] = "requests are handled one after the other"
    NOT_HERE[(f"Delete{_kind}CredentialProvider", "ConflictException")] = "nothing holds a provider"
    NOT_HERE[(f"List{_kind}CredentialProviders", "AccessDeniedException")] = "the one access key may do everything"
    NOT_HERE[(f"List{_kind}CredentialProviders", "ResourceNotFoundException")] = "there is always a vault"
NOT_HERE.update({
    ("CreateSecret", "LimitExceededException"): "the quota of 500,000 secrets is not kept",
    ("CreateSecret", "InvalidRequestException"): "nothing is scheduled for deletion",
    ("CreateSecret", "ResourceNotFoundException"): "no keys are looked up",
    ("PutSecretValue", "LimitExceededException"): "secrets have one version",
    ("PutSecretValue", "ResourceExistsException"): "secrets have one version",
    ("GetSecretValue", "InvalidRequestException"): "nothing is scheduled for deletion",
    ("ListSecrets", "InvalidRequestException"): "nothing is scheduled for deletion",
})
# The quota of deliveries is not kept, and no read takes any.
LOGS_QUOTA = "ServiceQuotaExceededException"
# Of the many that Invoke declares, those that are about plain functions.
INVOKE = {"InvalidParameterValueException", "InvalidRequestContentException", "RequestTooLargeException", "ResourceNotFoundException"}
