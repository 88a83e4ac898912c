//! Is every lie of a provider, a browser or whoever sits between refused?

use serde_json::{Value, json};
use tripoint_api::path;

use super::provider::{CLIENT, HONEST, Manner, Provider, Sign, Token, now};
use super::{Answer, begun, finished, session, sign_in, start};
use crate::browser::Browser;
use crate::rig::Rig;

/// A lie: what it is, the provider's manner, what is changed of what the browser brings back, and how it is refused:
/// not even begun, or in the end by one of these kinds.
type Case = (&'static str, Manner, fn(&mut Answer), Refusal);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    NotBegun,
    By(&'static [&'static str]),
}

const NOT_BELIEVED: Refusal = Refusal::By(&["oidc-refused", "oidc-no-role"]);
/// Or what it hands over is no answer at all.
const UNREADABLE: Refusal = Refusal::By(&["oidc-refused", "oidc-no-role", "oidc-unavailable"]);

fn token(name: &'static str, token: fn(&mut Token)) -> Case {
    (name, Manner { token, ..HONEST }, |_| {}, UNREADABLE)
}

fn says(name: &'static str, discovery: fn(&mut Value)) -> Case {
    (name, Manner { discovery, ..HONEST }, |_| {}, Refusal::NotBegun)
}

fn keys(name: &'static str, keys: fn(&mut Value)) -> Case {
    (name, Manner { keys, ..HONEST }, |_| {}, UNREADABLE)
}

fn brought(name: &'static str, change: fn(&mut Answer)) -> Case {
    (name, Manner { lax: true, ..HONEST }, change, NOT_BELIEVED)
}

/// The signature's part is put in another form.
fn signature(text: &str, change: impl Fn(&str) -> String) -> String {
    let (signed, signature) = text.rsplit_once('.').unwrap();
    format!("{signed}.{}", change(signature))
}

fn cases() -> Vec<Case> {
    [claimed(), signed(), told(), carried()].concat()
}

/// What a token says of whom, for whom and when.
fn claimed() -> Vec<Case> {
    vec![
        token("issuer of another", |t| t.claims["iss"] = "https://other.example".into()),
        token("issuer with a slash more", |t| {
            t.claims["iss"] = format!("{}/", t.claims["iss"].as_str().unwrap()).into()
        }),
        token("issuer in capitals", |t| t.claims["iss"] = t.claims["iss"].as_str().unwrap().to_uppercase().into()),
        token("no issuer", |t| drop(t.claims.as_object_mut().unwrap().remove("iss"))),
        token("issuer as a list", |t| t.claims["iss"] = json!([t.claims["iss"]])),
        token("for another client", |t| t.claims["aud"] = "another".into()),
        token("for nobody", |t| drop(t.claims.as_object_mut().unwrap().remove("aud"))),
        token("for an empty list", |t| t.claims["aud"] = json!([])),
        token("for a client whose name begins like ours", |t| t.claims["aud"] = "tripoint2".into()),
        token("for several, not said for whom", |t| t.claims["aud"] = json!([CLIENT, "another"])),
        token("for several, made for another", |t| {
            (t.claims["aud"], t.claims["azp"]) = (json!([CLIENT, "another"]), "another".into());
        }),
        token("for us, made for another", |t| t.claims["azp"] = "another".into()),
        token("for a number", |t| t.claims["aud"] = 7.into()),
        token("expired", |t| t.claims["exp"] = (now() - 120).into()),
        token("expired an hour ago", |t| t.claims["exp"] = (now() - 3600).into()),
        token("without an end", |t| drop(t.claims.as_object_mut().unwrap().remove("exp"))),
        token("ends in a year", |t| t.claims["exp"] = (now() + 31_536_000).into()),
        token("ends as a text", |t| t.claims["exp"] = "tomorrow".into()),
        token("ends before it begins", |t| t.claims["exp"] = (-1).into()),
        token("made in the future", |t| t.claims["iat"] = (now() + 300).into()),
        token("made an hour ago", |t| t.claims["iat"] = (now() - 3600).into()),
        token("not said when made", |t| drop(t.claims.as_object_mut().unwrap().remove("iat"))),
        token("does not hold yet", |t| t.claims["nbf"] = (now() + 300).into()),
        token("nonce of another sign-in", |t| t.claims["nonce"] = "0".repeat(64).into()),
        token("no nonce", |t| drop(t.claims.as_object_mut().unwrap().remove("nonce"))),
        token("empty nonce", |t| t.claims["nonce"] = "".into()),
        token("nonce as a list", |t| t.claims["nonce"] = json!([t.claims["nonce"]])),
        token("no subject", |t| drop(t.claims.as_object_mut().unwrap().remove("sub"))),
        token("empty subject", |t| t.claims["sub"] = "".into()),
        token("subject of 256 bytes", |t| t.claims["sub"] = "a".repeat(256).into()),
        token("subject with a line end", |t| t.claims["sub"] = "a\nb".into()),
        token("subject as a number", |t| t.claims["sub"] = 4711.into()),
        token("groups that may nothing", |t| t.claims["groups"] = json!(["sales"])),
        token("groups of another shape", |t| t.claims["groups"] = json!({"soc": true})),
        token("no groups", |t| drop(t.claims.as_object_mut().unwrap().remove("groups"))),
    ]
}

/// How it is signed.
fn signed() -> Vec<Case> {
    vec![
        token("algorithm none", |t| (t.head["alg"], t.sign) = ("none".into(), Sign::Nothing)),
        token("algorithm None", |t| (t.head["alg"], t.sign) = ("None".into(), Sign::Nothing)),
        token("algorithm none with a good signature", |t| t.head["alg"] = "none".into()),
        token("HMAC with the public key", |t| (t.head["alg"], t.sign) = ("HS256".into(), Sign::Public)),
        token("HMAC with the client's secret", |t| (t.head["alg"], t.sign) = ("HS256".into(), Sign::Secret)),
        token("HMAC said to be RSA", |t| t.sign = Sign::Public),
        token("signed by another", |t| t.sign = Sign::OtherRsa),
        token("signed by another with a key of its own along", |t| {
            t.sign = Sign::OtherRsa;
            t.head["jwk"] = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"});
            t.head["jku"] = "http://127.0.0.1:9/keys".into();
        }),
        token("signed by a key that nobody told", |t| t.head["kid"] = "x".into()),
        token("an elliptic signature said to be RSA", |t| t.sign = Sign::Ec),
        token("RSA said to be elliptic", |t| t.head["alg"] = "ES256".into()),
        token("a padding other than the one said", |t| t.sign = Sign::Pss),
        token("no signature", |t| t.sign = Sign::Nothing),
        token("no algorithm", |t| drop(t.head.as_object_mut().unwrap().remove("alg"))),
        token("a demand that is not known", |t| t.head["crit"] = json!(["exp"])),
        token("of another type", |t| t.head["typ"] = "at+jwt".into()),
        token("a signature cut off", |t| t.after = |text| signature(&text, |s| s[..s.len() - 4].to_owned())),
        token("a signature of zeros", |t| t.after = |text| signature(&text, |s| "A".repeat(s.len()))),
        token("a signature with padding", |t| t.after = |text| signature(&text, |s| format!("{s}=="))),
        token("content changed behind the signature", |t| t.after = |text| text.replacen(".e", ".f", 1)),
        token("four parts", |t| t.after = |text| format!("{text}.x")),
        token("two parts", |t| t.after = |text| text.rsplit_once('.').unwrap().0.to_owned()),
        token("nothing at all", |t| t.after = |_| String::new()),
        token("a megabyte", |t| t.claims["more"] = "a".repeat(1 << 20).into()),
        token("encrypted, in five parts", |t| t.after = |_| "e30.e30.e30.e30.e30".to_owned()),
        token("an answer that is an error", |t| t.status = axum::http::StatusCode::INTERNAL_SERVER_ERROR),
    ]
}

/// What a provider says of itself and its keys.
fn told() -> Vec<Case> {
    vec![
        says("to be another issuer", |said| said["issuer"] = "https://other.example".into()),
        says("to take no PKCE", |said| said["code_challenge_methods_supported"] = json!(["plain"])),
        says("to have its keys in the cloud's own network", |said| {
            said["jwks_uri"] = "http://169.254.169.254/keys".into()
        }),
        says("to take codes at an address of this host", |said| said["token_endpoint"] = "https://127.0.0.1:1/".into()),
        says("to take codes at a number", |said| said["token_endpoint"] = "https://2130706433/".into()),
        says("to take codes by another protocol", |said| said["token_endpoint"] = "file:///etc/passwd".into()),
        says("to send people elsewhere without https", |said| {
            said["authorization_endpoint"] = "http://other.example/".into()
        }),
        (
            "that it names itself in answers, and does not",
            Manner { discovery: |said| said["authorization_response_iss_parameter_supported"] = true.into(), ..HONEST },
            |_| {},
            NOT_BELIEVED,
        ),
        keys("no key", |said| said["keys"] = json!([])),
        keys("keys for encryption", |said| said["keys"][0]["use"] = "enc".into()),
        keys("a key for another algorithm", |said| said["keys"][0]["alg"] = "RS512".into()),
        keys("two keys of one name", |said| said["keys"][1] = said["keys"][0].clone()),
        keys("a key of three bits", |said| said["keys"][0]["n"] = "Bw".into()),
    ]
}

/// What the browser brings, to a provider that takes every code.
fn carried() -> Vec<Case> {
    vec![
        brought("no state", |answer| answer.query.retain(|(name, _)| name != "state")),
        brought("another's state", |answer| answer.set("state", &"0".repeat(64))),
        brought("an empty state", |answer| answer.set("state", "")),
        brought("no code", |answer| answer.query.retain(|(name, _)| name != "code")),
        brought("an error", |answer| answer.set("error", "access_denied")),
        brought("the name of another provider", |answer| answer.set("iss", "https:%2F%2Fother.example")),
        brought("no cookie", |answer| answer.cookie = None),
        brought("a cookie of nonsense", |answer| answer.cookie = Some("__Host-tripoint-oidc=x".into())),
        brought("a cookie without its prefix", |answer| {
            answer.cookie = answer.cookie.as_ref().map(|cookie| cookie.replacen("__Host-", "", 1));
        }),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_lie_is_taken() {
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut taken = Vec::new();
    for (name, manner, change, refusal) in &cases {
        let folder = tempfile::tempdir().unwrap();
        let provider = Provider::start(*manner).await;
        let rig = start(folder.path(), provider.url()).await;
        let heard = sign_in(&rig, &provider, *change).await;
        let users: Value = rig.client.get(path::USERS).await.unwrap();
        let is_refused = match (refusal, &heard) {
            (Refusal::NotBegun, None) => true,
            (Refusal::By(kinds), Some(heard)) => kinds.contains(&heard.kind().as_str()) && session(heard).is_none(),
            _ => false,
        };
        println!("{name}: {:?}", heard.as_ref().map(|heard| heard.json()["detail"].clone()));
        if !is_refused || users != json!([]) {
            taken.push(format!("{name}: {refusal:?}, {heard:?}"));
        }
        rig.stop().await;
    }
    // The same ways without a lie open.
    for lax in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let provider = Provider::start(Manner { lax, ..HONEST }).await;
        let rig = start(folder.path(), provider.url()).await;
        assert!(session(&sign_in(&rig, &provider, |_| {}).await.unwrap()).is_some());
        rig.stop().await;
    }
    println!("{} lies, {} taken", cases.len(), taken.len());
    assert!(taken.is_empty(), "{taken:#?}");
}

#[tokio::test]
async fn an_answer_is_taken_once_in_the_browser_that_asked() {
    let folder = tempfile::tempdir().unwrap();
    // It takes every code, as often as it comes, with whatever verifier.
    let provider = Provider::start(Manner { lax: true, ..HONEST }).await;
    let rig: Rig = start(folder.path(), provider.url()).await;
    let (mine, other) = (Browser::new(&rig), Browser::new(&rig));
    let answer = begun(&mine, &provider, "").await.unwrap();
    let others = begun(&other, &provider, "").await.unwrap();
    // What somebody else began is brought to this browser, and the other way round.
    let crossed = Answer { cookie: others.cookie.clone(), ..answer.clone() };
    assert_eq!(finished(&other, &crossed).await.kind(), "oidc-refused");
    let crossed = Answer { query: others.query.clone(), ..answer.clone() };
    assert_eq!(finished(&mine, &crossed).await.kind(), "oidc-refused");
    assert!(session(&finished(&mine, &answer).await).is_some());
    let heard = finished(&mine, &answer).await;
    assert_eq!((heard.kind().as_str(), session(&heard)), ("oidc-refused", None), "a second time");
    rig.stop().await;
    // Nor after a restart's new key of cookies, nor by another server.
    let elsewhere = tempfile::tempdir().unwrap();
    let rig = start(elsewhere.path(), provider.url()).await;
    assert_eq!(finished(&Browser::new(&rig), &others).await.kind(), "oidc-refused");
    rig.stop().await;
}

#[tokio::test]
async fn a_page_of_somebody_else_begins_no_sign_in() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::start(HONEST).await;
    let rig = start(folder.path(), provider.url()).await;
    for (from, status) in [("same-origin", 303), ("none", 303), ("cross-site", 403), ("same-site", 403), ("x", 403)] {
        let browser = Browser { more: format!("sec-fetch-site: {from}\r\n"), origin: None, ..Browser::new(&rig) };
        let heard = browser.get(path::OIDC_BEGIN).await;
        assert_eq!((heard.status, heard.header("set-cookie").is_some()), (status, status == 303), "{from}: {heard:?}");
    }
    rig.stop().await;
}
