//! The nouns: pure values that every other part of Tripoint speaks in.
//!
//! # Start here
//! `fact::Fact` is everything a host can learn, `alert::Alert` is what is judged from it,
//! `action::Plan` is what shall be done about it.
//!
//! # What it never knows
//! Clocks, sockets, files, SQL, threads. Time is always an argument.
//!
//! # Why it is so
//! The ring crates never depend on each other; they meet only through these values and traits.

pub mod action;
pub mod address;
pub mod alert;
pub mod application;
pub mod attempt;
pub mod call_back;
pub mod confidence;
pub mod connection;
pub mod contact;
pub mod exception;
pub mod fact;
pub mod finding;
pub mod glob;
pub mod indicator;
pub mod investigation;
pub mod judgement;
pub mod lookup;
pub mod observable;
pub mod package;
pub mod parsed;
pub mod process;
pub mod purl;
pub mod restart;
#[cfg(feature = "schema")]
pub mod schema;
pub mod severity;
pub mod sla;
pub mod target;
pub mod terms;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod time;
pub mod why;

pub use action::{Action, ActionKind, Cut, Outcome, OutcomeState, Plan, PlannedAction, Refusal, Scope};
pub use alert::{Alert, AlertId, AlertStatus, Resolution};
pub use application::{Application, ApplicationKind};
pub use attempt::{Attempt, Verdict};
pub use call_back::CallBack;
pub use confidence::{Confidence, Meeting, Source, Verdicts};
pub use connection::{Connection, ConnectionId, ConnectionState, Direction, Named, NamedBy, Protocol};
pub use contact::Contact;
pub use exception::{Exception, Subject};
pub use fact::{Fact, What};
pub use finding::{Finding, FindingState};
pub use indicator::{AppliesTo, Category, Claim, GuardHit, GuardKind, Indicator, Sighting};
pub use investigation::{Investigation, LogEvidence, LogLine, ReadLog};
pub use judgement::{Edition, Judgement, Trend};
pub use lookup::{IndicatorLookup, NameLookup};
pub use observable::Observable;
pub use package::{Ecosystem, Package, PackageState};
pub use parsed::{Parsed, Rejected};
pub use process::{Container, Process, ProcessKey};
pub use purl::{Purl, PurlError};
pub use restart::Restart;
pub use severity::{Factor, Level, Severity};
pub use sla::ServiceLevels;
pub use target::Target;
pub use terms::{Terms, Via};
pub use time::Timestamp;
pub use why::{Cause, Mention, Why};
