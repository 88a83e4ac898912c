//! Is every way to change the audit afterwards found, also by somebody who makes the hashes anew?

use super::super::head::HeadKey;
use super::*;

/// A chain with heads after some rows, and after the last.
fn made(rows: u64) -> (Vec<Row>, Vec<Head>, HeadKey) {
    let key = HeadKey::new().unwrap();
    let mut chain = Chain::default();
    let (mut all, mut heads) = (Vec::new(), vec![key.sign(&chain, Timestamp(0))]);
    for number in 1..=rows {
        all.push(chain.add(format!("{{\"at\":{number},\"who\":\"ada\",\"result\":\"done\"}}")));
        if number % 7 == 0 || number == rows {
            heads.push(key.sign(&chain, Timestamp(number as i64)));
        }
    }
    (all, heads, key)
}

/// Makes numbers and hashes fit again, as whoever knows how the chain is made would.
fn mended(rows: &mut Vec<Row>) {
    let mut chain = Chain::default();
    *rows = std::mem::take(rows).into_iter().map(|row| chain.add(row.body)).collect();
}

/// Changes the rows somehow; says what was done.
fn spoil(rows: &mut Vec<Row>, mut any: impl FnMut(usize) -> usize) -> String {
    let at = any(rows.len());
    let mend = any(2) == 0;
    let what = match any(6) {
        0 => {
            let mut body = rows[at].body.clone().into_bytes();
            let byte = any(body.len());
            body[byte] ^= 1 << any(7);
            rows[at].body = String::from_utf8_lossy(&body).into_owned();
            "flip in text"
        }
        1 if !mend => {
            let mut hash = rows[at].hash.clone().into_bytes();
            let byte = any(hash.len());
            hash[byte] = if hash[byte] == b'0' { b'1' } else { b'0' };
            rows[at].hash = String::from_utf8(hash).unwrap();
            "flip in hash"
        }
        1 | 2 => {
            rows.remove(at);
            "delete"
        }
        3 => {
            let other = (at + 1 + any(rows.len() - 1)) % rows.len();
            rows.swap(at, other);
            "reorder"
        }
        4 => {
            rows.truncate(at);
            "truncate"
        }
        // An older copy of the file, on which somebody went on.
        _ => {
            rows.truncate(at);
            let mut chain = rows.last().map_or_else(Chain::default, |row| Chain::at(row).unwrap());
            let more = any(2 * (200 - at));
            rows.extend((0..more).map(|n| chain.add(format!("{{\"at\":{n},\"who\":\"eve\"}}"))));
            "restore"
        }
    };
    if mend {
        mended(rows);
    }
    format!("{what} at {at}, mended: {mend}")
}

#[test]
fn ten_thousand_changes_are_found_each() {
    let (rows, heads, _) = made(200);
    assert_eq!(verify(&rows, &heads), Ok((200, 200)));
    // SplitMix64, so that each run does the same.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut any = move |below: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ mixed >> 31) % below.max(1) as u64).unwrap()
    };
    let (mut found, mut without_heads) = (0, 0);
    for round in 0..10_000 {
        let mut spoiled = rows.clone();
        let what = spoil(&mut spoiled, &mut any);
        assert_ne!(spoiled, rows, "{what}");
        found += 1;
        if verify(&spoiled, &[]).is_ok() {
            without_heads += 1;
        }
        assert!(verify(&spoiled, &heads).is_err(), "round {round}: {what}");
    }
    assert_eq!(found, 10_000);
    // The chain alone finds nothing of what was mended: the heads do.
    assert!(without_heads > 3_000, "{without_heads}");
}

#[test]
fn the_first_row_that_is_not_as_it_was_is_named() {
    let (rows, heads, key) = made(20);
    let broken = |rows: &[Row], heads: &[Head]| verify(rows, heads).unwrap_err().row;
    let mut flipped = rows.clone();
    flipped[11].body.push(' ');
    assert_eq!(broken(&flipped, &heads), 12);
    let mut gone = rows.clone();
    gone.remove(4);
    assert_eq!(broken(&gone, &heads), 5);
    assert_eq!(broken(&rows[..17], &heads), 18);
    // Mended: only that it is after the last head that still fits is known.
    let mut mended_rows = flipped.clone();
    mended(&mut mended_rows);
    assert_eq!(broken(&mended_rows, &heads), 8);
    // What is younger than the last head may be cut off unseen.
    let early: Vec<Head> = heads[..2].to_vec();
    assert_eq!(verify(&rows[..9], &early), Ok((9, 7)));
    // A head of somebody else's key is none.
    let other = HeadKey::new().unwrap();
    assert!(key.public().check(&heads[1]) && !other.public().check(&heads[1]));
    assert!(!key.public().check(&Head { number: 8, ..heads[1].clone() }));
}
