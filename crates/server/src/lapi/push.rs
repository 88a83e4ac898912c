//! How do our blocks get into a CrowdSec that enforces for us, and out of it again?

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use tripoint_api::CrowdsecHealth;
use tripoint_api::path::segment;
use tripoint_fetch::{Call, Fetcher, Method, Said};
use tripoint_model::{Observable, Timestamp};

use super::{BAN, duration, scenario, scope};
use crate::listen::until;
use crate::state::now;
use crate::store::{Decision, Store, StoreError, Which};

/// A Local API that is told of our blocks, and how it is spoken to.
pub struct Push {
    /// Where it is: `http://127.0.0.1:8080`.
    pub url: String,
    /// Our name there (`cscli machines add`).
    pub machine: String,
    /// Our password there.
    pub password: String,
    /// Connects, with the certificates that are trusted.
    pub fetcher: Fetcher,
}

/// Why a round did not go through.
#[derive(Debug, thiserror::Error)]
enum PushError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Fetch(#[from] tripoint_fetch::FetchError),
    #[error("{what} was answered with status {status}: {said}")]
    Refused { what: &'static str, status: u16, said: String },
    #[error("the answer to a sign-in is unreadable: {0}")]
    Unreadable(String),
    #[error("the task ended: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// How pushing goes, for whoever asks.
#[derive(Clone, Default)]
pub(crate) struct PushState(Arc<Mutex<CrowdsecHealth>>);

impl PushState {
    pub(crate) fn new(url: &str) -> Self {
        let health = CrowdsecHealth { url: url.to_owned(), state: "starting".into(), ..CrowdsecHealth::default() };
        Self(Arc::new(Mutex::new(health)))
    }

    pub(crate) fn read(&self) -> CrowdsecHealth {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut CrowdsecHealth)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Pushes until told to stop. Whatever fails is tried again, later each time.
pub(crate) async fn run(push: Push, store: Arc<dyn Store>, state: PushState, stopped: watch::Receiver<bool>) {
    let mut pusher = Pusher { push: Arc::new(push), store, token: None };
    let mut pause = PAUSE;
    loop {
        match pusher.round().await {
            Ok(done) => {
                pause = PAUSE;
                state.change(|health| {
                    health.pushed += done.pushed;
                    health.released += done.released;
                    (health.state, health.trouble) = ("ok".into(), None);
                    health.last_success = Some(now());
                });
                if done.is_more && !*stopped.borrow() {
                    continue;
                }
            }
            Err(error) => {
                pause = pause.saturating_mul(2).min(PAUSE_MAX);
                let said = error.to_string();
                tracing::warn!(error = said, retry_s = pause.as_secs(), "blocks could not be handed to CrowdSec");
                state.change(|health| (health.state, health.trouble) = ("failing".into(), Some(said)));
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = until(stopped.clone()) => return,
        }
    }
}

/// What a round did.
#[derive(Default)]
struct Done {
    pushed: u64,
    released: u64,
    is_more: bool,
}

struct Pusher {
    push: Arc<Push>,
    store: Arc<dyn Store>,
    token: Option<String>,
}

impl Pusher {
    /// Hands on the next changes. The place in them is kept after they were taken, so none is lost; one that is sent
    /// twice ends there as one does.
    async fn round(&mut self) -> Result<Done, PushError> {
        let cursor = format!("push {}", self.push.url);
        let after = self.store.cursor(cursor.clone()).await?;
        let moment = now();
        let rows = self.store.decisions(Which::ChangedAfter(after), ROUND, moment).await?;
        let Some(last) = rows.last() else {
            // Signed in once, so that a wrong password is known before the first block.
            if self.token.is_none() {
                self.sign_in().await?;
            }
            return Ok(Done::default());
        };
        let (last, is_more) = (last.changed, rows.len() == ROUND as usize);
        let (new, gone): (Vec<Decision>, Vec<Decision>) = rows.into_iter().partition(|decision| decision.in_force);
        for decision in &gone {
            let path = format!("/v1/decisions?{}", only(decision));
            self.ask("a release", Method::Delete, path, None).await?;
        }
        let new: Vec<Decision> = new.into_iter().filter(|decision| decision.expires > moment).collect();
        if !new.is_empty() {
            let alerts: Vec<Value> = new.iter().map(|decision| alert(decision, moment)).collect();
            self.ask("an alert", Method::Post, "/v1/alerts".into(), Some(Value::Array(alerts))).await?;
        }
        self.store.move_cursor(cursor, last).await?;
        Ok(Done { pushed: new.len() as u64, released: gone.len() as u64, is_more })
    }

    /// Asks with the token; signs in where there is none, or where it is no longer taken.
    async fn ask(
        &mut self,
        what: &'static str,
        method: Method,
        path: String,
        body: Option<Value>,
    ) -> Result<(), PushError> {
        let mut is_fresh = false;
        loop {
            let token = match self.token.clone() {
                Some(token) => token,
                None => {
                    is_fresh = true;
                    self.sign_in().await?
                }
            };
            let said = self.send(method, path.clone(), Some(token), body.clone()).await?;
            match said.status {
                200..300 => return Ok(()),
                401 | 403 if !is_fresh => self.token = None,
                status => {
                    self.token = None;
                    return Err(refused(what, status, &said.body));
                }
            }
        }
    }

    async fn sign_in(&mut self) -> Result<String, PushError> {
        #[derive(Deserialize)]
        struct Token {
            token: String,
        }
        let body = json!({ "machine_id": self.push.machine, "password": self.push.password, "scenarios": [] });
        let said = self.send(Method::Post, "/v1/watchers/login".into(), None, Some(body)).await?;
        if said.status != 200 {
            return Err(refused("the sign-in", said.status, &said.body));
        }
        let read: Token =
            serde_json::from_slice(&said.body).map_err(|error| PushError::Unreadable(error.to_string()))?;
        self.token = Some(read.token.clone());
        Ok(read.token)
    }

    /// On a thread of its own: the server goes on meanwhile.
    async fn send(
        &self,
        method: Method,
        path: String,
        token: Option<String>,
        body: Option<Value>,
    ) -> Result<Said, PushError> {
        let push = Arc::clone(&self.push);
        let said = tokio::task::spawn_blocking(move || {
            let url = format!("{}{path}", push.url.trim_end_matches('/'));
            let body = body.map(|body| body.to_string().into_bytes());
            push.fetcher.call(&Call {
                method,
                url: &url,
                // Its administrator names it.
                permit_private: true,
                bearer: token.as_deref(),
                json: body.as_deref(),
                headers: &[],
            })
        });
        Ok(said.await??)
    }
}

/// Names the decision and no other: an address in a network of ours, or one that somebody else banned, stays.
fn only(decision: &Decision) -> String {
    let value = Observable::from_net(decision.net).to_string();
    format!("value={}&type={BAN}&scenario={}", segment(&value), segment(&scenario(decision)))
}

/// An alert with one decision, with all that the LAPI's own schema demands.
fn alert(decision: &Decision, now: Timestamp) -> Value {
    let value = Observable::from_net(decision.net).to_string();
    let scope = scope(decision.net);
    let scenario = scenario(decision);
    json!({
        "scenario": scenario, "scenario_hash": "", "scenario_version": "", "message": format!("{value} is blocked by Tripoint"),
        "events_count": 1, "events": [], "start_at": now.to_string(), "stop_at": now.to_string(), "capacity": 0,
        "leakspeed": "0", "simulated": false, "source": { "scope": scope, "value": value },
        "decisions": [{ "origin": PUSHED_AS, "type": BAN, "scope": scope, "value": value, "scenario": scenario,
            "duration": duration(decision.expires.since(now)) }],
    })
}

fn refused(what: &'static str, status: u16, body: &[u8]) -> PushError {
    let said: String = String::from_utf8_lossy(body).chars().take(SAID_MAX).collect();
    PushError::Refused { what, status, said: tripoint_model::text::visible(&said).into_owned() }
}

/// As what a person adds with cscli: that is listed by `cscli decisions list`, and it goes on to CrowdSec's central
/// service only where `share_manual_decisions` says so (`getScenarioTrustOfAlert` in `pkg/apiserver/apic.go`).
const PUSHED_AS: &str = "cscli";
/// Changes in one round: one request.
const ROUND: u32 = 200;
/// Between rounds without trouble.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest pause after trouble.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// Characters of a refusal that are shown.
const SAID_MAX: usize = 300;
