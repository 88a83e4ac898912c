//! What happened when, as a timeline for people and as data.

use std::time::Instant;

use serde::Serialize;
use tripoint_model::Alert;

use crate::context::Context;
use crate::exit::Exit;
use crate::output;

/// One step of the story.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// What.
    pub name: String,
    /// Milliseconds since the start.
    pub at_ms: f64,
    /// Whether it went as it should.
    pub ok: bool,
    /// What was seen.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// The document of `demo --json`.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `live` or `replay`.
    pub mode: &'static str,
    /// What could not be done here.
    pub degraded: Vec<String>,
    /// What happened.
    pub steps: Vec<Step>,
    /// The alerts, as the API gives them at the end.
    pub alerts: Vec<Alert>,
    /// From the kernel seeing the connect to the alert being visible through the API.
    pub connect_to_alert_ms: Option<f64>,
    /// From asking for the disconnect to the application's socket being dead.
    pub disconnect_ms: Option<f64>,
    /// From asking for the block to the established flow being dead.
    pub block_to_effect_ms: Option<f64>,
    /// Packets from the application to the attacker on the wire after the blocks.
    pub packets_after_block: Option<u64>,
    /// Whether nothing was left behind.
    pub cleaned_up: bool,
    #[serde(skip)]
    start: Instant,
    #[serde(skip)]
    talk: bool,
    #[serde(skip)]
    json: bool,
}

impl Report {
    pub fn new(context: &Context) -> Self {
        Self {
            mode: "live",
            degraded: Vec::new(),
            steps: Vec::new(),
            alerts: Vec::new(),
            connect_to_alert_ms: None,
            disconnect_ms: None,
            block_to_effect_ms: None,
            packets_after_block: None,
            cleaned_up: false,
            start: Instant::now(),
            talk: !context.json && !context.quiet,
            json: context.json,
        }
    }

    /// Records a step and prints it.
    pub fn step(&mut self, name: &str, ok: bool, detail: String) {
        let at_ms = (self.start.elapsed().as_secs_f64() * 1e5).round() / 100.0;
        if self.talk {
            let mark = if ok { "✓" } else { "✗" };
            let _ = output::line(&format!("{at_ms:>9.2} ms  {mark} {name}"));
            for line in detail.lines() {
                let _ = output::line(&format!("                {line}"));
            }
        }
        self.steps.push(Step { name: name.to_owned(), at_ms, ok, detail });
    }

    /// Records a step that failed or gave a detail; says whether it went well.
    pub fn outcome<T>(&mut self, name: &str, result: anyhow::Result<(T, String)>) -> Option<T> {
        match result {
            Ok((value, detail)) => {
                self.step(name, true, detail);
                Some(value)
            }
            Err(error) => {
                self.step(name, false, format!("{error:#}"));
                None
            }
        }
    }

    /// Says something between the steps.
    pub fn say(&self, text: &str) {
        if self.talk {
            let _ = output::line(text);
        }
    }

    /// Prints the end and gives the exit code.
    pub fn finish(self) -> anyhow::Result<Exit> {
        let all_fine = self.steps.iter().all(|step| step.ok);
        if self.json {
            output::json(&self)?;
        } else if self.talk {
            for line in &self.degraded {
                output::line(&format!("degraded: {line}"))?;
            }
            let ms = |value: Option<f64>| value.map_or_else(|| "not measured".into(), |ms| format!("{ms:.2} ms"));
            if self.mode == "live" {
                output::line(&format!(
                    "connect → alert {}, disconnect {}, block → effect {}, packets after block {}",
                    ms(self.connect_to_alert_ms),
                    ms(self.disconnect_ms),
                    ms(self.block_to_effect_ms),
                    self.packets_after_block.map_or_else(|| "not measured".into(), |n| n.to_string())
                ))?;
            }
        }
        Ok(match (all_fine, self.mode) {
            (false, _) => Exit::Failed,
            (true, "live") => Exit::Fine,
            (true, _) => Exit::Partial,
        })
    }
}
