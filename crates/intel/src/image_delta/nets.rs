//! Which networks are in the target and not in the base, and the other way round?

use super::DeltaError;
#[cfg(feature = "feeds")]
use super::wire::Packed;
use super::wire::{Reader, ended};
use crate::image::lay::Net;
use crate::image::{u16_at, u32_at, u128_at};
use crate::table::NONE;

/// An address of IPv4 or IPv6.
pub(super) trait Family: Copy + Ord {
    /// Bytes of an address.
    const BYTES: usize;
    fn read(record: &[u8]) -> Option<Self>;
    fn wide(self) -> u128;
    fn narrow(wide: u128) -> Option<Self>;
}

impl Family for u32 {
    const BYTES: usize = 4;

    fn read(record: &[u8]) -> Option<Self> {
        u32_at(record, 0)
    }

    fn wide(self) -> u128 {
        self.into()
    }

    fn narrow(wide: u128) -> Option<Self> {
        wide.try_into().ok()
    }
}

impl Family for u128 {
    const BYTES: usize = 16;

    fn read(record: &[u8]) -> Option<Self> {
        u128_at(record, 0)
    }

    fn wide(self) -> u128 {
        self
    }

    fn narrow(wide: u128) -> Option<Self> {
        Some(wide)
    }
}

/// The class of a prefix length in the order of a section: `table::class_of`, or one for all.
pub(super) type Class = fn(u8) -> usize;

/// One class for all.
pub(super) fn unclassed(_: u8) -> usize {
    0
}

/// Claims of a section of V4 or V6, with the numbers that their details have now; those without are left out.
pub(super) fn claims<A: Family>(section: &[u8], class: Class, became: &[u32]) -> Result<Vec<Net<A>>, DeltaError> {
    let record = |record: &[u8]| {
        let tail = record.get(A::BYTES..)?;
        let port = if *tail.get(3)? == 0 { None } else { Some(u16_at(tail, 0)?) };
        Some((A::read(record)?, *tail.get(2)?, port, u32_at(tail, 4)?))
    };
    moved(section, class, became, record)
}

/// Networks of a section of guarded ones; their lists in place of details.
pub(super) fn guarded<A: Family>(section: &[u8], became: &[u32]) -> Result<Vec<Net<A>>, DeltaError> {
    let record = |record: &[u8]| {
        let tail = record.get(A::BYTES..)?;
        Some((A::read(record)?, *tail.first()?, None, u16_at(tail, 2)?.into()))
    };
    moved(section, unclassed, became, record)
}

fn moved<A: Family>(
    section: &[u8],
    class: Class,
    became: &[u32],
    read: impl Fn(&[u8]) -> Option<Net<A>>,
) -> Result<Vec<Net<A>>, DeltaError> {
    let mut out = Vec::with_capacity(section.len() / (A::BYTES + 8));
    for record in section.chunks_exact(A::BYTES + 8) {
        let (address, length, port, detail) = checked(read(record))?;
        let detail = became.get(detail as usize).copied().unwrap_or(NONE);
        if detail != NONE {
            out.push((address, length, port, detail));
        }
    }
    in_order(&mut out, class);
    Ok(out)
}

/// Sorted, each once; quick where it mostly is already.
fn in_order<A: Family>(nets: &mut Vec<Net<A>>, class: Class) {
    nets.sort_by_key(|net| (class(net.1), *net));
    nets.dedup();
}

/// A network with bits beyond its length would break the tables that are built from it.
fn checked<A: Family>(net: Option<Net<A>>) -> Result<Net<A>, DeltaError> {
    let fits = |net: &Net<A>| {
        let bits = A::BYTES as u32 * 8;
        let host_bits = bits.checked_sub(u32::from(net.1));
        host_bits.is_some_and(|bits| net.0.wide() & (1_u128.checked_shl(bits).unwrap_or(0).wrapping_sub(1)) == 0)
    };
    net.filter(fits).ok_or(DeltaError::Damaged("no network"))
}

/// Columns of networks: places of those that go, among the base's that followed their details (each against the one
/// after the last); then of those that come: addresses against the one before, prefix lengths, `port + 1` or 0, details
/// against the one before.
pub(super) const COLUMNS: usize = 5;

/// The networks of the target from those of the base that followed.
pub(super) fn read<A: Family>(
    mut base: Vec<Net<A>>,
    [mut going, mut addresses, mut lengths, mut ports, mut details]: [Reader<'_>; COLUMNS],
    class: Class,
    details_count: usize,
) -> Result<Vec<Net<A>>, DeltaError> {
    drop_places(&mut base, &mut going)?;
    let (mut address, mut detail) = (0_u128, 0_i64);
    while !lengths.is_empty() {
        address = address.wrapping_add(addresses.wide()?);
        let length = lengths.take(1)?[0];
        let port = match ports.number()? {
            0 => None,
            port => Some(u16::try_from(port - 1).or(Err(DeltaError::Damaged("no port")))?),
        };
        detail = detail.wrapping_add(details.signed()?);
        let number = u32::try_from(detail).ok().filter(|number| (*number as usize) < details_count);
        let number = number.ok_or(DeltaError::Damaged("a claim without a detail"))?;
        base.push(checked(A::narrow(address).map(|address| (address, length, port, number)))?);
    }
    ended(&[addresses, ports, details])?;
    in_order(&mut base, class);
    Ok(base)
}

/// Takes out what stands at these places, each counted from the one after the last.
pub(super) fn drop_places<T>(items: &mut Vec<T>, going: &mut Reader<'_>) -> Result<(), DeltaError> {
    let mut is_going = vec![false; if going.is_empty() { 0 } else { items.len() }];
    let mut next = 0_usize;
    while !going.is_empty() {
        let place = next.checked_add(going.count()?).filter(|place| *place < is_going.len());
        let place = place.ok_or(DeltaError::Damaged("what goes is not in the base"))?;
        is_going[place] = true;
        next = place + 1;
    }
    if !is_going.is_empty() {
        let mut going = is_going.into_iter();
        items.retain(|_| !going.next().unwrap_or(false));
    }
    Ok(())
}

/// What goes and what comes between two sorted lists.
#[cfg(feature = "feeds")]
pub(super) fn pack<A: Family>(base: &[Net<A>], target: &[Net<A>], class: Class) -> [Packed; COLUMNS] {
    let [mut going, mut addresses, mut lengths, mut ports, mut details]: [Packed; COLUMNS] = Default::default();
    let mut next = 0;
    let (mut address, mut detail) = (0_u128, 0_i64);
    between(
        base,
        target,
        |a, b| (class(a.1), a).cmp(&(class(b.1), b)),
        |side| match side {
            Side::Goes(place) => {
                going.number((place - next) as u64);
                next = place + 1;
            }
            Side::Comes(net) => {
                addresses.wide(net.0.wide().wrapping_sub(address));
                address = net.0.wide();
                lengths.0.push(net.1);
                ports.number(net.2.map_or(0, |port| u64::from(port) + 1));
                details.signed(i64::from(net.3) - detail);
                detail = net.3.into();
            }
        },
    );
    [going, addresses, lengths, ports, details]
}

/// One difference between two sorted lists.
#[cfg(feature = "feeds")]
pub(super) enum Side<'a, T> {
    /// By its place in the first.
    Goes(usize),
    /// Only in the second.
    Comes(&'a T),
}

/// Shows the differences of two sorted lists in order.
#[cfg(feature = "feeds")]
pub(super) fn between<'a, T>(
    base: &[T],
    target: &'a [T],
    order: impl Fn(&T, &T) -> std::cmp::Ordering,
    mut show: impl FnMut(Side<'a, T>),
) {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let (mut old, mut new) = (0, 0);
    loop {
        let order = match (base.get(old), target.get(new)) {
            (None, None) => return,
            (Some(_), None) => Less,
            (None, Some(_)) => Greater,
            (Some(a), Some(b)) => order(a, b),
        };
        match order {
            Less => show(Side::Goes(old)),
            Greater => show(Side::Comes(&target[new])),
            Equal => {}
        }
        old += usize::from(order != Greater);
        new += usize::from(order != Less);
    }
}
