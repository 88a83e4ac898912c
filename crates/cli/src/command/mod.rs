//! Which commands are there? One file a noun.

mod act;
mod actions;
mod advise;
mod advisories;
mod alerts;
mod audit;
mod backup;
mod bouncers;
mod bundle;
mod channels;
mod config;
mod connections;
mod doctor;
mod evaluate;
mod evidence;
mod exceptions;
mod intel;
mod investigate;
mod notify;
mod policy;
mod scan;
mod show;
mod tokens;
mod top;
mod users;
mod versions;
mod views;
mod vulns;
mod why;

pub mod daemons;

use clap::CommandFactory;

use crate::arguments::{Actions, Arguments, Command, Connections, Policy};
use crate::context::Context;
use crate::demo;
use crate::exit::Exit;

/// Runs one command.
pub fn run(command: Command, context: &Context) -> anyhow::Result<Exit> {
    use tripoint_model::ActionKind;
    match command {
        Command::Up(listen) => daemons::up(context, &listen),
        Command::Agent { ready_file } => daemons::agent(context, ready_file.as_deref()),
        Command::Top { filter } => top::run(context, filter),
        Command::Server { what: Some(what), .. } => backup::run(context, what),
        Command::Server { what: None, listen } => daemons::server(context, &listen),
        Command::Demo { keep, listen, replay } => {
            demo::run(context, keep.then(|| listen.as_deref().unwrap_or("none")), replay)
        }
        Command::Doctor => doctor::run(context),
        Command::Scan(options) => scan::run(context, &options),
        Command::Intel(intel) => intel::run(context, intel),
        Command::Vulns(vulns) => vulns::run(context, vulns),
        Command::Evidence(evidence) => evidence::run(context, evidence),
        Command::Why(asked) => why::run(context, &asked),
        Command::Bundle(bundle) => bundle::run(context, bundle),
        Command::Alerts(alerts) => alerts::run(context, alerts),
        Command::Views(views) => views::run(context, views),
        Command::Investigate { id } => investigate::run(context, &id),
        Command::Block(act) => act::run(context, ActionKind::Block, &act),
        Command::Unblock(act) => act::run(context, ActionKind::Unblock, &act),
        Command::Allow(act) => act::run(context, ActionKind::Allow, &act),
        Command::Disconnect(act) => act::run(context, ActionKind::Disconnect, &act),
        Command::Freeze(act) => act::run(context, ActionKind::Freeze, &act),
        Command::Thaw(act) => act::run(context, ActionKind::Thaw, &act),
        Command::Isolate(alone) => act::run(context, ActionKind::Isolate, &alone.into()),
        Command::Rejoin(alone) => act::run(context, ActionKind::Rejoin, &alone.into()),
        Command::Actions(Actions::List { verify }) => actions::list(context, verify),
        Command::Actions(Actions::Approve { id }) => actions::approve(context, &id),
        Command::Actions(Actions::Reject { id, reason }) => actions::reject(context, &id, reason),
        Command::Actions(Actions::Confirm { id }) => act::overrule::confirm(context, &id),
        Command::ReleaseAll => act::release_all(context),
        Command::Connections(Connections::List(options)) => connections::list(context, &options),
        Command::Policy(Policy::Simulate { file, since }) => policy::simulate(context, file.as_deref(), &since),
        Command::Exceptions(exceptions) => exceptions::run(context, exceptions),
        Command::Bouncers(bouncers) => bouncers::run(context, bouncers),
        Command::Channels(channels) => channels::run(context, channels),
        Command::Users(users) => users::run(context, users),
        Command::Tokens(tokens) => tokens::run(context, tokens),
        Command::Audit(audit) => audit::run(context, audit),
        Command::Config(config) => config::run(context, config),
        Command::Completions { shell } => {
            // Into memory first: the generator panics when nobody reads on.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "tripoint", &mut script);
            std::io::Write::write_all(&mut std::io::stdout(), &script)?;
            Ok(Exit::Fine)
        }
        Command::DemoApp(options) => demo::app::run(&options),
    }
}
