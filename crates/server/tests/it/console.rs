//! Does a browser get the console, and a program that asks for nothing a plain no?

use crate::browser::Browser;
use crate::rig::Rig;

#[tokio::test]
async fn the_page_is_there_for_browsers_and_may_do_little() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let mut browser = Browser::new(&rig);
    let heard = browser.get("/").await;
    assert_eq!(heard.status, 200);
    assert_eq!(heard.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(heard.header("cache-control"), Some("no-store"));
    let policy = heard.header("content-security-policy").unwrap();
    for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(heard.header(name), Some(value));
    }
    // Every address of its own is the page's; no other is.
    for path in ["/alerts/0123", "/queue?filter=kev:yes", "/no/such/page"] {
        assert_eq!(browser.get(path).await.status, 404, "a program is told that there is nothing at {path}");
    }
    browser.more = "accept: text/html,*/*;q=0.8\r\n".into();
    for path in ["/alerts/0123", "/queue?filter=kev:yes", "/no/such/page"] {
        assert_eq!(browser.get(path).await.status, 200, "{path}");
    }
    for path in ["/v1/nothing", "/v1", "/taxii2/x/y/z", "/metrics/x", "/assets/no-1234.js", "/../etc/passwd", "//x/.."]
    {
        let heard = browser.get(path).await;
        assert!(heard.status != 200 || heard.body.starts_with("<!doctype html>"), "{path}: {heard:?}");
        assert!(!heard.body.contains("root:"), "{path}");
    }
    for path in ["/v1/nothing", "/metrics/x", "/assets/no-1234.js"] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    assert_eq!(browser.post("/", serde_json::json!({})).await.status, 404);
    rig.stop().await;
}

#[tokio::test]
async fn what_people_are_told_is_kept_by_no_browser() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let heard = Browser::new(&rig).get("/v1/queue").await;
    assert_eq!(heard.status, 401);
    assert_eq!(heard.header("cache-control"), Some("no-store"));
    assert_eq!(heard.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(heard.header("content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'"));
    assert_eq!(heard.header("cross-origin-resource-policy"), Some("same-origin"));
    rig.stop().await;
}

#[tokio::test]
async fn hashed_files_are_kept_for_ever_and_come_packed() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path()).await;
    let mut browser = Browser::new(&rig);
    let page = browser.get("/").await.body;
    let Some(script) = page.split('"').find(|part| part.starts_with("/assets/") && part.ends_with(".js")) else {
        println!("skipped: this program was built without the console");
        return rig.stop().await;
    };
    let plain = browser.get(script).await;
    assert_eq!(plain.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(plain.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));
    // Only the head: the body is no text.
    browser.more = "accept-encoding: gzip, deflate, br\r\n".into();
    let mut stream = browser.begin("GET", script, "").await;
    let head = crate::browser::head_of(&mut stream).await;
    assert!(head.contains("content-encoding: br\n"), "{head}");
    rig.stop().await;
}
