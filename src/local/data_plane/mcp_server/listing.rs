//! Lists the capabilities of MCP servers, and runs the listings that targets wait for.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::timeout;

use super::{CallError, Connection, Server};
use crate::{
    http::mcp::MOST_PAGES,
    local::{
        data_plane::credentials::{CallerIdentity, Failure, OutboundAuth, Upstream},
        server::Server as Account,
        services::agentcore::{Awaiting, Gateway, Listing, listed},
    },
    model::tool::MOST_TOOLS,
};

/// JSON-RPC error code.
const METHOD_NOT_FOUND: i64 = -32601;
/// Most prompts, resources or resource templates that a server may list.
const MOST_ITEMS: usize = 10_000;
/// Longest tool name, in bytes (MCP, "Tool Names").
const LONGEST_NAME: usize = 128;
/// Most characters of a tool's name in a note.
const SHOWN_NAME: usize = 64;
/// Most characters of what a server says in a note.
const SHOWN_PROBLEM: usize = 300;
/// Most notes on a server's tools.
const MOST_NOTES: usize = 50;
/// Timeout of the first contact with a server, including the listing. AWS fails a runtime that takes longer to
/// start with "Runtime initialization time exceeded" (one public report).
const LONGEST_LISTING: Duration = Duration::from_secs(30);

/// How long the list of prompts may take: the rest of the time is for what a target needs.
const LONGEST_PROMPTS: Duration = Duration::from_secs(10);

/// Items that are not listed.
#[derive(Debug, Default)]
struct Skipped {
    nameless: usize,
    /// Names that another item has.
    repeated: Vec<String>,
}

impl Connection {
    /// Lists all capabilities of the server, with notes on what is not as announced. A dynamic one may list no tools, and
    /// may fail `resources/templates/list`: AWS does not document what it requires of these servers.
    pub(crate) async fn list(self: &Arc<Self>, is_dynamic: bool) -> Result<Listing, Failure> {
        if self.capabilities.get("tools").is_none() {
            return Err(self.without_tools());
        }
        let mut skipped = Skipped::default();
        let tools = self.all("tools/list", ("tools", "name"), MOST_TOOLS, &mut skipped).await?;
        if tools.is_empty() && !is_dynamic {
            return Err(self.without_tools());
        }
        let mut listing = sound(tools, skipped);
        let mut ignored = Skipped::default();
        if self.capabilities.get("prompts").is_some() {
            let all = self.all("prompts/list", ("prompts", "name"), MOST_ITEMS, &mut ignored);
            let all = timeout(LONGEST_PROMPTS, all).await;
            let all = all.unwrap_or_else(|_| {
                Err(Failure(format!("prompts/list: no answer within {} s", LONGEST_PROMPTS.as_secs())))
            });
            match all {
                Ok(prompts) => listing.prompts = prompts,
                // Servers that announce prompts and have no list of them are many; nobody has reported what AWS makes of
                // them.
                Err(Failure(problem)) => {
                    let problem: String = problem.chars().filter(|c| !c.is_control()).take(SHOWN_PROBLEM).collect();
                    listing.notes.push(format!("There are no prompts of the MCP server: {problem}"));
                }
            }
        }
        for note in &listing.notes {
            tracing::warn!(endpoint = self.server.endpoint, "{note}");
        }
        if self.capabilities.get("resources").is_some() {
            listing.resources = self.all("resources/list", ("resources", "uri"), MOST_ITEMS, &mut ignored).await?;
            // A server without templates must return an empty list. AWS refuses one that does not know the method ("…
            // Error - Method not found: resources/templates/list"; one public report).
            let templates = ("resourceTemplates", "uriTemplate");
            let templates = self.all("resources/templates/list", templates, MOST_ITEMS, &mut ignored).await;
            listing.resource_templates = if is_dynamic { templates.unwrap_or_default() } else { templates? };
        }
        Ok(listing)
    }

    /// AWS's message: "MCP server … has no tools" (one public report, on a server that has resources only).
    fn without_tools(&self) -> Failure {
        Failure(format!("MCP server '{}' has no tools", self.server.endpoint))
    }

    /// Reads all pages of a list. Skips, and counts, items without a string in `key` and duplicates.
    async fn all(
        self: &Arc<Self>,
        method: &str,
        (member, key): (&str, &str),
        most: usize,
        skipped: &mut Skipped,
    ) -> Result<Vec<Value>, Failure> {
        let (mut seen, mut cursors) = (HashSet::new(), HashSet::new());
        let mut items = Vec::new();
        let mut params = json!({});
        for _ in 0..MOST_PAGES {
            let page = self.request(method, &params, &mut None, None).await;
            let page = page.map_err(|problem| match problem {
                CallError::Refused(error) if error["code"] == METHOD_NOT_FOUND => {
                    Failure(format!("Method not found: {method}"))
                }
                problem => Failure(format!("{method}: {}", problem.into_failure().0)),
            })?;
            let Value::Array(found) = &page[member] else {
                return Err(Failure(format!("{method}: the MCP server's result has no `{member}`")));
            };
            let before = items.len();
            let mut others = Skipped::default();
            for item in found {
                match item[key].as_str() {
                    Some(name) if seen.insert(name.to_owned()) => items.push(item.clone()),
                    Some(name) => others.repeated.push(name.to_owned()),
                    None => others.nameless += 1,
                }
            }
            // A page that comes again has nothing new, and is no fault of its items.
            if items.len() > before || others.nameless > 0 {
                skipped.nameless += others.nameless;
                skipped.repeated.extend(others.repeated);
                skipped.repeated.truncate(MOST_NOTES);
            }
            if items.len() > most {
                return Err(Failure(format!("{method}: the MCP server lists more than {most}")));
            }
            match &page["nextCursor"] {
                // A cursor that comes back would lead round for ever; the MCP SDKs end the list there.
                Value::String(cursor) if cursors.insert(cursor.clone()) => params = json!({ "cursor": cursor }),
                _ => return Ok(items),
            }
        }
        Err(Failure(format!("{method}: the MCP server's list has no end")))
    }
}

/// The tools that are valid for every client, since some clients reject a whole list because of one invalid tool; with
/// notes on the others and on those that were skipped.
fn sound(tools: Vec<Value>, skipped: Skipped) -> Listing {
    let mut listing = Listing::default();
    if skipped.nameless > 0 {
        listing.notes.push(format!("Tools without a name are left out: {}", skipped.nameless));
    }
    for name in skipped.repeated {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(SHOWN_NAME).collect();
        listing.notes.push(format!("Tool {shown} is left out: another one has its name"));
    }
    for mut tool in tools {
        let name = tool["name"].as_str().unwrap_or_default().to_owned();
        let shown: String = name.chars().filter(|c| !c.is_control()).take(SHOWN_NAME).collect();
        if let Some(why) = problem_of(&name, &tool) {
            listing.notes.push(format!("Tool {shown} is left out: {why}"));
            continue;
        }
        if tool.get("outputSchema").is_some_and(|schema| schema["type"] != "object") {
            tool.as_object_mut().map(|members| members.shift_remove("outputSchema"));
            listing.notes.push(format!("Tool {shown} is without its outputSchema, which is not of type object"));
        }
        for member in ["inputSchema", "outputSchema"].into_iter().filter(|member| refers(&tool[*member])) {
            // Five projects write such schemas out before AWS sees them, since AWS "does not support $ref" or drops the
            // tool; nobody shows its answer.
            listing.notes.push(format!(
                "Tool {shown} has $ref in its {member}: some clients do not follow it, and AWS is said to leave such tools out"
            ));
        }
        listing.tools.push(tool);
    }
    if listing.notes.len() > MOST_NOTES {
        let more = listing.notes.len() - MOST_NOTES;
        listing.notes.truncate(MOST_NOTES);
        listing.notes.push(format!("… and {more} more notes on its tools"));
    }
    listing
}

/// Why a tool cannot be listed.
fn problem_of(name: &str, tool: &Value) -> Option<&'static str> {
    if name.is_empty() || name.contains(char::is_control) {
        return Some("its name is empty or has control characters");
    }
    if name.len() > LONGEST_NAME {
        return Some("its name has more than 128 characters");
    }
    (tool["inputSchema"]["type"] != "object").then_some("its inputSchema is not of type object")
}

/// Whether a schema has a reference, at any depth.
fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.get("$ref").is_some_and(Value::is_string) || members.values().any(refers),
        Value::Array(items) => items.iter().any(refers),
        _ => false,
    }
}

/// The client capabilities to offer when listing a server. If the gateway's sessions can carry server requests,
/// these are offered: some servers list certain tools only to clients that support them.
fn of_callers(gateway: &Gateway) -> Value {
    let streaming = gateway.mcp("streamingConfiguration").is_some_and(|it| it["enableResponseStreaming"] == true);
    if streaming && gateway.mcp("sessionConfiguration").is_some() {
        json!({ "elicitation": { "form": {}, "url": {} }, "sampling": {} })
    } else {
        json!({})
    }
}

/// Connects to a server, lists it, and closes the connection.
async fn list(server: Server, offered: &Value) -> Result<Listing, Failure> {
    let connection = Connection::open(server, offered).await?;
    let listing = connection.list(false).await;
    connection.close().await;
    listing
}

/// Lists the servers of targets that wait for it. Clones share what is in progress.
#[derive(Debug, Clone)]
pub(crate) struct Listings {
    account: Account,
    upstream: Arc<Upstream>,
    in_progress: Arc<Mutex<HashSet<Awaiting>>>,
}

impl Listings {
    pub(crate) fn new(account: Account, upstream: Arc<Upstream>) -> Self {
        Self { account, upstream, in_progress: Arc::default() }
    }

    /// Starts a listing for every target that waits for one, unless it is in progress.
    pub(crate) fn begin(&self, base_url: &str) {
        for awaiting in self.account.read(|state| state.agentcore.awaiting_listing()) {
            if self.in_progress().insert(awaiting.clone()) {
                let (listings, base_url) = (self.clone(), base_url.to_owned());
                tokio::spawn(async move { listings.list(awaiting, base_url).await });
            }
        }
    }

    fn in_progress(&self) -> MutexGuard<'_, HashSet<Awaiting>> {
        self.in_progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn list(&self, awaiting: Awaiting, base_url: String) {
        let found = self.account.read(|state| {
            let (gateway, target) = state.agentcore.awaits(&awaiting)?;
            let endpoint = target.mcp_server()?.endpoint;
            let caller = CallerIdentity::of(gateway, &base_url);
            let auth = OutboundAuth::new(&self.upstream, caller, target.credential());
            Some((Server { endpoint, auth, through: vec![gateway.id.clone()] }, of_callers(gateway)))
        });
        let Some((server, offered)) = found else {
            self.in_progress().remove(&awaiting);
            return;
        };
        let call = self.account.call_in(&server.auth.caller.region, &base_url);
        let outcome = timeout(LONGEST_LISTING, list(server, &offered)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(Failure("Runtime initialization time exceeded.".to_owned())));
        let outcome = outcome.map_err(|Failure(problem)| problem);
        let outcome = outcome.and_then(|listing| {
            let bytes = serde_json::to_vec(&listing).map_err(|error| error.to_string())?;
            let kept = call.keep(&bytes).map_err(|error| error.message)?;
            Ok((kept, listing.notes))
        });
        // Do this before the target is READY: it may be synchronized again at once.
        self.in_progress().remove(&awaiting);
        if let Err(error) = self.account.change(|state| listed(state, &call, &awaiting, outcome)) {
            tracing::error!("{}", error.message);
        }
    }
}
