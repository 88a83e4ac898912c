//! `tripoint-agent`: from arguments to a running agent and back out.

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use tripoint_agent::place::Place;
use tripoint_agent::{config, firewall, pipeline};
use tripoint_model::text::{JsonWise, LineWise};

const USAGE: &str = "tripoint-agent [--data-dir DIR] [--config FILE] [--ready-file FILE]

Senses, matches, correlates and contains on this host; speaks to the server on DIR/run/tripoint.sock.
Needs root. Configuration: `tripoint config default`.";

struct Arguments {
    data_dir: PathBuf,
    config: Option<PathBuf>,
    ready_file: Option<PathBuf>,
    thaw: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("tripoint-agent: {error}\n\n{USAGE}");
            return ExitCode::from(64);
        }
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("TRIPOINT_LOG").unwrap_or_else(|_| "info".into());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    match std::env::var_os("TRIPOINT_LOG_FORMAT").is_some_and(|format| format == "json") {
        true => log.json().flatten_event(true).with_writer(|| JsonWise(std::io::stderr())).init(),
        false => log.with_writer(|| LineWise(std::io::stderr())).init(),
    }
    if !tripoint_linux::capability::is_root() {
        eprintln!("tripoint-agent: needs root: sensing and blocking are the kernel's affair");
        return ExitCode::from(77);
    }
    if let Err(error) = tripoint_linux::child::without_core_dumps() {
        tracing::warn!(%error, "what lies in memory may be written to the disk when this program dies");
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tripoint-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Option<Arguments>, String> {
    let data_dir = std::env::var_os("TRIPOINT_DATA_DIR").map_or_else(|| "/var/lib/tripoint".into(), PathBuf::from);
    let mut out = Arguments { data_dir, config: None, ready_file: None, thaw: None };
    let mut words = std::env::args_os().skip(1);
    while let Some(word) = words.next() {
        let name = word.to_string_lossy().into_owned();
        let mut value = || words.next().map(PathBuf::from).ok_or(format!("{name} needs a value"));
        match name.as_str() {
            "--data-dir" => out.data_dir = value()?,
            "--config" => out.config = Some(value()?),
            "--ready-file" => out.ready_file = Some(value()?),
            // Not for people: who waits for the end of a halt.
            firewall::WATCH => return Ok(Some(Arguments { thaw: Some(value()?), ..out })),
            "-h" | "--help" => return Ok(None),
            "-V" | "--version" => {
                println!("tripoint-agent {}", env!("CARGO_PKG_VERSION"));
                std::process::exit(0);
            }
            _ => return Err(format!("unknown argument {name}")),
        }
    }
    Ok(Some(out))
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if let Some(marker) = &arguments.thaw {
        return firewall::thaw_when_due(marker).with_context(|| format!("thaw {}", marker.display()));
    }
    let place = Place::new(&arguments.data_dir);
    let loaded = config::load(&arguments.data_dir, arguments.config.as_deref())?;
    pipeline::prepare(&place)?;
    let lock = File::create(place.lock()).context("create the agent's lock")?;
    lock.try_lock().map_err(|_| anyhow::anyhow!("another agent runs on {}", arguments.data_dir.display()))?;
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(&stop)?;
    let ready_file = arguments.ready_file.clone();
    pipeline::run(&place, &loaded.config, &stop, move || {
        tracing::info!("sensing");
        if let Some(path) = ready_file
            && let Err(error) = std::fs::write(&path, b"ready\n")
        {
            tracing::error!(path = %path.display(), %error, "the ready file could not be written");
        }
    })
}

/// Sets `stop` on SIGINT, SIGTERM and SIGHUP.
fn stop_on_signals(stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let stop = Arc::clone(stop);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
            let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)] = kinds.map(signal) else { return };
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {}, _ = hang_up.recv() => {} }
            stop.store(true, Ordering::Relaxed);
        });
    })?;
    Ok(())
}
