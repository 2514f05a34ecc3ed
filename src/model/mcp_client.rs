//! The MCP clients, and how each is told of a server in its configuration file.

pub mod edit;

use std::path::Path;

use serde_json::{Map, Value, json};

/// The variable with the user's token for a gateway.
pub const GATEWAY_TOKEN: &str = "AGENTCORE_GATEWAY_TOKEN";

/// The variables, besides AWS_ENDPOINT_URL and those of single services, that say where a gateway is.
pub const PLACE_VARIABLES: [&str; 6] = [
    "AGENTCORE_GW_LOCAL_DIR",
    "AGENTCORE_GW_LOCAL_PORT",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CA_BUNDLE",
];

/// How this program's file name begins.
const PROGRAM: &str = "agentcore-gw";

const CLIENTS: [Client; 5] = [Client::ClaudeCode, Client::ClaudeDesktop, Client::Cursor, Client::VsCode, Client::Kiro];

/// A client with a configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    ClaudeCode,
    ClaudeDesktop,
    Cursor,
    VsCode,
    Kiro,
}

/// A server, as a client is to reach it.
#[derive(Debug, Clone)]
pub enum Server {
    /// A program that the client starts and talks to on standard input and output.
    Program { command: String, args: Vec<String>, env: Vec<(String, String)> },
    /// An address to which the client sends HTTP requests.
    Address { url: String, token: Token },
}

impl Server {
    /// A text in which the client would replace `${…}`, as clients do in all values, before it uses the text.
    pub fn replaced(&self) -> Option<&str> {
        let texts: Vec<&String> = match self {
            Self::Program { command, args, env } => {
                [command].into_iter().chain(args).chain(env.iter().map(|(_, value)| value)).collect()
            }
            Self::Address { url, token: Token::Helper(helper) } => vec![url, helper],
            Self::Address { url, token: Token::None | Token::Users } => vec![url],
        };
        texts.into_iter().find(|text| text.contains("${")).map(String::as_str)
    }
}

/// Where the token in an HTTP request comes from. It is never in the configuration itself.
#[derive(Debug, Clone)]
pub enum Token {
    None,
    /// A shell command prints a JSON object of HTTP headers.
    Helper(String),
    /// The user gives one to the client.
    Users,
}

/// An entry of a configuration file.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub server: Map<String, Value>,
    /// What VS Code is to ask the user for: an element of the file's `inputs`.
    pub input: Option<Value>,
}

impl Client {
    /// The client's name, as its makers write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::ClaudeCode => "Claude Code",
            Self::ClaudeDesktop => "Claude Desktop",
            Self::Cursor => "Cursor",
            Self::VsCode => "VS Code",
            Self::Kiro => "Kiro",
        }
    }

    /// The member of a file that has the servers by their names.
    pub fn servers_member(self) -> &'static str {
        if self == Self::VsCode { "servers" } else { "mcpServers" }
    }

    /// A project's configuration file, below its folder.
    ///
    /// Sources: code.claude.com/docs/en/mcp, cursor.com/docs/mcp, code.visualstudio.com/docs/agents/reference/mcp-configuration,
    /// kiro.dev/docs/mcp/configuration. Claude Desktop has none.
    pub fn project_file(self) -> Option<&'static Path> {
        let file = match self {
            Self::ClaudeCode => ".mcp.json",
            Self::ClaudeDesktop => return None,
            Self::Cursor => ".cursor/mcp.json",
            Self::VsCode => ".vscode/mcp.json",
            Self::Kiro => ".kiro/settings/mcp.json",
        };
        Some(Path::new(file))
    }

    /// The user's own configuration file, below the home folder or the folder of applications' settings.
    ///
    /// Sources: as of `project_file`; for Claude Desktop modelcontextprotocol.io/docs/develop/connect-local-servers. Claude
    /// Code's has much besides, and is changed by its own command.
    pub fn user_file(self) -> Option<UserFile> {
        match self {
            Self::ClaudeCode => None,
            Self::ClaudeDesktop => Some(UserFile::InSettings("Claude/claude_desktop_config.json")),
            Self::Cursor => Some(UserFile::InHome(".cursor/mcp.json")),
            Self::VsCode => Some(UserFile::InSettings("Code/User/mcp.json")),
            Self::Kiro => Some(UserFile::InHome(".kiro/settings/mcp.json")),
        }
    }

    /// The entry of a server with this name; `None` if the client cannot reach it in this way.
    pub fn entry(self, name: &str, server: &Server) -> Option<Entry> {
        let mut entry = Entry { server: Map::new(), input: None };
        match server {
            Server::Program { command, args, env } => {
                // Kiro and Claude Desktop describe no `type` of such servers.
                if !matches!(self, Self::Kiro | Self::ClaudeDesktop) {
                    entry.server.insert("type".to_owned(), json!("stdio"));
                }
                entry.server.insert("command".to_owned(), json!(command));
                entry.server.insert("args".to_owned(), json!(args));
                if !env.is_empty() {
                    let env: Map<_, _> = env.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
                    entry.server.insert("env".to_owned(), env.into());
                }
            }
            Server::Address { url, token } => {
                // Cursor and Kiro know a remote server by its `url`; Claude Desktop has no form for one with headers.
                match self {
                    Self::ClaudeDesktop => return None,
                    Self::ClaudeCode | Self::VsCode => drop(entry.server.insert("type".to_owned(), json!("http"))),
                    Self::Cursor | Self::Kiro => {}
                }
                entry.server.insert("url".to_owned(), json!(url));
                self.add_token(name, token, &mut entry);
            }
        }
        Some(entry)
    }

    fn add_token(self, name: &str, token: &Token, entry: &mut Entry) {
        match token {
            Token::None => {}
            // Runs when Claude Code connects, and again after a 401 or 403.
            Token::Helper(command) if self == Self::ClaudeCode => {
                entry.server.insert("headersHelper".to_owned(), json!(command));
            }
            Token::Helper(_) | Token::Users => {
                entry.server.insert("headers".to_owned(), json!({ "Authorization": self.authorization(name) }));
                entry.input = (self == Self::VsCode).then(|| input(name));
            }
        }
    }

    /// The header that refers to the token that the user gives.
    fn authorization(self, name: &str) -> String {
        match self {
            Self::Cursor => format!("Bearer ${{env:{GATEWAY_TOKEN}}}"),
            Self::VsCode => format!("Bearer ${{input:{}}}", input_id(name)),
            Self::ClaudeCode | Self::ClaudeDesktop | Self::Kiro => format!("Bearer ${{{GATEWAY_TOKEN}}}"),
        }
    }

    /// Whether the client takes comments and trailing commas in its file. Claude Code 2.1.332 does not, VS Code's schema says
    /// so; of the others it is not known, and a file that has them is theirs already.
    fn reads_comments(self) -> bool {
        self != Self::ClaudeCode
    }

    /// Whether the client has this server's name for itself. Source: what `claude mcp add` 2.1.332 refuses.
    pub fn reserves(self, name: &str) -> bool {
        self == Self::ClaudeCode && ["workspace", "computer-use", "claude-in-chrome"].contains(&name)
    }

    /// A whole configuration with this entry only.
    pub fn document(self, name: &str, entry: &Entry) -> Value {
        let mut document = Map::new();
        if let Some(input) = &entry.input {
            document.insert("inputs".to_owned(), json!([input]));
        }
        document.insert(self.servers_member().to_owned(), json!({ name: entry.server }));
        document.into()
    }
}

/// A file below one of two folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserFile {
    InHome(&'static str),
    /// Where applications keep their settings: `~/.config`, `~/Library/Application Support` or `%APPDATA%`.
    InSettings(&'static str),
}

/// The id of VS Code's question for a server's token.
fn input_id(name: &str) -> String {
    format!("{name}-token")
}

/// VS Code's question for a server's token.
fn input(name: &str) -> Value {
    json!({
        "type": "promptString",
        "id": input_id(name),
        "description": format!("Access token of {name}"),
        "password": true,
    })
}

/// Whether a variable says where the gateway is: in an entry, it is set or taken out as this program has it.
pub fn is_place_variable(name: &str) -> bool {
    PLACE_VARIABLES.contains(&name) || name.starts_with("AWS_ENDPOINT_URL")
}

/// Whether the entry of this name is one of this program's, which is at `program` now and may have had another path.
pub fn is_ours(name: &str, entry: &Value, program: &str) -> bool {
    let is_us = |word: &str| {
        let file = Path::new(word.trim_matches('\'')).file_name().and_then(|name| name.to_str());
        let rest = file.and_then(|file| file.strip_prefix(PROGRAM));
        // Builds are named after their version.
        let is_version =
            |rest: &str| rest.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        word == program || rest.is_some_and(|rest| rest.is_empty() || rest == ".exe" || is_version(rest))
    };
    let args = entry["args"].as_array().map_or(&[][..], Vec::as_slice);
    if entry["command"].as_str().is_some_and(is_us) {
        return args.iter().any(|arg| arg == "connect");
    }
    if let Some(helper) = entry["headersHelper"].as_str() {
        // As a shell has it, whose quotes are around the path.
        let names_us = helper.replace(r"'\''", "'").contains(program) || helper.split(' ').any(is_us);
        return helper.ends_with(" --header") && helper.contains(" token ") && names_us;
    }
    let others = ["auth", "oauth", "oauthScopes"].iter().any(|member| !entry[member].is_null());
    let reference = entry["headers"]["Authorization"].as_str();
    let is_reference =
        reference.is_some_and(|reference| CLIENTS.iter().any(|client| reference == client.authorization(name)));
    let url = entry["url"].as_str().filter(|url| gateway_id(url).is_some());
    // Whoever writes an address of AWS without headers may mean to sign in by OAuth.
    let is_open = entry["headers"].is_null() && url.is_some_and(|url| url.starts_with("http://127.0.0.1:"));
    url.is_some() && !others && (is_reference || is_open)
}

/// The id in the address of a gateway: `https://ID.gateway.bedrock-agentcore.REGION.amazonaws.com/mcp`, or
/// `http://127.0.0.1:PORT/gateways/ID/mcp` of the local AWS.
fn gateway_id(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let (host, path) = rest.split_once('/')?;
    match host.split_once(".gateway.bedrock-agentcore.") {
        Some((id, domain)) if scheme == "https" && domain.contains(".amazonaws.com") => Some(id),
        _ if host.starts_with("127.0.0.1:") => path.strip_prefix("gateways/")?.strip_suffix("/mcp"),
        _ => None,
    }
}

/// Whether an entry of this program's leads to the gateway of this name, id or ARN.
pub fn leads_to(entry: &Value, gateway: &str) -> bool {
    let args = entry["args"].as_array().map_or(&[][..], Vec::as_slice);
    let helper = entry["headersHelper"].as_str().unwrap_or_default();
    let words: Vec<&str> = helper.split(' ').chain(args.iter().filter_map(Value::as_str)).collect();
    words.windows(2).any(|pair| matches!(pair[0], "connect" | "token") && is_same_gateway(pair[1], gateway))
        || entry["url"].as_str().and_then(gateway_id).is_some_and(|id| is_same_gateway(id, gateway))
}

/// Whether two names, ids or ARNs are of one gateway. An id is the lower-cased name, a hyphen and ten characters.
fn is_same_gateway(one: &str, other: &str) -> bool {
    let short = |text: &str| text.rsplit_once("gateway/").map_or(text, |(_, id)| id).to_ascii_lowercase();
    let (one, other) = (short(one), short(other));
    let is_id_of = |id: &str, name: &str| {
        let unique = id.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
        unique.is_some_and(|unique| unique.len() == 10 && unique.chars().all(|c| c.is_ascii_alphanumeric()))
    };
    one == other || is_id_of(&one, &other) || is_id_of(&other, &one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Server {
        Server::Program {
            command: "/opt/agentcore-gw".to_owned(),
            args: vec!["connect".to_owned(), "g".to_owned()],
            env: vec![("AGENTCORE_GW_LOCAL_DIR".to_owned(), "/state".to_owned())],
        }
    }

    fn address(token: Token) -> Server {
        Server::Address { url: "http://127.0.0.1:7755/gateways/g-1/mcp".to_owned(), token }
    }

    #[test]
    fn a_program_is_started_by_every_client() {
        for client in CLIENTS {
            let entry = client.entry("g", &program()).unwrap();
            let stdio = matches!(client, Client::ClaudeCode | Client::Cursor | Client::VsCode).then_some("stdio");
            assert_eq!(entry.server.get("type").and_then(Value::as_str), stdio, "{client:?}");
            assert_eq!(entry.server["command"], "/opt/agentcore-gw");
            assert_eq!(entry.server["args"], json!(["connect", "g"]));
            assert_eq!(entry.server["env"], json!({ "AGENTCORE_GW_LOCAL_DIR": "/state" }));
            assert!(is_ours("g", &entry.server.into(), "/other/program"), "{client:?}");
        }
    }

    #[test]
    fn a_token_is_referred_to_in_each_clients_own_way() {
        let authorization = |client: Client| {
            let entry = client.entry("g", &address(Token::Users))?;
            assert!(is_ours("g", &entry.server.clone().into(), "/other/program"), "{client:?}");
            Some(entry.server["headers"]["Authorization"].as_str().unwrap().to_owned())
        };
        let variable = "Bearer ${AGENTCORE_GATEWAY_TOKEN}";
        assert_eq!(authorization(Client::ClaudeCode).as_deref(), Some(variable));
        assert_eq!(authorization(Client::ClaudeDesktop), None);
        assert_eq!(authorization(Client::Cursor).as_deref(), Some("Bearer ${env:AGENTCORE_GATEWAY_TOKEN}"));
        assert_eq!(authorization(Client::VsCode).as_deref(), Some("Bearer ${input:g-token}"));
        assert_eq!(authorization(Client::Kiro).as_deref(), Some(variable));
        let helped = address(Token::Helper("agentcore-gw token g --header".to_owned()));
        let entry = Client::ClaudeCode.entry("g", &helped).unwrap();
        assert_eq!(entry.server["headersHelper"], "agentcore-gw token g --header");
        assert!(is_ours("g", &entry.server.into(), "/other/program"));
        let open = Client::Kiro.entry("g", &address(Token::None)).unwrap();
        assert_eq!(Value::from(open.server), json!({ "url": "http://127.0.0.1:7755/gateways/g-1/mcp" }));
    }

    #[test]
    fn vs_code_asks_for_the_token() {
        let entry = Client::VsCode.entry("g", &address(Token::Users)).unwrap();
        let document = Client::VsCode.document("g", &entry);
        assert_eq!(document["inputs"][0]["id"], "g-token");
        assert_eq!(document["inputs"][0]["password"], true);
        assert_eq!(document["servers"]["g"]["type"], "http");
    }

    #[test]
    fn what_others_wrote_is_not_ours() {
        for entry in [
            json!({}),
            json!(null),
            json!("agentcore-gw"),
            json!({ "command": "npx", "args": ["connect"] }),
            json!({ "command": "/bin/agentcore-gw", "args": ["token"] }),
            json!({ "url": "https://example.com/mcp" }),
            json!({ "url": "https://example.com/gateways/g/mcp" }),
            json!({ "url": "https://g-1.gateway.bedrock-agentcore.us-west-2.amazonaws.com/mcp" }),
            json!({ "command": "/x/agentcore-gwrapper", "args": ["connect"] }),
            json!({ "url": "http://127.0.0.1:1/", "headersHelper": "/opt/agentcore-gw-helper token x --header" }),
            json!({ "url": "http://127.0.0.1:1/gateways/g/mcp", "auth": { "CLIENT_ID": "x" } }),
            json!({ "url": "http://127.0.0.1:1/gateways/g/mcp", "headers": { "Authorization": "Bearer ${MY-token}" } }),
            json!({ "url": "https://example.com/mcp", "headersHelper": "/opt/not-agentcore-gw/get token now" }),
            json!({ "url": "https://g-1.gateway.bedrock-agentcore.us-west-2.amazonaws.com/mcp",
                    "headers": { "Authorization": "Bearer abc" } }),
        ] {
            assert!(!is_ours("g", &entry, "/opt/gw"), "{entry}");
        }
        for entry in [
            json!({ "command": "agentcore-gw", "args": ["connect", "g"] }),
            json!({ "command": "/x/agentcore-gw-0.1.0", "args": ["connect", "g"] }),
            json!({ "command": "/opt/gw", "args": ["--local", "connect", "g"] }),
            json!({ "url": "http://127.0.0.1:7755/gateways/g-1/mcp" }),
        ] {
            assert!(is_ours("g", &entry, "/opt/gw"), "{entry}");
        }
    }

    #[test]
    fn an_entry_leads_to_its_gateway_by_name_id_and_arn() {
        let url = json!({ "url": "https://g-1.gateway.bedrock-agentcore.us-west-2.amazonaws.com/mcp" });
        for (gateway, leads) in
            [("g-1", true), ("arn:aws:bedrock-agentcore:us-west-2:1:gateway/g-1", true), ("g", false)]
        {
            assert_eq!(leads_to(&url, gateway), leads, "{gateway}");
        }
        assert!(leads_to(&json!({ "command": "agentcore-gw", "args": ["--local", "connect", "g"] }), "g"));
        assert!(leads_to(&json!({ "headersHelper": "agentcore-gw token g --header" }), "g"));
        let by_name = json!({ "args": ["connect", "My-g"] });
        let arn = "arn:aws:bedrock-agentcore:us-west-2:1:gateway/my-g-abcde12345";
        assert!(
            leads_to(&by_name, "my-g-abcde12345")
                && leads_to(&by_name, arn)
                && !leads_to(&by_name, "my-g-x-abcde12345")
        );
        assert!(
            leads_to(&json!({ "args": ["connect", arn] }), "My-g")
                && !leads_to(&json!({ "args": ["connect", arn] }), "My")
        );
    }
}
