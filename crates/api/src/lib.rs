//! What do programs say to each other: paths, wire types and a client, without a web framework.
//!
//! # Start here
//! `path` names every endpoint with its request and answer; `agent` is what agents say, `people`
//! what people and scripts say, `Client` says it.
//!
//! # What it never knows
//! How anything is stored, decided or enforced; which web framework serves it; the clock.
//!
//! # Why it is so
//! The agent is privileged and must not carry a web server; the server must not carry the kernel
//! parts. Both carry this crate, so that a change of the contract fails to compile on both sides.

pub mod accounts;
pub mod agent;
pub mod audit;
pub mod bouncer;
pub mod channel;
#[cfg(feature = "client")]
pub mod client;
pub mod connections;
#[cfg(feature = "filter")]
pub mod context;
pub mod exceptions;
#[cfg(feature = "filter")]
pub mod filter;
#[cfg(feature = "client")]
pub mod image;
pub mod oidc;
pub mod path;
pub mod people;
pub mod problem;
pub mod proposal;
#[cfg(feature = "filter")]
pub mod queue;
pub mod recovery;
pub mod routing;
pub mod series;
pub mod span;
#[cfg(feature = "filter")]
pub mod views;
pub mod work;

pub use accounts::{Area, Role, Scope};
pub use agent::{
    AgentHealth, AgentIdentity, Answer, Batch, BatchAnswer, Capability, DataSource, Gap, ImageQuery, Item, LedgerEntry,
    NumberedOrder, Order, Orders, OrdersQuery,
};
pub use audit::{AuditEntry, AuditList, AuditRow};
pub use bouncer::{BouncerKey, BouncerList, BouncerStatus, CrowdsecHealth, NewBouncer};
#[cfg(feature = "client")]
pub use client::{Client, ClientError, Watch};
pub use connections::{ConnectionList, ConnectionQuery, HostContact, Past};
pub use exceptions::{ExceptionList, ExceptionPreview, ExceptionRequest, KeptException};
pub use people::{
    ActionAnswer, ActionRequest, AgentStatus, AlertList, AlertQuery, AssignRequest, CommentRequest, Confinement,
    FeedHealth, ProposedException, ReopenRequest, ResolveRequest, Resolved, ServerHealth,
};
pub use problem::Problem;
pub use proposal::{HostProposal, Proposal, ProposalState};
pub use recovery::SecondFactor;
pub use span::{SPAN_DEFAULT, SPAN_MAX, SpanError, parse_span, write_span};
