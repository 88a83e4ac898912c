//! Who takes messages in a benchmark, well or badly?

use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// How a receiver behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Takes everything at once.
    Takes,
    /// Never answers.
    Sleeps,
    /// Answers a byte at a time, for ever.
    Drips,
    /// Answers 500.
    Fails,
    /// Hangs up.
    Closes,
    /// Answers 200 and a gigabyte.
    Floods,
}

/// Listens on loopback from now on; the URL.
pub(super) fn listen(runtime: &Runtime, manner: Manner) -> Result<String> {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let url = format!("http://{}", listener.local_addr()?);
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move { drop(answer(stream, manner).await) });
        }
    });
    Ok(url)
}

async fn answer(stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line == "\r\n" {
            break;
        }
    }
    stream.read_exact(&mut vec![0; length]).await?;
    let mut stream = stream.into_inner();
    match manner {
        Manner::Takes => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await,
        Manner::Fails => stream.write_all(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await,
        Manner::Closes => Ok(()),
        Manner::Sleeps => {
            // Until the other side has had enough.
            drop(stream.read(&mut [0]).await);
            Ok(())
        }
        Manner::Drips => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n").await?;
            loop {
                stream.write_all(b"x").await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Manner::Floods => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n").await?;
            let piece = vec![b'x'; 64 << 10];
            for _ in 0..(1 << 30) / piece.len() {
                stream.write_all(&piece).await?;
            }
            Ok(())
        }
    }
}
