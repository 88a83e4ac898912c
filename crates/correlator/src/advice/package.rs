//! What has to be upgraded, what has to be begun anew for it, and who else runs the same code?

use std::collections::BTreeSet;

use tripoint_model::restart::WORDS;
use tripoint_model::text::visible;
use tripoint_model::{Alert, Finding, PackageState, Restart};

use super::{Advice, Around, Kind};

/// The fixes of the alert's findings, and a plan of restarts as needrestart(1) makes one.
pub(super) struct Package;

impl Kind for Package {
    fn name(&self) -> &'static str {
        "package"
    }

    fn advise(&self, alert: &Alert, around: &Around) -> Result<Advice, String> {
        let vulnerable: Vec<&Finding> = alert.findings.iter().filter(|finding| finding.state.is_vulnerable()).collect();
        if vulnerable.is_empty() {
            return Err("nothing vulnerable of the application is known".to_owned());
        }
        let (commands, mut notes) = fixes(&vulnerable);
        let without = vulnerable.iter().filter(|finding| finding.fix_command.is_none()).count();
        if without > 0 {
            notes.push(format!("no fix is known for {without} of {} vulnerabilities", vulnerable.len()));
        }
        if vulnerable.iter().any(|finding| finding.presence == PackageState::Stale) {
            notes.push("stale: the fix is on disk and the old code still runs, so that only a restart mends it".into());
        }
        match &around.runs {
            None => notes.push("who else runs the same code is not looked at here".to_owned()),
            Some(Err(why)) => notes.push(format!("who else runs the same code is not known: {}", visible(why))),
            Some(Ok(runs)) => {
                let purls: BTreeSet<&String> = vulnerable.iter().map(|finding| &finding.purl).collect();
                for purl in purls {
                    notes.extend(runs.get(purl).map(|restarts| others(purl, restarts)));
                }
            }
        }
        let names: BTreeSet<&str> = vulnerable.iter().map(|finding| finding.name.as_str()).collect();
        let names: Vec<_> = names.into_iter().take(NAMED_MAX).map(visible).collect();
        Ok(Advice {
            kind: self.name(),
            what: format!("upgrade {} and begin anew what runs it", names.join(", ")),
            commands,
            undo: Vec::new(),
            notes,
        })
    }
}

/// Each fix once: commands, and what no command is known for in words.
fn fixes(vulnerable: &[&Finding]) -> (Vec<String>, Vec<String>) {
    let (mut commands, mut words): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for fix in vulnerable.iter().filter_map(|finding| finding.fix_command.as_deref()) {
        // A command with a character that must be escaped to be shown is not to be copied.
        let shown = visible(fix);
        let is_words = shown != fix || fix.contains("; then ") || WORDS.iter().any(|word| fix.starts_with(word));
        let list = if is_words { &mut words } else { &mut commands };
        if list.len() < FIXES_MAX && !list.iter().any(|known| *known == shown) {
            list.push(shown.into_owned());
        }
    }
    (commands, words)
}

/// `libssl3 also runs in: systemctl restart a.service, restart process 7 (/usr/bin/demo)`
fn others(purl: &str, restarts: &BTreeSet<Restart>) -> String {
    let said: Vec<String> = restarts.iter().take(NAMED_MAX).map(Restart::words).collect();
    let more = restarts.len().saturating_sub(NAMED_MAX);
    let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!("{} runs in {} place(s): {}{rest}", visible(purl), restarts.len(), said.join(", "))
}

/// Fixes of one alert.
const FIXES_MAX: usize = 10;
/// Named one by one.
const NAMED_MAX: usize = 20;
