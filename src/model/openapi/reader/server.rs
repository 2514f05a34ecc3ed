//! The servers of a document: which addresses the gateway can call.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::IpAddr,
};

use serde_json::Value;

use super::{At, NOT_HTTPS, Reader, Server, Variable, fill, templates};
use crate::model::finding::Severity;

impl<'a> Reader<'a> {
    /// The server that this level of the document declares, if any.
    pub(super) fn server(&mut self, at: &At<'a>, is_root: bool) -> Option<Server> {
        let remedy = "name the API's own address, such as `https://api.example.com/v1`";
        let first = at.member("servers").and_then(|servers| servers.items().next());
        let Some(first) = first else {
            if is_root {
                // "Found 2 validation error(s) in OpenAPI schema: […]" (cdk-preflight, `target-openapi-schema`).
                self.notes.error("/servers", "server", "Server URL must not be empty.", remedy);
                self.notes.error("/servers", "server", NOT_HTTPS, remedy);
            }
            return None;
        };
        let url = first.text("url").unwrap_or_default();
        let place = format!("{}/url", first.pointer);
        let mut server = Server { url: url.trim_end_matches('/').to_owned(), variables: BTreeMap::new() };
        if let Some(variables) = first.member("variables") {
            for (name, variable) in variables.members() {
                match variable.text("default") {
                    Some(default) => {
                        let listed = variable.value["enum"].as_array().into_iter().flatten();
                        let allowed = listed.filter_map(|one| one.as_str().map(str::to_owned)).collect();
                        let variable = Variable { argument: name.to_owned(), default: default.to_owned(), allowed };
                        server.variables.insert(name.to_owned(), variable);
                    }
                    None => {
                        let problem = format!("the server variable `{name}` has no default");
                        self.notes.error(&variable.pointer, "server variable", problem, "give it a default, a text");
                    }
                }
            }
        }
        for name in templates(url) {
            if let Entry::Vacant(unknown) = server.variables.entry(name) {
                let problem = format!("the server variable `{}` is not described", unknown.key());
                self.notes.error(&place, "server variable", problem, "describe it below `variables`, with a default");
                let argument = unknown.key().clone();
                unknown.insert(Variable { argument, ..Variable::default() });
            }
        }
        let defaults = server.variables.iter().map(|(name, variable)| (name.as_str(), variable.default.clone()));
        self.check_address(&place, &fill(url, defaults), remedy);
        Some(server)
    }

    fn check_address(&mut self, place: &str, url: &str, remedy: &str) {
        let host = match Address::of(url) {
            Address::Https(host) => host,
            Address::Http(host) => {
                // A gateway on this machine can reach any address; a gateway in AWS cannot.
                let severity = if self.reading.local { Severity::Warning } else { Severity::Error };
                self.notes.add(severity, place, "server", NOT_HTTPS, "use the API's https address");
                host
            }
            Address::None(problem) => {
                self.notes.error(place, "server", format!("`{url}` {problem}"), remedy);
                return;
            }
        };
        if !is_public(&host) {
            let problem =
                format!("{host} is no public address: a gateway in AWS reaches it by a private endpoint only");
            self.notes.warn(place, "server", problem, "use a public address, or the target's `privateEndpoint`");
        }
    }
}

/// What an address is to the gateway; with its host if it can be called.
pub(crate) enum Address {
    Https(String),
    Http(String),
    /// What is wrong with it.
    None(String),
}

impl Address {
    fn of(url: &str) -> Self {
        let wrong = |problem: &str| Self::None(problem.to_owned());
        let Ok(address) = url.parse::<http::Uri>() else { return wrong("is no URL") };
        // A query would come before the path, a fragment would swallow the path, and user and password would not be
        // sent; a port is a number.
        let authority = address.authority().map_or("", http::uri::Authority::as_str);
        let bad_port =
            authority.rsplit(']').next().is_some_and(|end| end.contains(':')) && address.port_u16().is_none();
        if url.contains(['?', '#', '@', '{', '}']) || url.contains(char::is_whitespace) || bad_port {
            return wrong("has more than scheme, host, port and path");
        }
        match (address.scheme_str(), address.host()) {
            (Some("https"), Some(host)) => Self::Https(host.to_owned()),
            (Some("http"), Some(host)) => Self::Http(host.to_owned()),
            (Some(other), Some(_)) => Self::None(format!("is an address of {other}, which the gateway does not speak")),
            _ => wrong("is no absolute URL"),
        }
    }

    pub(crate) fn is_https(&self) -> bool {
        matches!(self, Self::Https(_))
    }

    pub(crate) fn is_http(&self) -> bool {
        matches!(self, Self::Http(_))
    }
}

/// The address of a server, its variables filled with their defaults.
pub(crate) fn address_of(server: &Value) -> Address {
    let url = server["url"].as_str().unwrap_or_default().trim_end_matches('/');
    let variables = server["variables"].as_object().into_iter().flatten();
    let defaults =
        variables.filter_map(|(name, variable)| Some((name.as_str(), variable["default"].as_str()?.to_owned())));
    Address::of(&fill(url, defaults))
}

/// Whether a host may be publicly reachable.
fn is_public(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    match bare.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(v4)) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            let inner = v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared;
            !(inner || v4.is_unspecified() || v4.is_broadcast())
        }
        Ok(IpAddr::V6(v6)) => {
            let translated = v6.segments()[..2] == [0x64, 0xff9b];
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || translated)
        }
        Err(_) => {
            let lower = bare.to_ascii_lowercase();
            let inner = [".localhost", ".local", ".internal"].iter().any(|end| lower.ends_with(end));
            // A host whose last label begins with a digit is an address, in whatever notation.
            let number = lower.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit()));
            lower != "localhost" && !inner && !number && lower.contains('.')
        }
    }
}
