//! What was the code of a process judged to be, and from when on?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tripoint_model::{ConnectionId, Finding, Process, Timestamp};

use crate::known::{Newest, keep};

/// What is known of one process.
#[derive(Debug, Default)]
pub(crate) struct ProcessRecord {
    pub(crate) process: Option<Newest<Arc<Process>>>,
    pub(crate) ended: Option<Timestamp>,
    /// Each list of findings, from its moment on.
    findings: BTreeMap<Timestamp, Judged>,
    pub(crate) connections: BTreeSet<ConnectionId>,
}

/// A list of findings, and whether it is only another judgement of the code of the list before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judged {
    pub(crate) list: Arc<[Finding]>,
    pub(crate) again: bool,
}

impl ProcessRecord {
    /// Takes a list of findings and the moment from which on it holds.
    pub(crate) fn add_findings(&mut self, at: Timestamp, findings: Judged) {
        let mut slot = self.findings.remove(&at).map(|value| Newest { at, value });
        keep(&mut slot, at, findings);
        self.findings.extend(slot.map(|newest| (newest.at, newest.value)));
        while self.findings.len() > FINDING_LISTS_MAX {
            self.findings.pop_first();
        }
    }

    /// What each state of the code is judged to be, from its moment on: of several judgements of one
    /// state the last stands.
    fn states(&self) -> Vec<(Timestamp, &Arc<[Finding]>)> {
        let mut out: Vec<(Timestamp, &Arc<[Finding]>)> = Vec::new();
        for (at, judged) in &self.findings {
            match out.last_mut() {
                Some(last) if judged.again => last.1 = &judged.list,
                _ => out.push((*at, &judged.list)),
            }
        }
        out
    }

    /// The lists that were in force at some moment from `opened` to `end`. A first list speaks of
    /// the time before it too: the code was there before it was looked at.
    pub(crate) fn findings_during(&self, opened: Timestamp, end: Timestamp) -> Vec<&Arc<[Finding]>> {
        let states = self.states();
        let first = states.iter().rposition(|(at, _)| *at <= opened).unwrap_or(0);
        let until = states.get(first).map_or(end, |(at, _)| end.max(*at));
        states.into_iter().skip(first).take_while(|(at, _)| *at <= until).map(|(_, list)| list).collect()
    }

    /// What the code that ran from `opened` to `end` was last, at any time since, said to be vulnerable to, and when that
    /// was said: also in a judgement that another has replaced. `None` where nothing vulnerable was ever in it.
    pub(crate) fn last_vulnerable_since(
        &self,
        opened: Timestamp,
        end: Timestamp,
    ) -> Option<(Timestamp, &Arc<[Finding]>)> {
        let states: Vec<Timestamp> = self.states().into_iter().map(|(at, _)| at).collect();
        let first = states.iter().rposition(|at| *at <= opened).unwrap_or(0);
        let from = states.get(first)?;
        let until = states.iter().find(|at| **at > end.max(*from));
        let lists = self.findings.range(*from..until.copied().unwrap_or(Timestamp(i64::MAX)));
        let ends = lists.clone().skip(1).map(|(at, _)| *at).chain([Timestamp(i64::MAX)]);
        let vulnerable = |list: &Arc<[Finding]>| list.iter().any(|finding| finding.state.is_vulnerable());
        let held = lists.zip(ends).filter(|((_, judged), end)| *end > opened && vulnerable(&judged.list));
        held.last().map(|((at, judged), _)| (*at, &judged.list))
    }

    /// Whether the code that it runs now has been looked at, and nothing vulnerable is in it.
    pub(crate) fn is_clean(&self) -> bool {
        let vulnerable = |list: &Arc<[Finding]>| list.iter().any(|finding| finding.state.is_vulnerable());
        self.findings.values().next_back().is_some_and(|judged| !vulnerable(&judged.list))
    }

    /// Whether anybody has looked.
    pub(crate) fn is_scanned(&self) -> bool {
        !self.findings.is_empty()
    }

    /// Whether any list that is kept says that it has one of these vulnerabilities.
    pub(crate) fn had_any_of(&self, cves: &[String]) -> bool {
        let all = self.findings.values().flat_map(|judged| judged.list.iter());
        let mut open = all.filter(|finding| finding.state.is_vulnerable());
        open.any(|finding| finding.cves.iter().any(|cve| cves.contains(cve)))
    }
}

const FINDING_LISTS_MAX: usize = 8;
