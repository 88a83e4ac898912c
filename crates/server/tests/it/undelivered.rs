//! What becomes of a message that is not taken, by its receiver, by one of several, or by nobody any more?

use serde_json::json;

use tripoint_api::channel::{DeadLetters, Retried, RetryRequest};
use tripoint_api::path;
use tripoint_server::notify_config::ChannelConfig;

use crate::channels::{channel, config, serve, status, to, types, until, webhook};
use crate::receiver::{Manner, Receiver, smtp};
use crate::rig::alert;

/// A receiver that cannot do with one message gets the others; one that can do with none loses none.
#[tokio::test]
async fn one_message_that_always_fails_is_stepped_over() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(Manner::FailsWith("\"bad\"")).await;
    let config = config(vec![webhook(folder.path(), "a", &receiver.url)], vec![to(&["a"])]);
    let rig = serve(folder.path(), &config).await;
    rig.report("web1", 1, &[alert("bad", 50, 1), alert("bb", 50, 1), alert("cc", 50, 1)]).await;
    until("the others", async || status(&rig, "a").await.delivered == 2).await;
    let status = status(&rig, "a").await;
    assert_eq!((status.dead, status.waiting, status.breaker.as_str()), (1, 0, "closed"));
    let dead: DeadLetters = rig.client.get(&path::channel("a", "dead")).await.unwrap();
    assert!(dead.letters[0].error.ends_with("the message behind it was taken"), "{dead:?}");
    assert!(dead.letters[0].tries >= 6, "{dead:?}");
    rig.stop().await;
}

#[tokio::test]
async fn what_waits_for_a_channel_that_is_gone_is_kept_and_retried_behind_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(Manner::Says(503)).await;
    let with = config(vec![webhook(folder.path(), "a", &receiver.url)], vec![to(&["a"])]);
    let rig = serve(folder.path(), &with).await;
    rig.report("web1", 1, &[alert("aa", 50, 1), alert("bb", 50, 1)]).await;
    until("two that wait", async || status(&rig, "a").await.waiting == 2).await;
    rig.stop().await;
    let without = config(vec![webhook(folder.path(), "b", &receiver.url)], vec![to(&["b"])]);
    serve(folder.path(), &without).await.stop().await;
    let rig = serve(folder.path(), &with).await;
    until("two that are dead", async || status(&rig, "a").await.dead == 2).await;
    let dead: DeadLetters = rig.client.get(&path::channel("a", "dead")).await.unwrap();
    assert_eq!(dead.letters[0].error, "there is no such channel any more");
    rig.report("web1", 2, &[alert("cc", 50, 1)]).await;
    until("one that waits", async || status(&rig, "a").await.waiting == 1).await;
    let done: Retried = rig.client.post(&path::channel("a", "dead/retry"), &json!({})).await.unwrap();
    assert_eq!(done.retried, 2);
    receiver.behave(Manner::Says(200));
    until("all", async || status(&rig, "a").await.delivered == 3).await;
    let came = types(&receiver.came());
    assert_eq!(came[came.len() - 3..], ["alert-new cc", "alert-new aa", "alert-new bb"]);
    rig.stop().await;
}

#[tokio::test]
async fn what_is_given_up_is_kept_shown_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(Manner::Says(422)).await;
    let config = config(vec![webhook(folder.path(), "a", &receiver.url)], vec![to(&["a"])]);
    let rig = serve(folder.path(), &config).await;
    rig.report("web1", 1, &[alert("aa", 50, 1), alert("bb", 85, 1)]).await;
    until("two dead", async || status(&rig, "a").await.dead == 2).await;
    // Also by the next server.
    rig.stop().await;
    let rig = serve(folder.path(), &config).await;
    let dead: DeadLetters = rig.client.get(&path::channel("a", "dead")).await.unwrap();
    let lines: Vec<&str> = dead.letters.iter().map(|letter| letter.headline.as_str()).collect();
    assert_eq!(lines, ["critical: app@web1 connected", "medium: app@web1 connected"]);
    assert!(dead.letters[0].error.contains("422") && dead.letters[0].tries == 1, "{dead:?}");
    let page: DeadLetters = rig.client.get(&format!("{}?limit=1", path::channel("a", "dead"))).await.unwrap();
    let next = page.next.unwrap();
    let page: DeadLetters =
        rig.client.get(&format!("{}?limit=1&after={next}", path::channel("a", "dead"))).await.unwrap();
    assert_eq!(page.letters[0], dead.letters[1]);
    receiver.behave(Manner::Says(200));
    let retry = path::channel("a", "dead/retry");
    let one = RetryRequest { numbers: vec![dead.letters[1].number] };
    let done: Retried = rig.client.post(&retry, &one).await.unwrap();
    assert_eq!(done.retried, 1);
    until("one", async || status(&rig, "a").await.delivered == 1).await;
    let done: Retried = rig.client.post(&retry, &json!({})).await.unwrap();
    assert_eq!(done.retried, 1);
    until("both", async || status(&rig, "a").await.delivered == 2).await;
    assert_eq!(status(&rig, "a").await.dead, 0);
    assert_eq!(types(&receiver.came()[2..]), ["alert-new aa", "alert-new bb"]);
    rig.stop().await;
}

/// Greylisting: who has the mail does not get it again, who has it not gets it.
#[tokio::test]
async fn a_mail_that_is_put_off_for_one_receiver_reaches_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let (port, told) = smtp("", "never@example.org").await;
    let routed = to(&["mail"]);
    let to = ["now@example.org", "later@example.org", "never@example.org"].map(str::to_owned);
    let mail = ChannelConfig {
        server: format!("127.0.0.1:{port}"),
        tls: "plain".into(),
        from: "a@example.org".into(),
        to: to.to_vec(),
        ..channel("mail", "email", "")
    };
    let rig = serve(folder.path(), &config(vec![mail], vec![routed])).await;
    rig.report("web1", 1, &[alert("aa", 50, 1)]).await;
    until("the mail", async || status(&rig, "mail").await.delivered == 1).await;
    rig.stop().await;
    let told = told.lock().unwrap();
    let count = |line: &str| told.iter().filter(|one| one.as_str() == line).count();
    let asked = to.each_ref().map(|to| count(&format!("RCPT TO:<{to}>")));
    assert_eq!((asked, count("DATA")), ([1, 3, 1], 2), "{told:?}");
}
