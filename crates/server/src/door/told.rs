//! What is told of who comes over TCP, in the words of Prometheus?

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use crate::auth::quota::Quota;
use crate::entrance::Watch;
use crate::state::now;

/// Appends it.
pub(crate) fn metrics(watch: &Watch, quota: &Quota, text: &mut String) {
    let Watch { tls, crowd, seen } = watch;
    let _ = writeln!(
        text,
        "# HELP tripoint_tcp_open TCP connections to the server that are open.\n# TYPE tripoint_tcp_open gauge\n\
         tripoint_tcp_open {}",
        crowd.count()
    );
    for (name, help, count) in [
        ("accepted", "TCP connections that came.", &seen.accepted),
        ("refused", "TCP connections that found no room.", &crowd.refused),
        ("displaced", "Quiet TCP connections that gave way to new ones.", &crowd.displaced),
        ("handshakes_failed", "TLS handshakes that failed or took too long.", &seen.handshakes_failed),
        ("without_tls", "TCP connections that spoke plain HTTP.", &seen.without_tls),
    ] {
        let name = format!("tripoint_tcp_{name}_total");
        let count = count.load(Ordering::Relaxed);
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {count}");
    }
    let name = "tripoint_tls_expires_seconds";
    let _ = writeln!(text, "# HELP {name} Until a certificate ends that is shown.\n# TYPE {name} gauge");
    let (server, authority) = tls.ends();
    for (certificate, ends) in [("server", server), ("authority", authority)] {
        if let Some(ends) = ends {
            let left = ends.since(now()).as_secs();
            let _ = writeln!(text, "{name}{{certificate=\"{certificate}\"}} {left}");
        }
    }
    let (callers, strangers) =
        (quota.callers_refused.load(Ordering::Relaxed), quota.strangers_refused.load(Ordering::Relaxed));
    let name = "tripoint_requests_refused_total";
    let _ = writeln!(
        text,
        "# HELP {name} Requests that were too many.\n# TYPE {name} counter\n{name}{{who=\"callers\"}} {callers}\n\
         {name}{{who=\"strangers\"}} {strangers}"
    );
}
