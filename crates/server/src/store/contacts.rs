//! How are the connections of the last hours kept, in bounded room, and found again?

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Connection as _, Row, SqliteConnection};

use tripoint_api::agent::CONTACTS_MAX;
use tripoint_api::connections::{CONNECTIONS_MAX, ConnectionList, ConnectionQuery, HostContact, Kept};
use tripoint_model::address::canonical_net;
use tripoint_model::contact::HOUR;
use tripoint_model::{Application, ApplicationKind, Contact, Direction, Observable, Protocol, Timestamp};

use super::rows::{names, signed, unsigned};
use super::{OfHosts, StoreError, counts};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepContacts {
    /// How long, in whole hours; nothing at all when zero.
    pub span: Duration,
    /// Most rows, some 300 bytes each with their indexes; the oldest give way.
    pub rows_max: u64,
}

impl Default for KeepContacts {
    fn default() -> Self {
        Self { span: Duration::from_secs(24 * 3600), rows_max: 500_000 }
    }
}

/// The table; only ever added to. A peer is written as 32 hex digits, so that networks are ranges.
pub(super) const TABLES: &[&str] = &[
    "CREATE TABLE contacts (id BIGINT PRIMARY KEY, host TEXT NOT NULL, hour BIGINT NOT NULL, application TEXT NOT NULL, \
     called TEXT NOT NULL, direction TEXT NOT NULL, protocol TEXT NOT NULL, peer TEXT NOT NULL, port BIGINT NOT NULL, \
     name TEXT NOT NULL, count BIGINT NOT NULL, carried BIGINT NOT NULL, bytes_in BIGINT NOT NULL, bytes_out BIGINT NOT NULL, \
     first_seen BIGINT NOT NULL, last_seen BIGINT NOT NULL)",
    "CREATE UNIQUE INDEX contacts_one ON contacts (peer, host, hour, application, direction, protocol, port)",
    "CREATE INDEX contacts_hour ON contacts (hour)",
    "CREATE TABLE counts (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
];

/// What a batch brought, as it is kept now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Met {
    /// A contact that was brought twice stands twice, last as it is now; at most `MET_MAX`.
    pub contacts: Vec<HostContact>,
    /// How many more there were.
    pub left_out: u64,
}

impl Met {
    fn add(&mut self, one: HostContact) {
        if self.contacts.len() < MET_MAX { self.contacts.push(one) } else { self.left_out += 1 }
    }
}

/// Adds what an agent has counted, and lets go what is too old or too much.
pub(super) async fn take(
    connection: &mut SqliteConnection,
    host: &str,
    (contacts, dropped): (&[Contact], u64),
    (keep, now): (KeepContacts, Timestamp),
    met: &mut Met,
) -> Result<(), StoreError> {
    let oldest = oldest(keep, now);
    let mut dropped = dropped;
    let mut id: i64 =
        sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM contacts").fetch_one(&mut *connection).await?;
    let before = id;
    for (at, contact) in contacts.iter().enumerate() {
        // What an hour held that is not kept any more is no loss; what an agent may not send is.
        if keep.span.is_zero() || contact.hour < oldest {
            continue;
        }
        if at >= CONTACTS_MAX || !is_sound(contact, now) {
            dropped = dropped.saturating_add(contact.count);
            continue;
        }
        met.add(match add(connection, host, contact).await? {
            Some(known) => known,
            None => {
                id += 1;
                insert(connection, id, host, contact).await?;
                HostContact { host: host.to_owned(), contact: contact.clone() }
            }
        });
    }
    counts::add(connection, ROWS, id - before).await?;
    counts::add(connection, DROPPED, bounded(dropped)).await?;
    let gone = sqlx::query("DELETE FROM contacts WHERE hour < $1").bind(oldest.0).execute(&mut *connection).await?;
    counts::add(connection, ROWS, -signed(gone.rows_affected())).await?;
    shorten(connection, keep).await
}

/// Hours before this one are over for good.
fn oldest(keep: KeepContacts, now: Timestamp) -> Timestamp {
    if keep.span.is_zero() {
        return Timestamp(i64::MAX);
    }
    Contact::hour_of(now.minus(keep.span))
}

/// Whether it is of about now and its texts are as long as texts of its kind are.
fn is_sound(contact: &Contact, now: Timestamp) -> bool {
    let long = |text: &str, most: usize| text.len() > most;
    contact.hour <= now.plus(HOUR)
        && contact.hour == Contact::hour_of(contact.hour)
        && !contact.application.as_ref().is_some_and(|own| long(&own.id, KEY_MAX) || long(&own.name, KEY_MAX))
        && !contact.name.as_deref().is_some_and(|name| long(name, NAME_MAX))
}

/// Adds to the row of the same contact, where there is one: the row as it is now.
async fn add(
    connection: &mut SqliteConnection,
    host: &str,
    contact: &Contact,
) -> Result<Option<HostContact>, StoreError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "UPDATE contacts SET count = count + $1, carried = carried + $2, bytes_in = bytes_in + $3, \
         bytes_out = bytes_out + $4, first_seen = CASE WHEN $5 < first_seen THEN $5 ELSE first_seen END, \
         last_seen = CASE WHEN $6 > last_seen THEN $6 ELSE last_seen END, \
         name = CASE $7 WHEN '' THEN name ELSE $7 END \
         WHERE peer = $8 AND host = $9 AND hour = $10 AND application = $11 AND direction = $12 AND protocol = $13 AND port = $14 \
         RETURNING {COLUMNS}",
    )))
    .bind(bounded(contact.count))
    .bind(bounded(contact.carried))
    .bind(bounded(contact.bytes_in))
    .bind(bounded(contact.bytes_out))
    .bind(contact.first_seen.0)
    .bind(contact.last_seen.0)
    .bind(contact.name.as_deref().unwrap_or_default())
    .bind(digits(contact.peer))
    .bind(host)
    .bind(contact.hour.0)
    .bind(contact.application_key().unwrap_or_default())
    .bind(contact.direction.as_str())
    .bind(protocol_text(contact.protocol))
    .bind(i64::from(contact.port))
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(read).transpose()
}

async fn insert(connection: &mut SqliteConnection, id: i64, host: &str, contact: &Contact) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO contacts (id, host, hour, application, called, direction, protocol, peer, port, name, count, carried, \
         bytes_in, bytes_out, first_seen, last_seen) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(id)
    .bind(host)
    .bind(contact.hour.0)
    .bind(contact.application_key().unwrap_or_default())
    .bind(contact.application.as_ref().map_or("", |application| &application.name))
    .bind(contact.direction.as_str())
    .bind(protocol_text(contact.protocol))
    .bind(digits(contact.peer))
    .bind(i64::from(contact.port))
    .bind(contact.name.as_deref().unwrap_or_default())
    .bind(bounded(contact.count))
    .bind(bounded(contact.carried))
    .bind(bounded(contact.bytes_in))
    .bind(bounded(contact.bytes_out))
    .bind(contact.first_seen.0)
    .bind(contact.last_seen.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Where there are too many rows the oldest give way, some more than needed so that it is seldom done.
async fn shorten(connection: &mut SqliteConnection, keep: KeepContacts) -> Result<(), StoreError> {
    let rows = counts::read(&mut *connection, ROWS).await?;
    if rows <= keep.rows_max {
        return Ok(());
    }
    let last: Option<i64> = sqlx::query_scalar("SELECT id FROM contacts ORDER BY id LIMIT 1 OFFSET $1")
        .bind(signed(rows - keep.rows_max + keep.rows_max / 100))
        .fetch_optional(&mut *connection)
        .await?;
    forget(connection, last.unwrap_or(i64::MAX)).await.map(drop)
}

/// How many there are.
pub(super) async fn rows(connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    counts::read(connection, ROWS).await
}

/// Lets the oldest go, in a transaction of its own; how many went.
pub(super) async fn let_go(connection: &mut SqliteConnection, how_many: u64) -> Result<u64, StoreError> {
    let mut whole = connection.begin().await?;
    let last: Option<i64> = sqlx::query_scalar("SELECT id FROM contacts ORDER BY id LIMIT 1 OFFSET $1")
        .bind(signed(how_many))
        .fetch_optional(&mut *whole)
        .await?;
    let gone = forget(&mut whole, last.unwrap_or(i64::MAX)).await?;
    whole.commit().await?;
    Ok(gone)
}

/// Drops those before an id and counts what is lost with them; how many rows went.
async fn forget(connection: &mut SqliteConnection, before: i64) -> Result<u64, StoreError> {
    let lost: i64 = sqlx::query_scalar("SELECT COALESCE(SUM(count), 0) FROM contacts WHERE id < $1")
        .bind(before)
        .fetch_one(&mut *connection)
        .await?;
    let gone = sqlx::query("DELETE FROM contacts WHERE id < $1").bind(before).execute(&mut *connection).await?;
    let gone = gone.rows_affected();
    tracing::warn!(rows = gone, connections = lost, "no room for all connections; the oldest give way");
    counts::add(connection, ROWS, -signed(gone)).await?;
    counts::add(connection, DROPPED, lost).await?;
    Ok(gone)
}

/// A page, in the order of their first reports, the newest first: that order the cursor and the index share.
pub(super) async fn page(
    readers: &SqlitePool,
    query: ConnectionQuery,
    of: OfHosts,
    (keep, now): (KeepContacts, Timestamp),
) -> Result<ConnectionList, StoreError> {
    let limit = query.limit.unwrap_or(100).clamp(1, CONNECTIONS_MAX);
    let (low, high, port, name) = peer_of(&query);
    // A peer is found by its index, everybody by the order of the page: what is computed has no index.
    let (id, peer) = match query.peer.as_ref().and_then(Observable::net) {
        Some(_) => ("id + 0", "peer"),
        None => ("id", "peer || ''"),
    };
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM contacts WHERE {id} < $1 AND {peer} BETWEEN $2 AND $3 \
         AND ($4 < 0 OR (port = $4 AND direction = 'outbound')) AND ($5 = '' OR name = $5) AND ($6 = '' OR host = $6) \
         AND ($7 = '' OR application = $7 OR called = $7) AND ($8 = '' OR direction = $8) AND last_seen >= $9 \
         AND first_seen < $10 AND hour + 0 >= $11 \
         AND ($13 IS NULL OR host IN (SELECT value FROM json_each($13))) ORDER BY {id} DESC LIMIT $12",
    )))
    .bind(query.after.as_deref().and_then(|after| after.parse::<i64>().ok()).unwrap_or(i64::MAX))
    .bind(low)
    .bind(high)
    .bind(port)
    .bind(name)
    .bind(query.host.unwrap_or_default())
    .bind(query.application.unwrap_or_default())
    .bind(query.direction.map_or("", Direction::as_str))
    .bind(query.since.map_or(i64::MIN, |since| since.0))
    .bind(query.until.map_or(i64::MAX, |until| until.0))
    .bind(oldest(keep, now).0)
    .bind(i64::from(limit) + 1)
    .bind(names(&of)?)
    .fetch_all(readers)
    .await?;
    let mut list = ConnectionList {
        kept: Kept {
            rows: counts::read(readers, ROWS).await?,
            kept_for_s: keep.span.as_secs(),
            dropped: counts::read(readers, DROPPED).await?,
        },
        ..ConnectionList::default()
    };
    let mut bytes = 0;
    let mut last: Option<i64> = None;
    for row in &rows {
        let one = read(row)?;
        bytes += ROW_BYTES + one.contact.application.as_ref().map_or(0, |own| own.id.len() + own.name.len());
        if list.connections.len() == limit as usize || (bytes > PAGE_BYTES && last.is_some()) {
            list.next = last.map(|id| id.to_string());
            break;
        }
        last = Some(row.try_get(0)?);
        list.connections.push(one);
    }
    Ok(list)
}

/// The peer that is asked for: its first and last address as they are written, its port or -1, its name or nothing.
pub(super) fn peer_of(query: &ConnectionQuery) -> (String, String, i64, String) {
    let port = query.peer.as_ref().and_then(Observable::port);
    let name = match &query.peer {
        Some(Observable::Domain(name)) => name.clone(),
        _ => String::new(),
    };
    let (low, high) = query.peer.as_ref().and_then(Observable::net).map_or_else(everybody, range);
    (low, high, port.map_or(-1, i64::from), name)
}

fn read(row: &SqliteRow) -> Result<HostContact, StoreError> {
    let unreadable = |why: &str| StoreError::Unreadable { what: "contact", why: why.to_owned() };
    let text = |at: usize| row.try_get::<String, _>(at);
    let key = text(3)?;
    let application = match key.split_once(':') {
        None => None,
        Some((kind, id)) => {
            let kind = match kind {
                "unit" => ApplicationKind::Unit,
                "container" => ApplicationKind::Container,
                "exe" => ApplicationKind::Executable,
                _ => return Err(unreadable("an application of no kind")),
            };
            Some(Application { kind, id: id.to_owned(), name: text(4)? })
        }
    };
    let contact = Contact {
        hour: Timestamp(row.try_get(2)?),
        application,
        direction: if text(5)? == Direction::Inbound.as_str() { Direction::Inbound } else { Direction::Outbound },
        protocol: if text(6)? == protocol_text(Protocol::Udp) { Protocol::Udp } else { Protocol::Tcp },
        peer: address(&text(7)?).ok_or_else(|| unreadable("a peer without an address"))?,
        port: u16::try_from(row.try_get::<i64, _>(8)?).unwrap_or(0),
        name: Some(text(9)?).filter(|name| !name.is_empty()),
        count: unsigned(row.try_get(10)?),
        carried: unsigned(row.try_get(11)?),
        bytes_in: unsigned(row.try_get(12)?),
        bytes_out: unsigned(row.try_get(13)?),
        first_seen: Timestamp(row.try_get(14)?),
        last_seen: Timestamp(row.try_get(15)?),
    };
    Ok(HostContact { host: text(1)?, contact })
}

fn protocol_text(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}

/// As IPv6, in 32 hex digits: they sort as the addresses do.
fn digits(address: IpAddr) -> String {
    let whole = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    format!("{:032x}", u128::from(whole))
}

fn address(digits: &str) -> Option<IpAddr> {
    let whole = u128::from_str_radix(digits, 16).ok()?;
    Some(IpAddr::V6(whole.into()).to_canonical())
}

fn range(net: IpNet) -> (String, String) {
    let net = canonical_net(net);
    (digits(net.network()), digits(net.broadcast()))
}

fn everybody() -> (String, String) {
    (String::new(), "g".to_owned())
}

/// So that sums of all rows stay what SQL can hold.
fn bounded(number: u64) -> i64 {
    signed(number.min(1 << 40))
}

/// A page ends early when it gets longer than this; clients read answers of up to 16 MiB.
const PAGE_BYTES: usize = 6 << 20;
/// A row without the names of its application.
const ROW_BYTES: usize = 600;

/// As `read` takes them.
const COLUMNS: &str = "id, host, hour, application, called, direction, protocol, peer, port, name, count, carried, \
     bytes_in, bytes_out, first_seen, last_seen";
/// Contacts of one batch that are told; whoever watches asks for the rest.
const MET_MAX: usize = 500;
const ROWS: &str = "contacts";
const DROPPED: &str = "contacts_dropped";
/// As long as the key of a target may be.
const KEY_MAX: usize = 4096;
const NAME_MAX: usize = 253;
