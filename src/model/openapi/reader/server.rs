//! The servers of a document: which addresses the gateway can call.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::IpAddr,
};

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
                        let variable = Variable { default: default.to_owned(), allowed };
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
                unknown.insert(Variable::default());
            }
        }
        let defaults = server.variables.iter().map(|(name, variable)| (name.as_str(), variable.default.clone()));
        self.check_address(&place, &fill(url, defaults), remedy);
        Some(server)
    }

    pub(super) fn check_address(&mut self, place: &str, url: &str, remedy: &str) {
        let Ok(address) = url.parse::<http::Uri>() else {
            self.notes.error(place, "server", format!("`{url}` is no URL"), remedy);
            return;
        };
        // A query would come before the path, a fragment would swallow the path, and user and password would not be
        // sent; a port is a number.
        let authority = address.authority().map_or("", http::uri::Authority::as_str);
        let bad_port =
            authority.rsplit(']').next().is_some_and(|end| end.contains(':')) && address.port_u16().is_none();
        if url.contains(['?', '#', '@', '{', '}']) || url.contains(char::is_whitespace) || bad_port {
            self.notes.error(place, "server", format!("`{url}` has more than scheme, host, port and path"), remedy);
            return;
        }
        let (Some(scheme), Some(host)) = (address.scheme_str(), address.host()) else {
            self.notes.error(place, "server", format!("`{url}` is no absolute URL"), remedy);
            return;
        };
        // A gateway on this machine can reach any address; a gateway in AWS cannot.
        let severity = if self.reading.local { Severity::Warning } else { Severity::Error };
        match scheme {
            "https" => {}
            "http" => {
                self.notes.add(severity, place, "server", NOT_HTTPS, "use the API's https address");
            }
            other => self.notes.error(place, "server", format!("the gateway does not speak {other}"), remedy),
        }
        if !is_public(host) {
            let problem = format!("{host} cannot be reached from AWS");
            self.notes.add(severity, place, "server", problem, "use an address that is public");
        }
    }
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
