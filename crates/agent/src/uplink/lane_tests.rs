//! Is what turned in the spool told, and never sent as something else?

use std::fs;

use tripoint_model::{Contact, Timestamp};

use super::*;

fn lane(folder: &Path) -> Lane {
    let identity =
        AgentIdentity { host: "web1".into(), boot_id: "boot".into(), version: "1".into(), started: Timestamp(1) };
    Lane::open(folder, identity, 1 << 20, 1 << 20).unwrap()
}

fn item(number: u64) -> Item {
    Item::Contacts { contacts: Vec::<Contact>::new(), dropped: number }
}

/// What would be sent, as it lies in the spool, with the places before it.
fn waiting(lane: &Lane) -> Vec<(u64, Vec<u8>)> {
    let records = lane.spool.read_from(lane.spool.acknowledged(), usize::MAX).unwrap();
    records.into_iter().map(|record| (record.next, record.bytes)).collect()
}

/// Fails when a bit that turned anywhere in the spool's folder has something else sent, takes an item away without a
/// word, or has one taken for old news.
#[test]
fn d8_a_bit_that_turns_in_the_spool_is_found() {
    let flips: usize = std::env::var("TRIPOINT_FLIPS").map_or(300, |flips| flips.parse().unwrap());
    let whole = tempfile::tempdir().unwrap();
    let mut spool = lane(whole.path());
    for number in 0..20 {
        spool.keep(&item(number)).unwrap();
    }
    let third = waiting(&spool)[2].0;
    spool.spool.acknowledge(third).unwrap();
    spool.owe(77);
    spool.sync();
    let (expected, id) = (waiting(&spool), spool.identity.boot_id.clone());
    drop(spool);
    let files: Vec<PathBuf> = fs::read_dir(whole.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let files: Vec<PathBuf> = files.into_iter().filter(|file| fs::metadata(file).unwrap().len() > 0).collect();
    assert_eq!(files.len(), 4, "a segment, the position, the id, what is owed: {files:?}");
    let mut found = [0; 4];
    for flip in 0..flips {
        let folder = tempfile::tempdir().unwrap();
        let turned = &files[flip % files.len()];
        for file in &files {
            let mut bytes = fs::read(file).unwrap();
            if file == turned {
                let bit = (flip / files.len()).wrapping_mul(2_654_435_761) % (bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            fs::write(folder.path().join(file.file_name().unwrap()), bytes).unwrap();
        }
        let name = turned.file_name().unwrap().to_str().unwrap();
        let lane = lane(folder.path());
        let sent = waiting(&lane);
        let missing = expected.iter().filter(|own| !sent.contains(own)).count();
        let others = sent.iter().filter(|own| !expected.contains(own)).count();
        assert!(lane.owed() == if name == "owed" { 0 } else { 77 }, "flip {flip}");
        assert_eq!(lane.identity.boot_id != id, name == "id", "flip {flip} in {name}");
        let which = ["acknowledged", "id", "owed"].iter().position(|known| *known == name).unwrap_or(3);
        found[which] += 1;
        match name {
            // From the oldest on, so that none is missing; the server has those three.
            "acknowledged" => assert_eq!((missing, others), (0, 3), "flip {flip}"),
            "id" | "owed" => assert_eq!((missing, others), (0, 0), "flip {flip}"),
            // One is lost and counted, but for the last: what a crash interrupted looks the same, and is cut and said.
            _ => {
                assert!(missing <= 1 && others == 0, "flip {flip}: {missing} {others}");
                let is_last = !sent.contains(expected.last().unwrap());
                assert_eq!(lane.damaged(), u64::from(!is_last), "flip {flip}");
            }
        }
    }
    println!("turned bits found: {found:?} of {flips} in position, id, what is owed, items");
}

#[test]
fn a_spool_whose_place_is_lost_begins_under_another_id() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = lane(folder.path());
    first.keep(&item(1)).unwrap();
    let (id, end) = (first.identity.boot_id.clone(), first.spool.end());
    first.spool.acknowledge(end).unwrap();
    drop(first);
    assert_eq!(lane(folder.path()).identity.boot_id, id);
    // The segment is let go with what was in it; only the position knows which offsets were used.
    for file in fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|ending| ending == "segment") {
            fs::remove_file(file).unwrap();
        }
    }
    let after = lane(folder.path());
    assert_eq!((after.identity.boot_id.clone(), after.spool.end()), (id.clone(), end));
    drop(after);
    fs::write(folder.path().join("acknowledged"), "9").unwrap();
    let after = lane(folder.path());
    assert_ne!(after.identity.boot_id, id, "the server would take its sequence for old news");
}
