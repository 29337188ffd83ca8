//! The description of the API (OpenAPI 3.1): written by hand in `openapi/*.yaml`, a file a subject, put together
//! once and served as JSON. What every operation has in common (errors, roles, `ETag`) is added here, so that no
//! file can forget it. The tests hold it to the routes and to every answer that they see.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::problem::Kind;

const HEAD: &str = include_str!("openapi/head.yaml");
const PIECES: [(&str, &str); 11] = [
    ("common", include_str!("openapi/common.yaml")),
    ("orders", include_str!("openapi/orders.yaml")),
    ("customers", include_str!("openapi/customers.yaml")),
    ("domains", include_str!("openapi/domains.yaml")),
    ("links", include_str!("openapi/links.yaml")),
    ("ledger", include_str!("openapi/ledger.yaml")),
    ("invoicing", include_str!("openapi/invoicing.yaml")),
    ("mail", include_str!("openapi/mail.yaml")),
    ("operation", include_str!("openapi/operation.yaml")),
    ("agents", include_str!("openapi/agents.yaml")),
    ("service", include_str!("openapi/service.yaml")),
];
/// Sections of a piece that become components.
const COMPONENTS: [&str; 4] = ["parameters", "requestBodies", "responses", "schemas"];
/// What any request with a token may be answered, whatever it asks for.
const EVERYWHERE: [u16; 9] = [400, 401, 403, 408, 413, 429, 500, 503, 504];

/// The whole document, or why it cannot be put together, which a test would have said before.
pub(super) static DOCUMENT: LazyLock<Result<Value, String>> = LazyLock::new(assemble);

fn assemble() -> Result<Value, String> {
    let mut document: Value = yaml("head", HEAD)?;
    let mut pieces = Vec::new();
    for (name, text) in PIECES {
        let mut piece: Map<String, Value> = yaml(name, text)?;
        for section in COMPONENTS {
            let Some(Value::Object(members)) = piece.remove(section) else { continue };
            let all = object(&mut document["components"][section]);
            for (key, value) in members {
                if all.insert(key.clone(), value).is_some() {
                    return Err(format!("{name}: there are two {section}/{key}"));
                }
            }
        }
        pieces.push((name, piece));
    }
    object(&mut document["components"]["responses"]).extend(errors());
    let shared = document["components"]["responses"].clone();
    for (name, piece) in pieces {
        let tag = piece.get("tag").cloned();
        let Some(Value::Object(paths)) = piece.get("paths").cloned() else { continue };
        for (path, mut item) in paths {
            for (_, operation) in object(&mut item).iter_mut() {
                complete(operation, &path, tag.as_ref(), &shared);
            }
            if object(&mut document["paths"]).insert(path.clone(), item).is_some() {
                return Err(format!("{name}: {path} is there twice"));
            }
        }
    }
    spell_out(&mut document, "");
    Ok(document)
}

fn yaml<T: serde::de::DeserializeOwned>(name: &str, text: &str) -> Result<T, String> {
    serde_yaml::from_str(text).map_err(|error| format!("openapi/{name}.yaml: {error}"))
}

/// The members of a value that is an object or becomes one.
fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(members) => members,
        _ => object(value),
    }
}

/// A response for each status that problems have, with each kind as an example.
fn errors() -> Map<String, Value> {
    let statuses: BTreeSet<u16> = Kind::ALL.iter().map(|kind| kind.status().as_u16()).collect();
    let response = |status: u16| {
        let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| kind.status().as_u16() == status).collect();
        let told: Vec<String> = kinds.iter().map(|kind| format!("{} ({}).", kind.title(), kind.uri())).collect();
        let examples: Map<String, Value> = kinds
            .iter()
            .map(|kind| {
                let value =
                    json!({ "type": kind.uri(), "title": kind.title(), "status": status, "detail": kind.means() });
                (kind.slug().to_owned(), json!({ "value": value }))
            })
            .collect();
        let schema = json!({ "$ref": "Problem" });
        let content = json!({ "application/problem+json": { "schema": schema, "examples": examples } });
        let mut response = json!({ "description": told.join(" "), "content": content });
        let text = json!({ "type": "string" });
        match status {
            401 => response["headers"] = json!({ "WWW-Authenticate": { "description": "`Bearer`.", "schema": text } }),
            429 | 503 => response["headers"] = json!({ "Retry-After": { "$ref": "headers/RetryAfter" } }),
            _ => {}
        }
        (problem_name(status), response)
    };
    statuses.into_iter().map(response).collect()
}

fn problem_name(status: u16) -> String {
    format!("Problem{status}")
}

/// Adds what follows from the operation's path, body and marks.
fn complete(operation: &mut Value, path: &str, tag: Option<&Value>, shared: &Value) {
    operation["tags"] = json!([tag]);
    let open = operation["security"].is_array();
    let mut statuses: BTreeSet<u16> = if open { BTreeSet::new() } else { EVERYWHERE.into() };
    let more = operation["x-problems"].as_array().into_iter().flatten();
    statuses.extend(more.filter_map(Value::as_u64).filter_map(|status| u16::try_from(status).ok()));
    if path.contains('{') {
        statuses.insert(404);
    }
    if refers(operation, "parameters/Customer") {
        // A domain of several customers names none of them.
        statuses.insert(409);
    }
    // Shared bodies are JSON, but for those of tables and messages.
    let body = &operation["requestBody"];
    let named =
        body["$ref"].as_str().is_some_and(|name| !matches!(name, "requestBodies/Table" | "requestBodies/Message"));
    if named || body["content"].get("application/json").is_some() {
        statuses.extend([415, 422]);
    }
    if let Some(roles) = operation["x-roles"].as_array() {
        let roles: Vec<String> = roles.iter().filter_map(Value::as_str).map(|role| format!("`{role}`")).collect();
        let about = operation["description"].as_str().unwrap_or_default().trim_end();
        let gap = if about.is_empty() { "" } else { "\n\n" };
        operation["description"] = format!("{about}{gap}For tokens with the role {}.", roles.join(" or ")).into();
    }
    let mut headers = Map::new();
    if refers(operation, "parameters/Limit") {
        headers.insert("Link".to_owned(), json!({ "$ref": "headers/Link" }));
    }
    if operation["x-etag"] == true {
        headers.insert("ETag".to_owned(), json!({ "$ref": "headers/ETag" }));
        operation["responses"]["304"] = json!({
            "description": "What you have is what there is.",
            "headers": { "ETag": { "$ref": "headers/ETag" } },
        });
        let condition = json!({ "$ref": "parameters/IfNoneMatch" });
        match &mut operation["parameters"] {
            Value::Array(all) => all.push(condition),
            none => *none = json!([condition]),
        }
    }
    if !headers.is_empty() {
        let good = &mut operation["responses"]["200"];
        if let Some(name) = good["$ref"].as_str().and_then(|name| name.strip_prefix("responses/")) {
            *good = shared[name].clone();
        }
        object(&mut good["headers"]).extend(headers);
    }
    for status in statuses {
        operation["responses"][status.to_string()] = json!({ "$ref": format!("responses/{}", problem_name(status)) });
    }
    let members = object(operation);
    for mark in ["x-etag", "x-problems"] {
        members.shift_remove(mark);
    }
    if let Some(responses) = members.get_mut("responses").and_then(Value::as_object_mut) {
        responses.sort_keys();
    }
}

fn refers(operation: &Value, name: &str) -> bool {
    operation["parameters"].as_array().is_some_and(|all| all.iter().any(|parameter| parameter["$ref"] == name))
}

/// Short references as whole ones. Examples are left as they are.
fn spell_out(value: &mut Value, within: &str) {
    match value {
        Value::Object(members) => {
            for (key, member) in members.iter_mut() {
                match member {
                    Value::String(name) if key == "$ref" && !name.starts_with('#') => {
                        let section = if name.contains('/') { "" } else { "schemas/" };
                        *name = format!("#/components/{section}{name}");
                    }
                    _ if matches!(key.as_str(), "example" | "examples") && within != "properties" => {}
                    _ => spell_out(member, key),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| spell_out(item, within)),
        _ => {}
    }
}
