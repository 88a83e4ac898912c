//! Where does the talk go, and who follows what the server does?

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};
use tripoint_model::text::{JsonWise, LineWise};

/// Whether the talk is JSON, an object a line: asked for so, or by the environment.
pub fn is_json(asked: bool) -> bool {
    asked || std::env::var_os(FORMAT).is_some_and(|format| format == "json")
}

/// `json`, or nothing.
pub const FORMAT: &str = "TRIPOINT_LOG_FORMAT";

/// What has to be ended.
pub struct Log {
    #[cfg(feature = "otel")]
    traces: Option<tripoint_server::Traces>,
}

impl Log {
    /// Talk goes to stderr, data to stdout; spans to the collector that the environment names.
    pub fn start(verbose: u8, quiet: bool, is_json: bool) -> Self {
        let level = match (quiet, verbose) {
            (true, _) => "error",
            // Signed heads of the audit vouch for it wherever the log is carried.
            (false, 0) => "warn,tripoint::audit=info",
            (false, 1) => "info",
            (false, _) => "debug,tripoint::trace=off",
        };
        let filter = EnvFilter::try_from_env("TRIPOINT_LOG").unwrap_or_else(|_| level.into());
        let layer = tracing_subscriber::fmt::layer().with_ansi(false);
        let talk = match is_json {
            true => layer
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .with_writer(|| JsonWise(std::io::stderr()))
                .boxed(),
            false => layer.with_writer(|| LineWise(std::io::stderr())).boxed(),
        };
        let log = tracing_subscriber::registry().with(talk.with_filter(filter));
        #[cfg(feature = "otel")]
        {
            let traces = tripoint_server::Traces::from_env();
            log.with(traces.as_ref().ok().and_then(Option::as_ref).map(tripoint_server::Traces::layer)).init();
            let traces = traces.unwrap_or_else(|error| {
                tracing::warn!(error, "nobody is told what the server does");
                None
            });
            Self { traces }
        }
        #[cfg(not(feature = "otel"))]
        {
            log.init();
            Self {}
        }
    }

    /// What was not sent yet is sent.
    pub fn end(self) {
        #[cfg(feature = "otel")]
        if let Some(traces) = self.traces {
            traces.end();
        }
    }
}
