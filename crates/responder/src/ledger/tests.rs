//! Does the ledger come back as it was, shorter, with the newest line of each?

use tripoint_model::ActionKind;

use super::*;

fn planned(target: &str, expires: i64) -> PlannedAction {
    PlannedAction {
        id: format!("{target}-{expires}"),
        action: ActionKind::Block,
        target: target.parse().unwrap(),
        scope: Scope::Host,
        expires: Timestamp::from_seconds(expires),
        reason: "c2".into(),
        requester: POLICY.into(),
        cause: None,
        terms: Terms::default(),
        cuts: vec![],
    }
}

#[test]
fn comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, _) = Ledger::open(folder.path()).unwrap();
    for host in 0..50 {
        ledger.intend(&planned(&format!("203.0.113.{host}"), 100), Timestamp(0)).unwrap();
    }
    ledger.mark(&"203.0.113.7".parse().unwrap(), &Scope::Host, EntryState::Lifted, Timestamp(1)).unwrap();
    ledger.sync().unwrap();
    let before: Vec<Entry> = ledger.active(Timestamp(2)).cloned().collect();
    assert_eq!(before.len(), 49);
    assert_eq!(ledger.usage(Timestamp(2)).automatic_last_minute, 50, "a lifted one was still new");
    ledger.shorten(Timestamp(2)).unwrap();
    drop(ledger);
    let (ledger, report) = Ledger::open(folder.path()).unwrap();
    assert_eq!(report, LedgerReport { wanted: 49, ..LedgerReport::default() });
    assert_eq!(ledger.active(Timestamp(2)).cloned().collect::<Vec<_>>(), before);
    assert_eq!(ledger.active(Timestamp::from_seconds(100)).count(), 0);
}

#[test]
fn a_wall_clock_that_goes_back_lengthens_no_block() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, _) = Ledger::open(folder.path()).unwrap();
    ledger.intend(&planned("203.0.113.9", 4_000), Timestamp::from_seconds(400)).unwrap();
    ledger.set_back(Duration::from_secs(300), Timestamp::from_seconds(200)).unwrap();
    ledger.sync().unwrap();
    drop(ledger);
    let (ledger, _) = Ledger::open(folder.path()).unwrap();
    let entry = ledger.get(&"203.0.113.9".parse().unwrap(), &Scope::Host).unwrap();
    assert_eq!((entry.since, entry.expires), (Timestamp::from_seconds(100), Timestamp::from_seconds(3_700)));
}

#[test]
fn the_newest_line_wins_and_keeps_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, _) = Ledger::open(folder.path()).unwrap();
    ledger.intend(&planned("203.0.113.9", 100), Timestamp(0)).unwrap();
    ledger.intend(&planned("203.0.113.9", 200), Timestamp::from_seconds(50)).unwrap();
    let entry = ledger.get(&"203.0.113.9".parse().unwrap(), &Scope::Host).unwrap();
    assert_eq!((entry.since, entry.expires), (Timestamp(0), Timestamp::from_seconds(200)));
    assert_eq!(entry.generation, 2);
}

/// Fails when a bit that turned in the ledger is not told, or makes a line say what nobody wrote.
#[test]
fn d8_a_bit_that_turns_is_found_and_no_block_is_another() {
    let flips: usize = std::env::var("TRIPOINT_FLIPS").map_or(300, |flips| flips.parse().unwrap());
    let whole = tempfile::tempdir().unwrap();
    let (mut ledger, _) = Ledger::open(whole.path()).unwrap();
    for host in 0..40 {
        ledger.intend(&planned(&format!("203.0.113.{host}"), 100 + host), Timestamp(0)).unwrap();
    }
    ledger.shorten(Timestamp(1)).unwrap();
    for host in 0..40 {
        let target = format!("203.0.113.{host}").parse().unwrap();
        ledger.mark(&target, &Scope::Host, EntryState::Applied, Timestamp(2)).unwrap();
    }
    ledger.sync().unwrap();
    let expected = ledger.entries.clone();
    drop(ledger);
    let said = |entry: &Entry| (entry.target.clone(), entry.since, entry.expires, entry.id.clone());
    let files: Vec<std::path::PathBuf> = std::fs::read_dir(whole.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("reserve") && path.metadata().unwrap().len() > 0)
        .collect();
    assert!(files.len() >= 2, "a segment and the position: {files:?}");
    for flip in 0..flips {
        let folder = tempfile::tempdir().unwrap();
        // Every other one in the position, which is small.
        let small = files.iter().position(|file| file.ends_with("acknowledged")).unwrap();
        let which = if flip % 2 == 0 { small } else { flip / 2 % files.len() };
        for (at, file) in files.iter().enumerate() {
            let mut bytes = std::fs::read(file).unwrap();
            if at == which {
                let bit = flip.wrapping_mul(2_654_435_761) % (bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            std::fs::write(folder.path().join(file.file_name().unwrap()), bytes).unwrap();
        }
        let (ledger, report) = Ledger::open(folder.path()).unwrap();
        assert!(!report.damage.is_empty() || report.torn_bytes > 0, "flip {flip} is not told");
        assert!(ledger.is_damaged(), "flip {flip}: what it does not know would be removed");
        assert!(ledger.entries.len() >= expected.len() - 1, "flip {flip}");
        for (key, entry) in &ledger.entries {
            assert_eq!(said(entry), said(&expected[key]), "flip {flip}");
        }
    }
    println!("{flips} of {flips} turned bits found");
}
