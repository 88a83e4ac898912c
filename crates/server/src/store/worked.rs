//! Whom does a person's work on alerts have to be told?

use sqlx::SqliteConnection;

use tripoint_api::work::{BulkAnswer, Work};
use tripoint_model::{Alert, AlertId, AlertStatus, Timestamp};

use super::{StoreError, Tell, Worked, outbox, work};
use crate::notify::news::{self, Kind};

/// Does the work on one alert and writes down what is news of it.
pub(super) async fn work(
    connection: &mut SqliteConnection,
    id: &str,
    wanted: &Work,
    (author, expected): (&str, Option<Timestamp>),
    (tell, now): (Tell, Timestamp),
) -> Result<Worked, StoreError> {
    let worked = work::work(connection, id, wanted, (author, expected), now).await?;
    if let Worked::Done(alerts) = &worked {
        tell_of(connection, tell, wanted, alerts, now).await?;
    }
    Ok(worked)
}

/// The same for many.
pub(super) async fn bulk(
    connection: &mut SqliteConnection,
    ids: Vec<AlertId>,
    wanted: Work,
    author: &str,
    (tell, now): (Tell, Timestamp),
) -> Result<(BulkAnswer, Vec<Alert>), StoreError> {
    let (answer, changed) = work::bulk(connection, ids, wanted.clone(), author, now).await?;
    tell_of(connection, tell, &wanted, &changed, now).await?;
    Ok((answer, changed))
}

/// Writes down what a person's work is news of: it is open again, worse than the sum says, taken up, or closed.
async fn tell_of(
    connection: &mut SqliteConnection,
    tell: Tell,
    work: &Work,
    alerts: &[Alert],
    now: Timestamp,
) -> Result<(), StoreError> {
    for one in alerts {
        let kind = match (work, one.work.status) {
            (Work::Reopen { .. } | Work::Severity { .. }, _) => {
                let resolved = matches!(work, Work::Reopen { .. });
                outbox::alert(connection, tell, outbox::Before { known: true, resolved }, one, now).await?;
                continue;
            }
            (Work::Resolve { .. } | Work::Status { .. }, AlertStatus::Resolved) => Kind::AlertResolved,
            (Work::Assign { .. } | Work::Status { .. }, AlertStatus::Investigating) => Kind::AlertAcknowledged,
            _ => continue,
        };
        if tell.work {
            outbox::queue(connection, &news::about(kind, one, &[], now), now).await?;
        }
    }
    Ok(())
}
