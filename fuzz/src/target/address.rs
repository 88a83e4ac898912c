//! Tables of networks and answers of services: what is looked up about one address.

use tripoint_intel::networks;
use tripoint_intel::online::SERVICES;

use super::Target;
use crate::seed::chosen;

/// Tables of text and MaxMind databases.
pub const NETWORKS: Target = Target { name: "networks", run: table, seeds: tables };

/// The services' answers.
pub const ONLINE: Target = Target { name: "online", run: answer, seeds: answers };

fn table(data: &[u8]) {
    let (read, refused) = networks::check(data);
    assert!(refused <= read);
}

fn tables() -> Vec<Vec<u8>> {
    let seeds: [&[u8]; 4] = [
        b"203.0.113.0,203.0.113.255,64500,\"Example, Inc.\"\n2001:db8::/32,64501,Six\n",
        b"203.0.113.0,203.0.113.255,NZ\n",
        b"network,country,country_code,asn,as_name\n203.0.113.0/24,x,NZ,AS64500,Example\n",
        // A tree of one node, a record of IPinfo's layout, and the metadata.
        b"\0\0\0\x11\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xe2\x43asn\x43AS1\x47country\x42NZ\xab\xcd\xefMaxMind.com\xe3\x4anode_count\xc1\x01\x4brecord_size\xa1\x20\x4aip_version\xa1\x04",
    ];
    seeds.iter().map(|seed| seed.to_vec()).collect()
}

fn answer(data: &[u8]) {
    if let Some((member, body)) = data.split_first()
        && let Some(service) = SERVICES.get(usize::from(*member) % SERVICES.len())
        && let Ok(said) = service.read(body)
    {
        assert!(said.tags.len() <= 32 && said.score.is_none_or(|score| score <= 100));
    }
}

fn answers() -> Vec<Vec<u8>> {
    let bodies = [
        r#"{"data":{"abuseConfidenceScore":96,"totalReports":41,"lastReportedAt":"2026-08-20T20:55:14+00:00"}}"#,
        r#"{"noise":true,"riot":false,"classification":"malicious","name":"x","last_seen":"2026-08-20"}"#,
        r#"{"pulse_info":{"count":1,"pulses":[{"name":"x","modified":"2026-08-01T10:00:00","malware_families":[{"display_name":"y"}]}]}}"#,
        r#"{"data":{"attributes":{"last_analysis_stats":{"malicious":9},"last_analysis_date":1787000000,"tags":["tor"]}}}"#,
        r#"{"ports":[22],"tags":["c2"],"vulns":["CVE-2021-44228"]}"#,
    ];
    bodies.iter().enumerate().map(|(member, body)| chosen(member, body.as_bytes())).collect()
}
