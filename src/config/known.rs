//! Which keys the configuration knows, mapping by mapping. They are read off the serialised
//! structs themselves, so that this can never fall behind them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::place::Key;
use super::{
    AdapterConfig, Config, EgressAddress, MxHost, RemoteOutsider, RemoteResolver, SellerConfig, VatCategory, VatConfig,
    WebhookConfig,
};

/// Known keys by the path of their mapping, list indices written `[]`.
#[derive(Debug)]
pub(super) struct KnownKeys(BTreeMap<String, Vec<String>>);

impl KnownKeys {
    /// The keys of a configuration whose gateway adapter is of this kind.
    pub(super) fn with_adapter(kind: Option<&str>) -> Self {
        let mut known = BTreeMap::new();
        if let Ok(value) = serde_json::to_value(exemplar(kind)) {
            collect(&value, "", &mut known);
        }
        Self(known)
    }

    /// What is wrong with a key, `None` where it is known or where its mapping is itself unknown.
    pub(super) fn complaint(&self, key: &Key) -> Option<String> {
        let keys = self.0.get(&without_indices(&key.parent))?;
        if keys.contains(&key.name) {
            return None;
        }
        let name = shown(&key.name);
        let place = if key.parent.is_empty() { "at the top".to_owned() } else { format!("in `{}`", key.parent) };
        let hint = match nearest(&key.name, keys) {
            Some(near) => format!("did you mean `{near}`?"),
            None => match self.0.iter().find(|(_, keys)| keys.contains(&key.name)) {
                Some((elsewhere, _)) if elsewhere.is_empty() => format!("`{name}` belongs at the top of the file"),
                Some((elsewhere, _)) => format!("`{name}` belongs in `{elsewhere}`"),
                None => format!("known here: {}", keys.join(", ")),
            },
        };
        Some(format!("unknown key `{name}` {place}; {hint}"))
    }

    /// Every known key as a path, for the test that the annotated default mentions each.
    #[cfg(test)]
    pub(super) fn paths(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(parent, keys)| keys.iter().map(move |key| (parent.as_str(), key.as_str())))
    }
}

/// A configuration with one of everything.
fn exemplar(kind: Option<&str>) -> Config {
    let mut config = Config::default();
    let name = config.gateway.ehlo_name.clone();
    config.gateway.mx_hosts = vec![MxHost::current(name, 10)];
    config.gateway.egress = vec![EgressAddress::here([192, 0, 2, 1].into())];
    config.probe.remote_outsiders = vec![RemoteOutsider { agent: String::new(), address: None }];
    config.probe.remote_resolvers = vec![RemoteResolver { agent: String::new(), address: None }];
    config.commerce.seller = Some(seller());
    config.commerce.webhook = Some(WebhookConfig { url: String::new(), secret_file: "secret".into() });
    config.gateway.adapter = match kind {
        Some("postfix") => AdapterConfig::Postfix {
            relay_domains: "relay_domains".into(),
            transport: "transport".into(),
            reload: Vec::new(),
        },
        Some("agents") => AdapterConfig::Agents { agents: Vec::new() },
        Some("http") => AdapterConfig::Http { url: String::new(), token_file: None },
        _ => AdapterConfig::Manual,
    };
    config
}

fn seller() -> SellerConfig {
    let vat = VatConfig { category: VatCategory::Standard, rate: None, exemption_reason: None };
    SellerConfig {
        name: String::new(),
        street: String::new(),
        postal_code: String::new(),
        city: String::new(),
        country: String::new(),
        vat_id: String::new(),
        business_id: String::new(),
        e_invoice_address: String::new(),
        iban: String::new(),
        bic: None,
        payment_days: 14,
        vat: vat.clone(),
        vat_abroad: Some(vat),
    }
}

fn collect(value: &Value, path: &str, known: &mut BTreeMap<String, Vec<String>>) {
    match value {
        Value::Object(map) => {
            known.insert(path.to_owned(), map.keys().cloned().collect());
            for (key, value) in map {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(value, &below, known);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(item, &format!("{path}[]"), known);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `a.b[3].c` → `a.b[].c`.
fn without_indices(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|c| {
            inside = (inside || *c == '[') && *c != ']';
            !inside || *c == '['
        })
        .collect()
}

/// The known key that somebody probably meant: at most a third of its letters differ.
fn nearest<'a>(name: &str, keys: &'a [String]) -> Option<&'a str> {
    let bounded: String = name.chars().take(64).collect();
    keys.iter()
        .map(|key| (strsim::damerau_levenshtein(&bounded, key), key))
        .min()
        .filter(|(distance, key)| *distance <= 1.max(key.len() / 3))
        .map(|(_, key)| key.as_str())
}

/// Text from outside, made harmless and short enough for a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
