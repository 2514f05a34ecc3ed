//! Checks of the shapes that operations use.

use std::collections::BTreeSet;

use super::{Reader, Shape, ShapeKind, local_name, place, request, segment, tool};

impl<'a> Reader<'a> {
    /// Checks that a shape and everything that it refers to exist, each once.
    pub(super) fn check_shape(&mut self, id: &'a str, from: String) {
        let mut waiting: Vec<(&'a str, String)> = vec![(id, from)];
        while let Some((id, from)) = waiting.pop() {
            if !self.seen.insert(id) {
                continue;
            }
            let Some(shape) = self.shapes.get(id) else {
                let (problem, remedy) = match self.shapes.raw(id) {
                    None => (format!("there is no shape `{id}`"), "define it, or mend the reference"),
                    Some(other) => {
                        let kind = other["type"].as_str().unwrap_or("shape without a type");
                        (format!("`{id}` is a {kind}, and no data"), "refer to a shape that data has")
                    }
                };
                self.notes.error(&from, "target", problem, remedy);
                continue;
            };
            let Some(raw) = self.shapes.raw(id) else { continue };
            let at = place(id);
            let parts: &[&str] = match shape.kind {
                ShapeKind::List => &["member"],
                ShapeKind::Map => &["key", "value"],
                _ => &[],
            };
            let inner = parts.iter().map(|part| (raw.get(*part), format!("{at}/{part}")));
            let has_members = matches!(shape.kind, ShapeKind::Structure | ShapeKind::Union);
            let members = raw["members"].as_object().filter(|_| has_members).into_iter().flatten();
            let members = members.map(|(name, member)| (Some(member), format!("{at}/members/{}", segment(name))));
            for (member, at) in inner.chain(members) {
                match member.and_then(|member| member["target"].as_str()) {
                    Some(target) => waiting.push((target, format!("{at}/target"))),
                    None => self.notes.error(&at, "target", "a member says nothing of its shape", "give it a `target`"),
                }
            }
        }
    }

    /// Checks that an operation's HTTP trait is usable.
    pub(super) fn check_http(&mut self, id: &str, input: Option<Shape<'a>>, at: &str) {
        let name = local_name(id);
        let Some(http) = self.shapes.traits_of(id).get("http") else {
            let problem = format!("`{name}` has no HTTP binding");
            self.notes.error(at, "http", problem, "add the trait smithy.api#http, with method and uri");
            return;
        };
        let uri = http["uri"].as_str().unwrap_or_default();
        if !uri.starts_with('/') || http["method"].as_str().is_none_or(str::is_empty) {
            let problem = format!("the HTTP binding of `{name}` lacks a method, or a uri that begins with a slash");
            self.notes.error(at, "http", problem, "write it as {\"method\": \"GET\", \"uri\": \"/things/{id}\"}");
        }
        let bound: BTreeSet<&str> = input
            .into_iter()
            .flat_map(|input| self.shapes.members(input))
            .filter(|member| member.traits.has("httpLabel"))
            .map(|member| member.name)
            .collect();
        let labels: BTreeSet<&str> = request::labels(uri).collect();
        for label in labels.symmetric_difference(&bound) {
            let problem = format!("`{label}` of `{name}` stands in the uri or has the trait httpLabel, and not both");
            self.notes.error(
                at,
                "http",
                problem,
                "name the member in the uri, and give it the trait smithy.api#httpLabel",
            );
        }
    }

    pub(super) fn check_property_names(&mut self, input: Option<Shape<'a>>, at: &str) {
        let names = input.into_iter().flat_map(|input| self.shapes.members(input)).map(|member| member.name);
        let odd: Vec<String> =
            names.filter(|name| !tool::is_plain_property(name)).map(|name| format!("`{name}`")).collect();
        if !odd.is_empty() {
            let problem = format!("{}: names that some models' clients refuse", odd.join(", "));
            let remedy = "use 1 to 64 letters, digits, `_`, `.` and `-`";
            self.notes.warn(at, "property name", problem, remedy);
        }
    }
}
