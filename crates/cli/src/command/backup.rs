//! `tripoint server backup|restore|ca`: everything the server knows, put aside and brought back; what it is known by.

use std::time::SystemTime;

use anyhow::Context as _;
use tripoint_model::Timestamp;
use tripoint_server::store::backup::{backup, restore};
use tripoint_server::store::reseal::{Keys, Resealed, reseal};

use crate::arguments::ServerWork;
use crate::context::Context;
use crate::exit::Exit;
use crate::output;

pub fn run(context: &Context, what: ServerWork) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (done, how) = match what {
        ServerWork::Backup { file } => (runtime.block_on(backup(&context.data_dir, &file))?, "put aside"),
        ServerWork::Restore { file } => {
            // As a file's name takes it.
            let stamp = Timestamp::from_system(SystemTime::now()).to_string().replace([':', '.'], "-");
            (runtime.block_on(restore(&context.data_dir, &file, &stamp))?, "brought back")
        }
        ServerWork::Reseal { old_key, new_key } => {
            let keys = match (old_key, new_key) {
                (Some(old), Some(new)) => Keys::Given { old: key(&old)?, new: key(&new)? },
                _ => Keys::OfFolder,
            };
            return resealed(context, runtime.block_on(reseal(&context.data_dir, keys))?, keys);
        }
        ServerWork::Ca { fingerprint } => return authority(context, fingerprint),
    };
    if context.json {
        output::json(&done)?;
        return Ok(Exit::Fine);
    }
    let alerts = output::counted(u64::try_from(done.alerts).unwrap_or(0), "alert");
    output::line(&format!("{}: {alerts}, {} bytes, {how} and checked", done.file.display(), done.bytes))?;
    if let Some(aside) = &done.replaced {
        output::line(&format!("what was there before: {}", aside.display()))?;
    }
    if how == "brought back" {
        let tokens = output::counted(u64::try_from(done.tokens).unwrap_or(0), "token");
        output::line(&format!(
            "everybody is signed out. Users and {tokens} are as they were then: what was taken back since holds again"
        ))?;
    }
    Ok(Exit::Fine)
}

fn resealed(context: &Context, done: Resealed, keys: Keys) -> anyhow::Result<Exit> {
    if context.json {
        let Resealed { seeds, authority } = done;
        output::json(&serde_json::json!({"schema": 1, "seeds": seeds, "authority": authority}))?;
        return Ok(Exit::Fine);
    }
    let seeds = output::counted(done.seeds, "authenticator");
    let authority = if done.authority { " and the key of the server's own authority" } else { "" };
    output::line(&format!("{seeds}{authority} sealed with the new key"))?;
    if matches!(keys, Keys::Given { .. }) && !context.quiet {
        eprintln!("give the server the new key as its credential tripoint.key before it starts");
    }
    Ok(Exit::Fine)
}

/// 32 bytes of a file.
fn key(path: &std::path::Path) -> anyhow::Result<[u8; 32]> {
    let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let length = bytes.len();
    bytes.try_into().map_err(|_| anyhow::anyhow!("{} holds {length} bytes; 32 are a key", path.display()))
}

/// What this data folder's server is known by.
fn authority(context: &Context, fingerprint_alone: bool) -> anyhow::Result<Exit> {
    let path = tripoint_server::ca_path(&context.data_dir);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("{}; a server that listens makes it at its first start", path.display()))?;
    let fingerprint = tripoint_server::fingerprint_of_pem(&text)
        .with_context(|| format!("{} holds no certificate in PEM form", path.display()))?;
    if context.json {
        let ends = tripoint_server::end_of_pem(&text);
        let told = serde_json::json!({
            "schema": 1, "file": path, "sha256": fingerprint, "ends": ends, "certificate": text
        });
        output::json(&told)?;
    } else if fingerprint_alone {
        output::line(&fingerprint)?;
    } else {
        output::line(text.trim_end())?;
    }
    Ok(Exit::Fine)
}
