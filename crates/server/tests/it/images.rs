//! Is an agent given no image, what changed, or the whole one, as it asks and as the server has it?

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tripoint_api::image::{Asked, Body, Pulled};
use tripoint_api::{Client, ClientError};
use tripoint_server::{ImageFile, ReadImages};

use crate::rig::Rig;

/// Files called by numbers; a delta between them is both texts, and there is none from those that say so.
struct Texts(PathBuf);

impl ReadImages for Texts {
    fn newest(&self) -> Option<ImageFile> {
        let files = fs::read_dir(&self.0).ok()?.flatten();
        let newest = files.filter_map(|file| file.file_name().to_str()?.parse::<u32>().ok()).max()?;
        let path = self.0.join(newest.to_string());
        let bytes = fs::read(&path).ok()?;
        Some(ImageFile { path, identity: identity(&bytes), bytes: bytes.len() as u64 })
    }

    fn delta(&self, base: &Path, target: &Path) -> Result<Vec<u8>, String> {
        let head = |path: &Path| fs::read_to_string(path).unwrap().lines().next().unwrap().to_owned();
        match head(base) {
            text if text.contains("none") => Err("there is none".into()),
            text if text.contains("large") => Ok(vec![0; 100_000]),
            text => Ok(format!("{text} becomes {}", head(target)).into_bytes()),
        }
    }
}

fn identity(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An image of some size that begins with this line.
fn image(text: &str) -> Vec<u8> {
    format!("{text}\n{}", "x".repeat(1000)).into_bytes()
}

fn publish(data: &Path, number: u32, text: &str) -> String {
    fs::create_dir_all(data.join("images")).unwrap();
    let bytes = image(text);
    fs::write(data.join("images/new"), &bytes).unwrap();
    fs::rename(data.join("images/new"), data.join("images").join(number.to_string())).unwrap();
    identity(&bytes)
}

async fn read(mut body: Body) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    bytes
}

async fn ask(client: &Client, held: Option<&str>, takes_delta: bool, wait_s: u64) -> Result<Pulled, ClientError> {
    client.pull(Asked { host: "apart", held, takes_delta, wait_s }).await
}

/// Asks until the server has seen this image.
async fn whole(client: &Client, held: Option<&str>, expected: &str) {
    match ask(client, held, false, 10).await.unwrap() {
        Pulled::Whole(identity, body) => {
            let bytes = read(body).await;
            assert_eq!((identity.as_str(), self::identity(&bytes).as_str()), (expected, expected));
        }
        other => panic!("{other:?}"),
    }
}

async fn start(folder: &Path) -> Rig {
    Rig::start_with(folder, Some(Arc::new(Texts(folder.join("images"))))).await
}

#[tokio::test]
async fn who_waits_is_given_the_image_when_it_comes_and_nothing_while_none_does() {
    let folder = tempfile::tempdir().unwrap();
    let rig = start(folder.path()).await;
    match ask(&rig.client, None, true, 0).await.unwrap_err() {
        ClientError::Problem(problem) => assert_eq!(problem.status, 404, "{problem:?}"),
        other => panic!("{other}"),
    }
    match ask(&rig.client, Some(&identity(b"held")), true, 0).await.unwrap_err() {
        ClientError::Problem(problem) => assert_eq!(problem.status, 404, "not: that is the newest"),
        other => panic!("{other}"),
    }
    let client = rig.client.clone();
    let waiting = tokio::spawn(async move { ask(&client, None, true, 20).await.unwrap() });
    let first = publish(folder.path(), 1, "first");
    match waiting.await.unwrap() {
        Pulled::Whole(identity, body) => assert_eq!((identity, read(body).await), (first.clone(), image("first"))),
        other => panic!("{other:?}"),
    }
    assert!(matches!(ask(&rig.client, Some(&first), true, 0).await.unwrap(), Pulled::Same));
    let refused = ask(&rig.tcp(), None, true, 0).await.unwrap_err();
    assert!(matches!(refused, ClientError::Problem(problem) if problem.status == 403), "agents come as root only");
    rig.stop().await;
}

#[tokio::test]
async fn a_delta_is_sent_to_who_takes_it_and_where_it_is_worth_it() {
    let folder = tempfile::tempdir().unwrap();
    let rig = start(folder.path()).await;
    let mut held = None;
    let mut identities = Vec::new();
    for (number, text) in (1..).zip(["a", "none", "large", "b"]) {
        let next = publish(folder.path(), number, text);
        whole(&rig.client, held.as_deref(), &next).await;
        held = Some(next.clone());
        identities.push(next);
    }
    for _ in 0..2 {
        match ask(&rig.client, Some(&identities[0]), true, 0).await.unwrap() {
            Pulled::Delta(identity, body) => {
                assert_eq!((identity, read(body).await), (identities[3].clone(), b"a becomes b".to_vec()));
            }
            other => panic!("{other:?}"),
        }
    }
    let unknown = identity(b"another server's");
    for (held, takes_delta) in
        [(&identities[0], false), (&identities[1], true), (&identities[2], true), (&unknown, true)]
    {
        match ask(&rig.client, Some(held), takes_delta, 0).await.unwrap() {
            Pulled::Whole(identity, body) => {
                assert_eq!((identity, read(body).await), (identities[3].clone(), image("b")))
            }
            other => panic!("{other:?}"),
        }
    }
    rig.stop().await;
    // What was kept is still there for the next run.
    let rig = start(folder.path()).await;
    assert!(matches!(ask(&rig.client, Some(&identities[0]), true, 10).await.unwrap(), Pulled::Delta(..)));
    rig.stop().await;
}
