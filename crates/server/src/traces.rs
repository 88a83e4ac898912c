//! What does the server do, and how long does it take, for whoever collects that by OpenTelemetry?
//!
//! Spans are made everywhere and cost next to nothing while nobody listens; this is who listens.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Request, Response};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider, SpanData, SpanProcessor};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use tripoint_fetch::{Call, Fetcher, Method, Settings};

use crate::spans::TARGET;

/// Sends spans to a collector, many at once, on a thread of its own.
pub struct Traces {
    provider: SdkTracerProvider,
}

/// Where OpenTelemetry's own variables name the collector.
const ENDPOINTS: &[&str] = &["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

impl Traces {
    /// What the environment says, by the variables of OpenTelemetry's specification: none where it names no collector.
    pub fn from_env() -> Result<Option<Self>, String> {
        if ENDPOINTS.iter().all(|name| std::env::var_os(name).is_none_or(|value| value.is_empty())) {
            return Ok(None);
        }
        let fetcher =
            Fetcher::new(Settings { attempts: 1, ..Settings::default() }).map_err(|error| error.to_string())?;
        let exporter = SpanExporter::builder().with_http().with_http_client(Client(fetcher)).build();
        let exporter = exporter.map_err(|error| format!("spans cannot be sent: {error}"))?;
        let mut resource = Resource::builder();
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("tripoint");
        }
        let late = Late {
            exporter: Mutex::new(Some(exporter)),
            resource: Resource::builder_empty().build(),
            batch: OnceLock::new(),
        };
        let provider = SdkTracerProvider::builder().with_span_processor(late).with_resource(resource.build()).build();
        Ok(Some(Self { provider }))
    }

    /// Hears the spans of this program, and nothing of others.
    pub fn layer<S: Subscriber + for<'s> LookupSpan<'s>>(&self) -> impl Layer<S> + use<S> {
        let only = Targets::new().with_target(TARGET, LevelFilter::DEBUG);
        let layer = tracing_opentelemetry::layer().with_tracer(self.provider.tracer("tripoint"));
        layer
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_filter(only)
    }

    /// Sends what is left.
    pub fn end(self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

/// Sends spans many at once on a thread that is started with the first one: a thread that ran before the process gave
/// up what it does not need would have kept all of it.
#[derive(Debug)]
struct Late {
    exporter: Mutex<Option<SpanExporter>>,
    resource: Resource,
    batch: OnceLock<Option<BatchSpanProcessor>>,
}

impl Late {
    fn batch(&self) -> Option<&BatchSpanProcessor> {
        let start = || {
            let exporter = self.exporter.lock().unwrap_or_else(PoisonError::into_inner).take()?;
            let mut batch = BatchSpanProcessor::builder(exporter).build();
            batch.set_resource(&self.resource);
            Some(batch)
        };
        self.batch.get_or_init(start).as_ref()
    }

    fn started(&self) -> Option<&BatchSpanProcessor> {
        self.batch.get().and_then(Option::as_ref)
    }
}

impl SpanProcessor for Late {
    fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if let Some(batch) = self.batch() {
            batch.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.started().map_or(Ok(()), SpanProcessor::force_flush)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.started().map_or(Ok(()), |batch| batch.shutdown_with_timeout(timeout))
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.clone();
    }
}

/// Names the caller's own span beside ours. Whoever asks does not decide what is recorded, nor under which trace.
pub(crate) fn link(span: &Span, headers: &HeaderMap) {
    let theirs = TraceContextPropagator::new().extract(&Headers(headers));
    let theirs = theirs.span().span_context().clone();
    if theirs.is_valid() {
        span.add_link(theirs);
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

/// Sends as everything else here is sent.
#[derive(Debug)]
struct Client(Fetcher);

#[async_trait::async_trait]
impl HttpClient for Client {
    /// Called on the thread that gathers spans: it may wait.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let url = request.uri().to_string();
        let headers = request.headers().iter();
        let headers: Vec<(&str, &str)> =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
        let (method, json) = (Method::Post, Some(request.body().as_ref()));
        // The collector is named by whoever starts the server.
        let call = Call { method, url: &url, permit_private: true, bearer: None, json, headers: &headers };
        let said = self.0.call(&call)?;
        Ok(Response::builder().status(said.status).body(said.body.into())?)
    }
}
