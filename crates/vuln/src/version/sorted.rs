//! How are versions put in order, by an order that strangers' texts can make contradict itself?

use std::cmp::Ordering;

/// Stable, like the standard library's sort, which panics where it notices that an order is none:
/// Maven's, Composer's and pacman's own rules are not transitive over arbitrary texts. What comes
/// out then is some order of the same items.
pub(crate) fn sort<T>(items: &mut Vec<T>, order: &impl Fn(&T, &T) -> Ordering) {
    let all = std::mem::take(items);
    *items = merged(all, order);
}

fn merged<T>(mut left: Vec<T>, order: &impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    if left.len() < 2 {
        return left;
    }
    let mut out = Vec::with_capacity(left.len());
    let right = left.split_off(left.len() / 2);
    let mut left = merged(left, order).into_iter().peekable();
    let mut right = merged(right, order).into_iter().peekable();
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        out.extend(if order(a, b).is_le() { left.next() } else { right.next() });
    }
    out.extend(left);
    out.extend(right);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_kept_where_it_is_one() {
        let mut items: Vec<(u32, usize)> = (0..1000_u32).map(|at| (at * 7919 % 64, at as usize)).collect();
        let mut expected = items.clone();
        expected.sort_by_key(|(key, _)| *key);
        sort(&mut items, &|a, b| a.0.cmp(&b.0));
        assert_eq!(items, expected);
    }

    #[test]
    fn a_circle_is_no_reason_to_panic() {
        // Paper over stone, scissors over paper, stone over scissors.
        let circle = |a: &u32, b: &u32| match (3 + a - b) % 3 {
            0 => Ordering::Equal,
            1 => Ordering::Greater,
            _ => Ordering::Less,
        };
        for length in [0, 1, 2, 21, 33, 200] {
            let mut items: Vec<u32> = (0..length).map(|at| at * at * 31 % 7 % 3).collect();
            let mut before = items.clone();
            sort(&mut items, &circle);
            before.sort_unstable();
            items.sort_unstable();
            assert_eq!(items, before);
        }
    }
}
