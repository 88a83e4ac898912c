//! Does a collector of OpenTelemetry hear what the server does, and nothing that it should not?

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use tripoint_api::path;
use tripoint_server::Traces;

use crate::browser::Browser;
use crate::receiver::{Manner, Receiver};
use crate::rig::{Rig, alert};

fn text(value: &Any) -> String {
    match value {
        Any::StringValue(text) => text.clone(),
        Any::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn attributes(span: &Span) -> BTreeMap<String, String> {
    let value = |value: &opentelemetry_proto::tonic::common::v1::AnyValue| value.value.as_ref().map(text);
    span.attributes
        .iter()
        .map(|one| (one.key.clone(), one.value.as_ref().and_then(value).unwrap_or_default()))
        .collect()
}

#[test]
fn a_collector_hears_of_each_request_and_what_it_waited_for() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let collector = runtime.block_on(Receiver::new(Manner::Says(200)));
    // Alone in its process, and before anything of it has begun: nobody else reads the environment meanwhile.
    let asked = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "traces::followed", "--include-ignored", "--nocapture"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)
        .env("OTEL_SERVICE_NAME", "watched")
        .output()
        .unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let came = collector.came();
    assert!(!came.is_empty());
    let mut spans = Vec::new();
    for one in &came {
        assert!(one.head.starts_with("POST /v1/traces "), "{}", one.head);
        assert_eq!(one.header("content-type"), "application/x-protobuf");
        let read = ExportTraceServiceRequest::decode(one.bytes.as_slice()).unwrap();
        for resource in read.resource_spans {
            let named = resource.resource.unwrap().attributes;
            assert!(
                named.iter().any(|one| one.key == "service.name" && format!("{:?}", one.value).contains("watched"))
            );
            spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    let of = |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}: {spans:?}"));
    let asked = of("GET /v1/queue");
    let known = attributes(asked);
    assert_eq!((known["http.route"].as_str(), known["http.response.status_code"].as_str()), ("/v1/queue", "200"));
    assert_eq!(asked.links[0].trace_id, [0x0a; 16], "the caller's own trace is named");
    assert_ne!(asked.trace_id, [0x0a; 16], "and decides nothing");
    let (search, write, batch) = (of("store search"), of("store write"), of("POST /v1/agent/batch"));
    assert_eq!((&search.parent_span_id, &search.trace_id), (&asked.span_id, &asked.trace_id));
    let writes = spans.iter().filter(|span| span.name == "store write");
    assert!(writes.into_iter().any(|write| write.parent_span_id == batch.span_id), "{write:?}");
    assert_eq!(attributes(of("GET other"))["http.response.status_code"], "404");
    assert!(!format!("{spans:?}").contains("swordfish"), "no query, no path that somebody made up");
}

/// What is followed: started by the test above, in a process of its own.
#[test]
#[ignore = "the test above starts it"]
fn followed() {
    let traces = Traces::from_env().unwrap().unwrap();
    tracing_subscriber::registry().with(traces.layer()).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let rig = Rig::start(folder.path()).await;
        rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
        let parent = format!("00-{}-{}-01", "0a".repeat(16), "0b".repeat(8));
        let asking = Browser { more: format!("traceparent: {parent}\r\n"), ..Browser::with_token(&rig, &rig.token()) };
        assert_eq!(asking.get(&format!("{}?filter=swordfish", path::QUEUE)).await.status, 200);
        assert_eq!(asking.get("/v1/no/swordfish").await.status, 404);
        rig.stop().await;
    });
    traces.end();
}
