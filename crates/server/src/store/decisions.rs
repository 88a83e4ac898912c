//! Which addresses and networks are blocked on at least one host, and what changed of that since when?
//!
//! `blocks` holds what each host said (`blocks.rs`), `decisions` the union over hosts: one row a target, with a number
//! that grows with every change. A row that is no longer in force stays until nobody can hold it any more by its own timer.

use std::time::Duration;

use ipnet::IpNet;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use tripoint_model::address::parse_net;
use tripoint_model::{Observable, Timestamp};

use super::rows::{signed, unsigned};
use super::{StoreError, blocks};

/// A target that is blocked somewhere, or was until lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Its number while it is in force; another one when it comes again.
    pub number: u64,
    /// Who.
    pub net: IpNet,
    /// Whether a host holds it.
    pub in_force: bool,
    /// Until when the last host holds it, or would have held it.
    pub expires: Timestamp,
    /// What brought it: the rule of the alert that caused it, or `block`.
    pub why: String,
    /// The number of its last change.
    pub changed: u64,
}

/// Which decisions are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those whose last change has a higher number, in that order, also those no longer in force.
    ChangedAfter(u64),
    /// Those in force, changed last first.
    InForce,
    /// Those in force that hold this network or address.
    Around(IpNet),
    /// Those in force inside this network.
    Within(IpNet),
    /// The one in force on exactly this.
    Exactly(IpNet),
}

/// The tables; only ever added to.
pub(super) const TABLES: &[&str] = &[
    "CREATE TABLE blocks (target TEXT NOT NULL, host TEXT NOT NULL, expires BIGINT NOT NULL, PRIMARY KEY (target, host))",
    "CREATE TABLE decisions (target TEXT PRIMARY KEY, place TEXT NOT NULL, number BIGINT NOT NULL, in_force BIGINT NOT NULL, \
     expires BIGINT NOT NULL, why TEXT NOT NULL, changed BIGINT NOT NULL)",
    "CREATE INDEX decisions_changed ON decisions (changed)",
    "CREATE INDEX decisions_place ON decisions (place)",
    "CREATE INDEX decisions_ending ON decisions (in_force, expires)",
    "CREATE TABLE cursors (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
];

/// Whether something in force has come to its end, or something that ended may be forgotten.
pub(super) async fn is_due(readers: &SqlitePool, now: Timestamp) -> Result<bool, StoreError> {
    let due: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM decisions WHERE (in_force = 1 AND expires <= $1) OR (in_force = 0 AND expires <= $2) LIMIT 1",
    )
    .bind(now.0)
    .bind(now.minus(GONE_KEPT).0)
    .fetch_optional(readers)
    .await?;
    Ok(due.is_some())
}

/// Makes changes of what has come to its end, also where no agent is left to say so, and forgets what is long over.
pub(super) async fn sweep(connection: &mut SqliteConnection, now: Timestamp) -> Result<(), StoreError> {
    let due: Vec<String> =
        sqlx::query_scalar("SELECT target FROM decisions WHERE in_force = 1 AND expires <= $1 LIMIT $2")
            .bind(now.0)
            .bind(SWEEP_MAX)
            .fetch_all(&mut *connection)
            .await?;
    blocks::unite(connection, due.iter().map(|target| (target.as_str(), "")).collect(), now).await?;
    sqlx::query("DELETE FROM blocks WHERE expires <= $1").bind(now.0).execute(&mut *connection).await?;
    sqlx::query("DELETE FROM decisions WHERE in_force = 0 AND expires <= $1")
        .bind(now.minus(GONE_KEPT).0)
        .execute(connection)
        .await?;
    Ok(())
}

/// At most `limit` decisions.
pub(super) async fn read(
    readers: &SqlitePool,
    which: Which,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<Decision>, StoreError> {
    let mut query: QueryBuilder<Sqlite> =
        QueryBuilder::new("SELECT number, target, in_force, expires, why, changed FROM decisions WHERE ");
    if let Which::ChangedAfter(change) = which {
        query.push("changed > ").push_bind(signed(change)).push(" ORDER BY changed");
    } else {
        query.push("in_force = 1 AND expires > ").push_bind(now.0);
    }
    match which {
        Which::ChangedAfter(_) => {}
        Which::InForce => {
            query.push(" ORDER BY changed DESC");
        }
        Which::Exactly(net) => {
            query.push(" AND target = ").push_bind(text(net));
        }
        Which::Around(net) => {
            query.push(" AND target IN (");
            let mut holders = query.separated(", ");
            for length in 0..=net.prefix_len() {
                let holder = IpNet::new(net.addr(), length).map_err(|error| unreadable(&error.to_string()))?;
                holders.push_bind(text(holder.trunc()));
            }
            query.push(")");
        }
        Which::Within(net) => {
            query.push(" AND place >= ").push_bind(place(net.network().into()));
            query.push(" AND place <= ").push_bind(place(net.broadcast().into()));
        }
    }
    query.push(" LIMIT ").push_bind(i64::from(limit));
    let rows = query.build().fetch_all(readers).await?;
    let mut decisions = rows.iter().map(decision).collect::<Result<Vec<_>, _>>()?;
    if let Which::Within(net) = which {
        decisions.retain(|decision| net.contains(&decision.net));
    }
    Ok(decisions)
}

fn decision(row: &SqliteRow) -> Result<Decision, StoreError> {
    Ok(Decision {
        number: unsigned(row.try_get(0)?),
        net: net_of(row.try_get(1)?)?,
        in_force: row.try_get::<i64, _>(2)? == 1,
        expires: Timestamp(row.try_get(3)?),
        why: row.try_get(4)?,
        changed: unsigned(row.try_get(5)?),
    })
}

pub(super) fn net_of(target: &str) -> Result<IpNet, StoreError> {
    parse_net(target).map_err(|error| unreadable(&error.to_string()))
}

fn unreadable(why: &str) -> StoreError {
    StoreError::Unreadable { what: "decision", why: why.to_owned() }
}

/// As observables are written: one address without its length.
pub(super) fn text(net: IpNet) -> String {
    Observable::from_net(net).to_string()
}

/// Addresses of one family in their order, as text.
pub(super) fn place(net: IpNet) -> String {
    match net {
        IpNet::V4(net) => format!("4{:08x}", u32::from(net.addr())),
        IpNet::V6(net) => format!("6{:032x}", u128::from(net.addr())),
    }
}

/// Ends turned into changes at once; the rest follows with the next question.
const SWEEP_MAX: i64 = 10_000;
/// How long after its end something is remembered that was withdrawn earlier: whoever comes later has dropped it by
/// its own timer.
const GONE_KEPT: Duration = Duration::from_secs(86_400);
