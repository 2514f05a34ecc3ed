//! Validated names, so that later code need not check them again.

use std::{fmt, str::FromStr};

use serde::Serialize;

use super::partition::{self, Partition};

/// Why a name is invalid; fits after `invalid value: `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(String);

macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                $check(text).map_err(NameError)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked_name!(
    /// A gateway's name: `([0-9a-zA-Z][-]?){1,48}` (service model, `GatewayName`).
    GatewayName,
    |text| letters_digits_single_hyphens(text, 48)
);
checked_name!(
    /// A target's name: `([0-9a-zA-Z][-]?){1,100}` (service model, `TargetName`). It holds no
    /// underscore, so a qualified tool name splits at its first `___`.
    TargetName,
    |text| letters_digits_single_hyphens(text, 100)
);
checked_name!(
    /// A region, checked by pattern only, so that new regions need no new release.
    Region,
    check_region
);
checked_name!(
    /// The ARN of an IAM role: `arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+` (service model, `RoleArn`).
    RoleArn,
    check_role_arn
);

checked_name!(
    /// The ARN of a Lambda function, with or without a qualifier (service model, `LambdaFunctionArn`).
    FunctionArn,
    check_function_arn
);

checked_name!(
    /// The ARN of a KMS key (service model, `KmsKeyArn`).
    KmsKeyArn,
    |text: &str| check_key_arn(text)
);
checked_name!(
    /// The ARN of a managed policy, the account's own or AWS's.
    PolicyArn,
    |text: &str| check_arn(text, "iam", "policy/", "an IAM policy", "arn:aws:iam::123456789012:policy/NAME")
);

/// `KmsKeyArn` of the service model: the id has 36 characters, like a UUID, or `mrk-` with 32 hex digits.
fn check_key_arn(text: &str) -> Result<(), String> {
    let example = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    check_arn(text, "kms", "key/", "a KMS key", example)?;
    let id = text.rsplit_once("key/").map_or("", |(_, id)| id);
    let is_id = id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_id { Ok(()) } else { Err(format!("`{id}` is no key's id, which has 36 characters: {example}")) }
}

/// Checks for an ARN of this service whose resource begins with `resource`; account and region may be missing.
fn check_arn(text: &str, service: &str, resource: &str, what: &str, example: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let well_formed = matches!(parts[..], ["arn", partition, found, _, _, rest]
        if partition.starts_with("aws") && found == service && rest.len() > resource.len() && rest.starts_with(resource));
    if well_formed && text.len() <= 2048 { Ok(()) } else { Err(format!("not the ARN of {what}; expected `{example}`")) }
}

fn letters_digits_single_hyphens(text: &str, most: usize) -> Result<(), String> {
    let allowed = "use letters, digits and single hyphens, and begin with a letter or digit";
    if text.is_empty() {
        return Err(format!("a name cannot be empty; {allowed}"));
    }
    if let Some(bad) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || *c == '-')) {
        let remedy = if bad == '_' { ", try a hyphen" } else { "" };
        return Err(format!("{bad:?} is not allowed in a name{remedy}; {allowed}"));
    }
    if text.starts_with('-') || text.contains("--") {
        return Err(format!("misplaced hyphen: {allowed}"));
    }
    let letters = text.chars().filter(|c| *c != '-').count();
    if letters > most {
        return Err(format!("{letters} letters and digits are too many: at most {most}"));
    }
    Ok(())
}

fn check_region(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split('-').collect();
    let word = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    let number = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    let well_formed =
        parts.len() >= 3 && parts.split_last().is_some_and(|(last, rest)| number(last) && rest.iter().all(word));
    if !well_formed {
        return Err("not a region name; expected something like `us-west-2`".to_owned());
    }
    Partition::of_region(text)
        .map(drop)
        .map_err(|other| format!("a region of the partition {other}, where AgentCore Gateway is not known to be"))
}

fn check_role_arn(text: &str) -> Result<(), String> {
    let expected = "not the ARN of an IAM role; expected `arn:aws:iam::123456789012:role/NAME`";
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, "iam", "", account, resource] = parts[..] else {
        return Err(expected.to_owned());
    };
    let account_ok = account.len() == 12 && account.chars().all(|c| c.is_ascii_digit());
    let name = resource.strip_prefix("role/").unwrap_or_default();
    if arn == "arn" && partition.starts_with("aws") && account_ok && !name.is_empty() {
        Ok(())
    } else {
        Err(expected.to_owned())
    }
}

fn check_function_arn(text: &str) -> Result<(), String> {
    let expected = || {
        "not the ARN of a Lambda function; expected `arn:aws:lambda:us-west-2:123456789012:function:NAME`".to_owned()
    };
    let parts: Vec<&str> = text.split(':').collect();
    let ([arn, partition, "lambda", region, account, "function", name]
    | [arn, partition, "lambda", region, account, "function", name, _]) = parts[..]
    else {
        return Err(expected());
    };
    let account_ok = account.len() == 12 && account.chars().all(|c| c.is_ascii_digit());
    let name_ok = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let well_formed =
        arn == "arn" && partition.starts_with("aws") && check_region(region).is_ok() && account_ok && name_ok;
    if well_formed && text.len() <= 170 { Ok(()) } else { Err(expected()) }
}

impl GatewayName {
    /// Whether it could also be the id of another gateway: a name and ten more characters.
    pub fn could_be_id(&self) -> bool {
        let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        self.0.rsplit_once('-').is_some_and(|(_, end)| end.len() == 10 && end.chars().all(lower))
    }
}

impl FunctionArn {
    /// The account that the function is in.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }

    /// The region that the function is in.
    pub fn region(&self) -> &str {
        self.0.split(':').nth(3).unwrap_or_default()
    }
}

impl RoleArn {
    /// The account that the role is in.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }

    /// The role's name, without its path.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl Region {
    /// The partition of the region; a region of an unsupported partition cannot be a value of this type.
    pub fn partition(&self) -> &'static Partition {
        Partition::of_region(&self.0).unwrap_or_else(|_| Partition::usual())
    }

    /// Whether an account has to enable the region before use.
    pub fn is_opt_in(&self) -> bool {
        self.partition() == Partition::usual() && !partition::ALWAYS_ENABLED.contains(&self.0.as_str())
    }
}

/// The known name that is most like one that was given, if any is like it.
pub fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |known: &str| strsim::jaro_winkler(&given.to_lowercase(), &known.to_lowercase());
    let like = known.map(|known| (likeness(known), known)).filter(|(likeness, _)| *likeness > 0.8);
    like.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateway_names_follow_the_service_model() {
        for good in ["a", "weather-gateway", "A1-b2", "a-", &"x".repeat(48), &"x-".repeat(48)] {
            assert!(GatewayName::from_str(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a--b", "my_gateway", "a b", "ä", &"x".repeat(49)] {
            assert!(GatewayName::from_str(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_underscore_is_answered_with_the_remedy() {
        let error = GatewayName::from_str("my_gateway").unwrap_err().to_string();
        assert!(error.contains("try a hyphen"), "{error}");
    }

    #[test]
    fn regions_are_checked_by_pattern() {
        for good in ["us-west-2", "us-gov-west-1", "ap-southeast-7", "mars-north-12"] {
            assert!(Region::from_str(good).is_ok(), "{good}");
        }
        for bad in ["", "us", "us-west", "us-west-2a", "US-WEST-2", "us--2", "https://x"] {
            assert!(Region::from_str(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn function_arns_name_a_function() {
        let arn = "arn:aws:lambda:us-west-2:123456789012:function:my-function";
        assert_eq!(FunctionArn::from_str(arn).unwrap().region(), "us-west-2");
        assert!(FunctionArn::from_str(&format!("{arn}:prod")).is_ok());
        for bad in
            ["my-function", &arn.replace("lambda", "s3"), &arn.replace("my-function", ""), &arn.replace("1234", "x")]
        {
            assert!(FunctionArn::from_str(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_and_policies_are_named_by_their_arns() {
        let key = "arn:aws:kms:us-west-2:123456789012:key/";
        for id in ["1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab"] {
            assert!(KmsKeyArn::from_str(&format!("{key}{id}")).is_ok(), "{id}");
        }
        assert!(KmsKeyArn::from_str(&format!("{key}1234")).is_err());
        assert!(PolicyArn::from_str("arn:aws:iam::aws:policy/AdministratorAccess").is_ok());
        for bad in ["alias/x", "arn:aws:kms:us-west-2:123456789012:key/", "arn:aws:iam::1:role/x", ""] {
            assert!(KmsKeyArn::from_str(bad).is_err() && PolicyArn::from_str(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_may_look_like_an_id() {
        for (name, may) in [("g-0123456789", true), ("weather-gateway", false), ("g-ABCDEFGHIJ", false), ("g", false)] {
            assert_eq!(GatewayName::from_str(name).unwrap().could_be_id(), may, "{name}");
        }
    }

    #[test]
    fn role_arns_name_a_role() {
        assert!(RoleArn::from_str("arn:aws:iam::123456789012:role/path/Name").is_ok());
        assert!(RoleArn::from_str("arn:aws:iam::123456789012:user/Name").is_err());
        assert!(RoleArn::from_str("MyRole").is_err());
    }
}
