//! Does the API answer as its description says, whoever asks whatever? By schemathesis, which others wrote.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use tripoint_api::agent::{Answer, Orders};
use tripoint_api::{BouncerKey, Client, NewBouncer, Role, path};

use crate::browser::{Browser, PASSWORD, add_user};
use crate::matrix::token;
use crate::rig::{Rig, alert};
use crate::witness::whole_alert;

/// What is asked of each answer. Not `positive_data_acceptance`: a body of the right shape may still name a host that is
/// not there, an end before its beginning, or a filter that is none.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      negative_data_rejection,unsupported_method,ignored_auth,missing_required_header,\
                      response_headers_conformance";
/// How long all of them ask, at once, when nobody asks for more; the long run asks by this variable.
const SECONDS: &str = "40";
const SECONDS_VARIABLE: &str = "TRIPOINT_SCHEMATHESIS_SECONDS";
/// Set where it has to be there: by the gate, once it has installed it.
const WANTED: &str = "TRIPOINT_WANTS_SCHEMATHESIS";
/// Streams never end; `streams` asks them.
const NOT_ASKED: &str = "watch$";
/// Signs in, and again after it was made to sign out.
const SESSION: &str = include_str!("schemathesis/session.py");

/// As whom it asks.
#[derive(Clone, Copy, Debug)]
enum Asker {
    Nobody,
    /// The machine's token.
    Admin,
    /// A token of a viewer who sees one group of hosts.
    Viewer,
    Bouncer,
    /// A cookie, on a page of the server.
    Session,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_question_breaks_the_server_and_every_answer_is_described() {
    if Command::new("schemathesis").arg("--version").output().is_err() {
        assert!(std::env::var_os(WANTED).is_none(), "schemathesis is wanted and not installed");
        println!("skipped: schemathesis is not installed");
        return;
    }
    let askers = [Asker::Nobody, Asker::Admin, Asker::Viewer, Asker::Bouncer, Asker::Session];
    let all: Vec<_> = askers.into_iter().map(|asker| tokio::spawn(asks(asker))).collect();
    let mut sum = 0;
    for (one, asker) in all.into_iter().zip(askers) {
        let cases = one.await.unwrap_or_else(|error| panic!("as {asker:?}: {error}"));
        println!("schemathesis as {asker:?}: {cases} questions");
        assert!(cases > 100, "as {asker:?}: only {cases}");
        sum += cases;
    }
    assert!(sum > 1000, "only {sum}");
}

/// Asks a server of its own, that others make no other; how much.
async fn asks(asker: Asker) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start_as(folder.path(), |options| {
        // Whoever asks so much is soon told to wait; `crowded` asks that.
        options.limits.strangers_per_minute = 0;
        options.limits.requests_per_minute = 0;
    })
    .await;
    rig.report("web1", 1, &[whole_alert("0", 85), alert("1", 50, 2)]).await;
    let agent = tokio::spawn(answering(rig.client.clone()));
    add_user(&rig.client, "known", Role::Analyst, &[]).await;
    let host = rig.ready.address.unwrap().to_string();
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi/tripoint.json");
    let mut asks = Command::new("schemathesis");
    asks.current_dir(folder.path())
        .arg("run")
        .arg(document)
        .args(["--url", &format!("http://{host}")])
        .args(["--phases", "coverage,fuzzing", "--checks", CHECKS, "--exclude-path-regex", NOT_ASKED])
        .args(["--max-time", &std::env::var(SECONDS_VARIABLE).unwrap_or_else(|_| SECONDS.into())])
        .args(["--continue-on-failure", "--no-color", "--generation-database", "none", "--request-timeout", "20"]);
    match shows(asker, &rig).await {
        Some(header) => drop(asks.args(["--header", &header])),
        None if matches!(asker, Asker::Session) => {
            let hooks = folder.path().join("session.py");
            std::fs::write(&hooks, SESSION).unwrap();
            asks.args(["--header", &format!("Origin: http://{host}")])
                .env("SCHEMATHESIS_HOOKS", hooks)
                .env("TRIPOINT_SOCKET", &rig.ready.socket)
                .env("TRIPOINT_HOST", &host)
                .env("TRIPOINT_PASSWORD", PASSWORD);
        }
        None => {}
    }
    let done = tokio::task::spawn_blocking(move || asks.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    rig.client.get_text("/v1/health").await.unwrap();
    agent.abort();
    rig.stop().await;
    said.lines()
        .find_map(|line| line.split_once(" generated").and_then(|(count, _)| count.trim().parse().ok()))
        .expect("the number of cases")
}

/// The header by which it shows who it is, where that is one.
async fn shows(asker: Asker, rig: &Rig) -> Option<String> {
    match asker {
        Asker::Nobody | Asker::Session => None,
        Asker::Admin => Some(format!("Authorization: Bearer {}", rig.token())),
        Asker::Viewer => {
            rig.client.post::<Value>(path::GROUPS, &json!({"name": "web", "hosts": ["web*"]})).await.unwrap();
            add_user(&rig.client, "vera", Role::Viewer, &["web"]).await;
            let token = token(&Browser::signed_in(rig, "vera").await, Role::Viewer, Vec::new()).await;
            Some(format!("Authorization: Bearer {token}"))
        }
        Asker::Bouncer => {
            let made: BouncerKey = rig.client.post(path::BOUNCERS, &NewBouncer { name: "fw".into() }).await.unwrap();
            Some(format!("X-Api-Key: {}", made.key))
        }
    }
}

/// An agent on a host where nothing can be done.
async fn answering(client: Client) {
    let mut after = 0;
    loop {
        let asked = format!("{}?host=web1&after={after}&wait_s=5", path::AGENT_ORDERS);
        let orders: Orders = client.get(&asked).await.unwrap();
        for order in orders.orders {
            after = order.number;
            let answer = Answer { error: Some("nothing can be done here".into()), ..Answer::default() };
            let _ = client.post::<serde_json::Value>(&path::order_answer(order.number), &answer).await;
        }
    }
}
