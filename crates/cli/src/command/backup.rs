//! `tripoint server backup|restore|ca`: everything the server knows, put aside and brought back; what it is known by.

use std::time::SystemTime;

use anyhow::Context as _;
use tripoint_model::Timestamp;
use tripoint_server::store::backup::{backup, restore};

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

/// What this data folder's server is known by.
fn authority(context: &Context, fingerprint_alone: bool) -> anyhow::Result<Exit> {
    let path = tripoint_server::ca_path(&context.data_dir);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("{}; a server that listens makes it at its first start", path.display()))?;
    let fingerprint = tripoint_server::fingerprint_of_pem(&text)
        .with_context(|| format!("{} holds no certificate in PEM form", path.display()))?;
    if context.json {
        output::json(&serde_json::json!({"schema": 1, "file": path, "sha256": fingerprint, "certificate": text}))?;
    } else if fingerprint_alone {
        output::line(&fingerprint)?;
    } else {
        output::line(text.trim_end())?;
    }
    Ok(Exit::Fine)
}
