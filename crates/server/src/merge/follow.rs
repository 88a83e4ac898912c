//! What is said of an alert when its judgement follows lists, advisories and software?
//!
//! One line of history for each real change, with its cause and what it did to the severity; never one where nothing
//! changed. What changes because more happened (another connection, what logs say) is no other judgement and has none.

use tripoint_model::judgement::{Edition, Raised, Trend, differences, factors};
use tripoint_model::{Alert, AlertStatus, Judgement, Timestamp};

use super::history;

/// Notes how an alert that just came is judged.
pub(super) fn begin(alert: &mut Alert, now: Timestamp) {
    let judged = alert.judged.take().unwrap_or_default();
    let (intel, vuln) = (judged.intel, judged.vuln);
    alert.judged = Some(Box::new(Judgement { intel, vuln, ..Judgement::default() }));
    let raised = Box::new(Raised::of(alert, now));
    if let Some(judged) = &mut alert.judged {
        judged.raised = Some(raised);
    }
}

/// Lays the judgement of `alert` over that of what is stored: what was known when it was raised stays, and what changed
/// since is said. The words of a closed alert stand: nobody is told what has become of what is done.
pub fn follow(stored: &Alert, alert: &mut Alert, now: Timestamp) {
    let known = stored.judged.as_deref().cloned().unwrap_or_default();
    let own = alert.judged.as_deref().cloned().unwrap_or_default();
    // Who does not say what it judged with says nothing of other images.
    let (intel, vuln) = (own.intel.or(known.intel), own.vuln.or(known.vuln));
    alert.judged = Some(Box::new(Judgement { intel, vuln, ..known.clone() }));
    let (was, is) = (Raised::of(stored, now), Raised::of(alert, now));
    let raised = known.raised.clone().unwrap_or_else(|| Box::new(Raised { at: stored.first_seen, ..was.clone() }));
    let (other_lists, other_advisories) = (differ(known.intel, intel), differ(known.vuln, vuln));
    let changed = differences(&was, &is, &alert.indicator);
    let is_first = known.changed.is_none() && changed.software.is_empty();
    let mut words = changed.software;
    words.extend(other_lists.then_some(changed.lists).into_iter().flatten());
    words.extend(other_advisories.then_some(changed.advisories).into_iter().flatten());
    if words.is_empty() && (other_lists || other_advisories) && was.severity.score != is.severity.score {
        words = factors(&was, &is);
    }
    // While nothing but the alert itself has changed, what was known when it was raised is still being learnt.
    let learning = words.is_empty() && is_first && raised.intel == intel && raised.vuln == vuln;
    let raised = if learning { Box::new(Raised { at: raised.at, ..is.clone() }) } else { raised };
    let mut since = differences(&raised, &is, &alert.indicator).words();
    let trend = is.trend_since(&raised);
    if since.is_empty() && trend != Trend::Same {
        since = factors(&raised, &is);
    }
    let at = if words.is_empty() { known.changed } else { Some(now) };
    alert.judged = Some(Box::new(Judgement { intel, vuln, changed: at, trend, since, raised: Some(raised) }));
    if !words.is_empty() && stored.work.status != AlertStatus::Resolved {
        let line = line(&was, &is, words);
        history(alert, now, &line);
    }
}

/// `judged anew with intel image 12 of …: no list names 203.0.113.7 any more; high 70 -> medium 45`.
fn line(was: &Raised, is: &Raised, words: Vec<String>) -> String {
    let image = |kind: &str, was: Option<Edition>, is: Option<Edition>| {
        let edition = is.filter(|_| differ(was, is))?;
        let number = edition.number.map(|number| format!(" {number}")).unwrap_or_default();
        Some(format!("{kind} image{number} of {}", edition.built))
    };
    let images = [image("intel", was.intel, is.intel), image("vuln", was.vuln, is.vuln)];
    let images: Vec<String> = images.into_iter().flatten().collect();
    let with = if images.is_empty() { String::new() } else { format!(" with {}", images.join(" and ")) };
    let (old, new) = (&was.severity, &is.severity);
    let effect = match old.score == new.score {
        true => String::new(),
        false => format!("; {} {} -> {} {}", old.level, old.score, new.level, new.score),
    };
    format!("judged anew{with}: {}{effect}", words.join("; "))
}

/// Whether they are of different images.
fn differ(was: Option<Edition>, is: Option<Edition>) -> bool {
    was.map(|edition| edition.built) != is.map(|edition| edition.built)
}

#[cfg(test)]
mod tests;
