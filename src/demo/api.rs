//! fencepost's own HTTP API as people of the demonstration use it, with a token of their role.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::trouble::{Doing, Outcome, Trouble};

const PATIENCE: Duration = Duration::from_secs(30);

/// A client with one person's token.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    base: String,
    token: String,
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: StatusCode,
    pub body: Value,
}

impl Api {
    /// A client of the API at `base`, for example `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(base: &str, token: &str) -> Outcome<Self> {
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().doing("making an HTTP client")?;
        Ok(Self { client, base: base.to_owned(), token: token.to_owned() })
    }

    /// # Errors
    /// When the server cannot be asked or answers with something that is no JSON.
    pub async fn get(&self, path: &str) -> Outcome<Reply> {
        self.send(Method::GET, path, None).await
    }

    /// Posts with an `Idempotency-Key` of its own.
    ///
    /// # Errors
    /// When the server cannot be asked or answers with something that is no JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Outcome<Reply> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Gets a value that must be there.
    ///
    /// # Errors
    /// When the status is no success, or the value another one.
    pub async fn read<T: DeserializeOwned>(&self, path: &str) -> Outcome<T> {
        let body = self.get(path).await?.success(path)?;
        serde_json::from_value(body).doing(path)
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Outcome<Reply> {
        let what = format!("{method} {path}");
        let mut request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            let key = uuid::Uuid::now_v7().to_string();
            request = request.header("Idempotency-Key", key).json(body);
        }
        let response = request.send().await.doing(&what)?;
        let status = response.status();
        let text = response.text().await.doing(&what)?;
        let body = if text.trim().is_empty() { Value::Null } else { serde_json::from_str(&text).doing(&what)? };
        Ok(Reply { status, body })
    }
}

impl Reply {
    /// The body of a successful answer.
    ///
    /// # Errors
    /// What the server answered instead.
    pub fn success(self, what: &str) -> Outcome<Value> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        Err(Trouble(format!("{what} was answered with {}: {}", self.status, self.body)))
    }
}
