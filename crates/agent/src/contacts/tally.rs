//! How are connections counted by application, peer and hour, in bounded memory?

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tripoint_model::address::canonical;
use tripoint_model::contact::HOUR;
use tripoint_model::{Application, Connection, ConnectionId, ConnectionState, Contact, Direction, Protocol, Timestamp};

/// Different contacts in one hour, some 10 bytes each when they are not being gathered.
const KEYS_MAX: usize = 50_000;
/// Those of one application in one direction: a flood of peers at one service must not cost the others their place.
const KEYS_OF_ONE_MAX: usize = 5_000;
/// Open connections that are followed, so that none is counted twice.
const OPEN_MAX: usize = 50_000;
/// An open connection is told of again after this.
const TOUCH: Duration = Duration::from_secs(600);

/// Everything that makes a contact another one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key {
    pub(super) application: Option<Application>,
    pub(super) direction: Direction,
    pub(super) protocol: Protocol,
    pub(super) peer: IpAddr,
    pub(super) port: u16,
}

impl Key {
    /// The contact that a connection belongs to.
    pub(super) fn new(
        application: Option<Application>,
        direction: Direction,
        protocol: Protocol,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Self {
        let port = if direction == Direction::Outbound { remote.port() } else { local.port() };
        Self { application, direction, protocol, peer: canonical(remote.ip()), port }
    }

    fn of(connection: &Connection) -> Self {
        let application = connection.process.as_ref().map(|process| process.application());
        Self::new(application, connection.direction, connection.protocol, connection.local, connection.remote)
    }
}

/// An open connection that was counted.
struct Open {
    key: Key,
    hour: Timestamp,
    touched: Timestamp,
    present: bool,
}

/// What has been counted since it was last told.
#[derive(Default)]
pub struct Tally {
    rows: HashMap<(Key, Timestamp), Contact>,
    open: HashMap<ConnectionId, Open>,
    /// The contacts of this hour, by hashes that nobody outside can aim at.
    hour: Timestamp,
    hashes: RandomState,
    known: HashSet<u64>,
    of_one: HashMap<u64, usize>,
    dropped: u64,
}

impl Tally {
    /// Counts what the sensor saw of a connection.
    pub fn take(&mut self, connection: &Connection, at: Timestamp) {
        // What never left the host cannot be cut, and what was refused at once is shown by its alert.
        if connection.remote.port() == 0 || stays_here(connection) || connection.state == ConnectionState::Refused {
            return;
        }
        let known = self.open.remove(&connection.id);
        let key = known.as_ref().map_or_else(|| Key::of(connection), |open| open.key.clone());
        let before = known.map(|open| open.hour);
        if connection.state.is_open() {
            self.follow(connection.id, key.clone(), at);
        }
        let Some(row) = self.row(&key, at, connection.opened) else {
            self.dropped += u64::from(before.is_none());
            return;
        };
        count(row, before);
        if let Some(name) = &connection.remote_name {
            row.name = Some(name.clone());
        }
        if !connection.state.is_open() {
            row.bytes_in = row.bytes_in.saturating_add(connection.bytes_in);
            row.bytes_out = row.bytes_out.saturating_add(connection.bytes_out);
        }
    }

    /// Whether this open connection was counted; it is told of again now and then.
    pub(super) fn is_followed(&mut self, id: ConnectionId, at: Timestamp) -> bool {
        let Some(open) = self.open.get_mut(&id) else { return false };
        open.present = true;
        if open.hour == Contact::hour_of(at) && at.since(open.touched) < TOUCH {
            return true;
        }
        let (key, hour) = (open.key.clone(), open.hour);
        if let Some(row) = self.row(&key, at, at) {
            count(row, Some(hour));
        }
        self.follow(id, key, at);
        true
    }

    /// Counts an open connection that was found.
    pub(super) fn found(&mut self, id: ConnectionId, key: Key, at: Timestamp) {
        self.follow(id, key.clone(), at);
        match self.row(&key, at, at) {
            Some(row) => count(row, None),
            None => self.dropped += 1,
        }
    }

    /// Forgets those that two looks in a row have not found: their end was told, or lost. Looks find TCP alone.
    pub(super) fn looked(&mut self, at: Timestamp) {
        let lasts = |open: &Open| open.key.protocol == Protocol::Udp && at.since(open.touched) < HOUR;
        self.open.retain(|_, open| std::mem::take(&mut open.present) || lasts(open));
    }

    fn follow(&mut self, id: ConnectionId, key: Key, at: Timestamp) {
        if self.open.len() < OPEN_MAX || self.open.contains_key(&id) {
            self.open.insert(id, Open { key, hour: Contact::hour_of(at), touched: at, present: true });
        }
    }

    /// The contact's row of the hour, if there is room for it.
    fn row(&mut self, key: &Key, at: Timestamp, opened: Timestamp) -> Option<&mut Contact> {
        let hour = Contact::hour_of(at);
        if hour > self.hour {
            self.hour = hour;
            self.known.clear();
            self.of_one.clear();
        }
        if !self.admit(key) {
            return None;
        }
        let first = opened.max(hour).min(at);
        let fresh = || Contact {
            hour,
            application: key.application.clone(),
            direction: key.direction,
            protocol: key.protocol,
            peer: key.peer,
            port: key.port,
            name: None,
            count: 0,
            carried: 0,
            bytes_in: 0,
            bytes_out: 0,
            first_seen: first,
            last_seen: at,
        };
        let row = self.rows.entry((key.clone(), hour)).or_insert_with(fresh);
        row.first_seen = row.first_seen.min(first);
        row.last_seen = row.last_seen.max(at);
        Some(row)
    }

    fn admit(&mut self, key: &Key) -> bool {
        let hash = self.hashes.hash_one(key);
        if self.known.contains(&hash) {
            return true;
        }
        if self.known.len() >= KEYS_MAX {
            return false;
        }
        let one = self.hashes.hash_one((&key.application, key.direction));
        let of_one = self.of_one.entry(one).or_default();
        if *of_one >= KEYS_OF_ONE_MAX {
            return false;
        }
        *of_one += 1;
        self.known.insert(hash)
    }

    /// What was counted since this was last asked, oldest hour first, and how many connections found no room.
    pub fn tell(&mut self) -> (Vec<Contact>, u64) {
        let mut contacts: Vec<Contact> = self.rows.drain().map(|(_, row)| row).collect();
        // A burst must not keep its room for ever.
        self.rows.shrink_to(1024);
        contacts.sort_by_key(|contact| (contact.hour, contact.first_seen));
        (contacts, std::mem::take(&mut self.dropped))
    }
}

/// Once for each hour: as new where it was not seen before, as carried where an earlier hour has it.
fn count(row: &mut Contact, before: Option<Timestamp>) {
    match before {
        None => row.count += 1,
        Some(hour) if hour < row.hour => row.carried += 1,
        Some(_) => {}
    }
}

fn stays_here(connection: &Connection) -> bool {
    canonical(connection.remote.ip()).is_loopback()
}

#[cfg(test)]
pub mod tests {
    use tripoint_model::contact::connections;

    use super::*;

    fn id(cookie: u64) -> ConnectionId {
        ConnectionId { cookie, peer: 0 }
    }

    /// An open connection of nobody to the peer.
    pub fn connection(cookie: u64, remote: &str) -> Connection {
        Connection {
            opened: Timestamp(1),
            bytes_in: 10,
            bytes_out: 20,
            ..tripoint_model::testing::connection(cookie, remote)
        }
    }

    fn closed(cookie: u64, remote: &str) -> Connection {
        Connection { state: ConnectionState::Closed, ..connection(cookie, remote) }
    }

    #[test]
    fn each_connection_counts_once_however_often_it_is_told() {
        let mut tally = Tally::default();
        let at = Timestamp::from_seconds;
        for second in 1..4 {
            tally.take(&connection(1, "[::ffff:203.0.113.66]:443"), at(second));
        }
        tally.take(&closed(1, "203.0.113.66:443"), at(5));
        tally.take(&closed(2, "203.0.113.66:443"), at(6));
        tally.take(&closed(3, "203.0.113.66:80"), at(6));
        tally.take(&closed(4, "127.0.0.1:80"), at(6));
        tally.take(&Connection { state: ConnectionState::Refused, ..connection(5, "203.0.113.66:443") }, at(6));
        let (mut told, dropped) = tally.tell();
        told.sort_by_key(|contact| contact.port);
        let numbers: Vec<_> = told.iter().map(|c| (c.port, c.count, c.bytes_in, c.bytes_out)).collect();
        assert_eq!((numbers, dropped), (vec![(80, 1, 10, 20), (443, 2, 20, 40)], 0));
        assert_eq!((told[1].first_seen, told[1].last_seen), (Timestamp(1), at(6)));
        assert!(tally.tell().0.is_empty(), "what was told is not told again");
    }

    #[test]
    fn one_that_goes_on_for_hours_is_carried() {
        let mut tally = Tally::default();
        let hour = |count: u32| Timestamp::from_seconds(60).plus(HOUR * count);
        tally.take(&connection(1, "203.0.113.66:443"), hour(0));
        let mut all = tally.tell().0;
        for (now, told) in [(0, 0), (1, 1), (1, 0), (2, 1)] {
            assert!(tally.is_followed(id(1), hour(now)));
            tally.looked(hour(now));
            let (more, _) = tally.tell();
            assert_eq!(more.len(), told, "hour {now}");
            all.extend(more);
        }
        tally.take(&closed(1, "203.0.113.66:443"), hour(2));
        all.extend(tally.tell().0);
        assert_eq!(all.iter().map(|c| (c.count, c.carried)).collect::<Vec<_>>(), [(1, 0), (0, 1), (0, 1), (0, 0)]);
        assert_eq!(connections(&all), 1);
        // Without an end it is forgotten after two looks, and would count anew.
        tally.take(&connection(2, "203.0.113.66:443"), hour(2));
        tally.looked(hour(2));
        assert!(tally.open.contains_key(&id(2)));
        tally.looked(hour(2));
        assert!(!tally.is_followed(id(2), hour(2)));
    }

    /// A flood of peers costs bounded memory and an account, and leaves the others their place.
    #[test]
    fn a_flood_is_bounded_and_accounted_for() {
        let mut tally = Tally::default();
        let flood = 3 * KEYS_OF_ONE_MAX as u32;
        let inbound = |at: u32| Connection {
            direction: Direction::Inbound,
            remote: (IpAddr::from((0xcb00_7100 + at).to_be_bytes()), 9).into(),
            ..closed(u64::from(at), "203.0.113.1:9")
        };
        for at in 0..flood {
            tally.take(&inbound(at), Timestamp::from_seconds(1));
        }
        tally.take(&closed(1, "203.0.113.66:443"), Timestamp::from_seconds(2));
        let (told, dropped) = tally.tell();
        assert_eq!((told.len(), dropped), (KEYS_OF_ONE_MAX + 1, u64::from(flood) - KEYS_OF_ONE_MAX as u64));
        for at in 0..flood {
            tally.take(&inbound(at), Timestamp::from_seconds(3));
        }
        assert_eq!(tally.tell().0.len(), KEYS_OF_ONE_MAX, "told or not, an hour has so many");
        tally.take(&inbound(flood - 1), Timestamp::from_seconds(3700));
        assert_eq!(tally.tell().0.len(), 1, "the next hour has its own");
    }

    #[test]
    fn a_thousand_a_second_cost_little() {
        let mut tally = Tally::default();
        let began = std::time::Instant::now();
        let count = 200_000_u32;
        for at in 0..count {
            let peer = format!("203.0.113.{}:443", at % 200);
            tally.take(&closed(u64::from(at), &peer), Timestamp::from_seconds(1));
        }
        let each = began.elapsed() / count;
        println!("{each:?} a connection");
        assert!(each < Duration::from_micros(100), "{each:?}");
        assert_eq!(tally.tell().0.iter().map(|contact| contact.count).sum::<u64>(), u64::from(count));
    }
}
