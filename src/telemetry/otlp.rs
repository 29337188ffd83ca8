//! Traces by OTLP over HTTP: spans of this program alone, gathered and sent in batches from a thread
//! of the SDK, over a client of ours on the program's own runtime. A collector that does not answer
//! costs the spans, never the work.

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;
use url::Url;

use super::TelemetryError;

/// One batch takes no longer, its answer included.
const PATIENCE: Duration = Duration::from_secs(5);

/// Traces under way.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends what is left. Blocks, for a few seconds at most; not to be called from the runtime.
    pub fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(PATIENCE) {
            tracing::debug!(%error, "the last traces were not sent");
        }
    }
}

/// A layer that sends this program's spans to the collector at `endpoint`.
///
/// # Errors
/// When there is no client for that address.
pub fn traces<S>(endpoint: &Url, runtime: &Handle) -> Result<(Box<dyn Layer<S> + Send + Sync>, Traces), TelemetryError>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let failed = |reason: String| TelemetryError::Otlp { endpoint: endpoint.clone(), reason };
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(OnRuntime { client, runtime: runtime.clone() })
        .with_endpoint(address(endpoint))
        .with_timeout(PATIENCE)
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("fencepost").build())
        .with_batch_exporter(exporter)
        .build();
    let tracer = provider.tracer("fencepost");
    let ours = Targets::new().with_target("fencepost", Level::INFO);
    let layer = tracing_opentelemetry::layer().with_tracer(tracer).with_filter(ours);
    Ok((Box::new(layer), Traces(provider)))
}

/// The base of a collector is followed by the path of the protocol; a whole address stays.
fn address(endpoint: &Url) -> String {
    let base = endpoint.as_str().trim_end_matches('/');
    if endpoint.path() == "/" { format!("{base}/v1/traces") } else { base.to_owned() }
}

/// The SDK's thread has no runtime: the request runs on ours.
#[derive(Debug)]
struct OnRuntime {
    client: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_of_a_collector_is_enough() {
        let at = |text: &str| address(&text.parse().unwrap());
        assert_eq!(at("http://127.0.0.1:4318"), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(at("https://c.example/otlp/v1/traces"), "https://c.example/otlp/v1/traces");
    }
}
