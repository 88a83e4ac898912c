//! Which of two Python versions is newer (PEP 440, and setuptools' older order for what is not)?

use std::cmp::Ordering;

use super::digits;

/// PEP 440; a version that is none sorts before all that are, by the older setuptools rules.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    match (Version::read(a), Version::read(b)) {
        (Some(a), Some(b)) => a.order(&b),
        (Some(_), None) => Ordering::Greater,
        (None, Some(_)) => Ordering::Less,
        (None, None) => legacy_key(a).cmp(&legacy_key(b)),
    }
}

/// What setuptools never understood: neither a number nor a stage such as `dev` at the end.
pub(crate) fn check(version: &str) -> Result<(), &'static str> {
    const STAGES: &[&str] = &["dev", "a", "alpha", "b", "beta", "c", "rc", "pre", "preview", "post", "rev", "final"];
    let last = version.rsplit(['.', '-', '_']).next().unwrap_or(version).to_ascii_lowercase();
    let known = version.bytes().any(|byte| byte.is_ascii_digit()) || STAGES.contains(&last.as_str());
    if known { Ok(()) } else { Err("it has no number") }
}

/// A version by the parts of PEP 440, lower-cased, separators undone.
#[derive(Debug)]
pub(crate) struct Version {
    epoch: String,
    release: Vec<String>,
    /// 0 a, 1 b, 2 rc, with its number.
    pre: Option<(u8, String)>,
    post: Option<String>,
    dev: Option<String>,
    local: Option<String>,
}

impl Version {
    /// Reads a version, with every spelling that PEP 440 says to accept.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_prefix('v').unwrap_or(&text);
        let (public, local) = match text.split_once('+') {
            Some((public, local)) => (public, Some(local)),
            None => (text, None),
        };
        let (epoch, mut rest) = match public.split_once('!') {
            Some((epoch, rest)) if digits::is_number(epoch) => (epoch, rest),
            Some(_) => return None,
            None => ("0", public),
        };
        let mut release = Vec::new();
        loop {
            let (number, next) = digits::take(rest, |byte| byte.is_ascii_digit());
            if number.is_empty() {
                return None;
            }
            release.push(number.to_owned());
            rest = next;
            match rest.strip_prefix('.') {
                Some(after) if after.as_bytes().first().is_some_and(u8::is_ascii_digit) => rest = after,
                _ => break,
            }
        }
        let pre = take_tag(&mut rest, PRE).map(|(kind, number)| (kind, number.to_owned()));
        let post = take_post(&mut rest);
        let dev = take_tag(&mut rest, DEV).map(|(_, number)| number.to_owned());
        let local = local.map(|local| local.replace(['-', '_'], "."));
        let local_fits = local.as_ref().is_none_or(|local| {
            local.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        });
        (rest.is_empty() && local_fits).then(|| Self { epoch: epoch.to_owned(), release, pre, post, dev, local })
    }

    /// The numbers of the release, zeros included.
    pub(crate) fn release(&self) -> &[String] {
        &self.release
    }

    /// Whether it is an alpha, beta, candidate or development version.
    pub(crate) fn is_prerelease(&self) -> bool {
        self.pre.is_some() || self.dev.is_some()
    }

    /// Whether it is a post-release.
    pub(crate) fn is_post(&self) -> bool {
        self.post.is_some()
    }

    /// Whether both count in the same epoch.
    pub(crate) fn same_epoch(&self, other: &Self) -> bool {
        digits::order(&self.epoch, &other.epoch).is_eq()
    }

    /// A release of this version's epoch.
    pub(crate) fn with_epoch(&self, release: &str) -> String {
        format!("{}!{release}", self.epoch)
    }

    fn order(&self, other: &Self) -> Ordering {
        digits::order(&self.epoch, &other.epoch)
            .then_with(|| self.order_release(other))
            .then_with(|| self.stage().cmp(&other.stage()))
            .then_with(|| option_number(self.pre_number(), other.pre_number()))
            .then_with(|| option_number(self.post.as_deref(), other.post.as_deref()))
            // No .dev is newer than any .dev.
            .then_with(|| match (&self.dev, &other.dev) {
                (Some(x), Some(y)) => digits::order(x, y),
                (x, y) => y.is_some().cmp(&x.is_some()),
            })
            .then_with(|| order_local(self.local.as_deref(), other.local.as_deref()))
    }

    fn order_release(&self, other: &Self) -> Ordering {
        (0..self.release.len().max(other.release.len()))
            .map(|at| {
                let x = self.release.get(at).map_or("", String::as_str);
                let y = other.release.get(at).map_or("", String::as_str);
                digits::order(x, y)
            })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// `1.dev0` is older than `1a0`, `1a0` than `1`.
    fn stage(&self) -> u8 {
        match (&self.pre, &self.post, &self.dev) {
            (None, None, Some(_)) => 0,
            (Some((kind, _)), _, _) => 1 + kind,
            _ => 9,
        }
    }

    fn pre_number(&self) -> Option<&str> {
        self.pre.as_ref().map(|(_, number)| number.as_str())
    }
}

fn option_number(a: Option<&str>, b: Option<&str>) -> Ordering {
    match (a, b) {
        (Some(x), Some(y)) => digits::order(x, y),
        (x, y) => x.is_some().cmp(&y.is_some()),
    }
}

fn order_local(a: Option<&str>, b: Option<&str>) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else { return a.is_some().cmp(&b.is_some()) };
    let mut a = a.split('.');
    let mut b = b.split('.');
    loop {
        let by_part = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (Some(x), Some(y)) => match (digits::is_number(x), digits::is_number(y)) {
                (true, true) => digits::order(x, y),
                (false, false) => x.cmp(y),
                (number, _) => {
                    if number {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    }
                }
            },
            (x, y) => return x.is_some().cmp(&y.is_some()),
        };
        if by_part.is_ne() {
            return by_part;
        }
    }
}

/// Cuts a tag such as `-rc.1` off; the number is empty (zero) where it is implied.
fn take_tag<'a>(rest: &mut &'a str, tags: &[(&str, u8)]) -> Option<(u8, &'a str)> {
    let separator = |text: &'a str| text.strip_prefix(['.', '-', '_']).unwrap_or(text);
    let body = separator(rest);
    let (tag, kind) = tags.iter().find(|(tag, _)| body.starts_with(tag))?;
    let after = &body[tag.len()..];
    let (number, next) = digits::take(separator(after), |byte| byte.is_ascii_digit());
    *rest = match number {
        // A sign without a number is allowed; one before the next tag belongs to that tag.
        "" if next.is_empty() || next.starts_with(['.', '-', '_']) => next,
        "" => after,
        _ => next,
    };
    Some((*kind, number))
}

fn take_post(rest: &mut &str) -> Option<String> {
    if let Some(after) = rest.strip_prefix('-') {
        let (number, next) = digits::take(after, |byte| byte.is_ascii_digit());
        if !number.is_empty() {
            *rest = next;
            return Some(number.to_owned());
        }
    }
    take_tag(rest, POST).map(|(_, number)| number.to_owned())
}

/// Longer spellings first: the first that fits is taken.
const PRE: &[(&str, u8)] =
    &[("alpha", 0), ("a", 0), ("beta", 1), ("b", 1), ("preview", 2), ("pre", 2), ("rc", 2), ("c", 2)];
const POST: &[(&str, u8)] = &[("post", 0), ("rev", 0), ("r", 0)];
const DEV: &[(&str, u8)] = &[("dev", 0)];

/// The key of setuptools before PEP 440: numbers padded, words starred, trailing zeros dropped.
fn legacy_key(version: &str) -> Vec<String> {
    let version = version.trim().to_ascii_lowercase();
    let mut rest = version.as_str();
    let mut key: Vec<String> = Vec::new();
    while let Some(&first) = rest.as_bytes().first() {
        let (run, next) = if first.is_ascii_digit() {
            digits::take(rest, |byte| byte.is_ascii_digit())
        } else if first.is_ascii_lowercase() {
            digits::take(rest, |byte| byte.is_ascii_lowercase())
        } else {
            let (run, next) = rest.split_at(rest.chars().next().map_or(1, char::len_utf8));
            if run != "-" {
                if run != "." {
                    legacy_push(&mut key, run, false);
                }
                rest = next;
                continue;
            }
            (run, next)
        };
        legacy_push(&mut key, run, first.is_ascii_digit());
        rest = next;
    }
    legacy_push(&mut key, "final", false);
    key
}

fn legacy_push(key: &mut Vec<String>, run: &str, number: bool) {
    let part = match run {
        "pre" | "preview" | "rc" => "*c".to_owned(),
        "-" => "*final-".to_owned(),
        "dev" => "*@".to_owned(),
        run if number => {
            let run = run.trim_start_matches('0');
            // Longer than any real number: padding keeps text order equal to number order.
            format!("{run:0>40}")
        }
        run => format!("*{run}"),
    };
    if part.starts_with('*') {
        if part.as_str() < "*final" {
            while key.last().is_some_and(|last| last == "*final-") {
                key.pop();
            }
        }
        while key.last().is_some_and(|last| last.bytes().all(|byte| byte == b'0')) {
            key.pop();
        }
    }
    key.push(part);
}
