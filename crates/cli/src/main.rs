//! `tripoint`: from arguments to a command and its exit code.

mod arguments;
mod bundle;
mod command;
mod confine;
mod context;
mod demo;
mod exit;
mod input;
mod judge;
mod log;
mod output;
mod page;
mod report;

use clap::Parser;

use crate::arguments::Arguments;
use crate::context::Context;
use crate::exit::Exit;
use crate::log::Log;

fn main() -> std::process::ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if !error.use_stderr() => {
            let _ = error.print();
            return Exit::Fine.into();
        }
        Err(error) => {
            output::misused(&error);
            return Exit::Usage.into();
        }
    };
    let log = Log::start(arguments.global.verbose, arguments.global.quiet, log::is_json(arguments.global.json));
    let context = Context::new(arguments.global);
    let ended = command::run(arguments.command, &context);
    log.end();
    match ended {
        Ok(exit) => exit.into(),
        Err(error) if exit::is_broken_pipe(&error) => Exit::Fine.into(),
        Err(error) => {
            let exit = exit::of_error(&error);
            output::failed(&error, exit.number(), context.json);
            exit.into()
        }
    }
}
