//! `tripoint connections`: who was in contact with whom in the last hours?

use std::str::FromStr;

use tripoint_api::connections::CONNECTIONS_MAX;
use tripoint_api::{Client, ConnectionList, ConnectionQuery, HostContact, parse_span, path};
use tripoint_model::observable::ObservableError;
use tripoint_model::{Observable, Timestamp};

use super::exceptions::direction;
use crate::arguments::ConnectionsList;
use crate::context::{Context, now};
use crate::exit::{Exit, WrongUsage};
use crate::output;

/// Lists what is kept; says what is not.
pub fn list(context: &Context, list: &ConnectionsList) -> anyhow::Result<Exit> {
    let peer = list.peer.as_deref().map(Observable::from_str).transpose();
    let query = ConnectionQuery {
        application: list.application.clone(),
        peer: peer.map_err(|error: ObservableError| WrongUsage(error.to_string()))?,
        direction: direction(list.direction.as_deref())?,
        host: list.host.clone(),
        since: Some(since(&list.since)?),
        ..ConnectionQuery::default()
    };
    let client = context.client()?;
    let found = context.ask(read(&client, query, list.limit))?;
    if context.json {
        output::json(&found)?;
        return Ok(Exit::Fine);
    }
    match found.connections.is_empty() {
        true => output::line("no connection is kept that fits")?,
        false => output::table(&HEAD, found.connections.iter().map(row).collect())?,
    }
    if found.next.is_some() {
        output::line("there are more: give a larger --limit")?;
    }
    if found.kept.dropped > 0 {
        let dropped = output::counted(found.kept.dropped, "connection");
        output::line(&format!("not all are kept: {dropped} found no room"))?;
    }
    Ok(Exit::Fine)
}

/// The moment so long ago.
pub(super) fn since(span: &str) -> anyhow::Result<Timestamp> {
    let span = parse_span(span).map_err(|error| WrongUsage(error.to_string()))?;
    Ok(now().minus(span))
}

/// All pages of it, up to so many rows.
pub(super) async fn read(client: &Client, mut query: ConnectionQuery, limit: usize) -> anyhow::Result<ConnectionList> {
    let mut all = ConnectionList::default();
    loop {
        let left = limit.saturating_sub(all.connections.len());
        query.limit = Some(u32::try_from(left).unwrap_or(u32::MAX).clamp(1, CONNECTIONS_MAX));
        let page: ConnectionList = client.get(&format!("{}{}", path::CONNECTIONS, query.to_query())).await?;
        all.connections.extend(page.connections);
        (all.kept, all.next) = (page.kept, page.next);
        if all.next.is_none() || all.connections.len() >= limit {
            return Ok(all);
        }
        query.after.clone_from(&all.next);
    }
}

fn row(HostContact { host, contact }: &HostContact) -> Vec<String> {
    let who = contact.application.as_ref().map_or("unknown", |application| &application.name);
    let peer = contact.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let carried = if contact.carried > 0 { format!(" + {} carried", contact.carried) } else { String::new() };
    vec![
        host.clone(),
        who.to_owned(),
        contact.direction.as_str().to_owned(),
        format!("{}{peer}", contact.peer),
        format!("{}/{}", contact.port, output::word(&contact.protocol)),
        format!("{}{carried}", contact.count),
        contact.bytes_in.to_string(),
        contact.bytes_out.to_string(),
        output::time(contact.first_seen),
        output::time(contact.last_seen),
    ]
}

const HEAD: [&str; 10] =
    ["HOST", "APPLICATION", "DIRECTION", "PEER", "SERVICE", "COUNT", "IN", "OUT", "FIRST SEEN", "LAST SEEN"];
