//! Which kinds of receivers are there, and what does each want to be sent?
//!
//! A kind is one file and one line in `KINDS`. It turns a message into requests and nothing else: no clock, no socket,
//! no secret file. The registry's test holds every kind to a golden file of a good message and one of a hostile one.

mod alertmanager;
mod elastic;
mod email;
mod falcosidekick;
mod jira;
mod pagerduty;
mod servicenow;
mod slack;
mod splunk_hec;
mod syslog;
mod teams;
mod webhook;

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::news::News;
use super::spec::Spec;
use super::template;
use super::wire::{Attempt, Wire, judge};

/// Every kind of receiver.
pub(crate) const KINDS: &[&dyn Channel] = &[
    &alertmanager::Alertmanager,
    &elastic::Elastic,
    &email::Email,
    &falcosidekick::Falcosidekick,
    &jira::Jira,
    &pagerduty::PagerDuty,
    &servicenow::ServiceNow,
    &slack::Slack,
    &splunk_hec::SplunkHec,
    &syslog::Syslog,
    &teams::Teams,
    &webhook::Webhook,
];

/// A message on its way to one channel.
pub(crate) struct Told<'a> {
    pub(crate) news: &'a News,
    /// What the channel's template makes of it.
    pub(crate) text: &'a str,
    /// The same for each attempt.
    pub(crate) number: u64,
    /// Of this attempt, seconds since 1970.
    pub(crate) seconds: i64,
}

/// A kind of receiver.
pub(crate) trait Channel: Sync {
    /// How the configuration calls it.
    fn name(&self) -> &'static str;
    /// Keys that it cannot do without, as `spec::KEYS` groups them.
    fn needs(&self) -> &'static [&'static str];
    /// Further keys that it knows.
    fn takes(&self) -> &'static [&'static str] {
        &[]
    }
    /// What its text is made by where nothing else is said; nothing where it has no text.
    fn template(&self) -> Option<&'static str> {
        Some(template::LONG)
    }
    /// Whether it is people who read it: more than they can read comes as one message.
    fn is_for_people(&self) -> bool {
        false
    }
    /// Whether it keeps a state of each alert, and is told when that ends.
    fn follows(&self) -> bool {
        false
    }
    /// How often it has to be told of what it follows, lest it takes it for over.
    fn repeats(&self) -> Option<Duration> {
        None
    }
    /// Whether every row of the audit reaches it whole enough to be compared.
    fn takes_audit(&self, _spec: &Spec) -> bool {
        false
    }
    /// Whether what the configuration says fits together.
    fn check(&self, _spec: &Spec) -> Result<(), String> {
        Ok(())
    }
    /// What is sent; nothing where the message is none for such a receiver.
    fn requests(&self, spec: &Spec, told: &Told<'_>) -> Vec<Wire>;
    /// What the answer to one of them means.
    fn judge(&self, status: u16, _body: &[u8]) -> Attempt {
        judge(status)
    }
}

/// The kind of this name.
pub(crate) fn find(name: &str) -> Option<&'static dyn Channel> {
    KINDS.iter().find(|kind| kind.name() == name).copied()
}

impl std::fmt::Debug for dyn Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
