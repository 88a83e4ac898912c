//! Has this browser signed in by this name before?
//!
//! Whoever signs in is given a cookie that says so, and signs in again by tries of its own: what strangers failed at the
//! name, from its address or any other, makes it wait no longer. It opens nothing. (OWASP calls it a device cookie.)

use std::time::Duration;

use axum::http::HeaderMap;

use super::identity::cookie_of;
use super::seal::Sealer;
use super::secret::{NoRandom, hash};

pub(crate) const COOKIE: &str = "__Host-tripoint-known";
/// How long a browser remembers it.
pub(crate) const HOLDS: Duration = Duration::from_secs(180 * 86_400);
const PURPOSE: &str = "known browser";

/// What the cookie of a browser says that has just signed in; another one each time.
pub(crate) fn mark(sealer: &Sealer, name: &str) -> Result<String, NoRandom> {
    sealer.seal(PURPOSE, name.as_bytes())
}

/// What its tries are counted by, where it has signed in by this name before.
pub(crate) fn known(sealer: &Sealer, headers: &HeaderMap, name: &str) -> Option<String> {
    let said = cookie_of(headers, COOKIE)?;
    let is_its = sealer.open(PURPOSE, &said).is_ok_and(|of| of == name.as_bytes());
    is_its.then(|| format!("browser {}", hash(&said)))
}

/// The same, by whatever name that was.
pub(crate) fn known_at_all(sealer: &Sealer, headers: &HeaderMap) -> Option<String> {
    let said = cookie_of(headers, COOKIE)?;
    sealer.open(PURPOSE, &said).is_ok().then(|| format!("browser {}", hash(&said)))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

    use super::*;

    #[test]
    fn a_browser_is_known_by_the_name_that_it_signed_in_by() {
        let sealer = Sealer::new(&[7; 32]);
        let (one, two) = (mark(&sealer, "ada").unwrap(), mark(&sealer, "ada").unwrap());
        let with = |said: &str| {
            let value = HeaderValue::from_str(&format!("a=b; {COOKIE}={said}")).unwrap();
            HeaderMap::from_iter([(header::COOKIE, value)])
        };
        let proof = known(&sealer, &with(&one), "ada").unwrap();
        assert_eq!(known(&sealer, &with(&one), "ada"), Some(proof.clone()));
        assert_ne!(known(&sealer, &with(&two), "ada"), Some(proof));
        for (said, name) in [(one.as_str(), "bob"), ("ada", "ada"), ("", "ada")] {
            assert_eq!(known(&sealer, &with(said), name), None);
        }
        assert_eq!(known_at_all(&sealer, &with(&one)), known(&sealer, &with(&one), "ada"));
        assert_eq!(known_at_all(&sealer, &with("ada")), None);
        assert_eq!(known(&Sealer::new(&[8; 32]), &with(&one), "ada"), None, "another server's");
    }
}
