//! Which passwords are taken, and how is one known again without being kept?

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::secret::random;
use super::{most_used, weak};

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Weak {
    #[error("a password has at least {LENGTH_MIN} characters")]
    Short,
    #[error("a password has at most {BYTES_MAX} bytes")]
    Long,
    #[error("the password is among those that are tried first")]
    Usual,
    #[error("the password holds the user's name")]
    Name,
    #[error("the password was published when others were broken into")]
    Breached,
}

/// Why nothing could be said of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unavailable {
    #[error("too many are signing in at the moment")]
    Busy,
    #[error("passwords cannot be computed at the moment")]
    Failed,
}

/// Whether a new password is good enough for this user.
pub(crate) fn check(name: &str, password: &str) -> Result<(), Weak> {
    if password.len() > BYTES_MAX {
        return Err(Weak::Long);
    }
    if password.chars().count() < LENGTH_MIN {
        return Err(Weak::Short);
    }
    let lower = password.to_lowercase();
    if name.len() >= 3 && lower.contains(&name.to_lowercase()) {
        return Err(Weak::Name);
    }
    if weak::is_usual(&lower) || most_used::is(&lower) { Err(Weak::Usual) } else { Ok(()) }
}

/// Computes hashes, few at once: each takes 64 MiB for a part of a second.
#[derive(Debug)]
pub(crate) struct Passwords {
    at_once: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { at_once: Arc::new(Semaphore::new(AT_ONCE)), waiting: AtomicUsize::new(0) }
    }
}

impl Passwords {
    /// What is kept of a password: Argon2id as a PHC string.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Unavailable> {
        let password = password.to_owned();
        self.compute(move || {
            let salt = random::<16>().map_err(|_| Unavailable::Failed)?;
            let hash: Result<PasswordHash, _> = argon2()?.hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|_| Unavailable::Failed)
        })
        .await?
    }

    /// Whether it is the password that this was made of. Without anything to compare with it works as long and says no.
    pub(crate) async fn is(&self, password: &str, kept: Option<&str>) -> Result<bool, Unavailable> {
        if password.len() > BYTES_MAX {
            return Ok(false);
        }
        // Whoever signs in by a provider has none.
        let kept = kept.filter(|kept| !kept.is_empty());
        let (password, exists) = (password.to_owned(), kept.is_some());
        let kept = kept.unwrap_or(NOBODYS).to_owned();
        self.compute(move || {
            let kept = PasswordHash::new(&kept).map_err(|_| Unavailable::Failed)?;
            // Compares in constant time.
            Ok(argon2()?.verify_password(password.as_bytes(), &kept).is_ok() && exists)
        })
        .await?
    }

    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Unavailable> {
        let place = Waiting::new(&self.waiting)?;
        let permit = Arc::clone(&self.at_once).acquire_owned().await.map_err(|_| Unavailable::Failed)?;
        drop(place);
        // The permit goes along: whoever asked may leave while it is computed.
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        done.await.map_err(|_| Unavailable::Failed)
    }
}

/// A place in the queue, given back also when whoever waits leaves.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Result<Self, Unavailable> {
        if count.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            count.fetch_sub(1, Ordering::Relaxed);
            return Err(Unavailable::Busy);
        }
        Ok(Self(count))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn argon2() -> Result<Argon2<'static>, Unavailable> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|_| Unavailable::Failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// RFC 9106 section 4, second choice, in one lane.
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;
/// 128 MiB.
const AT_ONCE: usize = 2;
/// Some ten seconds of work.
const WAITING_MAX: usize = 32;
/// NIST SP 800-63B asks for 8 beside something else, 15 alone; there is a second factor here for those who want one.
pub(crate) const LENGTH_MIN: usize = 12;
pub(crate) const BYTES_MAX: usize = 256;
/// The work of the others, for names that nobody has.
const NOBODYS: &str =
    "$argon2id$v=19$m=65536,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_is() {
        let passwords = Passwords::default();
        let kept = passwords.hash("correct horse battery").await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"), "{kept}");
        assert!(passwords.is("correct horse battery", Some(&kept)).await.unwrap());
        assert!(!passwords.is("correct horse batterz", Some(&kept)).await.unwrap());
        assert!(!passwords.is("correct horse battery", None).await.unwrap());
        assert_ne!(passwords.hash("correct horse battery").await.unwrap(), kept, "a salt of its own");
    }

    #[tokio::test]
    async fn no_more_wait_than_have_room() {
        let passwords = Arc::new(Passwords::default());
        let held = Arc::clone(&passwords.at_once).acquire_many_owned(2).await.unwrap();
        let ask = || {
            let passwords = Arc::clone(&passwords);
            tokio::spawn(async move { passwords.compute(|| ()).await })
        };
        let waiting: Vec<_> = (0..WAITING_MAX).map(|_| ask()).collect();
        tokio::task::yield_now().await;
        assert_eq!(ask().await.unwrap(), Err(Unavailable::Busy));
        // Whoever leaves gives the place back.
        waiting[0].abort();
        drop(held);
        for (number, one) in waiting.into_iter().enumerate() {
            assert!(number == 0 || one.await.unwrap().is_ok());
        }
        assert_eq!(ask().await.unwrap(), Ok(()));
    }

    #[test]
    fn weak_ones_are_refused() {
        for (password, why) in [
            ("short", Weak::Short),
            ("elevenchars", Weak::Short),
            ("password1234", Weak::Usual),
            ("P@ssw0rd2026!!", Weak::Usual),
            ("aaaaaaaaaaaaaa", Weak::Usual),
            ("123456789012", Weak::Usual),
            ("my-Ada.Love-phrase", Weak::Name),
        ] {
            assert_eq!(check("ada.love", password), Err(why), "{password}");
        }
        assert_eq!(check("ada", &"ä".repeat(129)), Err(Weak::Long));
        assert_eq!(check("ada", "three wet owls sing"), Ok(()));
    }
}
