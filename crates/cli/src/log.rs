//! Where does the talk go, and who follows what the server does?

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// What has to be ended.
pub struct Log {
    #[cfg(feature = "otel")]
    traces: Option<tripoint_server::Traces>,
}

impl Log {
    /// Talk goes to stderr, data to stdout; spans to the collector that the environment names.
    pub fn start(verbose: u8, quiet: bool) -> Self {
        let level = match (quiet, verbose) {
            (true, _) => "error",
            (false, 0) => "warn",
            (false, 1) => "info",
            (false, _) => "debug,tripoint::trace=off",
        };
        let filter = EnvFilter::try_from_env("TRIPOINT_LOG").unwrap_or_else(|_| level.into());
        let talk = tracing_subscriber::fmt::layer()
            .with_writer(|| tripoint_model::text::LineWise(std::io::stderr()))
            .with_ansi(false)
            .with_filter(filter);
        let log = tracing_subscriber::registry().with(talk);
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
