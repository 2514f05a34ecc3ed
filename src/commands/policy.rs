//! `policy`: the IAM policy that a caller needs.

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};

use super::{Outcome, shown::Printed};
use crate::{
    context::Context,
    model::policy::{Doing, caller},
};

/// Print the least IAM policy that a caller of this program needs
///
/// It asks nobody: no credentials are needed. The region is that of `--region` or the environment; what is not given is
/// a placeholder, REGION and ACCOUNT.
#[derive(Debug, Args)]
pub struct Policy {
    /// The commands that the caller uses; `show` is for those that change nothing, `update` for `client`, too, and
    /// `cleanup` for `delete` [default: all]
    #[arg(long = "for", value_enum, value_delimiter = ',', value_name = "COMMAND")]
    commands: Vec<CommandName>,

    /// Number of the account
    #[arg(long, value_name = "ID", value_parser = account)]
    account: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CommandName {
    Show,
    Create,
    #[value(alias = "client")]
    Update,
    Target,
    #[value(alias = "delete")]
    Cleanup,
}

fn account(text: &str) -> Result<String, String> {
    let is_valid = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_valid.then(|| text.to_owned()).ok_or_else(|| "expected twelve digits".to_owned())
}

impl Policy {
    pub fn run(self, ctx: &Context) -> Outcome {
        let all =
            [CommandName::Show, CommandName::Create, CommandName::Update, CommandName::Target, CommandName::Cleanup];
        let commands = if self.commands.is_empty() { &all[..] } else { &self.commands };
        let doings: BTreeSet<Doing> = commands
            .iter()
            .map(|command| match command {
                CommandName::Show => Doing::Show,
                CommandName::Create => Doing::Create,
                CommandName::Update => Doing::Update,
                CommandName::Target => Doing::Target,
                CommandName::Cleanup => Doing::Cleanup,
            })
            .collect();
        let policy = caller(&doings, ctx.settings.region.as_ref(), self.account.as_deref());
        if [Doing::Create, Doing::Update, Doing::Target].iter().any(|doing| doings.contains(doing)) {
            ctx.ui.note(
                "not in it, as only you know which: `iam:PassRole` and `iam:GetRole` on a role of your own (`--role-arn`), \
                 `lambda:GetFunction` on functions, `s3:GetObject` on documents in S3, `apigateway:GET` on REST APIs",
            );
        }
        Ok(Box::new(Printed(policy)))
    }
}
