//! Whom does a person's work on alerts have to be told?

use sqlx::SqliteConnection;

use tripoint_api::work::{BulkAnswer, Work};
use tripoint_model::{Alert, AlertId, AlertStatus, Timestamp};

use super::work::Done;
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
    match work::work(connection, id, wanted, (author, expected), now).await? {
        Ok(done) => {
            tell_of(connection, tell, wanted, &done, now).await?;
            let version = work::changed(connection, id).await?.unwrap_or(now);
            Ok(Worked::Done(done.into_iter().map(|one| one.alert).collect(), version))
        }
        Err(worked) => Ok(worked),
    }
}

/// The same for many.
pub(super) async fn bulk(
    connection: &mut SqliteConnection,
    ids: Vec<(AlertId, Option<Timestamp>)>,
    wanted: Work,
    author: &str,
    (tell, now): (Tell, Timestamp),
) -> Result<(BulkAnswer, Vec<Alert>), StoreError> {
    let (answer, done) = work::bulk(connection, ids, &wanted, author, now).await?;
    tell_of(connection, tell, &wanted, &done, now).await?;
    Ok((answer, done.into_iter().map(|one| one.alert).collect()))
}

/// Writes down what a person's work is news of: it is open again, worse than the sum says, taken up, or closed. What
/// was so before is no news. Who says how a closed alert stands takes its closing back, and calls nobody for that; who
/// reopens it does.
async fn tell_of(
    connection: &mut SqliteConnection,
    tell: Tell,
    work: &Work,
    all: &[Done],
    now: Timestamp,
) -> Result<(), StoreError> {
    for Done { before, alert } in all {
        let was_closed = before.status == AlertStatus::Resolved;
        let turned = before.status != alert.work.status;
        let kind = match (work, alert.work.status) {
            (Work::Reopen { .. }, AlertStatus::Open) if was_closed => {
                let before = outbox::Before { known: true, resolved: true };
                outbox::alert(connection, tell, before, alert, now).await?;
                continue;
            }
            (Work::Severity { .. }, _) => {
                outbox::alert(connection, tell, outbox::KNOWN, alert, now).await?;
                continue;
            }
            (Work::Resolve { .. }, AlertStatus::Resolved) if turned => Kind::AlertResolved,
            (Work::Assign { .. }, AlertStatus::Investigating) if turned || before.assignee != alert.work.assignee => {
                Kind::AlertAcknowledged
            }
            (Work::Status { .. }, AlertStatus::Investigating) if turned && !was_closed => Kind::AlertAcknowledged,
            _ => continue,
        };
        if tell.work {
            outbox::queue(connection, &news::about(kind, alert, &[], now), now).await?;
        }
    }
    Ok(())
}
