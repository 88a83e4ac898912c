//! Is each service understood, is nothing told that must not be, and what if one is hostile?

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::*;

const NOW: Timestamp = Timestamp(1_790_000_000_000_000);
const ADDRESS: &str = "45.66.7.8";

/// A server on loopback that always says the same, and what it was asked.
struct Rig {
    data: tempfile::TempDir,
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Rig {
    fn answering(status: &str, body: &[u8], wait: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, status, body) = (Arc::clone(&asked), status.to_owned(), body.to_owned());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let request: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                seen.lock().unwrap().push(request.join("\n"));
                std::thread::sleep(wait);
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
            }
        });
        let data = tempfile::tempdir().unwrap();
        std::fs::write(data.path().join("key"), "secret-key\n").unwrap();
        Self { data, url, asked }
    }

    fn ask_at(&self, name: &str, address: &str, now: Timestamp, accept: bool) -> OnlineAnswer {
        let service = service(name).unwrap();
        let key_file = Some(self.data.path().join("key"));
        let wanted = Wanted { service, url: self.url.clone(), key_file, per_day: 2 };
        let own = ["45.66.7.200".parse().unwrap()];
        let cache_for = Duration::from_secs(3600);
        let asking = Asking { data_dir: self.data.path(), own: &own, cache_for, accept, now };
        let settings = tripoint_fetch::Settings {
            attempts: 1,
            total_timeout: Duration::from_millis(400),
            ..tripoint_fetch::Settings::default()
        };
        ask(address.parse().unwrap(), &wanted, &asking, &Fetcher::new(settings).unwrap())
    }

    fn ask(&self, name: &str) -> OnlineAnswer {
        self.ask_at(name, ADDRESS, NOW, true)
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn said(name: &str, body: &str) -> Said {
    let answer = Rig::answering("200 OK", body.as_bytes(), Duration::ZERO).ask(name);
    answer.said.unwrap_or_else(|| panic!("{:?}", answer.error))
}

#[test]
fn documented_answers_are_understood() {
    let abuse = said(
        "abuseipdb",
        r#"{"data":{"ipAddress":"45.66.7.8","isPublic":true,"ipVersion":4,"abuseConfidenceScore":96,"countryCode":"NL","usageType":"Data Center/Web Hosting/Transit","isp":"Example","domain":"example.com","hostnames":[],"isTor":false,"totalReports":41,"numDistinctUsers":17,"lastReportedAt":"2026-08-20T20:55:14+00:00"}}"#,
    );
    assert_eq!((abuse.verdict, abuse.score, abuse.reports), (OnlineVerdict::Malicious, Some(96), Some(41)));
    assert_eq!(abuse.last_seen.unwrap().to_string(), "2026-08-20T20:55:14Z");
    let noise = said(
        "greynoise",
        r#"{"ip":"45.66.7.8","noise":true,"riot":false,"classification":"malicious","name":"unknown","link":"https://viz.greynoise.io/ip/45.66.7.8","last_seen":"2026-08-20","message":"Success"}"#,
    );
    assert_eq!((noise.verdict, noise.tags), (OnlineVerdict::Malicious, vec!["scans the internet".to_owned()]));
    let otx = said(
        "otx",
        r#"{"whois":"x","reputation":0,"indicator":"45.66.7.8","type":"IPv4","pulse_info":{"count":2,"pulses":[{"id":"1","name":"Botnet","modified":"2026-08-01T10:00:00.123000","tags":["a"],"malware_families":[{"id":"X","display_name":"Mirai","target":null}]},{"id":"2","name":"Other","modified":"2025-08-01T10:00:00","malware_families":["Gafgyt"]}],"references":[]},"validation":[]}"#,
    );
    assert_eq!((otx.verdict, otx.reports), (OnlineVerdict::Suspicious, Some(2)));
    assert_eq!(otx.tags, ["Mirai", "Gafgyt", "Botnet", "Other"]);
    assert!(otx.last_seen.unwrap().to_string().starts_with("2026-08-01T10:00:00"));
    let total = said(
        "virustotal",
        r#"{"data":{"id":"45.66.7.8","type":"ip_address","links":{"self":"x"},"attributes":{"last_analysis_stats":{"malicious":9,"suspicious":1,"harmless":60,"undetected":20,"timeout":0},"last_analysis_results":{"A":{"method":"m","result":"clean"}},"last_analysis_date":1787000000,"reputation":-12,"tags":["tor"]}}}"#,
    );
    assert_eq!((total.verdict, total.score, total.reports), (OnlineVerdict::Malicious, Some(11), Some(10)));
    let shodan = said(
        "internetdb",
        r#"{"cpes":["cpe:/a:x"],"hostnames":[],"ip":"45.66.7.8","ports":[22,443],"tags":["c2"],"vulns":["CVE-2021-44228"]}"#,
    );
    assert_eq!(shodan.verdict, OnlineVerdict::Malicious);
    assert_eq!(shodan.tags, ["c2", "CVE-2021-44228", "port 22", "port 443"]);
    let unknown = Rig::answering("404 Not Found", br#"{"message":"not observed"}"#, Duration::ZERO).ask("greynoise");
    assert_eq!(unknown.said.unwrap(), Said::default());
}

#[test]
fn hostile_answers_are_errors_of_their_service_alone() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let huge = vec![b' '; (ANSWER_BYTES_MAX + 1) as usize];
    for service in SERVICES {
        let wrong: [&[u8]; 7] = [
            b"",
            b"<!DOCTYPE html><html>log in</html>",
            b"{}",
            b"{\"data\":\"x\",\"pulse_info\":7,\"noise\":\"yes\",\"ports\":{}}",
            b"\xff\xfe\x00",
            deep.as_bytes(),
            br#"{"data":{"abuseConfidenceScore":-1,"totalReports":1e300,"attributes":{"last_analysis_stats":{"malicious":-1}}},"ports":[70000],"noise":1,"riot":0,"pulse_info":{"count":-1}}"#,
        ];
        for body in wrong {
            let answer = service.read(body);
            assert!(
                answer.is_err(),
                "{}: {answer:?} of {:?}",
                service.name(),
                String::from_utf8_lossy(&body[..body.len().min(80)])
            );
            assert!(answer.unwrap_err().len() < 400);
        }
    }
    let told = |status: &str, body: &[u8], wait| Rig::answering(status, body, wait).ask("internetdb").error.unwrap();
    assert!(told("200 OK", &huge, Duration::ZERO).contains("more than 8388608 bytes"));
    assert!(told("200 OK", b"{}", Duration::from_secs(2)).contains("longer than allowed"));
    assert!(told("500 x", b"{}", Duration::ZERO).contains("status 500"));
    assert!(told("401 x", b"{}", Duration::ZERO).contains("refuses the key"));
    assert!(told("302 x\r\nLocation: http://169.254.169.254/", b"", Duration::ZERO).contains("not public"));
    let many: Vec<String> = (0..5000).map(|at| format!("\"{at}{}\"", "x".repeat(200))).collect();
    let said = said("internetdb", &format!(r#"{{"ports":[],"tags":[{}]}}"#, many.join(",")));
    assert!(said.tags.len() == 32 && said.tags.iter().all(|tag| tag.len() <= 80));
}

#[test]
fn nothing_is_told_that_nobody_agreed_to_or_that_is_not_public() {
    let rig = Rig::answering("200 OK", br#"{"ports":[1]}"#, Duration::ZERO);
    for address in ["10.0.0.1", "127.0.0.1", "192.168.1.1", "203.0.113.1", "fd00::1", "::ffff:10.0.0.1", "45.66.7.200"]
    {
        let error = rig.ask_at("internetdb", address, NOW, true).error.unwrap();
        assert!(error.contains("told to nobody"), "{address}: {error}");
    }
    assert!(rig.ask_at("internetdb", ADDRESS, NOW, false).error.unwrap().contains("agree with --yes"));
    assert_eq!(rig.asked(), 0);
    accept(rig.data.path(), "internetdb").unwrap();
    assert!(rig.ask_at("internetdb", ADDRESS, NOW, false).said.is_some());
    // Agreed to one service, not to another.
    assert!(rig.ask_at("otx", ADDRESS, NOW, false).error.unwrap().contains("otx"));
    let requests = rig.asked.lock().unwrap().clone();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].starts_with("GET /45.66.7.8 ") && !requests[0].contains("secret-key"));
}

#[test]
fn answers_are_kept_and_questions_counted() {
    let rig = Rig::answering("200 OK", br#"{"ports":[1]}"#, Duration::ZERO);
    let later = |seconds| NOW.plus(Duration::from_secs(seconds));
    assert!(!rig.ask("internetdb").cached);
    let again = rig.ask_at("internetdb", ADDRESS, later(3599), true);
    assert_eq!((again.cached, again.fetched_at), (true, Some(NOW)));
    assert!(!rig.ask_at("internetdb", ADDRESS, later(3600), true).cached);
    let over = rig.ask_at("internetdb", "45.66.7.9", later(3601), true).error.unwrap();
    assert!(over.starts_with("quota reached until 2026-09-22T00:00:00"), "{over}");
    assert_eq!(rig.asked(), 2);
    assert!(rig.ask_at("internetdb", "45.66.7.9", later(24 * 3600), true).said.is_some());
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(rig.data.path().join("online/internetdb.json")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o77, 0);
    // A damaged file is one that says nothing.
    std::fs::write(rig.data.path().join("online/internetdb.json"), "{\"answers\":[7]}").unwrap();
    assert!(rig.ask_at("internetdb", "45.66.7.9", later(24 * 3600), true).said.is_some());
}

#[test]
fn a_service_that_says_too_many_is_left_alone() {
    let rig = Rig::answering("429 x\r\nRetry-After: 60", b"{}", Duration::ZERO);
    let first = rig.ask("abuseipdb").error.unwrap();
    assert!(first.contains("quota reached until"), "{first}");
    assert_eq!(rig.ask_at("abuseipdb", ADDRESS, NOW.plus(Duration::from_secs(59)), true).error.unwrap(), first);
    assert_eq!(rig.asked(), 1);
    rig.ask_at("abuseipdb", ADDRESS, NOW.plus(Duration::from_secs(60)), true);
    let requests = rig.asked.lock().unwrap().clone();
    assert_eq!(requests.len(), 2);
    assert!(requests[0].starts_with("GET /check?ipAddress=45.66.7.8&"), "{}", requests[0]);
    assert!(requests[0].to_lowercase().contains("key: secret-key"));
}
