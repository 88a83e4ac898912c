//! What does a collection of a TAXII 2.1 server say now?
//!
//! The first pull takes the whole collection, later ones what was added since. Its indicators lie as one
//! STIX bundle beside the feed's copy, where newer versions replace older ones; the STIX reader reads that.

mod ask;
mod bundle;
mod find;
pub mod page;

use std::fs;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tripoint_fetch::{Deadline, Fetcher};
use tripoint_model::Timestamp;

use self::ask::Ask;
use self::bundle::{Header, Merge};
use crate::descriptor::Descriptor;

pub(crate) use self::bundle::Kept;

/// What a pull brought.
pub(crate) enum Pulled {
    /// Nothing was added.
    Nothing,
    /// A bundle of all that the collection says now.
    Bundle(Kept),
}

/// What a pull starts from.
#[derive(Clone, Copy)]
pub(crate) struct From<'a> {
    /// The feed's folder.
    pub(crate) folder: &'a Path,
    /// SHA-256 of the bundle in force, where it may be continued.
    pub(crate) known: Option<&'a str>,
    /// The moment.
    pub(crate) now: Timestamp,
}

/// Pulls `wanted` (an id, alias or title) below `url`, a discovery URL or an API root.
pub(crate) fn pull(
    descriptor: &Descriptor,
    (url, wanted): (&str, &str),
    fetcher: &Fetcher,
    from: From<'_>,
) -> Result<Pulled, String> {
    fs::create_dir_all(from.folder).map_err(|error| format!("cannot use {}: {error}", from.folder.display()))?;
    let ask = Ask { fetcher, descriptor };
    let objects = find::objects_url(&ask, url, wanted)?;
    let kept = bundle::header(from.folder).filter(|kept| {
        from.known.is_some()
            && kept.collection == objects
            && kept.added_after.is_some()
            && from.now.since(kept.whole) < WHOLE_EACH
    });
    let mut merge = Merge::begin(from.folder, descriptor.bytes_max)?;
    // One that is damaged is pulled anew.
    let kept = kept.filter(|_| from.known.is_some_and(|sha256| merge.goes_on(from.folder, sha256)));
    let mut pages =
        Pages { ask: &ask, objects: &objects, bytes_left: descriptor.bytes_max, count: 0, seen: Vec::new() };
    let since = kept.as_ref().and_then(|kept| kept.added_after.clone());
    let (last, has_any) = pages.all(since.as_deref(), &mut merge)?;
    if kept.is_some() && !has_any {
        return Ok(Pulled::Nothing);
    }
    // A date from the future would hide all that comes until then.
    let is_past = |text: &String| text.parse::<Timestamp>().is_ok_and(|at| at <= from.now.plus(SKEW_MAX));
    let header = Header {
        collection: objects,
        added_after: last.filter(is_past).or(since),
        whole: kept.map_or(from.now, |kept| kept.whole),
    };
    merge.finish(&header).map(Pulled::Bundle)
}

/// What was deleted without being revoked is only missed by a pull of everything.
const WHOLE_EACH: Duration = Duration::from_secs(7 * 86_400);
/// How far a server's clock may be ahead.
const SKEW_MAX: Duration = Duration::from_secs(86_400);
/// A server that pages for ever ends here, or at the bytes, or at the time.
const PAGES_MAX: usize = 10_000;
const TIME_MAX: Duration = Duration::from_secs(3600);
/// Objects asked for in one page; a server may give fewer.
const LIMIT: u32 = 1000;

/// The pages of one pull.
struct Pages<'a> {
    ask: &'a Ask<'a>,
    objects: &'a str,
    bytes_left: u64,
    count: usize,
    /// Digests of the pages so far.
    seen: Vec<[u8; 32]>,
}

impl Pages<'_> {
    /// Merges every page; gives the date of the last object and whether there was any.
    fn all(&mut self, since: Option<&str>, merge: &mut Merge) -> Result<(Option<String>, bool), String> {
        let deadline = Deadline::after(TIME_MAX);
        let mut since = since.map(str::to_owned);
        let (mut next, mut last, mut has_any) = (None, None, false);
        loop {
            if self.count == PAGES_MAX || deadline.is_over() {
                let minutes = TIME_MAX.as_secs() / 60;
                return Err(format!("{} did not end within {PAGES_MAX} pages and {minutes} minutes", self.objects));
            }
            self.count += 1;
            let page = self.one(since.as_deref(), next.as_deref(), merge)?;
            has_any |= page.has_any;
            let advanced = page.last.is_some() && page.last != last;
            last = page.last.or(last);
            match (page.more, page.next) {
                (false, _) => return Ok((last, has_any)),
                (true, Some(text)) => next = Some(text),
                // Without a `next` the standard lets one go on from the last date.
                (true, None) if advanced => (since, next) = (last.clone(), None),
                (true, None) => return Err(format!("{} has more, and does not say how to ask for it", self.objects)),
            }
        }
    }

    fn one(&mut self, since: Option<&str>, next: Option<&str>, merge: &mut Merge) -> Result<Turned, String> {
        let mut url = format!("{}?limit={LIMIT}&match%5Btype%5D=indicator", self.objects);
        for (name, value) in [("added_after", since), ("next", next)] {
            if let Some(value) = value {
                url.push_str(&format!("&{name}={}", ask::encoded(value)));
            }
        }
        let body = self.ask.get(&url, self.bytes_left)?;
        self.bytes_left = self.bytes_left.saturating_sub(body.bytes.len() as u64).max(1);
        let mut digest = Sha256::new();
        let mut has_any = false;
        let page = page::read(&body.bytes, &mut |object| {
            has_any = true;
            digest.update(object.as_bytes());
            merge.add(object)
        })
        .map_err(|reason| format!("page {} of {}: {reason}", self.count, self.objects))?;
        // Of a page that the filter has emptied only its `next` tells it from others.
        if let (false, Some(next)) = (has_any, &page.next) {
            digest.update(next.as_bytes());
        }
        let digest: [u8; 32] = digest.finalize().into();
        if page.more && self.seen.contains(&digest) {
            return Err(format!("page {} of {} is the same as one before it", self.count, self.objects));
        }
        self.seen.push(digest);
        Ok(Turned { more: page.more, next: page.next, last: body.note.filter(|date| date.len() <= 64), has_any })
    }
}

/// One page that was merged.
struct Turned {
    more: bool,
    next: Option<String>,
    last: Option<String>,
    has_any: bool,
}

#[cfg(test)]
mod tests;
