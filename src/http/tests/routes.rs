//! Every route as the source of the handlers names it, so that a new one cannot be forgotten by the tests that
//! walk all of them.

use std::path::Path;

/// One address and what it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub path: String,
    pub get: bool,
    pub post: bool,
}

/// All routes below a folder of `src/http`.
pub(super) fn of(folder: &str) -> Vec<Route> {
    let mut files = vec![Path::new("src/http").join(folder)];
    let mut routes = Vec::new();
    while let Some(file) = files.pop() {
        if file.is_dir() {
            files.extend(std::fs::read_dir(file).unwrap().map(|entry| entry.unwrap().path()));
        } else if file.extension().is_some_and(|kind| kind == "rs") {
            routes.extend(read(&std::fs::read_to_string(file).unwrap()));
        }
    }
    routes.sort_by(|a, b| a.path.cmp(&b.path));
    routes
}

fn read(source: &str) -> Vec<Route> {
    let code = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut routes = Vec::new();
    for word in ["route", "get", "post", "kept", "kept_list", "list"] {
        for piece in code.split(&format!(".{word}(")).skip(1) {
            let Some((path, rest)) = piece.trim_start().strip_prefix('"').and_then(|text| text.split_once('"')) else {
                continue;
            };
            if !path.starts_with('/') {
                continue;
            }
            let methods = rest.split([';', '\n']).next().unwrap_or_default();
            let posts = ["post(", "put(", "delete(", "patch("].iter().any(|method| methods.contains(method));
            let (get, post) = match word {
                "route" => (methods.contains("get("), posts),
                "post" => (false, true),
                _ => (true, false),
            };
            routes.push(Route { path: path.to_owned(), get, post });
        }
    }
    routes
}

/// The address with a value for each of its parameters.
pub(super) fn filled(path: &str, value: impl Fn(&str) -> String) -> String {
    let fill = |piece: &str| match piece.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
        Some(name) => value(name.trim_start_matches('*')),
        None => piece.to_owned(),
    };
    path.split('/').map(fill).collect::<Vec<_>>().join("/")
}

#[test]
fn routes_are_found() {
    let source = ".route(\"/a\", get(x::a))\n.route(\"/b/{id}\", get(b).post(c))\n.route(\n \"/c\", post(d));\n\
                  .kept(\"/d\", e)\n.post(\"/f\", g)";
    let found = read(source);
    let told: Vec<_> = found.iter().map(|route| (route.path.as_str(), route.get, route.post)).collect();
    let expected =
        [("/a", true, false), ("/b/{id}", true, true), ("/c", false, true), ("/f", false, true), ("/d", true, false)];
    assert_eq!(told, expected);
    assert_eq!(filled("/b/{id}/c", |name| format!("<{name}>")), "/b/<id>/c");
    let (pages, api) = (of("panel").len(), of("api").len());
    assert!(pages > 20 && api > 50, "{pages} {api}");
}
