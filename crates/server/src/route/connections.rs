//! Who was in contact with whom, lately and right now?

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::{Extension, Json};
use futures_util::stream::unfold;
use futures_util::{FutureExt as _, Stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::Instant;

use tripoint_api::connections::HostContact;
use tripoint_api::{ConnectionList, ConnectionQuery};
use tripoint_model::{Contact, Direction, Observable, Protocol, Timestamp};

use crate::auth::caller::{Caller, Sees};
use crate::listen::until;
use crate::live::beat;
use crate::refuse::{Params, Refused, refuse};
use crate::state::{App, now};
use crate::store::Met;

/// A page of the connections that are kept.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<ConnectionQuery>,
) -> Result<Json<ConnectionList>, Refused> {
    is_peer(&query)?;
    let of = app.seen_by(&caller).await?;
    Ok(Json(app.store.contacts(query, of, now()).await?))
}

/// What hosts report from now on, as it is kept then.
pub(crate) async fn watch(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<ConnectionQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refused> {
    is_peer(&query)?;
    let watcher = Watcher { heard: app.met.subscribe(), stopped: app.stopped.clone(), query, sees: caller.sees };
    let stream =
        unfold(watcher, |mut watcher| async move { watcher.next().await.map(|event| (Ok(event), watcher)) }.boxed());
    Ok(Sse::new(stream).keep_alive(beat()))
}

fn is_peer(query: &ConnectionQuery) -> Result<(), Refused> {
    let Some(Observable::System(number)) = query.peer else { return Ok(()) };
    let why = format!("AS{number} is no peer; ask for a network of it");
    Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "target", why))
}

/// Who watches, and what they want to hear of.
struct Watcher {
    heard: Receiver<Arc<Met>>,
    stopped: watch::Receiver<bool>,
    query: ConnectionQuery,
    sees: Sees,
}

/// What makes two reports speak of one row.
type Key = (String, Timestamp, Option<String>, Direction, Protocol, IpAddr, u16);

impl Watcher {
    /// The next event; none when the server stops. What comes within a moment is told together, each row once.
    async fn next(&mut self) -> Option<Event> {
        let mut rows = BTreeMap::new();
        let mut fits = true;
        let mut end: Option<Instant> = None;
        loop {
            let heard = tokio::select! {
                heard = self.heard.recv() => Some(heard),
                () = until_then(end) => None,
                () = until(self.stopped.clone()) => return None,
            };
            match heard {
                Some(Ok(met)) => fits &= self.take(&met, &mut rows),
                Some(Err(RecvError::Lagged(_))) => fits = false,
                Some(Err(RecvError::Closed)) => return None,
                None if fits => return Some(told(rows.into_values().collect())),
                None => return Some(Event::default().event("reset").data("{}")),
            }
            if end.is_none() && !(rows.is_empty() && fits) {
                end = Some(Instant::now() + GATHERED);
            }
        }
    }

    /// Adds those that are asked for and seen; whether they all found room.
    fn take(&self, met: &Met, rows: &mut BTreeMap<Key, HostContact>) -> bool {
        for one in &met.contacts {
            if self.sees.host(&one.host) && self.query.takes(one) {
                let key = key(one);
                if rows.len() >= TOLD_MAX && !rows.contains_key(&key) {
                    return false;
                }
                rows.insert(key, one.clone());
            }
        }
        let of_ours = met.contacts.first().is_some_and(|one| self.sees.host(&one.host));
        met.left_out == 0 || !of_ours
    }
}

fn key(HostContact { host, contact }: &HostContact) -> Key {
    let Contact { hour, direction, protocol, peer, port, .. } = *contact;
    (host.clone(), hour, contact.application_key(), direction, protocol, peer, port)
}

fn told(rows: Vec<HostContact>) -> Event {
    let text = serde_json::to_string(&rows).unwrap_or_default();
    Event::default().event("connections").data(text)
}

async fn until_then(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// How long reports are gathered.
const GATHERED: Duration = Duration::from_millis(250);
/// Rows in one event; more are asked for anew.
const TOLD_MAX: usize = 200;
