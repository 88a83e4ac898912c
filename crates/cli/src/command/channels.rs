//! `tripoint channels`: over which channels are people told, and do they work?

use tripoint_api::channel::{
    ChannelList, ChannelPreview, ChannelStatus, ChannelTest, DeadLetters, DeadQuery, PreviewRequest, Retried,
    RetryRequest,
};
use tripoint_api::path;
use tripoint_model::AlertId;

use crate::arguments::Channels;
use crate::context::Context;
use crate::exit::Exit;
use crate::output;

mod routes;

pub fn run(context: &Context, command: Channels) -> anyhow::Result<Exit> {
    let client = context.client()?;
    match command {
        Channels::List => {
            let list: ChannelList = context.ask(async { Ok(client.get(path::CHANNELS).await?) })?;
            if context.json {
                output::json(&list)?;
            } else {
                show(&list)?;
            }
        }
        Channels::Routes { alert } => routes::run(context, &client, alert.as_deref())?,
        Channels::Test { name } => {
            let what = path::channel(&name, "test");
            let test: ChannelTest = context.ask(async { Ok(client.post(&what, &serde_json::json!({})).await?) })?;
            if context.json {
                output::json(&test)?;
            } else {
                let said = test.trouble.as_ref().map_or_else(|| "taken".to_owned(), |why| format!("not taken: {why}"));
                output::line(&format!("{name}: {said} ({} ms)", test.took_ms))?;
            }
            return Ok(if test.delivered { Exit::Fine } else { Exit::Failed });
        }
        Channels::Preview { name, alert } => {
            let asked = PreviewRequest { alert: AlertId(alert) };
            let what = path::channel(&name, "preview");
            let preview: ChannelPreview = context.ask(async { Ok(client.post(&what, &asked).await?) })?;
            if context.json {
                output::json(&preview)?;
            } else {
                for request in &preview.requests {
                    output::line(&request.what)?;
                    for line in request.body.lines() {
                        output::line(&format!("    {line}"))?;
                    }
                }
            }
        }
        Channels::Dead { name, limit } => {
            let query = DeadQuery { limit: Some(limit), after: None };
            let what = format!("{}?limit={}", path::channel(&name, "dead"), query.limit.unwrap_or_default());
            let dead: DeadLetters = context.ask(async { Ok(client.get(&what).await?) })?;
            if context.json {
                output::json(&dead)?;
            } else {
                show_dead(&dead)?;
            }
        }
        Channels::Retry { name, numbers } => {
            let what = path::channel(&name, "dead/retry");
            let done: Retried = context.ask(async { Ok(client.post(&what, &RetryRequest { numbers }).await?) })?;
            if context.json {
                output::json(&done)?;
            } else {
                output::line(&format!("{} tried again", output::counted(done.retried, "message")))?;
            }
        }
    }
    Ok(Exit::Fine)
}

fn show(list: &ChannelList) -> anyhow::Result<()> {
    let head = ["NAME", "KIND", "WAITING", "HELD", "DELIVERED", "DEAD", "BREAKER", "LAST DELIVERED"];
    output::table(&head, list.channels.iter().map(row).collect())?;
    for channel in &list.channels {
        if let Some(trouble) = &channel.trouble {
            output::line(&format!("{}: {trouble}", channel.name))?;
        }
        if channel.lost > 0 {
            output::line(&format!("{}: {} found no room", channel.name, output::counted(channel.lost, "message")))?;
        }
    }
    Ok(())
}

fn row(channel: &ChannelStatus) -> Vec<String> {
    vec![
        channel.name.clone(),
        channel.kind.clone(),
        channel.waiting.to_string(),
        channel.held.to_string(),
        channel.delivered.to_string(),
        channel.dead.to_string(),
        channel.breaker.clone(),
        channel.last_delivered.map_or_else(|| "-".to_owned(), output::time),
    ]
}

fn show_dead(dead: &DeadLetters) -> anyhow::Result<()> {
    let row = |letter: &tripoint_api::channel::DeadLetter| {
        let number = letter.number.to_string();
        vec![
            number,
            output::time(letter.queued),
            letter.tries.to_string(),
            letter.headline.clone(),
            letter.error.clone(),
        ]
    };
    output::table(&["NUMBER", "QUEUED", "TRIES", "MESSAGE", "WHY"], dead.letters.iter().map(row).collect())?;
    if dead.next.is_some() {
        output::line("and more; --limit shows them")?;
    }
    Ok(())
}
