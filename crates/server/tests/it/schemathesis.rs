//! Does the API answer as its description says, whatever is asked? By schemathesis, which others wrote.

use std::path::Path;
use std::process::Command;

use tripoint_api::agent::{Answer, Orders};
use tripoint_api::{Client, path};

use crate::rig::{Rig, alert};

/// What is asked of each answer. Not `positive_data_acceptance`: a body of the right shape may still name a host that is
/// not there, an end before its beginning, or a filter that is none.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      negative_data_rejection,unsupported_method,ignored_auth,missing_required_header,\
                      response_headers_conformance";
/// How long is asked when nobody asks for more; the long run asks by this variable.
const SECONDS: &str = "40";
const SECONDS_VARIABLE: &str = "TRIPOINT_SCHEMATHESIS_SECONDS";
/// Set where it has to be there: by the gate, once it has installed it.
const WANTED: &str = "TRIPOINT_WANTS_SCHEMATHESIS";
/// Streams never end, and whoever signs out has nothing more to ask.
const NOT_ASKED: &str = "watch$|^/v1/session$|^/v1/sessions";

#[tokio::test(flavor = "multi_thread")]
async fn no_question_breaks_the_server_and_every_answer_is_described() {
    if Command::new("schemathesis").arg("--version").output().is_err() {
        assert!(std::env::var_os(WANTED).is_none(), "schemathesis is wanted and not installed");
        println!("skipped: schemathesis is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    rig.report("web1", 1, &[alert("0", 85, 1), alert("1", 50, 2)]).await;
    let agent = tokio::spawn(answering(rig.client.clone()));
    let (token, url) = (rig.token(), format!("http://{}", rig.ready.address.unwrap()));
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi/tripoint.json");
    let mut asks = Command::new("schemathesis");
    asks.current_dir(folder.path())
        .arg("run")
        .arg(document)
        .args(["--url", &url, "--header", &format!("Authorization: Bearer {token}")])
        .args(["--phases", "coverage,fuzzing", "--checks", CHECKS, "--exclude-path-regex", NOT_ASKED])
        .args(["--max-time", &std::env::var(SECONDS_VARIABLE).unwrap_or_else(|_| SECONDS.into())])
        .args(["--continue-on-failure", "--no-color", "--generation-database", "none", "--request-timeout", "20"]);
    let done = tokio::task::spawn_blocking(move || asks.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    let cases: u64 = said
        .lines()
        .find_map(|line| line.split_once(" generated").and_then(|(count, _)| count.trim().parse().ok()))
        .expect("the number of cases");
    assert!(cases > 500, "{said}");
    println!("schemathesis: {cases} questions");
    rig.client.get_text("/v1/health").await.unwrap();
    agent.abort();
    rig.stop().await;
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
