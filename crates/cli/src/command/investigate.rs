//! `tripoint investigate ALERT`: what the host finds out about an alert, as answers to what a responder asks.

use std::io::IsTerminal as _;
use std::time::Duration;

use tripoint_api::path::{self, ACTION_WAIT_S};
use tripoint_intel::networks::Networks;
use tripoint_model::{Alert, LogEvidence, Verdict};

use super::show;
use crate::context::Context;
use crate::exit::Exit;
use crate::output;

pub fn run(context: &Context, id: &str) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let asked = async { Ok(client.post(&path::alert_investigate(id), &serde_json::json!({})).await?) };
    let alert: Alert = context.ask(while_waiting(!context.quiet && !context.json, asked))?;
    if context.json {
        output::json(&alert)?;
    } else {
        output::line(&show::whole(&alert, &Networks::open(&context.data_dir)))?;
    }
    Ok(Exit::Fine)
}

/// Waits, and says on stderr that the host is still looking: once, and on a terminal each second for how long.
async fn while_waiting<T>(talks: bool, asked: impl Future<Output = T>) -> T {
    if !talks {
        return asked.await;
    }
    let is_terminal = std::io::stderr().is_terminal();
    let looks = "asking the host: who it is, its logs, its configuration, what started it …";
    eprint!("{looks}{}", if is_terminal { "" } else { "\n" });
    let mut asked = std::pin::pin!(asked);
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    let mut passed = 0;
    loop {
        tokio::select! {
            answer = &mut asked => {
                if is_terminal {
                    eprintln!();
                }
                return answer;
            }
            _ = seconds.tick() => {
                if is_terminal {
                    eprint!("\r{looks} {passed} s of at most {ACTION_WAIT_S}");
                }
                passed += 1;
            }
        }
    }
}

/// What an application's logs say, a line each; everything in it is foreign text, which the page escapes.
pub fn logs(found: &LogEvidence) -> Vec<String> {
    let verdict = match found.verdict {
        None if found.read.is_empty() => "no log was read".to_owned(),
        None => format!("no attack by this peer; {} lines name it", found.lines),
        Some(verdict) => format!("{}; {} lines name the peer", word(verdict), found.lines),
    };
    let mut lines = vec![verdict];
    for attempt in found.attempts.iter().take(SHOWN) {
        let cves = attempt.cves.join(" ");
        let cves = if cves.is_empty() { cves } else { format!(" {cves}") };
        let what = format!("{} ({}){cves}, {}", attempt.family, attempt.rule, word(attempt.verdict));
        lines.push(format!("{}:{} {what}", attempt.file, attempt.line));
        lines.push(format!("  {}", attempt.raw));
    }
    let more = found.attempts.len().saturating_sub(SHOWN) as u64 + found.attempts_left_out;
    lines.extend((more > 0).then(|| format!("and {more} more")));
    if found.attempts.is_empty() {
        lines.extend(found.examples.iter().take(3).map(|line| format!("{}:{} {}", line.file, line.line, line.raw)));
    }
    lines.extend(found.read.iter().map(|read| format!("read: {} ({} lines; {})", read.file, read.lines, read.found)));
    lines.extend(found.missing.iter().map(|reason| format!("not read: {reason}")));
    lines
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Probed => "probed",
        Verdict::Attempted => "attempted",
        Verdict::LikelySucceeded => "LIKELY SUCCEEDED",
    }
}

const SHOWN: usize = 10;
