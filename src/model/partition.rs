//! AWS's partitions, and the names that differ between them.

/// A partition where AgentCore Gateway is available, or may become so.
#[derive(Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its name, as in an ARN.
    pub name: &'static str,
    /// Prefix of the names of its regions.
    regions: &'static str,
    /// Suffix of its services' hosts.
    pub dns_suffix: &'static str,
    /// The part of a user pool's token host between the domain prefix and the region.
    pub token_host: &'static str,
    /// Suffix of that host.
    pub token_suffix: &'static str,
    /// The console's host, without the region before it.
    pub console: &'static str,
}

/// In GovCloud, Cognito's hosted pages exist at `auth-fips` only (AWS GovCloud user guide, "Amazon Cognito");
/// for China, many public programs use `amazoncognito.com.cn`. AgentCore is not known to be available in China.
static PARTITIONS: [Partition; 3] = [
    Partition {
        name: "aws-cn",
        regions: "cn-",
        dns_suffix: "amazonaws.com.cn",
        token_host: "auth",
        token_suffix: "amazoncognito.com.cn",
        console: "console.amazonaws.cn",
    },
    Partition {
        name: "aws-us-gov",
        regions: "us-gov-",
        dns_suffix: "amazonaws.com",
        token_host: "auth-fips",
        token_suffix: "amazoncognito.com",
        console: "console.amazonaws-us-gov.com",
    },
    Partition {
        name: "aws",
        regions: "",
        dns_suffix: "amazonaws.com",
        token_host: "auth",
        token_suffix: "amazoncognito.com",
        console: "console.aws.amazon.com",
    },
];

/// Regions that every account has; an account has to enable later ones (AWS Account Management guide, "Enable
/// or disable AWS Regions in your account").
pub const ALWAYS_ENABLED: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Prefixes of the regions of other, unsupported partitions, and those partitions' names (botocore's
/// `partitions.json`).
const OTHERS: [(&str, &str); 5] = [
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
    ("eusc-", "aws-eusc"),
];

impl Partition {
    /// The partition that a region lies in.
    ///
    /// # Errors
    /// The name of the partition, if it is not supported.
    pub fn of_region(region: &str) -> Result<&'static Self, &'static str> {
        if let Some((_, other)) = OTHERS.iter().find(|(regions, _)| region.starts_with(regions)) {
            return Err(other);
        }
        // The last partition has an empty prefix, which matches every region.
        let known = PARTITIONS.iter().find(|partition| region.starts_with(partition.regions));
        Ok(known.unwrap_or_else(Self::usual))
    }

    /// The `aws` partition, that of most regions.
    pub fn usual() -> &'static Self {
        &PARTITIONS[PARTITIONS.len() - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_region_is_in_its_partition() {
        for (region, name) in [
            ("us-east-1", Ok("aws")),
            ("ap-southeast-7", Ok("aws")),
            ("us-gov-west-1", Ok("aws-us-gov")),
            ("cn-north-1", Ok("aws-cn")),
            ("eusc-de-east-1", Err("aws-eusc")),
            ("us-isob-east-1", Err("aws-iso-b")),
        ] {
            assert_eq!(Partition::of_region(region).map(|partition| partition.name), name, "{region}");
        }
    }
}
