//! How does what an agent says of an alert enter what is known of it?

use sqlx::SqliteConnection;
use tripoint_model::confidence::{SEEN_BEFORE, raise};
use tripoint_model::{Alert, AlertId, Investigation, Outcome, Refusal, Resolution, Timestamp};

use super::rows::{Noticed, load, save};
use super::verdicts::{met_before, teach};
use super::work::parts;
use super::{StoreError, Tell, exceptions, judged, outbox};
use crate::merge::{self, Grade, add_outcomes, add_refusals, merge};

/// Merges what an agent says of an alert into what is known of it.
pub(super) async fn take(
    connection: &mut SqliteConnection,
    host: &str,
    alert: Alert,
    tell: Tell,
    now: Timestamp,
    noticed: &mut Noticed,
) -> Result<Option<AlertId>, StoreError> {
    let stored = load(connection, &alert.id.0).await?;
    // An agent speaks for its own host only.
    if stored.as_ref().is_some_and(|stored| stored.host != host) {
        tracing::warn!(host, alert = %alert.id, "agent reported another host's alert; not taken");
        return Ok(None);
    }
    let closed_as = stored.as_ref().and_then(|stored| stored.work.resolution);
    let before = exceptions::before(stored.as_ref());
    let stood = outbox::before(stored.as_ref());
    let whole = stored.as_ref().and_then(|stored| Some((stored.work.merged_into.clone()?, Grade::to_outdo(stored))));
    let mut merged = merge(stored, Alert { host: host.to_owned(), ..alert }, now);
    if let Some((whole, grade)) = whole {
        merge::outgrow(&mut merged, &grade, load(connection, &whole.0).await?.as_ref(), now);
    }
    untaught(connection, closed_as, &merged, noticed).await?;
    judged::uncovered(connection, None, &mut merged, now).await?;
    settle(connection, &mut merged, (before, stood), (tell, now)).await?;
    Ok(Some(merged.id))
}

/// Keeps an alert as it is judged now, with what others add to how sure it is, and tells of it where it is worse.
pub(super) async fn settle(
    connection: &mut SqliteConnection,
    alert: &mut Alert,
    (before, stood): (exceptions::Before, outbox::Before),
    (tell, now): (Tell, Timestamp),
) -> Result<(), StoreError> {
    // A sum without terms was made by an older agent and stays as it is; nothing is added twice.
    let has_met = alert.confidence_why.iter().any(|term| term.name == SEEN_BEFORE);
    if !alert.confidence_why.is_empty() && !has_met {
        let met = met_before(connection, alert).await?;
        let raised = raise(alert.confidence, std::mem::take(&mut alert.confidence_why), met);
        (alert.confidence, alert.confidence_why) = (raised.total, raised.terms);
    }
    save(connection, alert, now).await?;
    judged::note(connection, alert).await?;
    exceptions::count(connection, &before, alert, now).await?;
    outbox::alert(connection, tell, stood, alert, now).await
}

/// Adds what the kernel or the guard of a host said about an alert; what changed. An agent speaks for its own host only:
/// what it did about another's alert is added to those of its own that are part of it.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    host: &str,
    id: &AlertId,
    outcomes: &[Outcome],
    refusals: &[Refusal],
    now: Timestamp,
) -> Result<Vec<Alert>, StoreError> {
    let Some(asked) = load(connection, &id.0).await? else { return Ok(Vec::new()) };
    let mut own = Vec::new();
    if asked.host == host {
        own.push(asked);
    } else {
        for part in parts(connection, &id.0).await? {
            own.extend(load(connection, &part).await?.filter(|part| part.host == host));
        }
    }
    for alert in &mut own {
        add_outcomes(alert, outcomes, now);
        add_refusals(alert, refusals);
        save(connection, alert, now).await?;
    }
    Ok(own)
}

/// Puts what a host found out about its alert into it; the newest stands.
pub(super) async fn investigated(
    connection: &mut SqliteConnection,
    host: &str,
    id: &AlertId,
    found: Investigation,
    (tell, now): (Tell, Timestamp),
    noticed: &mut Noticed,
) -> Result<Option<AlertId>, StoreError> {
    let Some(mut alert) = load(connection, &id.0).await?.filter(|alert| alert.host == host) else { return Ok(None) };
    if alert.investigation.as_ref().is_some_and(|known| known.at > found.at) {
        return Ok(None);
    }
    let (closed_as, stood, grade) = (alert.work.resolution, outbox::before(Some(&alert)), Grade::to_outdo(&alert));
    merge::investigated(&mut alert, Box::new(found));
    merge::reopen(&mut alert, &grade, now);
    if let Some(whole) = alert.work.merged_into.clone() {
        merge::outgrow(&mut alert, &grade, load(connection, &whole.0).await?.as_ref(), now);
    }
    untaught(connection, closed_as, &alert, noticed).await?;
    save(connection, &mut alert, now).await?;
    outbox::alert(connection, tell, stood, &alert, now).await?;
    Ok(Some(alert.id))
}

/// Takes back what the closing of an alert taught that is open again.
async fn untaught(
    connection: &mut SqliteConnection,
    closed_as: Option<Resolution>,
    alert: &Alert,
    noticed: &mut Noticed,
) -> Result<(), StoreError> {
    if closed_as.is_some() && alert.work.resolution != closed_as {
        teach(connection, alert).await?;
        noticed.untaught = true;
    }
    Ok(())
}
