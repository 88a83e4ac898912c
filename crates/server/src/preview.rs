//! Which of the stored alerts would an exception cover?

use tripoint_api::exceptions::{COVERED_MAX, CoveredAlert, ExceptionPreview};
use tripoint_api::people::LIMIT_MAX;
use tripoint_api::{AlertList, AlertQuery};
use tripoint_model::address::canonical;
use tripoint_model::exception::name_to_except;
use tripoint_model::{Alert, Exception, Subject};

use crate::store::{Store, StoreError};

/// Stored alerts that a preview looks at, newest first: some seconds of work.
const READ_MAX: u64 = 100_000;

/// Looks through the stored alerts; says so where there are more than it looks at. The agents are not asked, and it is
/// said of how many alerts the host is none of those `connected`: an exception is applied where an alert is raised.
pub(crate) async fn over(
    store: &dyn Store,
    exception: Exception,
    connected: &[String],
) -> Result<ExceptionPreview, StoreError> {
    let mut away = 0;
    let mut preview = ExceptionPreview {
        exception,
        alerts: Vec::new(),
        alerts_total: 0,
        partly: Vec::new(),
        partly_total: 0,
        read: 0,
        connections: None,
        blocks: Vec::new(),
        hosts: Vec::new(),
        errors: Vec::new(),
    };
    let mut query = AlertQuery { suppressed: Some(true), limit: Some(LIMIT_MAX), ..AlertQuery::default() };
    loop {
        let page: AlertList = store.alerts(query.clone(), None).await?;
        for alert in &page.alerts {
            let was = preview.alerts_total;
            take(&mut preview, alert);
            away += u64::from(preview.alerts_total > was && !connected.contains(&alert.host));
        }
        match page.next {
            Some(_) if preview.read >= READ_MAX => {
                preview.errors.push(format!("only the newest {} alerts were looked at", preview.read));
                break;
            }
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    if away > 0 {
        let why = "of hosts that are not connected: they stay in the queue until their host reports them again";
        preview.errors.push(format!("{away} of them {why}"));
    }
    Ok(preview)
}

fn take(preview: &mut ExceptionPreview, alert: &Alert) {
    preview.read += 1;
    let covered = covered(&preview.exception, alert);
    if covered == 0 {
        return;
    }
    let carried = alert.connections.len() as u64;
    let whole = covered == carried;
    let (list, total) = if whole {
        (&mut preview.alerts, &mut preview.alerts_total)
    } else {
        (&mut preview.partly, &mut preview.partly_total)
    };
    *total += 1;
    if list.len() < COVERED_MAX {
        list.push(CoveredAlert {
            id: alert.id.clone(),
            host: alert.host.clone(),
            title: alert.title.clone(),
            status: alert.work.status,
            last_seen: alert.last_seen,
            covered,
            carried,
            count: alert.count,
            suppressed_by: alert.suppressed_by.clone(),
        });
    }
}

/// How many of the connections that the alert carries the exception would cover from its making on: as the agents
/// judge what was seen before an exception was made.
fn covered(exception: &Exception, alert: &Alert) -> u64 {
    let application = alert.application.key();
    // Where an agent says that it does not list all vulnerabilities, nobody can say that all are accepted.
    let whole = alert.missing.iter().all(|missing| missing.what != "vulnerabilities");
    let covers = |connection: &&std::sync::Arc<tripoint_model::Connection>| {
        exception.covers(&Subject {
            address: canonical(connection.remote.ip()),
            port: connection.remote.port(),
            name: name_to_except(connection, &alert.claims),
            host: Some(&alert.host),
            application: Some(&application),
            direction: Some(connection.direction),
            rule: Some(&alert.rule),
            indicator: Some(&alert.indicator),
            findings: whole.then_some(alert.findings.as_slice()),
            at: exception.created,
        })
    };
    alert.connections.iter().filter(covers).count() as u64
}
