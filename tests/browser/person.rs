//! Somebody at a browser: goes to pages, presses what is written on buttons, fills fields by their labels,
//! and waits, with a bound, until something can be read.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thirtyfour::prelude::*;

/// How long something may take to appear: the pages renew themselves every 30 seconds at most.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

pub struct Person {
    pub driver: WebDriver,
    /// Where the pages are, for example `http://127.0.0.1:8080`.
    pub base: String,
}

impl Person {
    pub async fn go(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.base)).await.unwrap();
    }

    /// The path of the page that is shown.
    pub async fn path(&self) -> String {
        self.driver.current_url().await.unwrap().path().to_owned()
    }

    /// Everything that can be read on the page.
    pub async fn text(&self) -> String {
        // While a page is replaced there is no body for a moment.
        let text = self.driver.execute("return document.body?.innerText", Vec::new()).await;
        text.ok().and_then(|text| text.json().as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Waits until the page says this.
    pub async fn sees(&self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.text().await;
            if text.to_lowercase().contains(&words.to_lowercase()) {
                return;
            }
            let at = self.path().await;
            assert!(Instant::now() < deadline, "“{words}” is not on {at}, but:\n{text}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub async fn has(&self, css: &str) -> bool {
        !self.driver.find_all(By::Css(css)).await.unwrap().is_empty()
    }

    /// Presses the button or follows the link with this text.
    pub async fn press(&self, words: &str) {
        let xpath = format!(
            "//*[self::button or self::a or self::summary][normalize-space(.)={0} or @aria-label={0}]",
            quoted(words)
        );
        let element = self.element(By::XPath(xpath)).await;
        self.click(&element, words).await;
    }

    /// Presses what has no words of its own.
    pub async fn press_at(&self, css: &str) {
        let element = self.element(By::Css(css)).await;
        self.click(&element, css).await;
    }

    /// With the mouse, at the place where it is shown: what lies on top of it gets the click, as with people.
    async fn click(&self, element: &WebElement, name: &str) {
        element.scroll_into_view().await.unwrap();
        let click = self.driver.action_chain().move_to_element_center(element).click();
        click.perform().await.unwrap_or_else(|error| panic!("“{name}” cannot be pressed: {error}"));
    }

    /// Types into the field with this label, in place of what is there.
    pub async fn fill(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Chooses in the list with this label.
    pub async fn choose(&self, label: &str, option: &str) {
        let field = self.field(label).await;
        let wanted = format!(".//option[normalize-space(.)={}]", quoted(option));
        field.find(By::XPath(wanted)).await.unwrap().click().await.unwrap();
    }

    /// What is said at the field with this label to be wrong: read as a screen reader finds it.
    pub async fn error_at(&self, label: &str) -> String {
        let field = self.field(label).await;
        assert_eq!(field.attr("aria-invalid").await.unwrap().as_deref(), Some("true"), "{label} is not marked");
        let described = field.attr("aria-describedby").await.unwrap().unwrap_or_default();
        let mut said = String::new();
        for id in described.split_whitespace() {
            said.push_str(&self.driver.find(By::Id(id)).await.unwrap().text().await.unwrap());
        }
        said
    }

    async fn field(&self, label: &str) -> WebElement {
        // A hint may follow inside of the label.
        let xpath = format!("//label[starts-with(normalize-space(.), {})]", quoted(label));
        let id = self.element(By::XPath(xpath)).await.attr("for").await.unwrap();
        let id = id.unwrap_or_else(|| panic!("the label {label} is for no field"));
        self.element(By::Id(id)).await
    }

    async fn element(&self, by: By) -> WebElement {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.driver.find(by.clone()).await {
                Ok(element) => return element,
                Err(error) => {
                    let (at, text) = (self.path().await, self.text().await);
                    assert!(Instant::now() < deadline, "{by:?} is not on {at}: {error}\n{text}");
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// What a script in the page answers; for looking, never for acting.
    pub async fn measure(&self, script: &str) -> Value {
        self.driver.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// Sends a command of the browser's own protocol.
    pub async fn browser(&self, command: &str, parameters: Value) -> Value {
        self.driver.cdp().send_raw(command, parameters).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// A window of this size in CSS pixels, as a phone where it is narrow.
    pub async fn window(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.browser("Emulation.setDeviceMetricsOverride", size).await;
    }
}

fn quoted(words: &str) -> String {
    assert!(!words.contains('"'), "{words}");
    format!("\"{words}\"")
}
