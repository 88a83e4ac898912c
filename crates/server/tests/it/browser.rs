//! What does a browser, or whoever pretends to be one, send and get back?

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use tripoint_api::{Client, Role, path};

use crate::contract::CONTRACT;
use crate::rig::Rig;

/// A password that is taken.
pub const PASSWORD: &str = "three wet owls sing";

/// Somebody who asks through TCP.
#[derive(Clone)]
pub struct Browser {
    pub at: SocketAddr,
    /// Where it sits.
    pub from: [u8; 4],
    pub cookie: Option<String>,
    pub token: Option<String>,
    pub origin: Option<String>,
    pub kind: &'static str,
    pub more: String,
}

/// An answer.
#[derive(Debug)]
pub struct Heard {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Heard {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// The problem's kind without `tripoint:`.
    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap_or_default().trim_start_matches("tripoint:").to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// What our cookie was set to.
    pub fn cookie(&self) -> Option<String> {
        let set = self.header("set-cookie")?.strip_prefix("__Host-tripoint=")?;
        Some(set.split(';').next()?.to_owned())
    }
}

impl Browser {
    /// On a page of this server.
    pub fn new(rig: &Rig) -> Self {
        let at = rig.ready.address.unwrap();
        let origin = Some(format!("http://{at}"));
        Self {
            at,
            from: [127, 0, 0, 1],
            cookie: None,
            token: None,
            origin,
            kind: "application/json",
            more: String::new(),
        }
    }

    /// A program with a token.
    pub fn with_token(rig: &Rig, token: &str) -> Self {
        Self { token: Some(token.to_owned()), origin: None, ..Self::new(rig) }
    }

    /// Somebody who has signed in.
    pub async fn signed_in(rig: &Rig, name: &str) -> Self {
        let mut browser = Self::new(rig);
        let heard = browser.sign_in(name, PASSWORD).await;
        assert_eq!(heard.status, 200, "{heard:?}");
        browser
    }

    /// Signs in and keeps the cookie.
    pub async fn sign_in(&mut self, name: &str, password: &str) -> Heard {
        let heard = self.post(path::SESSION, json!({"name": name, "password": password})).await;
        if heard.status == 200 {
            self.cookie = heard.cookie();
        }
        heard
    }

    pub async fn get(&self, path: &str) -> Heard {
        self.ask("GET", path, "").await
    }

    pub async fn post(&self, path: &str, body: Value) -> Heard {
        self.ask("POST", path, &body.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Heard {
        self.ask("DELETE", path, "").await
    }

    pub async fn ask(&self, method: &str, path: &str, body: &str) -> Heard {
        let mut stream = self.begin(method, path, body).await;
        let head = head_of(&mut stream).await;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await.unwrap();
        if head.contains("transfer-encoding: chunked") && !head.contains("text/event-stream") {
            stream.read_to_end(&mut body).await.unwrap();
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let heard = Heard { status, head, body: String::from_utf8(body).unwrap() };
        CONTRACT.hold(method, path, &heard);
        heard
    }

    /// Sends a request.
    pub async fn begin(&self, method: &str, path: &str, body: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((self.from, 0).into()).unwrap();
        let mut stream = socket.connect(self.at).await.unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.at);
        for (name, value) in [
            ("cookie", self.cookie.as_ref().map(|cookie| format!("__Host-tripoint={cookie}"))),
            ("authorization", self.token.as_ref().map(|token| format!("Bearer {token}"))),
            ("origin", self.origin.clone()),
            ("content-type", (!self.kind.is_empty()).then(|| self.kind.to_owned())),
        ] {
            if let Some(value) = value {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        let text = format!("{head}{}content-length: {}\r\n\r\n{body}", self.more, body.len());
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }
}

/// The lines before the body.
pub async fn head_of(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().replace("\r\n", "\n")
}

/// Makes a user, as root.
pub async fn add_user(client: &Client, name: &str, role: Role, groups: &[&str]) {
    let user = json!({"name": name, "role": role.as_str(), "password": PASSWORD, "groups": groups});
    client.post::<Value>(path::USERS, &user).await.unwrap();
}

/// Changes rows behind the server's back: for what would take hours.
pub async fn sql(folder: &std::path::Path, statement: &'static str) {
    sqlx::query(statement).execute(&mut database(folder).await).await.unwrap();
}

/// A server's database, from outside.
pub async fn database(folder: &std::path::Path) -> sqlx::SqliteConnection {
    use sqlx::ConnectOptions as _;
    let path = folder.join("server/server.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).vfs(tripoint_pages::NAME);
    options.busy_timeout(std::time::Duration::from_secs(10)).connect().await.unwrap()
}
