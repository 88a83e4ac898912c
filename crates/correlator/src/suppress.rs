//! Has somebody said that this alert is not wanted?

use tripoint_model::address::canonical;
use tripoint_model::exception::name_to_except;
use tripoint_model::{Exception, Subject, Timestamp};

use crate::dossier::{Case, Contact};
use crate::known::Known;

/// The id of the exception that covers the newest connection, when every connection of the case is
/// covered by one.
pub(crate) fn suppressed_by(host: &str, case: &Case, rule: &str, known: &Known) -> Option<String> {
    let application = case.application.as_ref().map(|application| application.key());
    let about = About { host, case, application: application.as_deref(), rule };
    let mut newest = None;
    for contact in &case.contacts {
        let covering = known.exceptions().find(|(exception, removed)| covers(exception, *removed, contact, &about))?;
        newest.get_or_insert_with(|| covering.0.id.clone());
    }
    newest
}

/// What every connection of the case shares.
struct About<'a> {
    host: &'a str,
    case: &'a Case,
    application: Option<&'a str>,
    rule: &'a str,
}

/// Whether the exception held when the connection was last seen (for an open one: holds now), or
/// was made afterwards, by somebody who had seen the alert, and was not withdrawn again.
fn covers(exception: &Exception, removed: Option<Timestamp>, contact: &Contact, about: &About<'_>) -> bool {
    let (connection, case) = (&contact.connection, about.case);
    // Of what is not listed nobody can say that it is accepted.
    let whole = case.findings_total == case.findings.len();
    let subject = |at, findings| Subject {
        address: canonical(connection.remote.ip()),
        port: connection.remote.port(),
        name: name_to_except(connection, &contact.claims),
        host: Some(about.host),
        application: about.application,
        direction: Some(connection.direction),
        rule: Some(about.rule),
        indicator: Some(&case.indicator),
        findings,
        at,
    };
    let end = contact.end(case.now);
    // Whoever accepted what the code was vulnerable to accepts the milder: that this is said of it no more.
    let covers = |at| match case.withdrawn.as_slice() {
        [] => exception.covers(&subject(at, whole.then_some(case.findings.as_slice()))),
        lists => lists.iter().all(|list| exception.covers(&subject(at, Some(&list[..])))),
    };
    let held = removed.is_none_or(|removed| end < removed) && covers(end);
    let afterwards = removed.is_none() && exception.created > end && covers(exception.created);
    held || afterwards
}
