//! What does a provider of identities say, honestly or not?

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use ring::{digest, hmac};
use serde_json::{Value, json};

pub const CLIENT: &str = "tripoint";
pub const SECRET: &str = "the client's secret";

/// Made once for these tests; they open nothing else.
const RSA: &[u8] = include_bytes!("../../fixtures/oidc/rsa.der");
const OTHER_RSA: &[u8] = include_bytes!("../../fixtures/oidc/rsa-other.der");

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    Rsa,
    Pss,
    Ec,
    Ed,
    OtherRsa,
    /// An HMAC with what everybody knows: the public key.
    Public,
    /// An HMAC with the client's secret.
    Secret,
    Nothing,
}

/// A token before it is signed, and how it is handed over.
pub struct Token {
    pub head: Value,
    pub claims: Value,
    pub sign: Sign,
    /// What is done to the signed text.
    pub after: fn(String) -> String,
    pub status: StatusCode,
}

/// A provider's manners; each is a change of an honest one.
#[derive(Clone, Copy)]
pub struct Manner {
    pub discovery: fn(&mut Value),
    pub keys: fn(&mut Value),
    pub token: fn(&mut Token),
    /// Whether a code is taken without the verifier, and more than once.
    pub lax: bool,
}

pub const HONEST: Manner = Manner { discovery: |_| {}, keys: |_| {}, token: |_| {}, lax: false };

struct Shared {
    url: String,
    manner: Manner,
    rsa: RsaKeyPair,
    other: RsaKeyPair,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
    /// What was asked for each code, until it is given back.
    codes: Mutex<HashMap<String, HashMap<String, String>>>,
    /// Every token that was handed out, and the codes and verifiers that they were handed out for.
    handed: Mutex<Vec<String>>,
}

/// A running one.
pub struct Provider(Arc<Shared>);

impl Provider {
    pub async fn start(manner: Manner) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let random = SystemRandom::new();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let shared = Arc::new(Shared {
            url: format!("http://{}", listener.local_addr().unwrap()),
            manner,
            rsa: RsaKeyPair::from_der(RSA).unwrap(),
            other: RsaKeyPair::from_der(OTHER_RSA).unwrap(),
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random).unwrap(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
            codes: Mutex::default(),
            handed: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self(shared)
    }

    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// What it handed out, and what that was asked for with.
    pub fn handed(&self) -> Vec<String> {
        self.0.handed.lock().unwrap().clone()
    }

    /// A person signs in, and the browser is given a code.
    pub fn authorize(&self, asked: &HashMap<String, String>) -> String {
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], CLIENT);
        assert_eq!(asked["code_challenge_method"], "S256");
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
        let mut codes = self.0.codes.lock().unwrap();
        let code = format!("code-{}", codes.len());
        codes.insert(code.clone(), asked.clone());
        code
    }
}

async fn discovery(State(own): State<Arc<Shared>>) -> Json<Value> {
    let url = &own.url;
    let mut said = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/keys"),
        "code_challenge_methods_supported": ["S256"],
    });
    (own.manner.discovery)(&mut said);
    Json(said)
}

async fn keys(State(own): State<Arc<Shared>>) -> Json<Value> {
    let point = own.ec.public_key().as_ref();
    let mut said = json!({"keys": [
        {"kty": "RSA", "kid": "r", "use": "sig", "n": BASE64.encode(modulus(&own.rsa)), "e": "AQAB"},
        {"kty": "EC", "kid": "e", "crv": "P-256", "x": BASE64.encode(&point[1..33]), "y": BASE64.encode(&point[33..])},
        {"kty": "OKP", "kid": "d", "crv": "Ed25519", "x": BASE64.encode(own.ed.public_key())},
        {"kty": "of a kind that nobody knows", "kid": 7},
    ]});
    (own.manner.keys)(&mut said);
    Json(said)
}

fn modulus(key: &RsaKeyPair) -> Vec<u8> {
    let public = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(key.public());
    public.n
}

async fn token(
    State(own): State<Arc<Shared>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> (StatusCode, Json<Value>) {
    let no = |why: &str| (StatusCode::BAD_REQUEST, Json(json!({"error": why})));
    let proof = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:the%20client%27s%20secret")));
    if headers.get("authorization").and_then(|value| value.to_str().ok()) != Some(proof.as_str()) {
        return no("invalid_client");
    }
    let asked = {
        let mut codes = own.codes.lock().unwrap();
        let code = form.get("code").cloned().unwrap_or_default();
        let any = || codes.values().next().cloned();
        let found = if own.manner.lax { codes.get(&code).cloned().or_else(any) } else { codes.remove(&code) };
        let Some(asked) = found else { return no("invalid_grant") };
        asked
    };
    let verifier = form.get("code_verifier").cloned().unwrap_or_default();
    let challenge = BASE64.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
    if !own.manner.lax
        && (asked["code_challenge"] != challenge || asked.get("redirect_uri") != form.get("redirect_uri"))
    {
        return no("invalid_grant");
    }
    let now = now();
    let mut token = Token {
        head: json!({"alg": "RS256", "typ": "JWT", "kid": "r"}),
        claims: json!({
            "iss": own.url, "sub": "4711", "aud": CLIENT, "exp": now + 300, "iat": now, "auth_time": now,
            "nonce": asked["nonce"], "preferred_username": "ada", "email": "ada@example.org", "groups": ["soc"],
        }),
        sign: Sign::Rsa,
        after: |text| text,
        status: StatusCode::OK,
    };
    (own.manner.token)(&mut token);
    let signed = (token.after)(own.signed(&token));
    let mut handed = own.handed.lock().unwrap();
    let (access, refresh) = (format!("access-token-{}", handed.len()), format!("refresh-token-{}", handed.len()));
    handed.extend([signed.clone(), access.clone(), refresh.clone(), verifier]);
    let said = json!({
        "access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": 300, "id_token": signed,
    });
    (token.status, Json(said))
}

impl Shared {
    fn signed(&self, token: &Token) -> String {
        let part = |value: &Value| BASE64.encode(value.to_string());
        let text = format!("{}.{}", part(&token.head), part(&token.claims));
        let random = SystemRandom::new();
        let rsa = |key: &RsaKeyPair, way: &'static dyn ring::signature::RsaEncoding| {
            let mut signature = vec![0; key.public().modulus_len()];
            key.sign(way, &random, text.as_bytes(), &mut signature).unwrap();
            signature
        };
        let mac = |key: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec();
        let signature = match token.sign {
            Sign::Rsa => rsa(&self.rsa, &RSA_PKCS1_SHA256),
            Sign::Pss => rsa(&self.rsa, &RSA_PSS_SHA256),
            Sign::OtherRsa => rsa(&self.other, &RSA_PKCS1_SHA256),
            Sign::Ec => self.ec.sign(&random, text.as_bytes()).unwrap().as_ref().to_vec(),
            Sign::Ed => self.ed.sign(text.as_bytes()).as_ref().to_vec(),
            Sign::Public => mac(&modulus(&self.rsa)),
            Sign::Secret => mac(SECRET.as_bytes()),
            Sign::Nothing => Vec::new(),
        };
        format!("{text}.{}", BASE64.encode(signature))
    }
}

/// Seconds since the epoch.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}
