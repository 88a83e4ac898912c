//! What stands at the end of a page?

/// Bytes of a sum.
pub(crate) const BYTES: usize = 8;
/// Bytes of a page's number, before its sum.
pub(crate) const NUMBER: usize = 4;

/// The sum over a page without its last eight bytes, as sqlite.org/cksumvfs.html writes it: two sums over 32-bit words,
/// each adding the other in turn. A change of a single bit always changes it: each step can be undone.
pub(crate) fn of(page: &[u8]) -> [u8; BYTES] {
    let (mut one, mut two) = (0_u32, 0_u32);
    for pair in page.chunks_exact(8) {
        let (first, second) = pair.split_at(4);
        one = one.wrapping_add(word(first)).wrapping_add(two);
        two = two.wrapping_add(word(second)).wrapping_add(one);
    }
    let mut sum = [0; BYTES];
    sum[..4].copy_from_slice(&one.to_le_bytes());
    sum[4..].copy_from_slice(&two.to_le_bytes());
    sum
}

/// Whether a whole page ends with its sum.
pub(crate) fn holds(page: &[u8]) -> bool {
    page.split_at_checked(page.len().wrapping_sub(BYTES)).is_some_and(|(rest, sum)| of(rest) == sum)
}

/// Whether a whole page ends with this number and its sum: it was written, and for this place. A page of zeros, which has
/// a good sum, has no number.
pub(crate) fn holds_at(page: &[u8], number: u32) -> bool {
    let at = page.len().wrapping_sub(BYTES + NUMBER);
    holds(page) && page.get(at..at.wrapping_add(NUMBER)) == Some(&number.to_be_bytes()[..])
}

/// A page as it is written: what SQLite gave, without what it kept free, its number and the sum over both.
pub(crate) fn seal(rest: &[u8], number: u32, page: &mut Vec<u8>) {
    page.clear();
    page.extend_from_slice(rest);
    page.extend_from_slice(&number.to_be_bytes());
    let sum = of(page);
    page.extend_from_slice(&sum);
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_counts() {
        let mut page: Vec<u8> = (0..512_u32).map(|at| (at * 7 % 251) as u8).collect();
        let sum = of(&page[..504]);
        page[504..].copy_from_slice(&sum);
        assert!(holds(&page) && holds(&[0; 512]) && !holds(&[1; 4]));
        for bit in 0..512 * 8 {
            page[bit / 8] ^= 1 << (bit % 8);
            assert!(!holds(&page), "bit {bit}");
            page[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_page_is_good_at_its_own_place_alone() {
        let rest: Vec<u8> = (0..500_u32).map(|at| (at * 7 % 251) as u8).collect();
        let mut page = Vec::new();
        seal(&rest, 7, &mut page);
        assert!(page.len() == 512 && holds_at(&page, 7) && !holds_at(&page, 8));
        assert!(!holds_at(&[0; 512], 1) && !holds_at(&[0; 512], 7) && !holds_at(&[], 0) && !holds_at(&[0; 9], 0));
        page[3] ^= 1;
        assert!(!holds_at(&page, 7));
    }
}
