//! The document itself: it has every route and no other, every example is one, and every reference leads somewhere.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::header;
use serde_json::Value;

use super::contract::{assert_valid, document, resolved, strict, validator};
use super::{TestApp, request};
use crate::http::api;
use crate::http::problem::Kind;
use crate::store::Role;

/// Every operation with its method and path.
fn operations() -> Vec<(&'static str, &'static str, &'static Value)> {
    let paths = strict()["paths"].as_object().unwrap();
    let each = |(path, item): (&'static String, &'static Value)| {
        item.as_object().unwrap().iter().map(move |(method, of)| (method.as_str(), path.as_str(), of))
    };
    paths.iter().flat_map(each).collect()
}

#[test]
fn the_document_has_every_route_and_no_other() {
    let tables = [api::routes(), api::table_routes(), api::agent_routes(), api::health_routes()];
    let routes: BTreeSet<(&str, &str)> = tables.iter().flat_map(|table| table.listed.clone()).collect();
    let described: BTreeSet<(&str, &str)> = operations().into_iter().map(|(method, path, _)| (method, path)).collect();
    let lacking: Vec<_> = routes.difference(&described).collect();
    let invented: Vec<_> = described.difference(&routes).collect();
    assert!(lacking.is_empty() && invented.is_empty(), "not described: {lacking:?}; not there: {invented:?}");
    assert!(routes.len() > 50, "{}", routes.len());
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    fn walk<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    match member {
                        Value::String(name) if key == "$ref" => _ = found.insert(name),
                        other => walk(other, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let mut names = BTreeSet::new();
    walk(document(), &mut names);
    for name in &names {
        assert!(document().pointer(name.trim_start_matches('#')).is_some(), "{name} leads nowhere");
    }
    for (section, members) in document()["components"].as_object().unwrap() {
        for name in members.as_object().unwrap().keys() {
            let used = names.contains(format!("#/components/{section}/{name}").as_str());
            let anywhere = section == "securitySchemes" || section == "responses" && name.starts_with("Problem");
            assert!(used || anywhere, "{section}/{name} is used by nothing");
        }
    }
}

#[test]
fn every_operation_says_what_it_is_for_and_who_may_call_it() {
    let tags: BTreeSet<&str> =
        document()["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let roles: Vec<&str> = ["desk", "partner", "accounting", "viewer", "agent"].into();
    let mut ids = BTreeMap::new();
    for (method, path, operation) in operations() {
        let whole = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{whole}: no operationId"));
        assert!(id.bytes().all(|b| b.is_ascii_alphabetic()), "{id}");
        assert_eq!(ids.insert(id, whole.clone()), None, "{id} is there twice");
        assert!(operation["summary"].as_str().is_some_and(|text| (5..90).contains(&text.len())), "{whole}: summary");
        assert!(
            operation["tags"].as_array().is_some_and(|all| all.len() == 1 && tags.contains(all[0].as_str().unwrap()))
        );
        let open = operation["security"] == serde_json::json!([]);
        let named = operation["x-roles"].as_array();
        assert_eq!(open, named.is_none(), "{whole}: roles");
        assert!(named.into_iter().flatten().all(|role| roles.contains(&role.as_str().unwrap())), "{whole}");
        let statuses: Vec<&String> = operation["responses"].as_object().unwrap().keys().collect();
        assert!(statuses.iter().any(|status| status.starts_with('2')), "{whole}: {statuses:?}");
        let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let of_path: BTreeSet<&str> = parameters
            .iter()
            .map(resolved)
            .inspect(|parameter| assert!(parameter["schema"].is_object(), "{whole}: {parameter}"))
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let places = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(of_path, places, "{whole}: parameters of the path");
    }
}

#[test]
fn every_example_is_one() {
    let mut seen = 0;
    let mut check = |what: String, schema: &'static Value, example: &Value| {
        assert_valid(&validator(&what, schema), example, &what);
        seen += 1;
    };
    let mut of_content = |what: &str, content: &'static Value| {
        for (kind, media) in content.as_object().into_iter().flatten() {
            let many = media["examples"].as_object().into_iter().flatten().map(|(_, one)| &one["value"]);
            for example in many.chain(media.get("example")) {
                if kind.ends_with("json") {
                    check(format!("{what} {kind}"), &media["schema"], example);
                }
            }
        }
    };
    let mut bodies = 0;
    for (method, path, operation) in operations() {
        let whole = format!("{method} {path}");
        let body = resolved(&operation["requestBody"]);
        of_content(&format!("{whole}, the request's example"), &body["content"]);
        for (kind, media) in body["content"].as_object().into_iter().flatten() {
            assert!(media.get("example").is_some(), "{whole}: no example of {kind}");
            bodies += 1;
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            of_content(&format!("{whole} {status}, its example"), &resolved(response)["content"]);
        }
    }
    for (method, path, operation) in operations() {
        let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        for parameter in parameters.iter().map(resolved) {
            let name = &parameter["name"];
            if let Some(example) = parameter.get("example") {
                let what = format!("{method} {path}, the example of {name}");
                assert_valid(&validator(&what, &parameter["schema"]), example, &what);
            }
            assert!(parameter["in"] != "path" || parameter.get("example").is_some(), "{path}: no example of {name}");
        }
    }
    assert!(bodies > 25, "{bodies}");
    assert!(seen > 100, "{seen}");
}

#[test]
fn an_answer_with_a_member_more_or_less_is_not_as_described() {
    let schema = &strict()["components"]["schemas"]["Outcome"];
    let is_valid = |value: Value| validator("Outcome", schema).is_valid(&value);
    assert!(is_valid(serde_json::json!({ "phase": "trial", "changed": true })));
    assert!(!is_valid(serde_json::json!({ "phase": "trial" })));
    assert!(!is_valid(serde_json::json!({ "phase": "trial", "changed": true, "more": 1 })));
}

#[tokio::test]
async fn anybody_reads_the_document_and_is_told_whether_it_changed() {
    let app = TestApp::new();
    let first = app.get("", "/openapi.json").await;
    assert_eq!((first.status.as_u16(), first.json()["openapi"].as_str()), (200, Some("3.1.0")));
    let tag = first.header(header::ETAG).to_owned();
    let mut again = request(axum::http::Method::GET, "", "/openapi.json", axum::body::Body::empty());
    again.headers_mut().insert(header::IF_NONE_MATCH, tag.parse().unwrap());
    let again = app.send(again).await;
    assert_eq!((again.status.as_u16(), again.text.as_str(), again.header(header::ETAG)), (304, "", tag.as_str()));
}

#[tokio::test]
async fn what_holds_for_an_instant_is_never_kept_and_the_rest_is_asked_about() {
    let app = TestApp::new();
    let id = app.ordered("acme", "example.com").await;
    let token = app.token(Role::Partner, Some("acme")).await;
    for path in ["status", "mx-change", "events"] {
        let reply = app.get(&token, &format!("/v1/domains/example.com/{path}")).await;
        assert_eq!((reply.header(header::CACHE_CONTROL), reply.header(header::ETAG)), ("no-store", ""), "{path}");
    }
    let path = format!("/v1/customers/{id}");
    let shown = app.get(&token, &path).await;
    assert_eq!(shown.header(header::CACHE_CONTROL), "private, no-cache");
    let tag = shown.header(header::ETAG).to_owned();
    let ask = async |token: &str| {
        let mut asked = request(axum::http::Method::GET, token, &path, axum::body::Body::empty());
        asked.headers_mut().insert(header::IF_NONE_MATCH, tag.parse().unwrap());
        app.send(asked).await
    };
    assert_eq!(ask(&token).await.status, 304);
    // A tag opens nothing to anybody.
    let other = app.token(Role::Partner, Some("other")).await;
    assert_eq!((ask(&other).await.status.as_u16(), ask("").await.status.as_u16()), (404, 401));
    let desk = app.token(Role::Desk, None).await;
    assert_eq!(app.post(&desk, &format!("{path}/register"), &serde_json::json!({})).await.status, 200);
    assert_eq!(ask(&token).await.status, 200, "it has changed");
}

#[tokio::test]
async fn a_page_names_the_next_one() {
    let app = TestApp::new();
    for number in 0..3 {
        app.ordered("acme", &format!("d{number}.example")).await;
    }
    let token = app.token(Role::Desk, None).await;
    let mut path = "/v1/domains?limit=2&prefix=d".to_owned();
    let mut seen = 0;
    loop {
        let page = app.get(&token, &path).await;
        seen += page.json()["items"].as_array().unwrap().len();
        let link = page.header(header::LINK);
        let Some((address, rel)) = link.strip_prefix('<').and_then(|rest| rest.split_once('>')) else { break };
        assert_eq!(rel, "; rel=\"next\"");
        assert!(address.starts_with("/v1/domains?limit=2&prefix=d&after="), "{address}");
        path = address.to_owned();
    }
    assert_eq!(seen, 3);
}

#[tokio::test]
async fn the_pages_show_the_whole_document_to_anybody() {
    let app = TestApp::new();
    let index = app.get("", "/docs/api").await;
    assert_eq!(index.status, 200);
    for (method, path, operation) in operations() {
        let slug = operation["tags"][0].as_str().unwrap().to_lowercase();
        let id = operation["operationId"].as_str().unwrap();
        let link = format!("<a href=\"/docs/api/{slug}#{id}\">");
        assert!(index.text.contains(&link), "{method} {path}: {link}");
        let page = app.get("", &format!("/docs/api/{slug}")).await;
        assert!(page.text.contains(&format!("id=\"{id}\"")), "{method} {path}");
        assert!(page.text.len() < 100_000, "{slug}: {} bytes", page.text.len());
        assert!(!page.text.contains("<script>") && !page.text.contains(" style="), "{slug}");
    }
    let schemas = app.get("", "/docs/api/schemas").await.text;
    let all = document()["components"]["schemas"].as_object().unwrap();
    assert!(all.keys().all(|name| schemas.contains(&format!("<h2 id=\"{name}\">"))));
    assert!(schemas.len() < 100_000, "{}", schemas.len());
    assert_eq!(app.get("", "/docs/api/nothing").await.status, 404);
}

#[tokio::test]
async fn the_type_of_a_problem_leads_to_its_page() {
    let app = TestApp::new();
    let all = app.get("", "/problems").await.text;
    for kind in Kind::ALL {
        let page = app.get("", &kind.uri()).await;
        assert_eq!(page.status, 200, "{}", kind.uri());
        assert!(page.text.contains(kind.title()) && all.contains(&kind.uri()));
    }
    let refused = app.get("", "/v1/domains").await.json();
    assert_eq!(app.get("", refused["type"].as_str().unwrap()).await.status, 200);
    assert_eq!(app.get("", "/problems/odd").await.status, 404);
}
