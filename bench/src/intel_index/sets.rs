//! Which entries are listed, and which addresses are asked for?

use std::collections::BTreeSet;

/// An xorshift generator: the same entries and questions in every run.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: usize) -> usize {
        ((self.next() >> 32) as usize * limit) >> 32
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    /// Between 0 and 1.
    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// How often a listed address is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// So many of a hundred.
    Hits(u64),
    /// One of a hundred, and few addresses are most of the questions, as in real traffic.
    Zipf,
}

impl Mix {
    pub const ALL: [Self; 4] = [Self::Hits(0), Self::Hits(1), Self::Hits(50), Self::Zipf];

    pub fn name(self) -> String {
        match self {
            Self::Hits(hits) => format!("{hits} % hits"),
            Self::Zipf => "zipf, 1 % hits".to_owned(),
        }
    }
}

/// 45 % hosts anywhere, 45 % hosts in crowded networks, 10 % networks of /19 to /31; sorted, each once.
pub fn v4(count: usize) -> Vec<(u32, u8)> {
    let mut chance = Chance::new(17);
    let crowds: Vec<u32> = (0..count / 20 + 1).map(|_| chance.next() as u32).collect();
    let mut out = BTreeSet::new();
    while out.len() < count {
        let address = chance.next() as u32;
        out.insert(match chance.below(100) {
            0..45 => (address, 32),
            45..90 => (crowds[chance.below(crowds.len())] & !0x3ff | address & 0x3ff, 32),
            _ => {
                let length = 19 + chance.below(13) as u8;
                (address & (u32::MAX << (32 - length)), length)
            }
        });
    }
    out.into_iter().collect()
}

/// 55 % hosts, 35 % networks of /64, 10 % of /32 to /56, all in 2000::/3; sorted, each once.
pub fn v6(count: usize) -> Vec<(u128, u8)> {
    let mut chance = Chance::new(19);
    let mut out = BTreeSet::new();
    while out.len() < count {
        let length = match chance.below(100) {
            0..55 => 128,
            55..90 => 64,
            _ => 32 + chance.below(25) as u8,
        };
        out.insert((anywhere(&mut chance) & (u128::MAX << (128 - length)), length));
    }
    out.into_iter().collect()
}

fn anywhere(chance: &mut Chance) -> u128 {
    chance.wide() >> 3 | 1 << 125
}

/// Questions; `is_listed` says what a stranger must not be.
pub fn ask_v4(entries: &[(u32, u8)], mix: Mix, count: usize, is_listed: &dyn Fn(u32) -> bool) -> Vec<u32> {
    let mut chance = Chance::new(23);
    let one = |chance: &mut Chance, hits: u64| {
        let (network, length) = entries[chance.below(entries.len())];
        if chance.below(100) < hits as usize {
            return network | (chance.next() as u32 & !u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0));
        }
        loop {
            let address = chance.next() as u32;
            if !is_listed(address) {
                return address;
            }
        }
    };
    spread(&mut chance, mix, count, one)
}

/// The same for IPv6; half of the strangers are neighbours: in the /48 of a listed one.
pub fn ask_v6(entries: &[(u128, u8)], mix: Mix, count: usize, is_listed: &dyn Fn(u128) -> bool) -> Vec<u128> {
    let mut chance = Chance::new(29);
    let one = |chance: &mut Chance, hits: u64| {
        let (network, length) = entries[chance.below(entries.len())];
        if chance.below(100) < hits as usize {
            return network | (chance.wide() & !u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0));
        }
        loop {
            let neighbour = network & (u128::MAX << 80) | chance.wide() >> 48;
            let address = if chance.below(2) == 0 { neighbour } else { anywhere(chance) };
            if !is_listed(address) {
                return address;
            }
        }
    };
    spread(&mut chance, mix, count, one)
}

fn spread<A: Copy>(chance: &mut Chance, mix: Mix, count: usize, one: impl Fn(&mut Chance, u64) -> A) -> Vec<A> {
    match mix {
        Mix::Hits(hits) => (0..count).map(|_| one(chance, hits)).collect(),
        Mix::Zipf => {
            let known: Vec<A> = (0..count / 2).map(|_| one(chance, 1)).collect();
            // The place of a question is log-uniform: the n-th address is asked for 1/n as often as the first.
            let place = |part: f64| ((known.len() as f64).powf(part) - 1.0) as usize;
            (0..count).map(|_| known[place(chance.part()).min(known.len() - 1)]).collect()
        }
    }
}
