//! Holds every answer that a test sees to the document: its status, its media type, and its body by the schema,
//! in which nothing may stand that is not described. What was asked has to be described as well, where it was done.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use axum::http::{HeaderValue, Method, header};
use jsonschema::Validator;
use serde_json::{Value, json};

use super::Reply;
use crate::http::openapi::DOCUMENT;

/// What a test asked for.
pub(super) struct Asked<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    pub kind: Option<HeaderValue>,
    pub body: &'a [u8],
}

/// The document with nothing allowed in its objects but what it names.
static STRICT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = document().clone();
    close(&mut document);
    document
});
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

pub(super) fn document() -> &'static Value {
    DOCUMENT.as_ref().unwrap()
}

pub(super) fn hold(asked: &Asked<'_>, reply: &Reply) {
    let described = asked.path.starts_with("/v1/") || STRICT["paths"].get(asked.path).is_some();
    if !described {
        return;
    }
    let Some(path) = template(asked.path) else {
        let unknown = reply.status == 404 || reply.status == 400;
        assert!(unknown, "{} is not described and answers {}", asked.path, reply.status);
        return problem(asked, reply);
    };
    let method = asked.method.as_str().to_lowercase();
    let method = if method == "head" { "get" } else { &method };
    let operation = &STRICT["paths"][path][method];
    if operation.is_null() {
        assert_eq!(reply.status, 405, "{} {path} is not described", asked.method);
        return problem(asked, reply);
    }
    let whole = format!("{} {} {}", asked.method, asked.path, reply.status);
    let response = resolved(&operation["responses"][reply.status.as_str()]);
    assert!(response.is_object(), "{whole} is not described: {}", reply.text);
    for name in reply.headers.keys().filter(|name| [header::ETAG, header::LINK, header::LOCATION].contains(name)) {
        let known = response["headers"].as_object().into_iter().flatten();
        assert!(known.into_iter().any(|(known, _)| known.eq_ignore_ascii_case(name.as_str())), "{whole}: {name}");
    }
    if asked.method == Method::HEAD {
        return;
    }
    let Some(content) = response["content"].as_object() else {
        assert_eq!(reply.text, "", "{whole} is described without a body");
        return;
    };
    let kind = reply.header(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    let media = content.get(kind).unwrap_or_else(|| panic!("{whole}: {kind} is not described"));
    if kind.ends_with("json") {
        let key = format!("{method} {path} {} {kind}", reply.status);
        assert_valid(&validator(&key, &media["schema"]), &reply.json(), &whole);
    }
    if reply.status.is_success() {
        done(operation, asked, &format!("{method} {path}"));
    }
}

/// The body of a request that was carried out is one that the document allows.
fn done(operation: &'static Value, asked: &Asked<'_>, key: &str) {
    let content = &resolved(&operation["requestBody"])["content"]["application/json"];
    let is_json = asked.kind.as_ref().is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if content.is_object() && is_json {
        let body = if asked.body.is_empty() { json!({}) } else { serde_json::from_slice(asked.body).unwrap() };
        assert_valid(&validator(key, &content["schema"]), &body, &format!("{key}, the request"));
    }
}

/// An answer outside of what is described is a problem all the same.
fn problem(asked: &Asked<'_>, reply: &Reply) {
    if asked.method == Method::HEAD {
        return;
    }
    let whole = format!("{} {} {}", asked.method, asked.path, reply.status);
    assert_eq!(reply.header(header::CONTENT_TYPE), "application/problem+json", "{whole}");
    assert_valid(&validator("problem", &json!({ "$ref": "#/components/schemas/Problem" })), &reply.json(), &whole);
}

pub(super) fn assert_valid(validator: &Validator, value: &Value, what: &str) {
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("  at {}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what} is not as described:\n{}\n{value:#}", errors.join("\n"));
}

/// Of a schema that may refer to the components.
pub(super) fn validator(key: &str, schema: &Value) -> Arc<Validator> {
    let mut all = VALIDATORS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(known) = all.get(key) {
        return known.clone();
    }
    let root = json!({ "allOf": [schema], "components": STRICT["components"] });
    let made = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(&root)
        .unwrap_or_else(|error| panic!("{key}: {error}"));
    let made = Arc::new(made);
    all.insert(key.to_owned(), made.clone());
    made
}

/// The path of the document that an address has: the one with the fewest places for anything.
fn template(path: &str) -> Option<&'static str> {
    let fits = |template: &str| {
        let (mut wanted, mut given) = (template.split('/'), path.split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') && !given.is_empty() => {}
                _ => return false,
            }
        }
    };
    let paths = STRICT["paths"].as_object().unwrap().keys();
    paths.map(String::as_str).filter(|template| fits(template)).min_by_key(|template| template.matches('{').count())
}

/// The component that a value refers to, or the value itself.
pub(super) fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(name) => STRICT.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} leads nowhere")),
        None => value,
    }
}

pub(super) fn strict() -> &'static Value {
    &STRICT
}

/// Forbids in every described object what is not described.
fn close(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.get("properties").is_some_and(Value::is_object)
                && members.get("type").is_some_and(|kind| kind == "object")
            {
                members.entry("additionalProperties").or_insert(json!(false));
            }
            members.iter_mut().filter(|(key, _)| !key.starts_with("example")).for_each(|(_, member)| close(member));
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
