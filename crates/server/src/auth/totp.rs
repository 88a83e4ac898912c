//! Which six digits does an authenticator show at a moment (RFC 6238)?

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use tripoint_model::Timestamp;

use super::secret::base32;

/// The step of now, where this is its code: a code lives for its 30 seconds and no longer (ASVS 6.5.5). A step that was
/// taken before, or an earlier one, is none: no code opens twice.
pub(crate) fn step(seed: &[u8], code: &str, last: i64, now: Timestamp) -> Option<i64> {
    let current = now.0.div_euclid(STEP_US);
    (same(&digits(seed, current), code.trim()) && current > last).then_some(current)
}

/// Whether it is the code of a step nearby, early or late: a clock is wrong, or somebody was slow. It opens nothing.
pub(crate) fn is_near(seed: &[u8], code: &str, now: Timestamp) -> bool {
    let current = now.0.div_euclid(STEP_US);
    let said = code.trim();
    (1..=NEAR).any(|apart| [current - apart, current + apart].iter().any(|step| same(&digits(seed, *step), said)))
}

/// RFC 4226 section 5.3, of the step as the counter.
fn digits(seed: &[u8], step: i64) -> String {
    // Takes keys of every length.
    let mut mac = Hmac::<Sha1>::new_from_slice(seed).expect("a key of any length");
    mac.update(&step.to_be_bytes());
    let sum = mac.finalize().into_bytes();
    let at = usize::from(sum[19] & 15);
    let word = u32::from_be_bytes([sum[at], sum[at + 1], sum[at + 2], sum[at + 3]]) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

/// Compares without stopping at the first difference.
fn same(own: &str, said: &str) -> bool {
    let difference = own.bytes().zip(said.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    own.len() == said.len() && std::hint::black_box(difference) == 0
}

/// What an authenticator reads from a picture (the key URI format that all of them know).
pub(crate) fn uri(name: &str, seed: &[u8]) -> String {
    let name = tripoint_api::path::segment(name);
    format!("otpauth://totp/Tripoint:{name}?secret={}&issuer=Tripoint&algorithm=SHA1&digits=6&period=30", base32(seed))
}

/// What the seed of a user's authenticator is sealed for.
pub(crate) fn seed_purpose(name: &str) -> String {
    format!("totp {name}")
}

const STEP_US: i64 = 30_000_000;
/// Two minutes: clocks of telephones that nobody set.
const NEAR: i64 = 4;
/// RFC 4226 section 4, R6.
pub(crate) const SEED_BYTES: usize = 20;

#[cfg(test)]
pub(crate) fn shown(seed: &[u8], now: Timestamp) -> String {
    digits(seed, now.0.div_euclid(STEP_US))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_are_those_of_the_standard() {
        // RFC 6238 appendix B, the last six of the eight digits.
        let seed = b"12345678901234567890";
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(shown(seed, Timestamp(seconds * 1_000_000)), code, "{seconds}");
        }
    }

    #[test]
    fn a_code_opens_once_and_in_its_own_thirty_seconds() {
        let (seed, now) = (b"12345678901234567890", Timestamp(1_234_567_890_000_000));
        let code = shown(seed, now);
        let own = step(seed, &code, 0, now).unwrap();
        // 1,234,567,890 is the first second of its step.
        for (shift, good, near) in [
            (-121, false, false),
            (-60, false, true),
            (-1, false, true),
            (0, true, false),
            (29, true, false),
            (30, false, true),
            (149, false, true),
            (150, false, false),
        ] {
            let at = Timestamp(now.0 + shift * 1_000_000);
            assert_eq!((step(seed, &code, 0, at).is_some(), is_near(seed, &code, at)), (good, near), "{shift}");
        }
        assert_eq!(step(seed, &code, own, now), None, "twice");
        assert_eq!(step(seed, "", 0, now), None);
        assert_eq!(step(b"another", &code, 0, now), None);
    }
}
