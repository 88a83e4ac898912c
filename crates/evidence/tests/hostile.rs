//! Does a log that is meant to harm cost memory, time or sense?

use std::io::Read;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tripoint_evidence::attempt;
use tripoint_evidence::locate::{How, Log};
use tripoint_evidence::scan::{Counts, Options, scan};
use tripoint_evidence::search::{Query, search};
use tripoint_evidence::stamp::Clock;
use tripoint_model::attempt::ShownBy;
use tripoint_model::{Attempt, Timestamp};

fn options() -> Options<'static> {
    let clock = Clock::at("2026-06-15T12:00:00Z".parse().unwrap());
    Options { format: None, clock, pack: attempt::pack(), is_proxy: &|_| false }
}

fn found(input: impl Read) -> (Counts, Vec<Attempt>) {
    let mut hits = Vec::new();
    let counts = scan(input, "x", &options(), &mut |hit| hits.push(hit)).unwrap();
    (counts, hits)
}

const FAILED: &str = "Jan  2 03:04:05 h sshd[7]: Failed password for root from 203.0.113.9 port 4711 ssh2\n";

#[test]
fn what_follows_a_line_of_a_hundred_megabytes_is_found() {
    let giant =
        FAILED.as_bytes().chain(std::io::repeat(b'a').take(100 << 20)).chain(&b"\n"[..]).chain(FAILED.as_bytes());
    let begun = Instant::now();
    let (counts, hits) = found(giant);
    assert_eq!((counts.lines, counts.cut, hits.len()), (3, 1, 2));
    assert_eq!((hits[1].line, hits[1].offset), (3, FAILED.len() as u64 + (100 << 20) + 1));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn bytes_that_are_no_text_hide_nothing_and_are_kept_bounded() {
    let line =
        b"Jan  2 03:04:05 h sshd[7]: Invalid user \xff\xfe\x00\x1b[2J\x1b]0;x\x07=cmd() from 203.0.113.9 port 1\n";
    let (_, hits) = found(&line[..]);
    assert_eq!((hits.len(), hits[0].remote), (1, "203.0.113.9".parse().ok()));
    let long = format!("Jan  2 03:04:05 h sshd[7]: Invalid user {} from 203.0.113.9 port 1\n", "x".repeat(60_000));
    let (_, hits) = found(long.as_bytes());
    assert_eq!(hits.len(), 1);
    assert!(hits[0].raw.len() <= tripoint_model::attempt::RAW_BYTES_MAX);
}

/// A line that begins an entry of several lines must not swallow what others wrote behind it.
#[test]
fn nothing_hides_behind_the_beginning_of_another_entry() {
    for bait in ["GET / HTTP/1.1\n", "2026-01-02 03:04:05,678 WARN bait\n", "2026-01-02 03:04:05 ERROR x\n"] {
        let (_, hits) = found(format!("{bait}{FAILED}{FAILED}").as_bytes());
        assert_eq!(hits.iter().map(|hit| hit.line).collect::<Vec<_>>(), [2, 3], "{bait}");
    }
}

#[test]
fn peers_without_number_are_bounded_and_the_last_one_is_seen() {
    let mut text = String::new();
    for peer in 0..60_000u32 {
        let [_, b, c, d] = peer.to_be_bytes();
        text.push_str(&format!("Jan  2 03:04:05 h sshd[7]: Invalid user u{peer} from 10.{b}.{c}.{d} port 1\n"));
    }
    for user in 0..5 {
        text.push_str(&format!("Jan  2 03:04:05 h sshd[7]: Invalid user u{user} from 203.0.113.9 port 1\n"));
    }
    let (_, hits) = found(text.as_bytes());
    let series: Vec<_> = hits.iter().filter(|hit| hit.kind == ShownBy::Series).map(|hit| hit.rule.as_str()).collect();
    assert_eq!(series, ["failed-log-ins", "user-enumeration"]);
}

#[test]
fn a_log_is_read_by_the_format_that_its_server_is_configured_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("custom.log");
    std::fs::write(
        &path,
        "h.example|203.0.113.9|1767323045.5|GET|/../../../../etc/passwd|200|1234|\nelse 203.0.113.9\n",
    )
    .unwrap();
    let pattern = Some("$host|$remote_addr|$msec|$request_method|$request_uri|$status|$bytes_sent|".to_owned());
    let log = Log { path: path.clone(), root: "/".into(), how: How::OpenFile, pattern };
    let query = Query {
        peer: "203.0.113.9".parse().unwrap(),
        since: None::<Timestamp>,
        bytes_max: 1 << 20,
        is_over: &|| false,
    };
    let evidence = search(&[log], &query, &options());
    assert_eq!(evidence.lines, 2, "{:?}", evidence.missing);
    // More than one rule may find the first line; none finds the second.
    assert!(!evidence.attempts.is_empty() && evidence.attempts.iter().all(|attempt| attempt.line == 1));
    assert_eq!(evidence.attempts[0].time, "2026-01-02T03:04:05.5Z".parse().ok());
}

/// Texts that keep expressions busy: what begins many attacks and is none, again and again.
const BAIT: &[&str] = &[
    "'%20or%20'",
    "../",
    "{{{${#{[[",
    "%2527%253c",
    "a",
    "union+select+",
    ";cat+;id+|ls+&+",
    "<svg+onload+<img+src+",
    "=cat=date=id=time",
    "case+when+1+",
    "if+a+equ+b==",
    "system(eval(base64_decode(",
    "/*",
    "UEsDBAoAAAAAAIdO",
    "*)(",
    "java.lang.:java.util.",
    "select+a+,+from+",
    "onerror+",
    "%24%7Bjndi",
    "\\x41",
];

/// The processor time that this thread has had.
fn own_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap())
}

#[test]
fn bait_is_read_at_a_fifth_of_the_usual_speed_or_more() {
    let line = |target: &str| {
        format!("203.0.113.9 - - [10/Oct/2025:13:55:36 +0000] \"GET {target} HTTP/1.1\" 200 12 \"-\" \"Mozilla/5.0\"\n")
    };
    let usual: String =
        (0..4000).map(|n| line(&format!("/shop/{n}/a-b.html?q=some+words+{n}&page=2&ref=home"))).collect();
    // The best of three in this thread's own time, as others may use the machine; expressions are made in the first.
    let speed = |text: &str| {
        let took = (0..3).map(|_| {
            let begun = own_time();
            found(text.as_bytes());
            own_time() - begun
        });
        text.len() as f64 / took.min().unwrap().as_secs_f64()
    };
    let mut slow = Vec::new();
    for bait in BAIT {
        let text = line(&format!("/a?x={}", bait.repeat(3600 / bait.len()))).repeat(40);
        // Measured anew each time: how fast the machine is changes too.
        let share = speed(&text) / speed(&usual);
        println!("{bait}: {share:.2} of the usual speed");
        slow.extend((share < 0.2).then_some((bait, share)));
    }
    assert!(slow.is_empty(), "{slow:?}");
}
