//! The few fields of a body that say why something is done, and what. Only fields that are named here are
//! read; a token, a message or a document never is.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header;
use serde_json::Value;

/// Fields in the order in which they are told; the first one is told without its name.
const FIELDS: &[&str] = &[
    "reason",
    "note",
    "names",
    "servers",
    "mode",
    "cause",
    "defer",
    "withdrawn",
    "departed",
    "cut_off",
    "partner",
    "until",
    "count",
    "mailboxes",
    "customer",
    "group",
    "address",
    "allowed",
    "domain",
    "domains",
];
/// Characters of one value.
const VALUE: usize = 300;
/// The body was taken in before: this bound is never reached.
const MOST: usize = 64 << 20;

/// The request as it was, and what its body says.
pub(super) async fn said(request: Request) -> (Request, String) {
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let bytes = to_bytes(body, MOST).await.unwrap_or_default();
    let said = match kind.as_str() {
        "application/json" => of_json(&bytes),
        "application/x-www-form-urlencoded" => of_form(&bytes),
        _ => String::new(),
    };
    (Request::from_parts(parts, Body::from(bytes)), said)
}

fn of_json(bytes: &Bytes) -> String {
    let Ok(Value::Object(fields)) = serde_json::from_slice(bytes) else { return String::new() };
    told(|name| match fields.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some(String::new()),
        Value::Array(items) => {
            let words: Vec<&str> =
                items.iter().filter_map(|item| item.as_str().or_else(|| item.get("host")?.as_str())).collect();
            Some(words.join(" "))
        }
        _ => None,
    })
}

fn of_form(bytes: &Bytes) -> String {
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(bytes).into_owned().collect();
    told(|name| {
        let values: Vec<&str> = fields.iter().filter(|(key, _)| key == name).map(|(_, value)| value.trim()).collect();
        Some(values.join(" ")).filter(|text| !text.is_empty())
    })
}

fn told(value: impl Fn(&str) -> Option<String>) -> String {
    let mut parts = Vec::new();
    for name in FIELDS {
        let Some(text) = value(name) else { continue };
        let text: String = text.trim().chars().take(VALUE).collect();
        parts.push(match (*name, text.is_empty()) {
            ("reason", false) => text,
            ("reason", true) => continue,
            (name, true) => name.replace('_', " "),
            (name, false) => format!("{}: {text}", name.replace('_', " ")),
        });
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_why_is_told() {
        let json = Bytes::from_static(
            br#"{"reason":"a holiday","defer":true,"withdrawn":false,"token":"fp_x_secret","names":["mx.a.example","mx.b.example"],
                 "servers":[{"host":"mail.a.example","port":25}],"evidence":"a whole mail"}"#,
        );
        assert_eq!(of_json(&json), "a holiday; names: mx.a.example mx.b.example; servers: mail.a.example; defer");
        let form = Bytes::from_static(b"form=secret&token=fp_x_secret&reason=a+holiday&until=2026-12-01&count=");
        assert_eq!(of_form(&form), "a holiday; until: 2026-12-01");
        assert_eq!(of_json(&Bytes::from_static(b"[1]")), "");
        assert_eq!(of_form(&Bytes::from_static(b"\xff\xfe=%ff")), "");
    }
}
