//! From the document to what its pages show: operations with a command to copy, schemas in words. Pure, and of the
//! document alone, so that the pages can say nothing that it does not.

use std::fmt::Write as _;

use serde_json::Value;

use crate::http::problem::Kind;

/// A piece of a sentence.
pub(super) struct Piece {
    pub text: String,
    pub code: bool,
    /// Name of the schema that it leads to.
    pub link: Option<String>,
}

pub(super) struct Section {
    pub name: String,
    pub slug: String,
    pub about: String,
    pub operations: Vec<Operation>,
}

pub(super) struct Operation {
    pub id: String,
    pub method: String,
    pub path: String,
    pub summary: String,
    pub about: Vec<Vec<Piece>>,
    pub curl: String,
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
    pub answers: Vec<Good>,
    pub problems: Vec<Bad>,
}

pub(super) struct Parameter {
    pub name: String,
    pub place: String,
    pub required: bool,
    pub about: Vec<Piece>,
    pub kind: Vec<Piece>,
}

pub(super) struct Body {
    pub media: String,
    pub kind: Vec<Piece>,
    pub members: Vec<Member>,
}

/// An answer that is no problem.
pub(super) struct Good {
    pub status: String,
    pub about: String,
    pub kinds: Vec<Body>,
    pub example: Option<String>,
}

pub(super) struct Bad {
    pub slug: &'static str,
    pub status: String,
}

pub(super) struct Schema {
    pub name: String,
    pub about: Vec<Vec<Piece>>,
    pub kind: Vec<Piece>,
    pub members: Vec<Member>,
}

pub(super) struct Member {
    pub name: String,
    pub required: bool,
    pub kind: Vec<Piece>,
    pub about: Vec<Piece>,
}

/// The operations by tag, in the document's order.
pub(super) fn sections(document: &Value) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = text(&tag["name"]);
        sections.push(Section {
            slug: name.to_lowercase(),
            name,
            about: text(&tag["description"]),
            operations: Vec::new(),
        });
    }
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, of) in item.as_object().into_iter().flatten() {
            let tag = text(&of["tags"][0]);
            if let Some(section) = sections.iter_mut().find(|section| section.name == tag) {
                section.operations.push(operation(document, method, path, of));
            }
        }
    }
    sections
}

pub(super) fn schemas(document: &Value) -> Vec<Schema> {
    let all = document["components"]["schemas"].as_object().into_iter().flatten();
    let mut schemas: Vec<Schema> = all
        .map(|(name, of)| Schema {
            name: name.clone(),
            about: paragraphs(of["description"].as_str().unwrap_or_default()),
            kind: kind(of),
            members: members(of),
        })
        .collect();
    schemas.sort_by(|a, b| a.name.cmp(&b.name));
    schemas
}

fn operation(document: &Value, method: &str, path: &str, of: &Value) -> Operation {
    let parameters: Vec<&Value> =
        of["parameters"].as_array().into_iter().flatten().map(|one| resolved(document, one)).collect();
    let body = resolved(document, &of["requestBody"]);
    let responses = of["responses"].as_object().into_iter().flatten();
    let (mut answers, mut problems) = (Vec::new(), Vec::new());
    for (status, response) in responses {
        let response = resolved(document, response);
        let content = response["content"].as_object();
        if content.is_some_and(|content| content.contains_key("application/problem+json")) {
            let kinds = Kind::ALL.into_iter().filter(|kind| kind.status().as_str() == status);
            problems.extend(kinds.map(|kind| Bad { slug: kind.slug(), status: status.clone() }));
            continue;
        }
        let example = content.and_then(|content| content.values().find_map(|media| media.get("example")));
        answers.push(Good {
            status: status.clone(),
            about: text(&response["description"]),
            kinds: content.into_iter().flatten().map(|(media, of)| media_body(media, of)).collect(),
            example: example.map(shown),
        });
    }
    Operation {
        id: text(&of["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&of["summary"]),
        about: paragraphs(of["description"].as_str().unwrap_or_default()),
        curl: curl(method, path, of, &parameters, body),
        parameters: parameters
            .iter()
            .map(|one| Parameter {
                name: text(&one["name"]),
                place: text(&one["in"]),
                required: one["required"] == true,
                about: pieces(one["description"].as_str().unwrap_or_default()),
                kind: kind(&one["schema"]),
            })
            .collect(),
        body: body["content"]
            .as_object()
            .and_then(|content| content.iter().next())
            .map(|(media, of)| media_body(media, of)),
        answers,
        problems,
    }
}

fn media_body(media: &str, of: &Value) -> Body {
    let plain = !media.ends_with("json");
    let schema = &of["schema"];
    Body { media: media.to_owned(), kind: if plain { Vec::new() } else { kind(schema) }, members: members(schema) }
}

/// The request as a command, with the examples filled in.
fn curl(method: &str, path: &str, of: &Value, parameters: &[&Value], body: &Value) -> String {
    let mut address = path.to_owned();
    let mut query = Vec::new();
    let mut keyed = false;
    for parameter in parameters {
        let (name, example) = (text(&parameter["name"]), plain(&parameter["example"]));
        match parameter["in"].as_str() {
            Some("path") => address = address.replace(&format!("{{{name}}}"), &example),
            Some("query") if parameter["required"] == true => query.push(format!("{name}={example}")),
            Some("header") => keyed |= name == "Idempotency-Key",
            _ => {}
        }
    }
    if !query.is_empty() {
        let _ = write!(address, "?{}", query.join("&"));
    }
    let mut out = "curl".to_owned();
    if of["security"].is_null() {
        out.push_str(" -H \"Authorization: Bearer $FENCEPOST_TOKEN\"");
    }
    if keyed {
        out.push_str(" \\\n  -H \"Idempotency-Key: $(cat /proc/sys/kernel/random/uuid)\"");
    }
    if let Some((media, of)) = body["content"].as_object().and_then(|content| content.iter().next()) {
        let data = match &of["example"] {
            Value::String(lines) => lines.clone(),
            value => value.to_string(),
        };
        let quoted = data.replace('\'', "'\\''");
        let _ = write!(out, " \\\n  -H 'Content-Type: {media}' --data-binary '{quoted}'");
    } else if method != "get" {
        let _ = write!(out, " -X {}", method.to_uppercase());
    }
    let _ = write!(out, " \\\n  \"$FENCEPOST_URL{address}\"");
    out
}

fn members(schema: &Value) -> Vec<Member> {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let all = schema["properties"].as_object().into_iter().flatten();
    all.map(|(name, of)| Member {
        name: name.clone(),
        required: required.contains(&name.as_str()),
        kind: kind(of),
        about: pieces(of["description"].as_str().unwrap_or_default()),
    })
    .collect()
}

/// What a value is, in words.
fn kind(schema: &Value) -> Vec<Piece> {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        return vec![Piece { text: name.to_owned(), code: false, link: Some(name.to_owned()) }];
    }
    if let Some(values) = schema["enum"].as_array() {
        let word = |value: &Value| if value.is_null() { "null".to_owned() } else { plain(value) };
        return words(&values.iter().map(word).collect::<Vec<_>>().join(", "));
    }
    if let Some(value) = schema.get("const") {
        return words(&plain(value));
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let mut out = Vec::new();
        for (place, choice) in choices.iter().enumerate() {
            if place > 0 {
                out.extend(words(" or "));
            }
            out.extend(kind(choice));
        }
        return out;
    }
    let types = match &schema["type"] {
        Value::Array(all) => all.iter().map(plain).collect::<Vec<_>>().join(" or "),
        other => plain(other),
    };
    match types.as_str() {
        "" => words("anything"),
        "array" => {
            let mut out = words("array of ");
            out.extend(kind(&schema["items"]));
            out
        }
        _ => {
            let format = schema["format"].as_str().map(|format| format!(" ({format})")).unwrap_or_default();
            let range = match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
                (Some(least), Some(most)) => format!(" from {least} to {most}"),
                (Some(least), None) => format!(" from {least}"),
                _ => String::new(),
            };
            words(&format!("{types}{format}{range}"))
        }
    }
}

fn words(text: &str) -> Vec<Piece> {
    vec![Piece { text: text.to_owned(), code: false, link: None }]
}

/// Paragraphs, with what stands between back-quotes as code.
pub(super) fn paragraphs(text: &str) -> Vec<Vec<Piece>> {
    text.split("\n\n").map(str::trim).filter(|part| !part.is_empty()).map(pieces).collect()
}

pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let each = text.split('`').enumerate();
    let each = each.map(|(place, text)| Piece { text: text.to_owned(), code: place % 2 == 1, link: None });
    each.filter(|piece| !piece.text.is_empty()).collect()
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    value["$ref"].as_str().and_then(|name| document.pointer(name.trim_start_matches('#'))).unwrap_or(value)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().trim().to_owned()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn shown(example: &Value) -> String {
    match example {
        Value::String(lines) => lines.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_quotes_what_the_shell_would_read() {
        let body = serde_json::json!({ "content": { "application/json": { "example": { "reason": "it's" } } } });
        let key = serde_json::json!({ "name": "Idempotency-Key", "in": "header" });
        let domain = serde_json::json!({ "name": "domain", "in": "path", "example": "example.com" });
        let of = serde_json::json!({});
        insta::assert_snapshot!(curl("post", "/v1/domains/{domain}/cancel", &of, &[&domain, &key], &body), @r#"
        curl -H "Authorization: Bearer $FENCEPOST_TOKEN" \
          -H "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid)" \
          -H 'Content-Type: application/json' --data-binary '{"reason":"it'\''s"}' \
          "$FENCEPOST_URL/v1/domains/example.com/cancel"
        "#);
    }
}
