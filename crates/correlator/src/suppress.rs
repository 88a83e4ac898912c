//! Has somebody said that this alert is not wanted?

use tripoint_model::address::canonical;
use tripoint_model::{Exception, Observable, Subject, Timestamp};

use crate::dossier::{Case, Contact};
use crate::known::Known;

/// The id of the exception that covers the newest connection, when every connection of the case is
/// covered by one.
pub(crate) fn suppressed_by(case: &Case, rule: &str, known: &Known) -> Option<String> {
    let application = case.application.as_ref().map(|application| application.key());
    let mut newest = None;
    for contact in &case.contacts {
        let covering = known.exceptions().find(|(exception, removed)| {
            covers(exception, *removed, contact, application.as_deref(), rule, case.now)
        })?;
        newest.get_or_insert_with(|| covering.0.id.clone());
    }
    newest
}

/// Whether the exception held when the connection was last seen (for an open one: holds now), or
/// was made afterwards, by somebody who had seen the alert, and was not withdrawn again.
fn covers(
    exception: &Exception,
    removed: Option<Timestamp>,
    contact: &Contact,
    application: Option<&str>,
    rule: &str,
    now: Timestamp,
) -> bool {
    let connection = &contact.connection;
    // Anybody can give any name: the given one speaks only against what is said of it, not of the address.
    let given = connection.named.as_ref().map(|named| named.name.as_str());
    let is_about =
        |name: &&str| contact.claims.iter().all(|c| matches!(&c.matched, Observable::Domain(d) if d == name));
    let subject = |at| Subject {
        address: canonical(connection.remote.ip()),
        port: connection.remote.port(),
        name: given.filter(is_about).or(connection.remote_name.as_deref()),
        application,
        direction: Some(connection.direction),
        rule: Some(rule),
        at,
    };
    let end = contact.end(now);
    let held = removed.is_none_or(|removed| end < removed) && exception.covers(&subject(end));
    let afterwards = removed.is_none() && exception.created > end && exception.covers(&subject(exception.created));
    held || afterwards
}
