//! What holds for every page, whatever it shows: it fits a phone, breaks no rule of accessibility in light
//! and in dark, is light, and asks nobody but its own server for anything. A picture of each is kept.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::person::Person;

/// Bytes of a page with everything it needs, as it comes over the wire without compression.
const WEIGHT: u64 = 100_000;
/// Pixels of a picture's height.
const TALLEST: u64 = 6000;
/// WCAG 2.2 A and AA, and what the rules' makers call best practice.
const RULES: [&str; 6] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/// Name, width, height, colour scheme.
const LOOKS: [(&str, u32, u32, &str); 4] = [
    ("light", 1200, 900, "light"),
    ("dark", 1200, 900, "dark"),
    ("phone", 390, 844, "light"),
    ("narrow", 360, 740, "dark"),
];

/// Looks at the page that is shown in every way; everything wrong is told at once.
pub async fn inspect(person: &Person, name: &str) {
    let mut wrong = weight(person).await;
    for (look, width, height, scheme) in LOOKS {
        person.window(width, height).await;
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        person.browser("Emulation.setEmulatedMedia", json!({ "media": "", "features": features })).await;
        let wide = person.measure("return document.documentElement.scrollWidth").await.as_u64().unwrap();
        if wide > u64::from(width) {
            let culprits = person.measure(WIDER).await;
            wrong.push(format!("{look}: {wide} pixels wide in a window of {width}: {culprits}"));
        }
        wrong.extend(accessibility(person, look).await);
        picture(person, &format!("{name}-{look}")).await;
    }
    person.window(1200, 900).await;
    person.browser("Emulation.setEmulatedMedia", json!({ "media": "print", "features": [] })).await;
    picture(person, &format!("{name}-print")).await;
    person.browser("Emulation.setEmulatedMedia", json!({ "media": "", "features": [] })).await;
    let at = person.path().await;
    assert!(wrong.is_empty(), "{name} ({at}):\n{}", wrong.join("\n"));
}

/// Elements that reach beyond the window, the innermost of them.
const WIDER: &str = "
    const out = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1);
    return out.filter(e => !out.some(o => o !== e && e.contains(o))).slice(0, 5)
        .map(e => e.tagName + '.' + e.className + ': ' + e.textContent.trim().slice(0, 60));";

/// What the page and everything it needed weigh, and where it came from.
async fn weight(person: &Person) -> Vec<String> {
    let script = "return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
        .map(e => [e.name, Math.max(e.encodedBodySize, e.decodedBodySize)]);";
    let entries: Vec<(String, u64)> = serde_json::from_value(person.measure(script).await).unwrap();
    let mut wrong = Vec::new();
    // A page that renews itself is fetched again; once is what it weighs.
    let mut seen = std::collections::BTreeMap::new();
    for (url, bytes) in &entries {
        if !url.starts_with(&person.base) {
            wrong.push(format!("it asks for {url}"));
        }
        seen.insert(url.split(['?', '#']).next().unwrap_or(url), *bytes);
    }
    let bytes: u64 = seen.values().sum();
    assert!(bytes > 1000, "nothing was measured: {entries:?}");
    if bytes >= WEIGHT {
        wrong.push(format!("it weighs {bytes} bytes: {seen:?}"));
    }
    wrong
}

/// What breaks a rule in the look that is set.
async fn accessibility(person: &Person, look: &str) -> Vec<String> {
    let axe = std::fs::read_to_string(super::axe()).unwrap();
    person.driver.execute(axe, Vec::new()).await.unwrap();
    let script = format!(
        "const done = arguments[arguments.length - 1];
         axe.run(document, {{ runOnly: {}, resultTypes: ['violations'] }})
            .then(r => done(r), e => done({{ error: String(e) }}));",
        json!(RULES)
    );
    let result = person.driver.execute_async(script, Vec::new()).await.unwrap().json().clone();
    assert!(result["passes"].as_array().is_some_and(|rules| rules.len() > 10), "no rule was looked at: {result}");
    let violations = result["violations"].as_array().unwrap();
    violations.iter().map(|violation| format!("{look}: {}", told(violation))).collect()
}

fn told(violation: &Value) -> String {
    let mut text = format!("{} ({})", violation["id"].as_str().unwrap(), violation["help"].as_str().unwrap());
    for node in violation["nodes"].as_array().into_iter().flatten().take(4) {
        let _ = write!(text, "\n    {} {}", node["html"], node["failureSummary"]);
    }
    text
}

/// Keeps a picture of the whole page.
pub async fn picture(person: &Person, name: &str) {
    let size = "return [innerWidth, document.documentElement.scrollHeight]";
    let (width, height): (u64, u64) = serde_json::from_value(person.measure(size).await).unwrap();
    let clip = json!({ "x": 0, "y": 0, "width": width, "height": height.clamp(300, TALLEST), "scale": 1 });
    let shot = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
    let shot = person.browser("Page.captureScreenshot", shot).await;
    let folder = super::target().join("screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    let bytes = STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
    std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
}

/// Everything the browser asked for since it was opened was asked of the pages' own server, and it found
/// nothing to complain about; a breach of the content security policy would be such a complaint.
pub async fn nothing_from_elsewhere(person: &Person) {
    let mut asked = 0;
    for entry in person.driver.get_log("performance").await.unwrap() {
        let message: Value = serde_json::from_str(&entry.message).unwrap();
        let Some(url) = message.pointer("/message/params/request/url").and_then(Value::as_str) else { continue };
        if message["message"]["method"] != "Network.requestWillBeSent" || !url.starts_with("http") {
            continue;
        }
        asked += 1;
        assert!(url.starts_with(&person.base), "the browser asked for {url}");
    }
    assert!(asked > 0, "no request was seen");
    let complaints: Vec<String> =
        person.driver.browser_log().await.unwrap().into_iter().map(|entry| entry.message).collect();
    let complaints: Vec<&String> =
        complaints.iter().filter(|text| !text.contains("the server responded with a status")).collect();
    assert!(complaints.is_empty(), "the browser complains: {complaints:#?}");
}
