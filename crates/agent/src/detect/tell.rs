//! Who has to know what a fact changes?

use tripoint_model::judgement::Software;
use tripoint_model::{Alert, AlertId, Fact, Judgement, Timestamp, What};

use super::{Detector, now};
use crate::investigate::{self, Case};
use crate::uplink::Report;

impl Detector {
    /// Tells whoever has to know what a fact changes; says how many alerts that were.
    pub(super) fn observe(&mut self, at: Timestamp, what: What) -> usize {
        let alerts = self.correlator.observe(&Fact { at, what });
        let count = alerts.len();
        self.tell(alerts);
        count
    }

    /// Tells what became of the software of an alert, unless what is on record of it says more.
    pub(super) fn look_after(&self, alert: AlertId, software: Software) {
        if !self.correlator.stands(&alert) {
            let _ = self.doors.reports.send(Report::Software(alert, software));
        }
    }

    /// Tells of alerts, and with which lists and advisories they are judged.
    pub(super) fn tell(&mut self, alerts: Vec<Alert>) {
        for mut alert in alerts {
            // What has ended is looked up no more: its alert is as old as what it was looked up in.
            let vuln = self.asked.oldest(&alert).or(self.judged.vuln);
            alert.judged = Some(Box::new(Judgement { vuln, ..self.judged.clone() }));
            let moment = now();
            if let Some(newest) = alert.connections.first() {
                alert.latency_ms = Some(moment.since(newest.opened).as_secs_f64() * 1000.0);
            }
            self.propose(&alert, moment);
            // One that finds no room is looked into when it changes.
            let _ = self.doors.cases.try_send(investigate::Ask::Alert(Box::new(Case::of(&alert))));
            let _ = self.doors.reports.send(Report::Alert(Box::new(alert)));
        }
    }
}
