//! Where is each endpoint, what does it take and what does it answer?

/// `POST`: `agent::Batch` → `agent::BatchAnswer`. Durable before the answer; idempotent per
/// (boot id, sequence). Agents only (user 0 on the Unix socket).
pub const AGENT_BATCH: &str = "/v1/agent/batch";
/// `GET ?host=H&after=N&wait_s=25`: long poll → `agent::Orders`. Agents only.
pub const AGENT_ORDERS: &str = "/v1/agent/orders";
/// `GET ?host=H` → `agent::OpenAlerts`. Agents only.
pub const AGENT_ALERTS: &str = "/v1/agent/alerts";
/// `GET ?host=H&wait_s=25`: the newest image of indicators as bytes, its identity (SHA-256 in hex) as `ETag`. With
/// `If-None-Match` of the image that the agent holds: 304 when it is the newest until the wait ends; with `A-IM:
/// IMAGE_DELTA` too, 226 and a delta against it where the server still has that image (RFC 3229). Agents only.
pub const AGENT_INTEL: &str = "/v1/agent/intel";
/// How a delta between images is called in `A-IM` and `IM`, with the version of its layout.
pub const IMAGE_DELTA: &str = "tripoint-intel-1";
/// `GET ?status=&rule=&host=&limit=&after=`: `people::AlertQuery` → `people::AlertList`.
pub const ALERTS: &str = "/v1/alerts";
/// `GET`: server-sent events `alert`, one `model::Alert` as JSON in each, for every new or changed alert; `missed` with
/// how many were left out at most, where they came faster than they were read.
pub const ALERTS_WATCH: &str = "/v1/alerts/watch";
/// `GET ?filter=&sort=&limit=&after=`: `queue::QueueQuery` → `queue::QueuePage`.
pub const QUEUE: &str = "/v1/queue";
/// `GET ?filter=`: `queue::FacetQuery` → `queue::Facets`.
pub const QUEUE_FACETS: &str = "/v1/queue/facets";
/// `GET ?filter=`: server-sent events `alert`, one `queue::AlertSummary` as JSON in each, with its moment of change as
/// id; `gone` with the id of what the filter takes no more. With `Last-Event-ID`, what was missed comes first, or
/// `reset` where that is too much.
pub const QUEUE_WATCH: &str = "/v1/queue/watch";
/// `POST`: `queue::BulkRequest` → `queue::BulkAnswer`.
pub const QUEUE_WORK: &str = "/v1/queue/work";
/// `GET ?filter=&since=&until=&buckets=`: `series::AlertSeriesQuery` → `series::Series`.
pub const QUEUE_SERIES: &str = "/v1/queue/series";
/// `GET ?by=&application=&peer=&direction=&host=&since=&until=`: `series::ContactSeriesQuery` → `series::Series`.
pub const CONNECTIONS_SERIES: &str = "/v1/connections/series";
/// `GET`, the query of `CONNECTIONS` → server-sent events `connections`: a list of `connections::HostContact` each.
pub const CONNECTIONS_WATCH: &str = "/v1/connections/watch";
/// `GET` → `views::ViewList`; `POST`: `views::View` → `views::OwnedView`.
pub const VIEWS: &str = "/v1/views";
/// `POST`: `people::ActionRequest` → `people::ActionAnswer`; `GET` → `people::StandingList`; both after at most
/// `ACTION_WAIT_S`.
pub const ACTIONS: &str = "/v1/actions";
/// `POST`: `exceptions::ExceptionRequest` → `exceptions::ExceptionPreview`. Nothing is kept.
pub const EXCEPTIONS_PREVIEW: &str = "/v1/exceptions/preview";
/// `GET` → `exceptions::ExceptionList`; `POST`: `exceptions::ExceptionRequest` → `model::Exception`.
pub const EXCEPTIONS: &str = "/v1/exceptions";
/// `GET ?application=&peer=&direction=&host=&since=&until=&limit=&after=`: `connections::ConnectionQuery` →
/// `connections::ConnectionList`.
pub const CONNECTIONS: &str = "/v1/connections";
/// `GET` → list of `people::AgentStatus`.
pub const AGENTS: &str = "/v1/agents";
/// `GET` → list of `people::FeedHealth`.
pub const FEEDS: &str = "/v1/feeds";
/// `GET` → `people::ServerHealth`.
pub const HEALTH: &str = "/v1/health";
/// `GET` → 200 while the server answers at all. Anybody.
pub const ALIVE: &str = "/healthz";
/// `GET` → 200 when its store answers too, else 503. Anybody.
pub const READY: &str = "/readyz";
/// `GET` → Prometheus text format 0.0.4.
pub const METRICS: &str = "/metrics";
/// `POST` → `people::ActionAnswer`: lifts every block now.
pub const RELEASE_ALL: &str = "/v1/actions/release-all";

/// `GET` → `bouncer::BouncerList`; `POST`: `bouncer::NewBouncer` → `bouncer::BouncerKey`.
pub const BOUNCERS: &str = "/v1/bouncers";
/// `GET ?startup=`: what changed since the bouncer last asked, in the form of CrowdSec's Local API. Bouncers only.
pub const DECISIONS_STREAM: &str = "/v1/decisions/stream";
/// `GET ?ip=|range=|scope=&value=`: what is in force there, in the same form. Bouncers only.
pub const DECISIONS: &str = "/v1/decisions";
/// `POST`: what a bouncer says it did. Bouncers only.
pub const USAGE_METRICS: &str = "/v1/usage-metrics";
/// `GET ?family=v4|v6&limit=`: what is blocked, one address or network a line. Bouncers only.
pub const BLOCKLIST: &str = "/v1/blocklist";

/// `GET` → `channel::ChannelList`.
pub const CHANNELS: &str = "/v1/channels";
/// `GET` → `routing::Routing`.
pub const ROUTING: &str = "/v1/routing";

/// `POST`: `accounts::Setup` → `accounts::User`: the first admin, once.
pub const SETUP: &str = "/v1/setup";
/// `POST`: `accounts::Login` → `accounts::Me` and the cookie; `GET` → `accounts::Me`; `DELETE` → 204: signs out.
pub const SESSION: &str = "/v1/session";
/// `GET` → `oidc::SignInWays`. Anybody.
pub const OIDC: &str = "/v1/oidc";
/// `GET ?then=&confirm=` → 303 to the provider, with a cookie. Anybody.
pub const OIDC_BEGIN: &str = "/v1/oidc/begin";
/// `GET ?code=&state=&iss=` → 303 to the page that was wished for, with the cookie of a session. Anybody.
pub const OIDC_CALLBACK: &str = "/v1/oidc/callback";
/// `POST`: `recovery::Reset` → 204.
pub const RESET: &str = "/v1/reset";
/// `POST`: `accounts::Confirm` → `accounts::Me`.
pub const SESSION_CONFIRM: &str = "/v1/session/confirm";
/// `GET` → list of `accounts::Session`, one's own; `DELETE` → 204: signs out everywhere.
pub const SESSIONS: &str = "/v1/sessions";
/// `POST`: `accounts::PasswordChange` → 204.
pub const OWN_PASSWORD: &str = "/v1/me/password";
/// `POST` → `accounts::TotpSeed`; `DELETE` → 204.
pub const OWN_TOTP: &str = "/v1/me/totp";
/// `POST`: `accounts::TotpCode` → `recovery::RecoveryCodes`.
pub const OWN_TOTP_CONFIRM: &str = "/v1/me/totp/confirm";
/// `GET` → list of `accounts::User`; `POST`: `accounts::NewUser` → `accounts::User`.
pub const USERS: &str = "/v1/users";
/// `GET` → list of `accounts::HostGroup`; `POST`: `accounts::HostGroup` → the same.
pub const GROUPS: &str = "/v1/groups";
/// `GET` → list of `accounts::Token`; `POST`: `accounts::NewToken` → `accounts::TokenMade`.
pub const TOKENS: &str = "/v1/tokens";
/// `GET ?limit=&after=` → `audit::AuditList`.
pub const AUDIT: &str = "/v1/audit";

/// `POST`: `accounts::UserChange` → `accounts::User`; `DELETE` → 204.
pub fn user(name: &str) -> String {
    format!("{USERS}/{}", segment(name))
}

/// `POST`: `recovery::ResetWish` → `recovery::ResetCode`.
pub fn user_reset(name: &str) -> String {
    format!("{USERS}/{}/reset", segment(name))
}

/// `DELETE` → 204.
pub fn group(name: &str) -> String {
    format!("{GROUPS}/{}", segment(name))
}

/// `DELETE` → 204.
pub fn token(id: &str) -> String {
    format!("{TOKENS}/{}", segment(id))
}

/// `GET` → `model::Alert`.
pub fn alert(id: &str) -> String {
    format!("{ALERTS}/{}", segment(id))
}

/// `GET` → `context::AlertContext`.
pub fn alert_context(id: &str) -> String {
    format!("{ALERTS}/{}/context", segment(id))
}

/// `GET` → `routing::AlertRouting`.
pub fn alert_routing(id: &str) -> String {
    format!("{ALERTS}/{}/routing", segment(id))
}

/// `DELETE` → 204.
pub fn view(name: &str) -> String {
    format!("{VIEWS}/{}", segment(name))
}

/// `POST` → the changed `model::Alert`; `what` is `resolve` (`people::ResolveRequest`), `reopen`
/// (`people::ReopenRequest`), `comment` (`people::CommentRequest`) or `assign` (`people::AssignRequest`).
pub fn alert_work(id: &str, what: &str) -> String {
    format!("{ALERTS}/{}/{}", segment(id), segment(what))
}

/// `POST` → `model::Alert` with what its host finds out now; waits as long as for actions.
pub fn alert_investigate(id: &str) -> String {
    format!("{ALERTS}/{}/investigate", segment(id))
}

/// `POST`: `people::Ruling` → `people::ActionAnswer`; `what` is `confirm`, `approve` or `reject`.
pub fn action(id: &str, what: &str) -> String {
    format!("{ACTIONS}/{}/{}", segment(id), segment(what))
}

/// `POST`: `agent::Answer` → 204. Agents only.
pub fn order_answer(number: u64) -> String {
    format!("{AGENT_ORDERS}/{number}/answer")
}

/// `DELETE` → 204.
pub fn exception(id: &str) -> String {
    format!("{EXCEPTIONS}/{}", segment(id))
}

/// `test`: `POST` → `channel::ChannelTest`; `preview`: `POST`, `channel::PreviewRequest` → `channel::ChannelPreview`;
/// `dead`: `GET ?limit=&after=` → `channel::DeadLetters`; `dead/retry`: `POST`, `channel::RetryRequest` →
/// `channel::Retried`.
pub fn channel(name: &str, what: &str) -> String {
    format!("{CHANNELS}/{}/{what}", segment(name))
}

/// `DELETE` → 204.
pub fn bouncer(name: &str) -> String {
    format!("{BOUNCERS}/{}", segment(name))
}

/// Longest that `ACTIONS` waits for the agent, in seconds.
pub const ACTION_WAIT_S: u64 = 10;

/// A query string with its question mark, of what is set; empty when nothing is.
pub fn query(parts: &[(&str, Option<String>)]) -> String {
    let mut out = String::new();
    for (name, value) in parts {
        if let Some(value) = value {
            out.push(if out.is_empty() { '?' } else { '&' });
            out.push_str(name);
            out.push('=');
            out.push_str(&segment(value));
        }
    }
    out
}

/// Percent-encodes everything but unreserved characters (RFC 3986 section 2.3).
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_hostile_id_stays_one_segment() {
        assert_eq!(super::alert("../../x?y#z"), "/v1/alerts/..%2F..%2Fx%3Fy%23z");
        assert_eq!(super::alert_work("0123abcd", "resolve"), "/v1/alerts/0123abcd/resolve");
    }
}
