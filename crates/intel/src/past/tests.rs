//! Is what a feed said still known when it says it no longer, and does the past stay bounded?

use proptest::prelude::*;

use super::*;
use crate::change::Change;
use crate::import::Context;
use crate::store::{FeedState, FeedStatus, Store};

fn bad(text: &str) -> Indicator {
    Indicator::new(text.parse().unwrap(), Category::C2, AppliesTo::Out, 60)
}

fn save(data: &Path, texts: &[&str], at: i64) {
    let store = Store::open(data).unwrap();
    store.save("feed", &texts.iter().map(|text| bad(text)).collect::<Vec<_>>(), Timestamp(at)).unwrap();
    let status = FeedStatus { feed: "feed".into(), state: FeedState::Ok, ..FeedStatus::default() };
    store.set_status(&status).unwrap();
    store.rebuild(Timestamp(at), context(data).rules()).unwrap();
}

fn context(data_dir: &Path) -> Context<'_> {
    Context { data_dir, permit_ranges: &[], own: &[], now: Timestamp(0) }
}

fn past(data: &Path, text: &str) -> Vec<(String, Option<i64>, i64, u32)> {
    let found = withdrawn(data, "feed", &text.parse().unwrap()).withdrawn;
    found.into_iter().map(|w| (w.observable.to_string(), w.since.map(|at| at.0), w.gone.0, w.times)).collect()
}

#[test]
fn what_is_taken_out_is_remembered_and_found_by_what_it_held() {
    let data = tempfile::tempdir().unwrap();
    let at = |text: &str| known_since(data.path(), "feed", &text.parse().unwrap()).map(|at| at.0);
    save(data.path(), &["203.0.113.1", "203.0.113.0/28", "203.0.113.1:443", "2001:db8::/48", "bad.example"], 10);
    assert!(past(data.path(), "203.0.113.1").is_empty());
    save(data.path(), &["203.0.113.1", "198.51.100.1"], 20);
    assert_eq!((at("203.0.113.1"), at("198.51.100.1"), at("203.0.113.1:443")), (Some(10), Some(20), None));
    let net = ("203.0.113.0/28".to_owned(), Some(10), 20, 1);
    let port = ("203.0.113.1:443".to_owned(), Some(10), 20, 1);
    assert_eq!(past(data.path(), "203.0.113.1"), [net.clone(), port]);
    assert_eq!(past(data.path(), "203.0.113.1:80"), std::slice::from_ref(&net));
    assert_eq!(past(data.path(), "203.0.113.9"), [net]);
    assert_eq!(past(data.path(), "2001:db8::7")[0].0, "2001:db8::/48");
    assert_eq!(past(data.path(), "bad.example"), [("bad.example".to_owned(), Some(10), 20, 1)]);
    assert!(past(data.path(), "198.51.100.1").is_empty());
    // Back, and gone again: one entry that counts.
    save(data.path(), &["bad.example"], 30);
    save(data.path(), &["203.0.113.7"], 40);
    assert_eq!(at("203.0.113.7"), Some(40));
    assert_eq!(past(data.path(), "bad.example"), [("bad.example".to_owned(), Some(10), 40, 2)]);
    assert_eq!(past(data.path(), "203.0.113.1").len(), 3);
}

#[test]
fn the_past_is_bounded_by_number_and_age() {
    let data = tempfile::tempdir().unwrap();
    let limits = Limits { entries_max: 3, age_max: Duration::from_micros(100) };
    let step = |texts: &[&str], at| {
        let indicators: Vec<Indicator> = texts.iter().map(|text| bad(text)).collect();
        let copy = crate::store::copy_path(data.path(), "feed");
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        let remembered = remember(data.path(), "feed", &indicators, limits, Timestamp(at)).unwrap();
        crate::store::write_copy(&copy, &indicators).unwrap();
        remembered
    };
    step(&["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"], 1);
    assert_eq!(
        step(&["192.0.2.3", "192.0.2.4"], 2),
        Remembered { withdrawn: 2, kept: 2, change: Change { added: 0, removed: 2 }, ..Remembered::default() }
    );
    assert_eq!(
        step(&["192.0.2.9"], 3),
        Remembered { withdrawn: 2, kept: 3, dropped: 1, lost: 0, change: Change { added: 1, removed: 2 } }
    );
    assert_eq!(past(data.path(), "192.0.2.3").len() + past(data.path(), "192.0.2.4").len(), 2);
    // Only the old ones go, and they go although nothing new came.
    let later = remember(data.path(), "feed", &[bad("192.0.2.9")], limits, Timestamp(103)).unwrap();
    assert_eq!((later.withdrawn, later.kept, later.dropped), (0, 2, 1));
}

#[test]
fn damage_costs_a_part_of_the_past_and_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    save(data.path(), &["203.0.113.1", "203.0.113.2"], 10);
    save(data.path(), &["203.0.113.3"], 20);
    for name in [WITHDRAWN, SINCE] {
        let path = file(data.path(), "feed", name);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] = 0xff;
            std::fs::write(&path, &damaged[..]).unwrap();
            past(data.path(), "203.0.113.1");
            std::fs::write(&path, &whole[..at]).unwrap();
            past(data.path(), "203.0.113.1");
            known_since(data.path(), "feed", &"203.0.113.3".parse().unwrap());
        }
        save(data.path(), &["203.0.113.4"], 30);
        std::fs::write(&path, &whole).unwrap();
    }
}

/// Fails when a damaged line is passed over in silence, by whoever asks or by the next copy.
#[test]
fn damage_is_said() {
    let data = tempfile::tempdir().unwrap();
    let all: Vec<String> = (0..200).map(|at| format!("203.0.113.{at}")).collect();
    save(data.path(), &all.iter().map(String::as_str).collect::<Vec<_>>(), 10);
    save(data.path(), &["198.51.100.1"], 20);
    let path = file(data.path(), "feed", WITHDRAWN);
    let whole = std::fs::read_to_string(&path).unwrap();
    let asked: Observable = "203.0.113.77".parse().unwrap();
    assert!(!withdrawn(data.path(), "feed", &asked).is_damaged);
    let spoil = |line: &str, spoiled: &[u8]| {
        let mut lines: Vec<&[u8]> = whole.lines().map(str::as_bytes).collect();
        let at = whole.lines().position(|one| one.contains(line)).unwrap();
        lines[at] = spoiled;
        std::fs::write(&path, [lines.join(&b'\n'), b"\n".to_vec()].concat()).unwrap();
    };
    let whole_line = whole.lines().find(|line| line.contains("\"203.0.113.77\"")).unwrap();
    let cut = &whole_line[..whole_line.len() / 2];
    let elsewhere = whole_line.replacen("4cb0071", "4cb0171", 1);
    for spoiled in [&b"\xff\xfe"[..], b"", cut.as_bytes(), elsewhere.as_bytes()] {
        spoil("\"203.0.113.77\"", spoiled);
        let found = withdrawn(data.path(), "feed", &asked);
        assert!(found.withdrawn.is_empty());
        assert!(found.is_damaged, "{spoiled:?}");
        let store = Store::open(data.path()).unwrap();
        assert_eq!(store.save("feed", &[bad("198.51.100.1")], Timestamp(30)).unwrap().lost, 1, "{spoiled:?}");
        assert_eq!(store.save("feed", &[bad("198.51.100.1")], Timestamp(40)).unwrap().lost, 0, "said once");
        assert_eq!(withdrawn(data.path(), "feed", &"203.0.113.78".parse().unwrap()).withdrawn.len(), 1);
    }
    let since = file(data.path(), "feed", SINCE);
    std::fs::write(&since, "no line of ours\n4c6336401\t-1 x\n").unwrap();
    let store = Store::open(data.path()).unwrap();
    assert_eq!(store.save("feed", &[bad("198.51.100.1")], Timestamp(50)).unwrap().lost, 2);
}

/// Fails when what a damaged copy seems to say is remembered as what its feed said.
#[test]
fn a_damaged_copy_accuses_nobody_afterwards() {
    let data = tempfile::tempdir().unwrap();
    save(data.path(), &["203.0.113.1", "203.0.113.2"], 10);
    let copy = crate::store::copy_path(data.path(), "feed");
    let text = std::fs::read_to_string(&copy).unwrap();
    std::fs::write(&copy, text.replace("203.0.113.2", "203.0.113.3")).unwrap();
    save(data.path(), &["203.0.113.1"], 20);
    assert!(past(data.path(), "203.0.113.3").is_empty());
}

/// Fails when a bit that turned changes what a feed is told to have said, or hides it without a word.
#[test]
fn d8_a_bit_that_turns_in_the_past_is_said_and_changes_nothing_else() {
    let flips: usize = std::env::var("TRIPOINT_FLIPS").map_or(300, |flips| flips.parse().unwrap());
    let data = tempfile::tempdir().unwrap();
    let all: Vec<String> = (0..100).map(|at| format!("203.0.113.{at}")).collect();
    save(data.path(), &all.iter().map(String::as_str).collect::<Vec<_>>(), 10);
    save(data.path(), &["198.51.100.1", "198.51.100.2"], 20);
    let now: [Observable; 2] = ["198.51.100.1", "198.51.100.2"].map(|text| text.parse().unwrap());
    for name in [WITHDRAWN, SINCE] {
        let path = file(data.path(), "feed", name);
        let whole = std::fs::read(&path).unwrap();
        let mut found = 0;
        for flip in 0..flips {
            let bit = flip.wrapping_mul(2_654_435_761) % (whole.len() * 8);
            let mut turned = whole.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &turned).unwrap();
            let mut hidden = 0;
            for text in &all {
                let past = withdrawn(data.path(), "feed", &text.parse().unwrap());
                assert!(past.is_damaged || past.withdrawn.len() == 1, "{name}, bit {bit}: {text} is gone");
                assert!(past.withdrawn.iter().all(|w| (w.since, w.gone.0) == (Some(Timestamp(10)), 20)), "bit {bit}");
                hidden += 1 - past.withdrawn.len();
            }
            for observable in &now {
                let since = known_since(data.path(), "feed", observable);
                assert!(since.is_none_or(|since| since == Timestamp(20)), "{name}, bit {bit}");
                hidden += usize::from(since.is_none());
            }
            // A line end that is none any more costs the line behind it too.
            assert!((1..=2).contains(&hidden), "{name}, bit {bit}: {hidden}");
            found += 1;
        }
        std::fs::write(&path, &whole).unwrap();
        println!("{name}: {found} of {flips} turned bits found");
    }
}

proptest! {
    /// Fails when a search by halves misses a line.
    #[test]
    fn every_entry_is_found_in_a_large_file(addresses in proptest::collection::btree_set(any::<u32>(), 1..400)) {
        let data = tempfile::tempdir().unwrap();
        let all: Vec<Indicator> = addresses
            .iter()
            .map(|raw| Indicator::new(Observable::Address(IpAddr::V4((*raw).into())), Category::C2, AppliesTo::Out, 1))
            .collect();
        Store::open(data.path()).unwrap().save("feed", &all, Timestamp(1)).unwrap();
        Store::open(data.path()).unwrap().save("feed", &[], Timestamp(2)).unwrap();
        for indicator in &all {
            prop_assert_eq!(withdrawn(data.path(), "feed", &indicator.observable).withdrawn.len(), 1);
        }
    }
}
