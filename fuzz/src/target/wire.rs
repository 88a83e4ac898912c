//! Does any message between agents, people and the server do harm to who reads it?

use serde::de::DeserializeOwned;
use tripoint_api::{ActionRequest, Answer, Batch, ExceptionRequest, Orders, ResolveRequest, parse_span};

use super::Target;

/// The bodies of requests and answers.
pub const WIRE: Target = Target { name: "wire", run: body, seeds };

fn body(data: &[u8]) {
    any::<Batch>(data);
    any::<Orders>(data);
    any::<Answer>(data);
    any::<ActionRequest>(data);
    any::<ExceptionRequest>(data);
    any::<ResolveRequest>(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = parse_span(text);
    }
}

/// What is read and shown again is read as the same.
fn any<T: DeserializeOwned + serde::Serialize>(data: &[u8]) {
    let Ok(found) = serde_json::from_slice::<T>(data) else { return };
    let shown = serde_json::to_vec(&found).expect("what was read can be written");
    let again: T = serde_json::from_slice(&shown).expect("what was written can be read");
    assert_eq!(serde_json::to_vec(&again).expect("written"), shown);
}

fn seeds() -> Vec<Vec<u8>> {
    SEEDS.iter().map(|text| text.as_bytes().to_vec()).collect()
}

const SEEDS: &[&str] = &[
    r#"{"agent":{"host":"a","boot_id":"b","version":"1","started":"2024-01-01T00:00:00Z"},"sequence":1,"items":[{"type":"ledger","entry":{"at":"2024-01-01T00:00:00Z","id":"x","state":"applied","detail":""}},{"type":"health","at":"2024-01-01T00:00:00Z","health":{"sensor":"bpf"}}]}"#,
    r#"{"orders":[{"number":1,"issued":"2024-01-01T00:00:00Z","order":{"kind":"release-all"}},{"number":2,"issued":"2024-01-01T00:00:00Z","order":{"kind":"remove-exception","id":"x"}}]}"#,
    r#"{"plan":[],"refused":[],"outcomes":[],"error":"none"}"#,
    r#"{"kind":"block","target":"198.51.100.7:443","for_seconds":3600,"reason":"x","dry_run":true,"scope":"host"}"#,
    r#"{"target":"198.51.100.0/24","application":"shopd","reason":"x","for_seconds":60}"#,
    "1h30m",
];
