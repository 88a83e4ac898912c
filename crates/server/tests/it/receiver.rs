//! Who takes messages in a test, well or badly?

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// How a receiver behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Answers with this status and an empty object.
    Says(u16),
    /// Fails with what holds this text, and takes the rest.
    FailsWith(&'static str),
    /// Never answers.
    Sleeps,
    /// Answers a byte at a time, for ever.
    Drips,
    /// Hangs up.
    Closes,
    /// Answers 200 and a gigabyte.
    Floods,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Came {
    /// First line and headers, in lower case.
    pub head: String,
    pub body: String,
    pub bytes: Vec<u8>,
}

impl Came {
    pub fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// An HTTP server that keeps what comes.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    pub port: u16,
    came: Arc<Mutex<Vec<Came>>>,
    manner: Arc<Mutex<Manner>>,
    pub connections: Arc<AtomicU64>,
    /// Bytes of answers that it got rid of.
    pub sent: Arc<AtomicU64>,
}

impl Receiver {
    pub async fn new(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let receiver = Self {
            url: format!("http://127.0.0.1:{port}"),
            port,
            came: Arc::default(),
            manner: Arc::new(Mutex::new(manner)),
            connections: Arc::default(),
            sent: Arc::default(),
        };
        let own = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                own.connections.fetch_add(1, Ordering::Relaxed);
                let own = own.clone();
                tokio::spawn(async move { drop(own.serve(stream).await) });
            }
        });
        receiver
    }

    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    pub fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let lower = head.to_ascii_lowercase();
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let manner = *self.manner.lock().unwrap();
        // Signatures and tokens are case-sensitive: only names are lowered.
        let lower_names = |line: &str| match line.split_once(": ") {
            Some((name, value)) => format!("{}: {value}", name.to_ascii_lowercase()),
            None => line.to_owned(),
        };
        let head: Vec<String> = head.trim_end().lines().map(lower_names).collect();
        let (bytes, body) = (body.clone(), String::from_utf8_lossy(&body).into_owned());
        let manner = match manner {
            Manner::FailsWith(text) if body.contains(text) => Manner::Says(500),
            Manner::FailsWith(_) => Manner::Says(200),
            other => other,
        };
        self.came.lock().unwrap().push(Came { head: head.join("\n"), body, bytes });
        let mut stream = stream.into_inner();
        match manner {
            Manner::Says(status) => {
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
                stream.write_all(answer.as_bytes()).await?;
            }
            Manner::FailsWith(_) | Manner::Sleeps => tokio::time::sleep(Duration::from_secs(600)).await,
            Manner::Drips => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n").await?;
                loop {
                    stream.write_all(b"x").await?;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            Manner::Closes => {}
            Manner::Floods => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n").await?;
                let piece = vec![b'x'; 64 << 10];
                for _ in 0..(1 << 30) / piece.len() {
                    stream.write_all(&piece).await?;
                    self.sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
                }
            }
        }
        Ok(())
    }
}

/// A mail server on loopback: what it was told, line by line; `offers` stands in its answer to EHLO. Mails to `later@` are
/// put off twice.
pub async fn smtp(offers: &'static str, refuses: &'static str) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&told);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let kept = Arc::clone(&kept);
            tokio::spawn(async move { drop(mail(stream, kept, offers, refuses).await) });
        }
    });
    (port, told)
}

async fn mail(stream: TcpStream, told: Arc<Mutex<Vec<String>>>, offers: &str, refuses: &str) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 here\r\n").await?;
    let mut is_data = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end_matches("\r\n").to_owned();
        told.lock().unwrap().push(line.clone());
        let ehlo = format!("250-here\r\n250 {offers}\r\n");
        let answer = match line.split(' ').next().unwrap_or_default() {
            "." if is_data => {
                is_data = false;
                "250 taken\r\n"
            }
            _ if is_data => continue,
            "RCPT"
                if line.contains("<later@") && told.lock().unwrap().iter().filter(|one| **one == line).count() < 3 =>
            {
                "450 greylisted\r\n"
            }
            _ if !refuses.is_empty() && line.contains(refuses) => "550 no\r\n",
            "EHLO" => &ehlo,
            "DATA" => {
                is_data = true;
                "354 go on\r\n"
            }
            "AUTH" => "235 you are\r\n",
            "QUIT" => "221 bye\r\n",
            _ => "250 so be it\r\n",
        };
        stream.write_all(answer.as_bytes()).await?;
    }
}
