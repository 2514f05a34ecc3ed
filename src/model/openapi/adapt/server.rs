//! Chooses the server that the gateway calls.

use serde_json::{Map, Value, json};

use super::{Adaptation, Adapter, METHODS, address_of, members_of, segment};

const REASON: &str = "the gateway calls one address, with https";

impl Adapter<'_> {
    pub(super) fn server(&mut self) {
        if !self.has(Adaptation::ChooseServer) && self.adapting.server.is_none() {
            return;
        }
        self.with_value(|adapter, value| {
            adapter.server_of_all(value);
            for (path, item) in members_of(value, "paths") {
                let at = format!("/paths/{}", segment(path));
                adapter.server_of_part(item, &at);
                for (method, operation) in item.as_object_mut().into_iter().flatten() {
                    if METHODS.contains(&method.as_str()) {
                        adapter.server_of_part(operation, &format!("{at}/{method}"));
                    }
                }
            }
        });
    }

    /// The document's own servers: a given address replaces them, unless they stand relative to it.
    fn server_of_all(&mut self, document: &mut Value) {
        let Some(members) = document.as_object_mut() else { return };
        let chosen = match &self.adapting.server {
            Some(given) => {
                // What was resolved before stays as it is.
                let is_resolved = |server: &&Value| server["url"].as_str().is_some_and(|url| has_origin_of(url, given));
                let resolved = servers(members).first().filter(is_resolved).cloned();
                let first = || servers(members).first().and_then(|first| joined(given, first));
                resolved.or_else(first).unwrap_or_else(|| json!({ "url": given.trim_end_matches('/') }))
            }
            None => match self.first_callable(members) {
                Some(chosen) => chosen,
                None => return,
            },
        };
        self.choose(members, "", chosen);
    }

    /// The servers of a path or an operation, which may be others than the document's.
    fn server_of_part(&mut self, part: &mut Value, at: &str) {
        let Some(members) = part.as_object_mut().filter(|members| members.contains_key("servers")) else { return };
        let relative = || joined(self.adapting.server.as_ref()?, servers(members).first()?);
        if let Some(chosen) = self.first_callable(members).or_else(relative) {
            self.choose(members, at, chosen);
        }
    }

    /// The first server with https; where the gateway runs on this machine, else the first with http.
    fn first_callable(&self, members: &Map<String, Value>) -> Option<Value> {
        let all: Vec<Value> = servers(members).iter().map(with_scheme).collect();
        let http = || all.iter().find(|server| self.reading.local && address_of(server).is_http());
        all.iter().find(|server| address_of(server).is_https()).or_else(http).cloned()
    }

    fn choose(&mut self, members: &mut Map<String, Value>, at: &str, chosen: Value) {
        let chosen = json!([chosen]);
        if members.get("servers") == Some(&chosen) {
            return;
        }
        let url = chosen[0]["url"].as_str().unwrap_or_default();
        let change = format!("the server is {url}");
        self.note(Adaptation::ChooseServer, format!("{at}/servers"), change, REASON);
        members.insert("servers".to_owned(), chosen);
    }
}

fn servers(members: &Map<String, Value>) -> &[Value] {
    members.get("servers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A server whose address leaves the scheme open, with https.
fn with_scheme(server: &Value) -> Value {
    let mut server = server.clone();
    if let Some(rest) = server["url"].as_str().filter(|url| url.starts_with("//")) {
        server["url"] = json!(format!("https:{rest}"));
    }
    server
}

/// Whether an address is on the same host, with the same scheme, as another one.
fn has_origin_of(url: &str, other: &str) -> bool {
    let origin = |url: &str| -> Option<String> {
        let host = url.find("://")? + 3;
        Some(url[..url[host..].find('/').map_or(url.len(), |at| host + at)].to_ascii_lowercase())
    };
    origin(url).is_some_and(|of_url| Some(of_url) == origin(other))
}

/// A server whose address is relative, at another address; `None` if it is not, or if it does not say clearly where it
/// leads.
fn joined(base: &str, server: &Value) -> Option<Value> {
    let url = server["url"].as_str()?;
    let first = url.split('/').next().unwrap_or_default();
    // Without a slash in front, a dot makes it rather a host: `api.example.com/v1`.
    if url.contains("//") || url.contains("..") || (first.contains('.') && first != ".") {
        return None;
    }
    let origin = base.find("://").map(|at| at + 3)?;
    let end = base[origin..].find('/').map_or(base.len(), |at| origin + at);
    let (host, path) = base.split_at(end);
    let path = match url {
        "" | "." | "./" => path.to_owned(),
        absolute if absolute.starts_with('/') => absolute.to_owned(),
        relative => {
            format!("{}/{}", path.rsplit_once('/').map_or("", |(folder, _)| folder), relative.trim_start_matches("./"))
        }
    };
    let mut server = server.clone();
    server["url"] = json!(format!("{host}{path}"));
    let address = address_of(&server);
    (address.is_https() || address.is_http()).then_some(server)
}
