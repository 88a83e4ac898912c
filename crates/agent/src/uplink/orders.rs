//! What does the agent ask of the server: orders, and what it has to know beside them?

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tripoint_api::agent::{OpenAlerts, Orders};
use tripoint_api::client::{Client, ClientError};
use tripoint_api::{ExceptionList, path};

use super::Doors;
use crate::findings::Request;
use crate::respond::Ask;

/// What was asked for since the server was last away, and when.
#[derive(Default)]
struct Asked {
    exceptions: Option<Instant>,
    alerts: Option<Instant>,
}

/// Holds one request open for orders and passes them on in their order.
pub(super) async fn fetch(socket: PathBuf, host: String, doors: Doors) {
    let client = Client::unix(&socket);
    let mut after = 0;
    let mut asked = Asked::default();
    loop {
        asked.ask(&client, &host, &doors).await;
        let query = format!("{}?host={}&after={after}&wait_s=25", path::AGENT_ORDERS, path::segment(&host));
        let answer: Result<Orders, _> = client.get(&query).await;
        match answer {
            Ok(answer) => {
                for numbered in answer.orders {
                    after = after.max(numbered.number);
                    if !doors.pass_on(numbered) {
                        return;
                    }
                }
            }
            Err(error) => {
                tracing::debug!(%error, "no orders: the server is away");
                // What was changed while we were apart, no order may tell any more.
                asked = Asked::default();
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        }
    }
}

impl Asked {
    /// Orders carry only changes: what was excepted before, and which alerts wait, is asked for.
    async fn ask(&mut self, client: &Client, host: &str, doors: &Doors) {
        if is_due(self.exceptions)
            && let Ok(known) = client.get::<ExceptionList>(path::EXCEPTIONS).await
        {
            self.exceptions = Some(Instant::now());
            let exceptions = known.exceptions.into_iter().map(|kept| kept.exception).collect();
            let _ = doors.actions.send(Ask::Exceptions(exceptions));
        }
        let open = format!("{}?host={}", path::AGENT_ALERTS, path::segment(host));
        if is_due(self.alerts) {
            let known: OpenAlerts = match client.get(&open).await {
                Ok(known) => known,
                // An older server has no answer to that.
                Err(ClientError::Problem(problem)) if problem.status == NOT_THERE => OpenAlerts::default(),
                Err(_) => return,
            };
            self.alerts = Some(Instant::now());
            let _ = doors.findings.send(Request::Recall(known.alerts));
        }
    }
}

fn is_due(asked: Option<Instant>) -> bool {
    asked.is_none_or(|at| at.elapsed() >= AGAIN)
}

/// Alerts that we forget meanwhile are asked for so often.
const AGAIN: Duration = Duration::from_secs(3600);
/// What HTTP calls a path that there is not.
const NOT_THERE: u16 = 404;
