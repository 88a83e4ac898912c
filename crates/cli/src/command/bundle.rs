//! `tripoint bundle`: what this host knows, as one signed file for hosts without a network.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use tripoint_vuln::status::span;

use super::advisories::size;
use crate::arguments::Bundle;
use crate::bundle::{self, Consent, Imported, Manifest, PublicKey, SecretKey, Wish};
use crate::context::{Context, now, own_addresses};
use crate::exit::{Exit, WrongUsage};
use crate::output;

pub fn run(context: &Context, command: Bundle) -> anyhow::Result<Exit> {
    match command {
        Bundle::Export { file, key, good_for } => export(context, &file, key, &good_for),
        Bundle::Import { file, key, allow_older, allow_expired, without_rules } => {
            import(context, &file, &key, Consent { older: allow_older, expired: allow_expired, without_rules })
        }
        Bundle::Show { file, key } => show(context, &file, &key),
        Bundle::Keygen { file } => keygen(context, file),
    }
}

/// Where this instance keeps the key that it signs with, unless another is named.
fn own_key(context: &Context) -> PathBuf {
    context.data_dir.join("bundle/bundle.key")
}

fn keygen(context: &Context, file: Option<PathBuf>) -> anyhow::Result<Exit> {
    #[derive(Serialize)]
    struct Made {
        key: String,
        secret: PathBuf,
        public: PathBuf,
    }
    let secret = file.unwrap_or_else(|| own_key(context));
    let public = secret.with_extension("pub");
    let key = bundle::keygen(&secret, &public)?;
    let made = Made { key, secret, public };
    if context.json {
        output::json(&made)?;
    } else {
        output::line(&format!("key {}", made.key))?;
        output::line(&format!("secret {} signs bundles: keep it", made.secret.display()))?;
        output::line(&format!("public {} goes to the hosts that import them", made.public.display()))?;
    }
    Ok(Exit::Fine)
}

fn export(context: &Context, file: &Path, key: Option<PathBuf>, good_for: &str) -> anyhow::Result<Exit> {
    let days =
        good_for.strip_suffix('d').and_then(|days| days.parse::<u64>().ok()).filter(|days| (1..=3650).contains(days));
    let Some(days) = days else {
        return Err(WrongUsage(format!("{good_for:?} is no number of days; write \"30d\"")).into());
    };
    let path = key.unwrap_or_else(|| own_key(context));
    if !path.exists() {
        let hint = format!("there is no key {}: make one with `tripoint bundle keygen`", path.display());
        return Err(WrongUsage(hint).into());
    }
    let key = SecretKey::read(&path)?;
    let exported = bundle::export(&Wish {
        data_dir: &context.data_dir,
        system: Path::new(tripoint_agent::config::SYSTEM_FOLDER),
        file,
        key: &key,
        good_for: Duration::from_secs(days * 86_400),
        now: now(),
    })?;
    if context.json {
        output::json(&exported)?;
    } else {
        output::line(&format!("{}: {}, signed with {}", file.display(), size(exported.bytes), exported.key))?;
        describe(&exported.manifest)?;
    }
    Ok(Exit::Fine)
}

/// Keys come from the command line and the configuration, never from the bundle.
fn trusted(context: &Context, given: &[PathBuf]) -> anyhow::Result<Vec<PublicKey>> {
    let mut paths = given.to_vec();
    paths.extend(context.config()?.config.bundle.keys);
    if paths.is_empty() {
        return Err(WrongUsage("no key is trusted: give --key FILE, or set bundle.keys".into()).into());
    }
    Ok(paths.iter().map(|path| PublicKey::read(path)).collect::<Result<_, _>>()?)
}

fn import(context: &Context, file: &Path, given: &[PathBuf], consent: Consent) -> anyhow::Result<Exit> {
    let keys = trusted(context, given)?;
    let config = context.config()?.config;
    let own = own_addresses();
    let inner = tripoint_intel::Context {
        data_dir: &context.data_dir,
        permit_ranges: &config.intel.permit_ranges,
        own: &own,
        now: now(),
    };
    let imported = bundle::import(file, &keys, consent, &inner).context("nothing was imported")?;
    if context.json {
        output::json(&imported)?;
        return Ok(Exit::Fine);
    }
    let Imported { key, counter, created, age, .. } = &imported;
    let age = span(Duration::from_secs(*age));
    output::line(&format!(
        "{}: in force, {age} old (made {}, key {key}, counter {counter})",
        file.display(),
        output::time(*created)
    ))?;
    let now = now();
    let rows = [("feed", &imported.feeds), ("advisories", &imported.advisories)];
    let rows = rows.iter().flat_map(|(kind, all)| {
        all.iter().map(move |one| {
            let age = one.last_success.map_or_else(|| "-".to_owned(), |at| span(now.since(at)));
            vec![(*kind).to_owned(), one.name.clone(), one.count.to_string(), age]
        })
    });
    output::table(&["KIND", "NAME", "ENTRIES", "AGE"], rows.collect())?;
    if !imported.rules.is_empty() {
        output::line(&format!("rules: {}", imported.rules.join(", ")))?;
    }
    Ok(Exit::Fine)
}

fn show(context: &Context, file: &Path, given: &[PathBuf]) -> anyhow::Result<Exit> {
    #[derive(Serialize)]
    struct Shown<'s> {
        verified: bool,
        key: &'s str,
        age: u64,
        expired: bool,
        #[serde(flatten)]
        manifest: &'s Manifest,
    }
    let keys = trusted(context, given)?;
    let seen = bundle::read(file, &keys, &mut |_, _, _| Ok(()), &mut |_, _, _| Ok(()))?;
    let now = now();
    let (manifest, age) = (&seen.manifest, now.since(seen.manifest.created));
    let expired = manifest.expires < now;
    if context.json {
        output::json(&Shown { verified: true, key: &seen.key, age: age.as_secs(), expired, manifest })?;
        return Ok(Exit::Fine);
    }
    output::line(&format!("{}: every byte verified, signed with {}, {} old", file.display(), seen.key, span(age)))?;
    if expired {
        eprintln!("it expired at {}", manifest.expires);
    }
    describe(manifest)?;
    Ok(Exit::Fine)
}

fn describe(manifest: &Manifest) -> anyhow::Result<()> {
    let Manifest { counter, created, expires, made_by, .. } = manifest;
    let (created, expires) = (output::time(*created), output::time(*expires));
    output::line(&format!("counter {counter}, made {created} by {made_by}, good until {expires}"))?;
    let rows = manifest.members.iter().map(|member| {
        vec![
            member.name.clone(),
            size(member.bytes),
            size(member.plain_bytes),
            member.sha256.chars().take(16).collect(),
        ]
    });
    output::table(&["MEMBER", "SIZE", "UNPACKED", "SHA-256"], rows.collect())
}
