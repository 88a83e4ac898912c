//! Is the answer of all published rules at once that of each alone, on lines of every kind?

use std::collections::BTreeMap;

use tripoint_evidence::log::FORMATS;
use tripoint_evidence::sigma::Sigma;
use tripoint_evidence::sigma::engine::Room;
use tripoint_evidence::sigma::event::Event;
use tripoint_evidence::stamp::Clock;
use tripoint_model::Timestamp;

use super::{files, published};

fn compare(sigma: &Sigma, line: &str, room: &mut Room) -> Vec<u32> {
    let clock = Clock::at(Timestamp(0));
    let format = FORMATS.iter().find(|format| format.read(line, &clock).is_some()).unwrap();
    let entry = format.read(line, &clock).unwrap();
    let event = Event::new(&entry, format.name(), line);
    let found = sigma.matching(&event, room);
    assert_eq!(found, sigma.matching_one_by_one(&event), "{line}");
    found
}

#[test]
fn lines_of_every_kind() {
    let Some((_, read)) = published() else { return };
    let sigma = read.sigma().unwrap();
    let mut room = Room::default();
    let root = std::path::PathBuf::from(std::env::var_os("TRIPOINT_TEST_DATA").unwrap()).join("logs");
    for archive in
        ["crowdsec-hub/tests.tar.gz", "fail2ban/logs.tar.gz", "ssh/auth.log.gz", "web/nginxplus_json_logs.gz"]
    {
        let (mut lines, mut hits) = (0, BTreeMap::<&str, usize>::new());
        for (_, bytes) in files(&root.join(archive)).into_iter().flatten() {
            for line in String::from_utf8_lossy(&bytes).lines().take(3000) {
                lines += 1;
                for number in compare(&sigma, line, &mut room) {
                    *hits.entry(&sigma.rules()[number as usize].about.title).or_default() += 1;
                }
            }
        }
        let mut hits: Vec<(&str, usize)> = hits.into_iter().collect();
        hits.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        println!("{archive}: {lines} lines, {:?}", &hits[..hits.len().min(6)]);
        assert!(lines > 0);
    }
}

#[test]
fn the_fixtures_of_formats() {
    let Some((_, read)) = published() else { return };
    let sigma = read.sigma().unwrap();
    let (mut room, mut lines) = (Room::default(), 0);
    for folder in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/log")).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let text = std::fs::read(file.unwrap().path()).unwrap();
            for line in String::from_utf8_lossy(&text).lines() {
                lines += 1;
                compare(&sigma, line, &mut room);
            }
        }
    }
    assert!(lines > 100);
}
