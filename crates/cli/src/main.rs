//! `tripoint`: from arguments to a command and its exit code.

mod arguments;
mod bundle;
mod command;
mod context;
mod demo;
mod exit;
mod input;
mod output;
mod page;
mod report;

use clap::Parser;

use crate::arguments::Arguments;
use crate::context::Context;
use crate::exit::Exit;

fn main() -> std::process::ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Fine }.into();
        }
    };
    start_log(arguments.global.verbose, arguments.global.quiet);
    let context = Context::new(arguments.global);
    match command::run(arguments.command, &context) {
        Ok(exit) => exit.into(),
        Err(error) if exit::is_broken_pipe(&error) => Exit::Fine.into(),
        Err(error) => {
            eprintln!("tripoint: {}", output::causes(&error));
            exit::of_error(&error).into()
        }
    }
}

/// Talk goes to stderr; data to stdout.
fn start_log(verbose: u8, quiet: bool) {
    let level = match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, _) => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("TRIPOINT_LOG").unwrap_or_else(|_| level.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| tripoint_model::text::LineWise(std::io::stderr()))
        .with_ansi(false)
        .init();
}
