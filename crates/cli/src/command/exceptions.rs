//! `tripoint exceptions`: what is not to be alerted on or blocked?

use tripoint_api::{ExceptionList, ExceptionRequest, parse_span, path};
use tripoint_model::{Direction, Exception};

use crate::arguments::Exceptions;
use crate::context::Context;
use crate::exit::{Exit, WrongUsage};
use crate::output;

pub fn run(context: &Context, command: Exceptions) -> anyhow::Result<Exit> {
    let client = context.client()?;
    match command {
        Exceptions::List => {
            let list: ExceptionList = context.ask(async { Ok(client.get(path::EXCEPTIONS).await?) })?;
            if context.json {
                output::json(&list)?;
            } else {
                let rows = list.exceptions.iter().map(row).collect();
                output::table(&["ID", "TARGET", "APPLICATION", "UNTIL", "OWNER", "REASON"], rows)?;
            }
        }
        Exceptions::Add { target, application, direction, rule, span, reason } => {
            let target = target
                .map(|text| text.parse())
                .transpose()
                .map_err(|error: tripoint_model::observable::ObservableError| WrongUsage(error.to_string()))?;
            let direction = match direction.as_deref() {
                None => None,
                Some("inbound" | "in") => Some(Direction::Inbound),
                Some("outbound" | "out") => Some(Direction::Outbound),
                Some(other) => return Err(WrongUsage(format!("{other:?} is no direction: inbound or outbound")).into()),
            };
            let span = span.as_deref().map(parse_span).transpose().map_err(|error| WrongUsage(error.to_string()))?;
            let request = ExceptionRequest {
                target,
                application,
                direction,
                rule,
                reason,
                for_seconds: span.map(|s| s.as_secs()),
            };
            let added: Exception = context.ask(async { Ok(client.post(path::EXCEPTIONS, &request).await?) })?;
            if context.json {
                output::json(&added)?;
            } else {
                output::line(&format!("exception {} until {}", added.id, output::time(added.expires)))?;
            }
        }
        Exceptions::Remove { id } => {
            context.ask(async { Ok(client.delete(&path::exception(&id)).await?) })?;
            if context.json {
                output::json(&serde_json::json!({ "removed": id }))?;
            } else {
                output::line(&format!("exception {id} removed"))?;
            }
        }
    }
    Ok(Exit::Fine)
}

fn row(exception: &Exception) -> Vec<String> {
    vec![
        exception.id.clone(),
        exception.target.as_ref().map(ToString::to_string).unwrap_or_default(),
        exception.application.clone().unwrap_or_default(),
        output::time(exception.expires),
        exception.owner.clone(),
        exception.reason.clone(),
    ]
}
