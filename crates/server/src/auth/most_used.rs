//! Is it among the passwords that everybody uses most?
//!
//! The 5,000 most used of those that are long enough to be taken at all (ASVS 6.2.4 asks for 3,000), as `cargo xtask
//! passwords` wrote them: five bytes of SHA-256 of each, in lower case, sorted.

use ring::digest::{SHA256, digest};

/// Whether a password, in lower case, is one of them.
pub(super) fn is(lower: &str) -> bool {
    let sum = digest(&SHA256, lower.as_bytes());
    let (sums, rest) = SUMS.as_chunks::<SUM_BYTES>();
    debug_assert!(rest.is_empty(), "whole sums");
    sum.as_ref().first_chunk::<SUM_BYTES>().is_some_and(|sum| sums.binary_search(sum).is_ok())
}

/// Made of the list `10-million-password-list-top-1000000` of SecLists (OWASP), MIT.
const SUMS: &[u8] = include_bytes!("most_used.sums");
const SUM_BYTES: usize = 5;

#[cfg(test)]
mod tests {
    use super::super::password::{LENGTH_MIN, Weak, check};
    use super::super::weak;
    use super::*;

    #[test]
    fn thousands_that_are_long_enough_are_known_and_phrases_are_not() {
        let (sums, rest) = SUMS.as_chunks::<SUM_BYTES>();
        assert!(rest.is_empty() && sums.windows(2).all(|pair| pair[0] < pair[1]), "sorted, each once");
        assert!(sums.len() >= 3_000, "{}", sums.len());
        // No rule of ours knows these: they are refused because they are in the list.
        for used in ["leavemealone", "SonyEricsson", "chickenwing101", "websolutions", "gfhjkmgfhjkm"] {
            assert!(used.chars().count() >= LENGTH_MIN && !weak::is_usual(&used.to_lowercase()), "{used}");
            assert_eq!(check("ada", used), Err(Weak::Usual), "{used}");
        }
        for good in ["three wet owls sing", "leavemealone-owl", "correct horse battery"] {
            assert!(!is(good), "{good}");
        }
    }
}
