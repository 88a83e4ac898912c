//! Does a kept list come back whole, and is a damaged one left out and said?

use std::fs;

use tripoint_model::{IndicatorLookup, Timestamp};

use super::*;
use crate::images::open_newest;
use crate::rules::Rules;

fn status(name: &str, kind: Kind, purpose: Purpose) -> GuardStatus {
    GuardStatus {
        list: name.into(),
        title: "t".into(),
        version: "1".into(),
        kind,
        purpose,
        count: 1,
        refused: 0,
        source: "s".into(),
        loaded: Some(Timestamp(1)),
        alarm: None,
    }
}

#[test]
fn a_damaged_list_is_left_out_at_every_byte() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::open(data.path()).unwrap();
    let list_of = |text: &str| crate::guardlist::read(&mut text.as_bytes(), "x").unwrap();
    save(&store, &status("a", Kind::Plain, Purpose::Guard), &list_of("203.0.113.7\nshop.example\n")).unwrap();
    save(&store, &status("b", Kind::Plain, Purpose::Guard), &list_of("198.51.100.0/24\n")).unwrap();
    save(&store, &status("c", Kind::Plain, Purpose::Other), &list_of("192.0.2.1\n")).unwrap();
    store.rebuild(Timestamp(1), Rules::default()).unwrap();
    let (_, index) = open_newest(data.path()).unwrap();
    assert_eq!(index.guard("203.0.113.7".parse().unwrap()).len(), 1);
    assert_eq!(index.guard("198.51.100.9".parse().unwrap()).len(), 1);
    assert!(index.listed("192.0.2.1/32".parse().unwrap()).is_empty(), "nothing that is seen");
    assert_eq!(index.guard_name("www.shop.example").len(), 1);
    assert!(crate::store::list(data.path()).is_empty(), "a folder of guard lists is no feed");
    let path = path(data.path(), "a");
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 25) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(&path, &flipped).unwrap();
        let alarmed = list_checked(data.path()).into_iter().filter(|status| status.alarm.is_some());
        assert_eq!(alarmed.map(|status| status.list).collect::<Vec<_>>(), ["a"], "byte {at}");
        let mut builder = Builder::default();
        add(data.path(), &mut builder);
        let index = crate::Index::open(std::sync::Arc::new(builder.finish(Timestamp(1)))).unwrap();
        assert!(index.guard("203.0.113.7".parse().unwrap()).is_empty(), "byte {at}");
    }
    assert!(remove(&store, "a").unwrap());
    assert!(!remove(&store, "a").unwrap());
    assert_eq!(list(data.path()).len(), 2);
}
