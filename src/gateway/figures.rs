//! Figures of filtered mail from the gateway's own endpoint (`gateway.statistics_url`), beside whatever adapter
//! sets the routes. It asks once for each domain and never adds or guesses. What it expects:
//!
//! | request | means | answers |
//! | --- | --- | --- |
//! | `GET <url>?domain=<domain>&from=<date>&until=<date>` | messages for the domain on the days from `from` up to, not with, `until` | 200 with figures; 404 when it counts nothing of the domain |
//!
//! Figures are JSON: `received` and, where the gateway counts them, `delivered`, `refused`, `spam`, `phishing`,
//! `malware`, and `days`, a list of `{"day": "2026-10-15", "received": 412, "stopped": 87}`.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use fencepost_checks::DomainName;
use reqwest::{Client, StatusCode};
use url::Url;

use super::GatewaySetupError;
use super::http::{body, chain, client, failed, refused};
use crate::config::GatewayConfig;
use crate::engine::ports::{FiguresTask, Gateway, GatewayError, RouteDesire};
use crate::failpoint::{Step, around};
use crate::lifecycle::connection::RouteMode;
use crate::report::Figures;

/// A gateway that is asked for figures at an address of its own.
pub struct WithFigures {
    routes: Arc<dyn Gateway>,
    client: Client,
    url: Url,
}

impl WithFigures {
    /// `routes`, with the endpoint that the configuration names; `routes` alone where it names none.
    ///
    /// # Errors
    /// [`GatewaySetupError`] for a URL that is none and a token file that cannot be used.
    pub fn around(config: &GatewayConfig, routes: Arc<dyn Gateway>) -> Result<Arc<dyn Gateway>, GatewaySetupError> {
        match &config.statistics_url {
            None => Ok(routes),
            Some(url) => Ok(Arc::new(Self::new(url, config.statistics_token_file.as_deref(), routes)?)),
        }
    }

    fn new(url: &str, token_file: Option<&Path>, routes: Arc<dyn Gateway>) -> Result<Self, GatewaySetupError> {
        let setup = |key: &str, why: String| GatewaySetupError(format!("gateway.statistics_{key}: {why}"));
        let url = Url::parse(url).map_err(|error| setup("url", error.to_string()))?;
        Ok(Self { routes, client: client(token_file, setup)?, url })
    }
}

#[async_trait]
impl Gateway for WithFigures {
    async fn apply(&self, desire: &RouteDesire) -> Result<(), GatewayError> {
        self.routes.apply(desire).await
    }

    async fn observe(&self, domain: &DomainName) -> Result<Option<RouteMode>, GatewayError> {
        self.routes.observe(domain).await
    }

    async fn figures(&self, task: &FiguresTask) -> Result<Option<Figures>, GatewayError> {
        let mut url = self.url.clone();
        url.query_pairs_mut()
            .append_pair("domain", task.domain.as_str())
            .append_pair("from", &task.from.to_string())
            .append_pair("until", &task.until.to_string());
        let asked = around(Step::GatewayRequest, self.client.get(url).send()).await;
        let response =
            asked.map_err(|error| failed(format!("the statistics cannot be asked for: {}", chain(&error))))?;
        let status = response.status();
        let bytes = body(response).await?;
        match status {
            StatusCode::OK => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| failed(format!("the statistics are no figures: {error}"))),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(refused(status, &bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use axum::Router;
    use axum::extract::State;
    use axum::http::{HeaderMap, Uri};
    use axum::response::{IntoResponse, Response};
    use jiff::civil::date;

    use super::*;
    use crate::gateway::ManualGateway;

    type Script = Arc<(Mutex<Vec<(u16, String)>>, Mutex<Vec<String>>)>;

    async fn handle(State(script): State<Script>, uri: Uri, headers: HeaderMap) -> Response {
        let token = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or("-");
        script.1.lock().unwrap().push(format!("{uri} [{token}]"));
        let (status, text) = script.0.lock().unwrap().remove(0);
        (StatusCode::from_u16(status).unwrap(), text).into_response()
    }

    async fn gateway(answers: &[(u16, &str)], token: Option<&str>) -> (Script, Arc<dyn Gateway>) {
        let answers = answers.iter().map(|(status, text)| (*status, (*text).to_owned())).collect();
        let script: Script = Arc::new((Mutex::new(answers), Mutex::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/statistics?site=1", listener.local_addr().unwrap());
        let app = Router::new().fallback(handle).with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, token.unwrap_or_default()).unwrap();
        let config = GatewayConfig {
            statistics_url: Some(url),
            statistics_token_file: token.map(|_| file),
            ..GatewayConfig::default()
        };
        let made = WithFigures::around(&config, Arc::new(ManualGateway)).unwrap();
        (script, made)
    }

    fn task() -> FiguresTask {
        FiguresTask { domain: "example.com".parse().unwrap(), from: date(2026, 10, 15), until: date(2026, 11, 15) }
    }

    #[tokio::test]
    async fn what_is_asked_and_what_is_taken() {
        let whole =
            r#"{"received":12480,"spam":690,"days":[{"day":"2026-10-15","received":412,"stopped":121}],"more":1}"#;
        let (script, gateway) = gateway(&[(200, whole), (404, ""), (200, r#"{"received":0}"#)], Some("s3cret\n")).await;
        let figures = gateway.figures(&task()).await.unwrap().unwrap();
        assert_eq!((figures.received, figures.spam, figures.malware, figures.days.len()), (12_480, Some(690), None, 1));
        assert_eq!(gateway.figures(&task()).await.unwrap(), None);
        assert_eq!(gateway.figures(&task()).await.unwrap(), Some(Figures::default()));
        assert_eq!(
            script.1.lock().unwrap()[0],
            "/statistics?site=1&domain=example.com&from=2026-10-15&until=2026-11-15 [Bearer s3cret]"
        );
    }

    #[tokio::test]
    async fn what_is_no_answer_is_an_error_and_bounded() {
        let long = format!(r#"{{"received":1,"days":[{}]}}"#, " ".repeat(70_000));
        let wrong = [
            (200, "<html>", "are no figures"),
            (200, r#"{"spam":3}"#, "are no figures"),
            (200, r#"{"received":-1}"#, "are no figures"),
            (500, "broken\r\n", "answered 500"),
            (302, "", "answered 302"),
            (200, long.as_str(), "more than 65536 bytes"),
        ];
        let answers: Vec<(u16, &str)> = wrong.iter().map(|(status, text, _)| (*status, *text)).collect();
        let (_, gateway) = gateway(&answers, None).await;
        for (_, _, says) in wrong {
            let error = gateway.figures(&task()).await.unwrap_err().to_string();
            assert!(error.contains(says), "{says}: {error}");
        }
    }

    #[test]
    fn without_an_address_the_routes_stand_alone() {
        let plain = WithFigures::around(&GatewayConfig::default(), Arc::new(ManualGateway));
        assert!(plain.is_ok());
        let config = GatewayConfig { statistics_url: Some("nonsense".to_owned()), ..GatewayConfig::default() };
        let error = WithFigures::around(&config, Arc::new(ManualGateway)).err().unwrap();
        assert!(error.to_string().starts_with("gateway.statistics_url"), "{error}");
    }
}
