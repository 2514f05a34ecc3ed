//! The flags by which a document is adapted.

use clap::{Args, builder::NonEmptyStringValueParser};

use crate::{
    error::{Error, ErrorKind},
    model::adapt::{Adaptation, Adapting, Pattern, Pick},
};

/// How an OpenAPI document is adapted.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Adapting the document")]
pub struct AdaptFlags {
    /// Change the document so that the gateway accepts it: all of the following, each change with its reason
    #[arg(long)]
    pub adapt: bool,

    /// The API's address: instead of the document's, or what a relative one is relative to
    #[arg(long, value_name = "URL", value_parser = server)]
    pub server: Option<String>,

    /// Keep one server, the first with https
    #[arg(long)]
    pub choose_server: bool,

    /// Make operationIds from method and path where there are none
    #[arg(long)]
    pub make_operation_ids: bool,

    /// Rename operations whose name model clients refuse, or another has
    #[arg(long)]
    pub clean_names: bool,

    /// Merge `allOf`; describe the alternatives of `oneOf` and `anyOf`
    #[arg(long)]
    pub merge_schemas: bool,

    /// Leave out path parameters that the path does not have, and declare those that only the path has
    #[arg(long)]
    pub match_path_parameters: bool,

    /// Take `*/*` and media types that end with `+json` for JSON, and a parameter's `content` for its schema
    #[arg(long)]
    pub json_media_types: bool,

    /// Leave out other media types, optional parameters and bodies that cannot be sent, callbacks, links and webhooks
    #[arg(long)]
    pub drop_unsupported_content: bool,

    /// Leave out security schemes without a type or a definition
    #[arg(long)]
    pub drop_broken_security: bool,

    /// Write what OpenAPI requires, such as the descriptions of responses
    #[arg(long)]
    pub fill_missing: bool,

    /// Write schemas' values as JSON Schema has them
    #[arg(long)]
    pub mend_values: bool,

    #[command(flatten)]
    pub model: ModelAdaptFlags,
}

/// How a Smithy model is adapted, and what OpenAPI documents have in common with it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Adapting the document")]
pub struct ModelAdaptFlags {
    /// Leave out operations that cannot become tools
    #[arg(long)]
    pub skip_unsupported: bool,

    /// Take these operations only: METHOD PATH, a path or a name (of a Smithy model, a name), `*` for anything (can be repeated)
    #[arg(long, value_name = "PATTERN")]
    pub include: Vec<Pattern>,

    /// Leave out these operations (can be repeated)
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<Pattern>,

    /// Take the operations with these names
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub operations: Vec<String>,
}

/// `--adapt` of a Smithy model.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Adapting the document")]
pub struct SmithyAdaptFlags {
    /// Change the model so that the gateway accepts it: leave out operations that cannot become tools, and what no
    /// tool uses
    #[arg(long)]
    pub adapt: bool,

    #[command(flatten)]
    pub model: ModelAdaptFlags,
}

fn server(text: &str) -> Result<String, String> {
    let parsed: Option<http::Uri> = text.parse().ok();
    let has_host = parsed.as_ref().and_then(http::Uri::host).is_some_and(|host| !host.is_empty());
    let has_scheme = text.starts_with("https://") || text.starts_with("http://");
    match (has_scheme && has_host, text.contains(['?', '#', '@', '{'])) {
        (true, false) => Ok(text.to_owned()),
        _ => Err("an API's address is https://HOST or https://HOST/PATH".to_owned()),
    }
}

impl ModelAdaptFlags {
    fn pick(&self) -> Pick {
        let operations = self.operations.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        Pick { include: self.include.clone(), exclude: self.exclude.clone(), operations: operations.collect() }
    }

    fn adapting(&self, all: bool) -> Adapting {
        let mut adapting = if all { Adapting::all() } else { Adapting::default() };
        if self.skip_unsupported {
            adapting.adaptations.insert(Adaptation::SkipUnsupported);
        }
        Adapting { pick: self.pick(), ..adapting }
    }
}

impl SmithyAdaptFlags {
    pub fn adapting(&self) -> Adapting {
        self.model.adapting(self.adapt)
    }
}

impl AdaptFlags {
    pub fn adapting(&self) -> Adapting {
        let mut adapting = self.model.adapting(self.adapt);
        adapting.server.clone_from(&self.server);
        adapting.adaptations.extend(self.single());
        adapting
    }

    /// What OpenAPI documents alone are adapted by, one by one.
    fn single(&self) -> impl Iterator<Item = Adaptation> {
        [
            (self.choose_server, Adaptation::ChooseServer),
            (self.make_operation_ids, Adaptation::MakeOperationIds),
            (self.clean_names, Adaptation::CleanNames),
            (self.merge_schemas, Adaptation::MergeSchemas),
            (self.match_path_parameters, Adaptation::MatchPathParameters),
            (self.json_media_types, Adaptation::JsonMediaTypes),
            (self.drop_unsupported_content, Adaptation::DropUnsupportedContent),
            (self.drop_broken_security, Adaptation::DropBrokenSecurity),
            (self.fill_missing, Adaptation::FillMissing),
            (self.mend_values, Adaptation::MendValues),
        ]
        .into_iter()
        .filter_map(|(is_set, adaptation)| is_set.then_some(adaptation))
    }

    /// The flags for a Smithy model.
    ///
    /// # Errors
    ///
    /// If one is set that is for OpenAPI documents.
    pub fn of_smithy(&self) -> Result<Adapting, Error> {
        let other = self.single().map(Adaptation::flag).next().or(self.server.as_ref().map(|_| "server"));
        if let Some(flag) = other {
            let error = Error::new(ErrorKind::Usage, format!("`--{flag}` is for OpenAPI documents"));
            return Err(error.with_hint("of a Smithy model, `--adapt` and `--operations` take what can become tools"));
        }
        Ok(self.model.adapting(self.adapt))
    }
}
