//! `tripoint bouncers`: which programs enforce our blocks elsewhere, and how do they fare?

use tripoint_api::{BouncerKey, BouncerList, BouncerStatus, NewBouncer, path};

use crate::arguments::Bouncers;
use crate::context::Context;
use crate::exit::Exit;
use crate::output;

pub fn run(context: &Context, command: Bouncers) -> anyhow::Result<Exit> {
    let client = context.client()?;
    match command {
        Bouncers::Add { name } => {
            let made: BouncerKey =
                context.ask(async { Ok(client.post(path::BOUNCERS, &NewBouncer { name }).await?) })?;
            if context.json {
                output::json(&made)?;
            } else {
                output::line(&made.key)?;
                if !context.quiet {
                    eprintln!("the key of {}, for its `api_key`; it is shown this once", made.name);
                }
            }
        }
        Bouncers::List => {
            let list: BouncerList = context.ask(async { Ok(client.get(path::BOUNCERS).await?) })?;
            if context.json {
                output::json(&list)?;
            } else {
                show(&list)?;
            }
        }
        Bouncers::Remove { name } => {
            context.ask(async { Ok(client.delete(&path::bouncer(&name)).await?) })?;
            if context.json {
                output::json(&serde_json::json!({ "removed": name }))?;
            } else {
                output::line(&format!("bouncer {name} removed; what it holds ends by its own timers"))?;
            }
        }
    }
    Ok(Exit::Fine)
}

fn show(list: &BouncerList) -> anyhow::Result<()> {
    let head = ["NAME", "TYPE", "VERSION", "LAST PULL", "SENT", "DELETED", "DROPPED PACKETS"];
    output::table(&head, list.bouncers.iter().map(row).collect())?;
    output::line(&format!("{} published", output::counted(list.decisions, "block")))?;
    for bouncer in list.bouncers.iter().filter(|bouncer| bouncer.not_enforceable_count > 0) {
        let named = bouncer.not_enforceable.len() as u64;
        let more = match bouncer.not_enforceable_count - named.min(bouncer.not_enforceable_count) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let nets = bouncer.not_enforceable.join(", ");
        output::line(&format!("not enforceable by bouncer {}: {nets}{more}", bouncer.name))?;
    }
    Ok(())
}

fn row(bouncer: &BouncerStatus) -> Vec<String> {
    let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    vec![
        bouncer.name.clone(),
        dash(&bouncer.kind),
        dash(&bouncer.version),
        bouncer.last_pull.map_or_else(|| "never".to_owned(), output::time),
        bouncer.sent.to_string(),
        bouncer.deleted.to_string(),
        // Older versions never say what they dropped.
        bouncer.last_metrics.map_or_else(|| "-".to_owned(), |_| bouncer.dropped_packets.to_string()),
    ]
}
