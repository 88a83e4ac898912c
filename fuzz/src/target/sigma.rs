//! Can a Sigma rule, or an image of rules, harm who reads it or who is asked by it?

use std::collections::BTreeSet;

use tripoint_evidence::log::FORMATS;
use tripoint_evidence::pack::Pack;
use tripoint_evidence::sigma::Sigma;
use tripoint_evidence::sigma::compile::{misjudged, read_text};
use tripoint_evidence::sigma::correlate::Run;
use tripoint_evidence::sigma::engine::Room;
use tripoint_evidence::sigma::event::Event;
use tripoint_evidence::sigma::image::{Image, MAGIC, VERSION};
use tripoint_evidence::stamp::Clock;
use tripoint_model::Timestamp;

use super::Target;

/// Files of rules, and lines that they are asked of.
pub const RULES: Target = Target { name: "sigma", run: rules, seeds };
/// Images whose checksums are right.
pub const IMAGE: Target = Target { name: "rule-image", run: image, seeds: images };

fn rules(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let read = read_text("x.yml", &text, &mut BTreeSet::new());
    let lines = text.replace("\r\n", "\n").replace('\r', "\n").lines().count() + 1;
    for fault in &read.faults {
        assert!(fault.line >= 1 && fault.line <= lines && !fault.reason.is_empty(), "{fault:?}");
    }
    misjudged(&read).expect("what was compiled can be asked");
    let made = Image { built: Timestamp(0), rules: Vec::new(), sigma: read.rules, correlations: read.correlations };
    let again = Image::read(&made.write().expect("an image")).expect("what was written is read");
    assert_eq!(again.sigma, made.sigma);
    ask(again);
}

fn image(data: &[u8]) {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(crc32fast::hash(data).to_le_bytes());
    bytes.extend((data.len() as u64).to_le_bytes());
    bytes.extend(data);
    if let Ok(image) = Image::read(&bytes) {
        ask(image);
    }
    // Without its frame: refused.
    assert!(Image::read(data).is_err() || Image::is_one(data));
}

fn ask(image: Image) {
    let _ = Pack::new(image.rules);
    let Ok(sigma) = Sigma::new(image.sigma, image.correlations) else { return };
    let clock = Clock::at(Timestamp(0));
    let mut run = Run::new(&sigma);
    for (number, line) in (1..).zip(LINES.lines()) {
        let format = FORMATS.iter().find(|format| format.read(line, &clock).is_some()).expect("plain takes any");
        let entry = format.read(line, &clock).expect("it was read");
        let event = Event::new(&entry, format.name(), line);
        let found = sigma.matching(&event, &mut Room::default());
        assert_eq!(found, sigma.matching_one_by_one(&event), "all at once is as each alone");
        std::hint::black_box(run.see(&entry, format.name(), line, Timestamp(0), number));
    }
}

const LINES: &str =
    "203.0.113.9 - - [10/Oct/2025:13:55:36 +0000] \"GET /a?f=..%2fetc%2Fpasswd HTTP/1.1\" 200 12 \"-\" \"curl/8\"
Jan  2 03:04:05 host sshd[7]: Failed password for root from 203.0.113.9 port 22 ssh2
type=EXECVE msg=audit(1700000000.123:7): argc=2 a0=\"sh\" a1=6361742078
";

fn seeds() -> Vec<Vec<u8>> {
    let rule = "title: a\nid: a\nname: a\nlogsource:\n  category: webserver\ndetection:\n  a:\n    cs-method: GET\n    \
                cs-uri-query|contains|all: [etc, 'pass*d']\n  b:\n    - curl\n    - 7\n  condition: a and 1 of b* or not (a)\n\
                level: high\ntags: [attack.t1190, cve.2021-44228]\nattacks: [GET /etc/passwd]\n";
    let count = "title: b\nid: b\ncorrelation:\n  type: event_count\n  rules: [a]\n  group-by: [c-ip]\n  timespan: 5m\n  \
                 condition:\n    gte: 2\n";
    let filter = "title: c\nfilter:\n  rules: any\n  a:\n    c-ip|cidr: 192.0.2.0/24\n  condition: not a\n";
    let modifiers = rule.replace(
        "cs-method: GET",
        "cs-uri|re|i: 'x+'\n    sc-status|gte: 400\n    cs-referer: null\n    \
                                  cs-host|fieldref: r-dns\n    time|hour: 3\n    cs-user-agent|wide|base64offset: x",
    );
    let global = "action: global\ntitle: x\nlogsource:\n  product: linux\n---\ndetection:\n  a: [x]\n  condition: a\n";
    let all = [rule.to_owned(), format!("{rule}---\n{count}---\n{filter}"), modifiers, global.to_owned()];
    all.into_iter().map(String::into_bytes).collect()
}

fn images() -> Vec<Vec<u8>> {
    let of = |text: Vec<u8>| {
        let read = read_text("x.yml", &String::from_utf8_lossy(&text), &mut BTreeSet::new());
        let (sigma, correlations) = (read.rules, read.correlations);
        let image = Image { built: Timestamp(0), rules: Vec::new(), sigma, correlations };
        image.write().expect("an image")[24..].to_vec()
    };
    seeds().into_iter().map(of).collect()
}
