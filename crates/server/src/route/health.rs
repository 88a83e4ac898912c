//! How are the server and its agents?

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use tripoint_api::people::NotifyHealth;
use tripoint_api::{AgentIdentity, AgentStatus, ConnectionQuery, FeedHealth, ServerHealth};
use tripoint_model::{AlertStatus, Timestamp};

use super::alive;
use crate::auth::caller::Caller;
use crate::door;
use crate::lapi::push::PushState;
use crate::refuse::Refused;
use crate::rejudge::Progress;
use crate::state::{App, CONNECTED, now};
use crate::store::Messages;

/// Every agent of a host that the caller sees, as last heard of.
pub(crate) async fn agents(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<AgentStatus>>, Refused> {
    let mut agents = all(&app).await?;
    agents.retain(|agent| caller.sees.host(&agent.agent.host));
    Ok(Json(agents))
}

async fn all(app: &App) -> Result<Vec<AgentStatus>, Refused> {
    let mut agents = app.store.agents().await?;
    // One that only fetches orders so far has not told its version yet.
    for host in app.connected_hosts() {
        if agents.iter().all(|known| known.agent.host != host) {
            let agent = AgentIdentity { host, ..AgentIdentity::default() };
            agents.push(AgentStatus { agent, last_seen: now(), connected: true, health: None });
        }
    }
    for agent in &mut agents {
        if let Some(heard) = app.last_heard(&agent.agent.host) {
            agent.last_seen = agent.last_seen.max(heard);
        }
        agent.connected = now().since(agent.last_seen) < CONNECTED;
    }
    Ok(agents)
}

/// Every feed on this host.
pub(crate) async fn feeds(State(app): State<Arc<App>>) -> Json<Vec<FeedHealth>> {
    Json(app.feeds().await)
}

/// Whether the server works: the store answers and takes what is written, as `/readyz` has it.
pub(crate) async fn health(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<ServerHealth>, Refused> {
    let counts = app.store.counts(app.seen_by(&caller).await?).await?;
    let alerts_open =
        counts.iter().filter(|(status, _)| *status != AlertStatus::Resolved).map(|(_, count)| count).sum();
    let agents = u32::try_from(app.connected_to(&caller).len()).unwrap_or(u32::MAX);
    let crowdsec = app.push.as_ref().map(PushState::read);
    let (notify, confined) = (notify(&app).await?, app.confined.clone());
    let version = env!("CARGO_PKG_VERSION").into();
    let status = match (app.store.is_full(), alive::works(&app).await) {
        (true, _) => "the disk is full",
        (false, false) => alive::DOES_NOT_WORK,
        (false, true) => "ok",
    };
    Ok(Json(ServerHealth { status: status.into(), version, agents, alerts_open, crowdsec, notify, confined }))
}

/// How telling goes, where anybody is told.
async fn notify(app: &App) -> Result<Option<NotifyHealth>, Refused> {
    let Some(board) = &app.notify else { return Ok(None) };
    let Messages { waiting, delivered, undelivered } = app.store.messages().await?;
    Ok(Some(NotifyHealth { waiting, delivered, undelivered, trouble: board.trouble() }))
}

/// The same as Prometheus text, with every agent's losses.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Refused> {
    let counts = app.store.counts(None).await?;
    let agents = all(&app).await?;
    let mut text = String::new();
    text.push_str("# HELP tripoint_alerts Alerts by how they stand.\n# TYPE tripoint_alerts gauge\n");
    let all = [AlertStatus::Open, AlertStatus::Investigating, AlertStatus::Contained, AlertStatus::Resolved];
    for status in all {
        // One of which there is none stands there too: no number would be no answer.
        let count = counts.iter().find(|(known, _)| *known == status).map_or(0, |(_, count)| *count);
        let status = serde_json::to_string(&status).unwrap_or_default();
        let _ = writeln!(text, "tripoint_alerts{{status={status}}} {count}");
    }
    text.push_str("# HELP tripoint_agent_connected Whether the agent was heard of within a minute.\n# TYPE tripoint_agent_connected gauge\n");
    for agent in &agents {
        let _ = writeln!(
            text,
            "tripoint_agent_connected{{host=\"{}\"}} {}",
            label(&agent.agent.host),
            u8::from(agent.connected)
        );
    }
    text.push_str(
        "# HELP tripoint_agent_lost_total Events an agent lost, by reason.\n# TYPE tripoint_agent_lost_total counter\n",
    );
    for agent in &agents {
        for (reason, count) in agent.health.iter().flat_map(|health| &health.losses) {
            let _ = writeln!(
                text,
                "tripoint_agent_lost_total{{host=\"{}\",reason=\"{}\"}} {count}",
                label(&agent.agent.host),
                label(reason)
            );
        }
    }
    text.push_str("# HELP tripoint_agent_counter What an agent counted since it started, by name.\n# TYPE tripoint_agent_counter gauge\n");
    for agent in &agents {
        for (name, count) in agent.health.iter().flat_map(|health| &health.counters) {
            let _ = writeln!(
                text,
                "tripoint_agent_counter{{host=\"{}\",name=\"{}\"}} {count}",
                label(&agent.agent.host),
                label(name)
            );
        }
    }
    feed_metrics(&app.feeds().await, &mut text);
    if let Some(notify) = notify(&app).await? {
        let _ = writeln!(
            text,
            "# HELP tripoint_messages_waiting Messages that are still to be told.\n\
             # TYPE tripoint_messages_waiting gauge\ntripoint_messages_waiting {}\n\
             # HELP tripoint_messages_total Messages that were taken, and those that never will be.\n\
             # TYPE tripoint_messages_total counter\ntripoint_messages_total{{state=\"delivered\"}} {}\n\
             tripoint_messages_total{{state=\"undelivered\"}} {}",
            notify.waiting, notify.delivered, notify.undelivered
        );
    }
    judging_metrics(app.judging.as_ref().map(|judging| judging.progress()).unwrap_or_default(), &mut text);
    channel_metrics(&app, &mut text).await?;
    store_metrics(&app, &mut text).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// How far judging open alerts anew is.
fn judging_metrics(progress: Progress, text: &mut String) {
    let Progress { same, changed, waiting, passes } = progress;
    let _ = writeln!(
        text,
        "# HELP tripoint_judged_anew_total Open alerts judged anew with newer images, by what came of it.\n\
         # TYPE tripoint_judged_anew_total counter\ntripoint_judged_anew_total{{result=\"same\"}} {same}\n\
         tripoint_judged_anew_total{{result=\"changed\"}} {changed}\n\
         # HELP tripoint_judged_anew_waiting Open alerts that are still to be judged with the images in force.\n\
         # TYPE tripoint_judged_anew_waiting gauge\ntripoint_judged_anew_waiting {waiting}\n\
         # HELP tripoint_judged_anew_passes_total How often all open alerts were through.\n\
         # TYPE tripoint_judged_anew_passes_total counter\ntripoint_judged_anew_passes_total {passes}"
    );
}

/// What is kept beside alerts, and whether the disk has room.
async fn store_metrics(app: &App, text: &mut String) -> Result<(), Refused> {
    let _ = writeln!(
        text,
        "# HELP tripoint_alerts_overdue Alerts that people promised to take up or close by now.\n\
         # TYPE tripoint_alerts_overdue gauge\ntripoint_alerts_overdue {}\n\
         # HELP tripoint_alerts_forgotten_total Closed alerts that were old enough to be forgotten.\n\
         # TYPE tripoint_alerts_forgotten_total counter\ntripoint_alerts_forgotten_total {}",
        app.store.overdue(now()).await?,
        app.store.forgotten().await?
    );
    let none = ConnectionQuery { limit: Some(1), ..ConnectionQuery::default() };
    let kept = app.store.contacts(none, None, now()).await?.kept;
    let _ = writeln!(
        text,
        "# HELP tripoint_contacts Rows of connections that are kept.\n# TYPE tripoint_contacts gauge\n\
         tripoint_contacts {}\n# HELP tripoint_connections_dropped_total Connections that found no room.\n\
         # TYPE tripoint_connections_dropped_total counter\ntripoint_connections_dropped_total {}",
        kept.rows, kept.dropped
    );
    let _ = writeln!(
        text,
        "# HELP tripoint_disk_full Whether the server's disk has no room for what is to be kept.\n\
         # TYPE tripoint_disk_full gauge\ntripoint_disk_full {}",
        u8::from(app.store.is_full())
    );
    if let Some(watch) = &app.door {
        door::told::metrics(watch, &app.auth.quota, text);
    }
    Ok(())
}

/// What is on its way to each channel.
async fn channel_metrics(app: &App, text: &mut String) -> Result<(), Refused> {
    let Some(board) = &app.notify else { return Ok(()) };
    let queues = app.deliveries.queues().await?;
    text.push_str("# HELP tripoint_channel_messages Messages of a channel that wait, are held back, or were given up.\n# TYPE tripoint_channel_messages gauge\n");
    for name in board.names() {
        let queue = queues.get(name).copied().unwrap_or_default();
        for (state, count) in [("waiting", queue.waiting), ("held", queue.held), ("dead", queue.dead)] {
            let _ =
                writeln!(text, "tripoint_channel_messages{{channel=\"{}\",state=\"{state}\"}} {count}", label(name));
        }
    }
    text.push_str("# HELP tripoint_channel_broken Whether a channel failed so often that it is left alone for a while.\n# TYPE tripoint_channel_broken gauge\n");
    for name in board.names() {
        let is_broken = u8::from(board.breaker(name) != "closed");
        let _ = writeln!(text, "tripoint_channel_broken{{channel=\"{}\"}} {is_broken}", label(name));
    }
    Ok(())
}

fn feed_metrics(feeds: &[FeedHealth], text: &mut String) {
    let mut family = |name: &str, help: &str, value: &dyn Fn(&FeedHealth) -> Option<u64>| {
        let _ = writeln!(text, "# HELP tripoint_feed_{name} {help}\n# TYPE tripoint_feed_{name} gauge");
        for feed in feeds {
            if let Some(value) = value(feed) {
                let _ = writeln!(text, "tripoint_feed_{name}{{feed=\"{}\"}} {value}", label(&feed.feed));
            }
        }
    };
    let now = now();
    let age = |at: Option<Timestamp>| at.map(|at| now.since(at).as_secs());
    family("trouble", "Whether something is wrong with a feed.", &|feed| Some(u64::from(feed.trouble.is_some())));
    family("indicators", "Indicators of a feed in force.", &|feed| Some(feed.count));
    family("age_seconds", "Since a good copy was last brought or confirmed.", &|feed| age(feed.last_success));
    family("unchanged_seconds", "Since the copy in force came.", &|feed| age(feed.last_change));
}

/// A label's value, quoted as the text format demands.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
