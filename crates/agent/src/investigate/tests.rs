//! Does anybody who asks wait for more than one look?

use std::sync::mpsc::{channel, sync_channel};

use super::*;

fn investigate() -> (Investigate, tokio::sync::mpsc::UnboundedReceiver<Report>, Arc<Shared>) {
    let (reports, told) = tokio::sync::mpsc::unbounded_channel();
    let shared = Arc::<Shared>::default();
    let (wake, _) = sync_channel(1);
    let folder = tempfile::tempdir().unwrap();
    let config = crate::config::load(folder.path(), None).unwrap().config.evidence;
    let one = Investigate::new(config, Arc::default(), reports, wake, Arc::clone(&shared));
    (one, told, shared)
}

fn case(number: usize, process: Option<Arc<Process>>) -> Box<Case> {
    Box::new(Case {
        alert: AlertId(format!("a{number}")),
        process,
        connection: None,
        peers: vec!["203.0.113.9".parse().unwrap()],
        since: Timestamp(0),
        is_raised: true,
    })
}

/// This test's own process, with a log open.
fn own() -> Arc<Process> {
    let key = tripoint_sensor::procfs::key_of(std::process::id()).unwrap();
    Arc::new(Process { key, exe: "/opt/x/app".into(), ..Process::default() })
}

fn due(investigate: &mut Investigate, count: usize, process: &Option<Arc<Process>>) {
    for number in 0..count {
        let case = case(number, process.clone());
        investigate.waiting.insert((Instant::now(), case.alert.clone()), case);
    }
}

#[test]
fn an_order_is_done_before_what_waits_however_much_was_asked_before_it() {
    let (mut investigate, mut told, _) = investigate();
    due(&mut investigate, 3, &None);
    let (asks, asked) = channel();
    for number in 100..103 {
        asks.send(Ask::Alert(case(number, None))).unwrap();
    }
    asks.send(Ask::Order(7, case(200, None))).unwrap();
    drop(asks);
    investigate.run(&asked);
    // The order's own look is told like any other.
    assert!(matches!(told.try_recv(), Ok(Report::Investigation(id, _)) if id.0 == "a200"));
    assert!(matches!(told.try_recv(), Ok(Report::Answer(7, _))));
}

#[test]
fn the_end_waits_for_one_look_at_most() {
    let (mut investigate, mut told, _) = investigate();
    // Each looks through this machine's processes, so that the word arrives in between.
    due(&mut investigate, WAITING_MAX, &Some(own()));
    let (asks, asked) = channel();
    let thread = std::thread::spawn(move || investigate.run(&asked));
    assert!(told.blocking_recv().is_some());
    asks.send(Ask::Stop).unwrap();
    thread.join().unwrap();
    let mut looks = 1;
    while told.try_recv().is_ok() {
        looks += 1;
    }
    assert!(looks < WAITING_MAX / 2, "{looks} of {WAITING_MAX} were looked into before the end");
}

#[test]
fn a_look_under_way_ends_with_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let line = "203.0.113.9 - - [10/Jun/2026:13:55:36 +0000] \"GET / HTTP/1.1\" 404 12\n";
    std::fs::write(&path, line.repeat(50)).unwrap();
    let _open = std::fs::File::options().append(true).open(&path).unwrap();
    let (mut investigate, _told, shared) = investigate();
    let whole = investigate.look(&case(1, Some(own()))).logs;
    assert_eq!(whole.lines, 50, "{whole:#?}");
    shared.stop.store(true, Ordering::Relaxed);
    let cut = investigate.look(&case(1, Some(own()))).logs;
    assert_eq!(cut.lines, 0, "{cut:#?}");
    assert!(cut.missing.iter().any(|one| one.contains("access.log: not read, the time is over")), "{:?}", cut.missing);
}
