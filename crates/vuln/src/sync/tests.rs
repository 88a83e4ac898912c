//! Are advisories fetched politely, from whoever has them, and held where they are doubtful?

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tripoint_model::Timestamp;

use super::*;
use crate::image::open_latest;

/// What is served at a path.
#[derive(Clone, Default)]
struct Page {
    body: Vec<u8>,
    tag: String,
    /// Cut the next answer after so many bytes.
    cut: Option<usize>,
}

/// A publisher on a port of its own.
#[derive(Clone, Default)]
struct Publisher {
    pages: Arc<Mutex<HashMap<String, Page>>>,
    asked: Arc<Mutex<Vec<String>>>,
    port: u16,
}

impl Publisher {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let publisher = Self { port: listener.local_addr().unwrap().port(), ..Self::default() };
        let shared = publisher.clone();
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| shared.serve(stream)));
        publisher
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn put(&self, path: &str, body: impl Into<Vec<u8>>, tag: &str) {
        let page = Page { body: body.into(), tag: format!("\"{tag}\""), cut: None };
        self.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut request = String::new();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while !request.ends_with("\r\n\r\n") && reader.read_line(&mut request).is_ok_and(|count| count > 0) {}
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        // Behind a proxy the target is the whole URL.
        let path = path.strip_prefix("http://publisher.example").map_or(path.clone(), str::to_owned);
        let lower = request.to_ascii_lowercase();
        let header = |name: &str| {
            lower.lines().find_map(|line| Some(line.strip_prefix(name)?.trim_start_matches(':').trim().to_owned()))
        };
        self.asked.lock().unwrap().push(lower.clone());
        let mut pages = self.pages.lock().unwrap();
        let Some(page) = pages.get_mut(&path) else {
            let _ = stream.write_all(b"HTTP/1.1 404 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return;
        };
        let from: usize =
            header("range").and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()).unwrap_or(0);
        let from = if header("if-range").as_deref() == Some(&page.tag) { from } else { 0 };
        let same = header("if-none-match").as_deref() == Some(&page.tag);
        let body = if same { &[][..] } else { &page.body[from..] };
        let (status, range) = match (same, from) {
            (true, _) => (304, String::new()),
            (_, 0) => (200, String::new()),
            _ => (206, format!("Content-Range: bytes {from}-{}/{}\r\n", page.body.len() - 1, page.body.len())),
        };
        let head = format!(
            "HTTP/1.1 {status} x\r\nETag: {}\r\n{range}Content-Length: {}\r\nConnection: close\r\n\r\n",
            page.tag,
            body.len()
        );
        let sent = page.cut.take().map_or(body.len(), |cut| cut.min(body.len()));
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body[..sent]));
    }
}

struct Bench {
    folder: tempfile::TempDir,
    publisher: Publisher,
}

const START: Timestamp = Timestamp(1_795_000_000_000_000);

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), publisher: Publisher::start() }
    }

    fn targets(&self, text: &str) -> (Vec<Target>, Vec<Mirror>) {
        let text = text.replace("HERE", &format!("http://127.0.0.1:{}", self.publisher.port));
        let catalogue = Catalogue::read(Some((&text, "own"))).unwrap();
        let host = Host { id: "demo".into(), version: "1".into(), ..Host::default() };
        let own = catalogue.sources.iter().filter(|source| source.hosts == ["demo"]);
        (own.map(|source| host.target(source, None).unwrap()).collect(), catalogue.mirrors)
    }

    fn sync_with(&self, text: &str, hours: u64, options: SyncOptions<'_>, settings: FetchSettings) -> Vec<SyncReport> {
        let (targets, mirrors) = self.targets(text);
        let now = START.plus(Duration::from_secs(hours * 3600));
        let context = ImportContext { data_dir: self.folder.path().to_owned(), now };
        let settings = FetchSettings { attempts: 1, pause: Duration::from_millis(1), ..settings };
        let options = SyncOptions { mirrors: &mirrors, ..options };
        let reports = sync(&targets, &options, &Fetcher::new(settings).unwrap(), &context, &mut |_, _| {}).unwrap();
        for report in &reports {
            assert_eq!(report.read, report.imported + report.refused, "{report:?}");
        }
        reports
    }

    fn sync(&self, text: &str, hours: u64) -> Vec<SyncReport> {
        self.sync_with(text, hours, SyncOptions::default(), FetchSettings::default())
    }

    fn status(&self, source: &str) -> SourceStatus {
        status::one(self.folder.path(), source)
    }

    fn generation(&self) -> u64 {
        open_latest(self.folder.path()).unwrap().map_or(0, |(generation, _)| generation)
    }

    fn records(&self) -> u64 {
        open_latest(self.folder.path()).unwrap().map_or(0, |(_, db)| db.sources().iter().map(|s| s.records).sum())
    }

    fn incoming(&self) -> usize {
        fs::read_dir(self.folder.path().join("vuln/incoming/demo")).map_or(0, Iterator::count)
    }
}

fn osv(count: u32) -> String {
    let one = |n| {
        format!(
            r#"{{"id":"DEMO-{n}","modified":"2026-01-0{}T00:00:00Z","aliases":["CVE-2026-{n:05}"],"affected":[{{"package":{{"ecosystem":"PyPI","name":"demo-{n}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"1.{n}"}}]}}]}}]}}"#,
            n % 9 + 1
        )
    };
    (0..count).map(one).collect::<Vec<_>>().join("\n")
}

const DEMO: &str = "[[source]]\nname = \"demo\"\nurl = \"HERE/all.jsonl\"\nhosts = [\"demo\"]\nrefresh = \"6h\"\n";

#[test]
fn a_copy_at_hand_is_not_fetched_parsed_or_built_again() {
    let bench = Bench::new();
    bench.publisher.put("/all.jsonl", osv(20), "one");
    let first = &bench.sync(DEMO, 0)[0];
    assert_eq!((first.state, first.read, first.records), (SyncState::Updated, 20, 20));
    assert_eq!((bench.generation(), bench.records(), bench.incoming()), (1, 20, 0));
    let published = bench.status("demo").published.map(|at| at.to_string());
    assert_eq!(published.as_deref(), Some("2026-01-09T00:00:00Z"), "the newest change that a record names");
    bench.publisher.asked();
    assert_eq!(bench.sync(DEMO, 5)[0].state, SyncState::Fresh);
    assert!(bench.publisher.asked().is_empty(), "not due");
    assert_eq!(bench.sync(DEMO, 6)[0].state, SyncState::NotModified);
    assert!(bench.publisher.asked()[0].contains("if-none-match: \"one\""));
    // A server without tags: the same bytes are the same copy.
    bench.publisher.put("/all.jsonl", osv(20), "two");
    assert_eq!(bench.sync(DEMO, 12)[0].state, SyncState::NotModified);
    assert_eq!(bench.generation(), 1);
    assert_eq!(bench.status("demo").last_success, Some(START.plus(Duration::from_secs(12 * 3600))));
    bench.publisher.put("/all.jsonl", osv(25), "three");
    assert_eq!((bench.sync(DEMO, 18)[0].records, bench.generation()), (25, 2));
}

#[test]
fn the_first_doubtful_refresh_is_held_until_accepted() {
    let doubtful: [(&str, Vec<u8>, &str); 6] = [
        ("a page", b"<!DOCTYPE html><html>maintenance</html>".to_vec(), "web page"),
        ("empty", Vec::new(), "no usable record"),
        ("shrunk", osv(10).into_bytes(), "shrank from 20 to 10"),
        ("grown", osv(40).into_bytes(), "grew from 20 to 40"),
        (
            "another format",
            b"#model_version:v1\ncve,epss,percentile\nCVE-2026-00001,0.5,0.5\n".repeat(15),
            "format changed",
        ),
        ("no records", b"{\"message\":\"rate limited\"}".to_vec(), "no usable record"),
    ];
    for (what, body, reason) in doubtful {
        let bench = Bench::new();
        bench.publisher.put("/all.jsonl", osv(20), "one");
        bench.sync(DEMO, 0);
        bench.publisher.put("/all.jsonl", body, "two");
        let held = &bench.sync(DEMO, 6)[0];
        assert_eq!(held.state, SyncState::Held, "{what}: {held:?}");
        assert!(held.reason.as_deref().unwrap_or_default().contains(reason), "{what}: {held:?}");
        let status = bench.status("demo");
        assert_eq!((status.state, status.records, status.last_success), (SourceState::Held, 20, Some(START)), "{what}");
        assert!(status.alarm.is_some() && bench.generation() == 1 && bench.records() == 20, "{what}");
        assert!(bench.folder.path().join("vuln/demo.jsonl").exists(), "the last good copy stays");
    }
    let bench = Bench::new();
    bench.publisher.put("/all.jsonl", osv(20), "one");
    bench.sync(DEMO, 0);
    bench.publisher.put("/all.jsonl", osv(3), "two");
    bench.sync(DEMO, 6);
    let accept = SyncOptions { accept: true, ..SyncOptions::default() };
    let taken = &bench.sync_with(DEMO, 7, accept, FetchSettings::default())[0];
    assert_eq!((taken.state, taken.records, bench.records()), (SyncState::Updated, 3, 3));
    assert!(bench.status("demo").alarm.is_none());
    // Nothing usable is never accepted.
    bench.publisher.put("/all.jsonl", "<html>", "three");
    assert_eq!(bench.sync_with(DEMO, 8, accept, FetchSettings::default())[0].state, SyncState::Held);
}

#[test]
fn what_never_came_is_failed_not_held() {
    let bench = Bench::new();
    bench.publisher.put("/all.jsonl", "<html>", "one");
    assert_eq!(bench.sync(DEMO, 0)[0].state, SyncState::Failed);
    assert_eq!((bench.status("demo").last_success, bench.generation()), (None, 0));
    // What failed is tried again before its turn.
    bench.publisher.put("/all.jsonl", osv(2), "two");
    assert_eq!(bench.sync(DEMO, 0)[0].state, SyncState::Updated);
}

#[test]
fn a_cut_download_is_taken_up_by_the_next_run() {
    let bench = Bench::new();
    let body = osv(200);
    bench.publisher.put("/all.jsonl", body.clone(), "one");
    bench.publisher.pages.lock().unwrap().get_mut("/all.jsonl").unwrap().cut = Some(1000);
    let cut = &bench.sync(DEMO, 0)[0];
    assert_eq!((cut.state, bench.incoming()), (SyncState::Failed, 2));
    let whole = &bench.sync(DEMO, 0)[0];
    assert_eq!((whole.state, whole.resumed, whole.bytes), (SyncState::Updated, 1000, body.len() as u64));
    assert_eq!((whole.records, bench.incoming()), (200, 0));
    let asked = bench.publisher.asked();
    assert!(asked[1].contains("range: bytes=1000-") && asked[1].contains("if-range: \"one\""), "{asked:?}");
}

#[test]
fn mirrors_are_asked_in_order() {
    let bench = Bench::new();
    bench.publisher.put("/second/all.jsonl", osv(5), "one");
    let text = format!(
        "{DEMO}mirrors = [\"HERE/second/all.jsonl\"]\n\n[[mirror]]\nfrom = \"HERE/\"\nto = [\"HERE/first/\"]\n"
    );
    let report = &bench.sync(&text, 0)[0];
    assert_eq!((report.state, report.records), (SyncState::Updated, 5));
    let paths: Vec<String> =
        bench.publisher.asked().iter().map(|r| r.split(' ').nth(1).unwrap_or_default().to_owned()).collect();
    assert_eq!(paths, ["/first/all.jsonl", "/all.jsonl", "/second/all.jsonl"]);
    // `only`: the original is never asked.
    let text = format!("{DEMO}\n[[mirror]]\nfrom = \"HERE/\"\nto = [\"HERE/first/\"]\nonly = true\n");
    let report = &bench.sync(&text, 6)[0];
    assert_eq!(report.state, SyncState::Failed);
    assert!(report.reason.as_deref().is_some_and(|reason| reason.contains("/first/all.jsonl")), "{report:?}");
    assert_eq!(bench.publisher.asked().len(), 1);
}

#[test]
fn a_key_is_not_shown_to_mirrors() {
    let bench = Bench::new();
    bench.publisher.put("/all.jsonl", osv(5), "one");
    let key = bench.folder.path().join("key");
    fs::write(&key, "secret\n").unwrap();
    let text = format!(
        "{DEMO}header = \"X-Key\"\nkey_file = \"{}\"\n\n[[mirror]]\nfrom = \"HERE/\"\nto = [\"HERE/first/\"]\n",
        key.display()
    );
    assert_eq!(bench.sync(&text, 0)[0].state, SyncState::Updated);
    let asked = bench.publisher.asked();
    assert!(!asked[0].contains("secret") && asked[1].contains("x-key: secret"), "{asked:?}");
}

#[test]
fn a_proxy_is_used() {
    let bench = Bench::new();
    bench.publisher.put("/all.jsonl", osv(5), "one");
    // The publisher answers as a proxy would: plain http is tunnelled by CONNECT or asked for by whole URL.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let shared = bench.publisher.clone();
    let seen = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut first = String::new();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut peeked = [0; 8];
        stream.peek(&mut peeked).unwrap();
        if peeked.starts_with(b"CONNECT") {
            while !first.ends_with("\r\n\r\n") && reader.read_line(&mut first).is_ok_and(|count| count > 0) {}
            stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
        }
        shared.serve(stream);
        first
    });
    let text = DEMO.replace("HERE", "http://publisher.example").replacen("\nurl", "\nunencrypted = true\nurl", 1);
    let settings = FetchSettings { proxy: Some(proxy), ..FetchSettings::default() };
    let report = &bench.sync_with(&text, 0, SyncOptions::default(), settings)[0];
    assert_eq!((report.state, report.records), (SyncState::Updated, 5), "{report:?}");
    let (first, asked) = (seen.join().unwrap(), bench.publisher.asked());
    assert!(format!("{first}{asked:?}").contains("publisher.example"), "{first} {asked:?}");
}

#[test]
fn a_source_of_several_files_behind_listings_is_one() {
    let bench = Bench::new();
    let repomd = |name: &str| {
        format!("<repomd><data type=\"updateinfo\"><location href=\"repodata/{name}.xml\"/></data></repomd>")
    };
    let notice = |n: u32| {
        format!(
            "<updates><update type=\"security\"><id>ALSA-2026:{n}</id><references><reference id=\"CVE-2026-{n:04}\" type=\"cve\"/></references><pkglist><collection><package name=\"demo\" epoch=\"0\" version=\"{n}\" release=\"1.el9\" arch=\"x86_64\"/></collection></pkglist></update></updates>"
        )
    };
    for (path, n) in [("base", 1), ("apps", 2)] {
        bench.publisher.put(&format!("/{path}/repodata/repomd.xml"), repomd("one"), "r");
        bench.publisher.put(&format!("/{path}/repodata/one.xml"), notice(n), path);
    }
    let text = "[[source]]\nname = \"demo\"\nurls = [\"HERE/base/repodata/repomd.xml\", \"HERE/apps/repodata/repomd.xml\"]\nlisting = \"repomd\"\nformat = \"updateinfo\"\nhosts = [\"demo\"]\n";
    let first = &bench.sync(text, 0)[0];
    assert_eq!((first.state, first.records), (SyncState::Updated, 2), "{first:?}");
    assert_eq!(bench.sync(text, 24)[0].state, SyncState::NotModified);
    // One of the two changed: the other is needed as well.
    bench.publisher.put("/apps/repodata/repomd.xml", repomd("two"), "s");
    bench.publisher.put("/apps/repodata/two.xml", notice(3), "two");
    let changed = &bench.sync(text, 48)[0];
    assert_eq!((changed.state, changed.records), (SyncState::Updated, 2), "{changed:?}");
    assert_eq!(bench.status("demo").parts.len(), 2);
    assert_eq!(bench.sync(text, 72)[0].state, SyncState::NotModified);
}

#[test]
fn one_that_fails_does_not_hinder_the_other() {
    let bench = Bench::new();
    bench.publisher.put("/b.jsonl", osv(5), "one");
    let text = "[[source]]\nname = \"demo\"\nurl = \"HERE/a.jsonl\"\nhosts = [\"demo\"]\n[[source]]\nname = \"other\"\nurl = \"HERE/b.jsonl\"\nhosts = [\"demo\"]\n";
    let states: Vec<SyncState> = bench.sync(text, 0).iter().map(|report| report.state).collect();
    assert_eq!(states, [SyncState::Failed, SyncState::Updated]);
    assert!(bench.status("demo").alarm.is_some_and(|alarm| alarm.contains("404")));
}

#[test]
fn refusals_name_the_publishers_file() {
    let bench = Bench::new();
    bench.publisher.put("/all.jsonl", format!("{}\nnot json\n", osv(5)), "one");
    let report = &bench.sync(DEMO, 0)[0];
    assert_eq!((report.imported, report.refused), (5, 1));
    assert_eq!(report.refusals[0].file, bench.publisher.url("/all.jsonl"));
    let small = DEMO.to_owned() + "max_mib = 1\n";
    bench.publisher.put("/all.jsonl", vec![b' '; (1 << 20) + 1], "two");
    assert!(bench.sync(&small, 6)[0].reason.as_deref().is_some_and(|reason| reason.contains("more than 1048576")));
}

/// The copy is the source's, its status says so, and then the machine goes down.
#[test]
fn what_took_force_without_an_image_gets_one_with_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let context = ImportContext { data_dir: folder.path().join("data"), now: Timestamp(7_000_000) };
    let file = folder.path().join("kev.json");
    fs::write(&file, include_bytes!("../../fixtures/advisory/kev/good.in")).unwrap();
    let store = Store::open(&context.data_dir).unwrap();
    let taken = take(&store, "kev", &[file], None, context.now, &mut |_, _| {}).unwrap();
    taken.draft.commit(&taken.info).unwrap();
    drop(store);
    assert!(open_latest(&context.data_dir).unwrap().is_none());
    let fetcher = Fetcher::new(FetchSettings::default()).unwrap();
    let run = || sync(&[], &SyncOptions::default(), &fetcher, &context, &mut |_, _| {});
    assert!(run().unwrap().is_empty());
    let (generation, database) = open_latest(&context.data_dir).unwrap().unwrap();
    assert_eq!((generation, database.sources()[0].name.as_str()), (1, "kev"));
    assert!(run().unwrap().is_empty());
    assert_eq!(open_latest(&context.data_dir).unwrap().unwrap().0, 1, "nothing to build");
}
