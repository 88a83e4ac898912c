//! Who is told, unasked, what has happened?
//!
//! What is to be told is written down with its news (`store/outbox.rs`). `router` divides it among channels by `plan`;
//! each channel has a queue and a task of its own (`deliver`), so that none waits for another, and nobody who reports
//! waits for any. `channel` has a file for each kind of receiver.

mod channel;
pub mod config;
mod deliver;
mod feeds;
mod format;
mod hours;
pub(crate) mod news;
pub(crate) mod plan;
mod router;
mod send;
mod smtp;
mod spec;
mod template;
mod wire;
mod wrong;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use tripoint_fetch::{Fetcher, Settings};
use tripoint_model::Timestamp;

use self::channel::Told;
use self::config::NotifyConfig;
use self::deliver::Standing;
use self::news::{Kind, News};
use self::plan::Plan;
use self::spec::Spec;
use self::wire::{Attempt, Wire};
use crate::state::{App, now};
use crate::store::Tell;

pub use self::wrong::NotifyError;

/// Who is told what.
pub struct Notify {
    channels: Vec<Spec>,
    plan: Plan,
    fetcher: Fetcher,
    every: Duration,
    tick: Duration,
    pause: Duration,
}

impl Notify {
    /// Checks channels, routes and templates, and reads the files with their secrets. Of `settings` the proxy and the
    /// certificates count; an attempt takes at most `TIMEOUT`.
    pub fn new(config: &NotifyConfig, settings: Settings) -> Result<Self, NotifyError> {
        let mut names = BTreeSet::new();
        let mut channels = Vec::new();
        for (at, one) in config.channels.iter().enumerate() {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
            let wrong = |why: String| NotifyError::new(why).of("channel", at);
            if one.name.is_empty() || one.name.len() > NAME_MAX || !one.name.bytes().all(is_plain) {
                let rule = format!("a name has 1 to {NAME_MAX} letters, digits, dots, dashes and underscores");
                return Err(wrong(format!("channel {}: {rule}", at + 1)));
            }
            if !names.insert(&one.name) {
                return Err(wrong(format!("two channels are called {:?}", one.name)));
            }
            channels.push(Spec::new(one).map_err(|why| wrong(format!("channel {:?}: {why}", one.name)))?);
        }
        if channels.len() > CHANNELS_MAX {
            return Err(NotifyError::new(format!("{} channels; the most are {CHANNELS_MAX}", channels.len())));
        }
        let names: Vec<String> = channels.iter().map(|spec| spec.name.clone()).collect();
        let plan = Plan::new(config, &names, now())?;
        let told = plan.of_audit();
        let loses = |spec: &Spec| told.contains(&spec.name) && !spec.kind.takes_audit(spec);
        if let Some((at, spec)) = channels.iter().enumerate().find(|(_, spec)| loses(spec)) {
            let rule = "the audit goes to elastic, splunk-hec, syslog (tcp or tls) and webhook (format message)";
            let why = format!("channel {:?}: {rule}; this one would lose rows of it", spec.name);
            return Err(NotifyError::new(why).of("channel", at));
        }
        let total_timeout = settings.total_timeout.min(TIMEOUT);
        // One attempt at a time: the sender tries again by itself.
        let settings = Settings { total_timeout, attempts: 1, ..settings };
        let fetcher = Fetcher::new(settings).map_err(|error| NotifyError::new(error.to_string()))?;
        let (every, tick, pause) = (Duration::from_secs(30), Duration::from_secs(1), Duration::from_secs(1));
        Ok(Self { channels, plan, fetcher, every, tick, pause })
    }

    /// The same at another pace: how often feeds are looked at, and what is due; the first pause after an attempt that
    /// failed, which doubles up to `PAUSES` times that.
    #[must_use]
    pub fn paced(self, every: Duration, tick: Duration, pause: Duration) -> Self {
        Self { every, tick, pause, ..self }
    }

    /// The TCP ports that channels are reached at.
    pub fn ports(&self) -> BTreeSet<u16> {
        self.channels.iter().filter_map(Spec::port).collect()
    }

    /// What has to be written down.
    pub fn tell(&self) -> Tell {
        Tell {
            alerts: self.plan.wants("alerts"),
            actions: self.plan.wants("actions"),
            feeds: self.plan.wants("feeds"),
            overdue: self.plan.wants("overdue"),
            work: self.plan.wants("work") || self.channels.iter().any(|spec| spec.kind.follows()),
        }
    }
}

/// Who is told, and how that goes.
pub(crate) struct Board {
    notify: Notify,
    lines: Vec<Line>,
}

/// One channel at work.
pub(crate) struct Line {
    pub(crate) spec: Spec,
    standing: Mutex<Standing>,
    wake: tokio::sync::Notify,
}

impl Line {
    pub(crate) fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something waits for it.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }
}

impl Board {
    pub(crate) fn new(notify: Notify) -> Self {
        let lines = notify.channels.iter().cloned();
        let lines = lines.map(|spec| Line { spec, standing: Mutex::default(), wake: tokio::sync::Notify::new() });
        Self { lines: lines.collect(), notify }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|line| line.spec.name.as_str())
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.notify.plan
    }

    /// Channels that are told of the audit.
    pub(crate) fn of_audit(&self) -> Vec<String> {
        self.notify.plan.of_audit()
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    pub(crate) fn line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.spec.name == name)
    }

    pub(crate) fn breaker(&self, name: &str) -> &'static str {
        self.line(name).map_or("closed", |line| line.standing().breaker())
    }

    /// What is wrong with any of them.
    pub(crate) fn trouble(&self) -> Option<String> {
        let of = |line: &Line| line.standing().trouble.as_ref().map(|why| format!("{}: {why}", line.spec.name));
        let all: Vec<String> = self.lines.iter().filter_map(of).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// What would be sent of a message: of each request what it is and its body, without secrets; and the text.
    pub(crate) fn preview(&self, line: &Line, news: &News, at: Timestamp) -> (String, Vec<(String, String)>) {
        let text = text_of(&line.spec, news);
        let seconds = at.0.div_euclid(1_000_000);
        let told = Told { news, text: &text, number: 0, seconds };
        let shown = |wire: Wire| {
            let (what, body) = match wire {
                Wire::Http(http) => (format!("POST {}", send::url(&line.spec, &http)), http.body),
                Wire::Mail(mail) => ("mail".to_owned(), mail),
                Wire::Record(record) => ("syslog".to_owned(), record),
            };
            (line.spec.redacted(&what), line.spec.redacted(&String::from_utf8_lossy(&body)))
        };
        (text.clone(), line.spec.kind.requests(&line.spec, &told).into_iter().map(shown).collect())
    }

    /// Sends a message that says that it is a test, at once and once.
    pub(crate) async fn test(self: &Arc<Self>, name: &str) -> Result<(), String> {
        let body = json!({ "schema": 1, "type": Kind::Test, "at": now(), "channel": name }).to_string();
        match deliver::attempt(self, name, (0, body), None).await {
            Attempt::Taken => Ok(()),
            Attempt::Partly(_, why) | Attempt::Failed(why) | Attempt::Unwanted(why) => Err(why),
        }
    }
}

/// What a channel's template makes of a message; empty where it has none.
fn text_of(spec: &Spec, news: &News) -> String {
    let Some(template) = &spec.template else { return String::new() };
    let (text, trouble) = template.text(news);
    if let Some(error) = trouble {
        tracing::warn!(channel = spec.name, %error, "the template failed; the default stood in");
    }
    text
}

/// Looks at feeds, divides what is written down among the channels and sends it, until told to stop.
pub(crate) async fn run(board: Arc<Board>, app: Arc<App>, own: PathBuf, stopped: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    for at in 0..board.lines.len() {
        tasks.spawn(deliver::run(Arc::clone(&board), at, Arc::clone(&app), stopped.clone()));
    }
    if board.notify.plan.wants("feeds") {
        tasks.spawn(feeds::run(board.notify.every, Arc::clone(&app), own, stopped.clone()));
    }
    tasks.spawn(router::run(board, app, stopped));
    while tasks.join_next().await.is_some() {}
}

/// How many times the first pause the longest is: five minutes for one of a second.
pub const PAUSES: u32 = 300;
/// Promise S17: no attempt takes longer.
const TIMEOUT: Duration = Duration::from_secs(5);
const NAME_MAX: usize = 64;
const CHANNELS_MAX: usize = 64;
