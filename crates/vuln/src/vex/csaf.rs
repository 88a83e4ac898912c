//! How are the statements of a CSAF document read?

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use serde_json::value::RawValue;
use tripoint_model::FindingState;

use super::kept::{Purls, Texts, pay};
use super::read::reject;
use super::{Vex, VexStatement};
use crate::advisory::csaf;
use crate::advisory::listed::{Items, Text, Unread, record};

pub(super) fn csaf_vex(bytes: &[u8], out: &mut Vex) -> Result<(), String> {
    let document: csaf::Document<'_> = record(bytes).map_err(|error| format!("not a CSAF document: {error}"))?;
    (out.id, out.author) = document.document.names();
    let products = csaf::Products::of(&document.product_tree)?;
    let mut texts = Texts::of_document(bytes);
    let walked = document.vulnerabilities.each(|at, raw: &RawValue| {
        if let Err(reason) = csaf_vulnerability(raw, &products, out, &mut texts) {
            reject(out, at, format!("vulnerabilities[{at}]: {reason}"));
        }
    });
    walked.map_err(|error| format!("vulnerabilities: {error}"))
}

fn csaf_vulnerability(
    raw: &RawValue,
    products: &csaf::Products<'_>,
    out: &mut Vex,
    texts: &mut Texts,
) -> Result<(), String> {
    let found: csaf::Vulnerability<'_> = record(raw.get().as_bytes()).map_err(|error| error.to_string())?;
    let id = found.cve.as_deref().ok_or("no CVE")?;
    let (mut inner, mut seen, mut unread) = (Ok(()), BTreeSet::new(), Unread::default());
    let walked = found.product_status.each(|key, ids: Items<'_>| {
        let status = match key.as_ref() {
            "known_affected" | "first_affected" | "last_affected" => FindingState::Affected,
            "known_not_affected" => FindingState::NotAffected,
            "fixed" | "first_fixed" | "recommended" => FindingState::Fixed,
            "under_investigation" => FindingState::UnderInvestigation,
            _ => return,
        };
        // Each costs a look at all flags.
        if !seen.insert(key) {
            inner = Err("a status stands twice".to_owned());
            return;
        }
        match csaf_status((id, status), ids, &found, products, texts, &mut unread) {
            Ok(statement) => out.statements.push(statement),
            Err(error) => inner = Err(error),
        }
    });
    walked.map_err(|error| format!("product_status: {error}"))?;
    inner.map_err(|reason| format!("product_status: {reason}"))?;
    // The statements stand, each without the justification that cannot be read.
    unread.reason().map_or(Ok(()), Err)
}

fn csaf_status(
    (id, status): (&str, FindingState),
    ids: Items<'_>,
    found: &csaf::Vulnerability<'_>,
    products: &csaf::Products<'_>,
    texts: &mut Texts,
    unread: &mut Unread,
) -> Result<VexStatement, String> {
    let mut named = HashSet::new();
    let mut purls = Purls { of: Vec::new(), texts };
    let mut done = Ok(());
    let walked = ids.each(|_, Text(id)| {
        if done.is_err() || named.contains(&id) {
            return;
        }
        // What the document does not describe says nothing of a package.
        if let Some(meant) = products.meant(&id) {
            named.insert(id);
            done = purls.push(&meant.purl, "");
        }
    });
    walked.map_err(|error| error.to_string())?;
    done?;
    let statement = VexStatement {
        id: id.to_owned(),
        aliases: Vec::new(),
        products: purls.of.into_iter().map(|(purl, _)| purl).collect(),
        within: Vec::new(),
        at: None,
        status,
        justification: justification(found.flags, &named, unread),
        note: String::new(),
    };
    pay(statement, &mut texts.room)
}

/// The label of the first flag that is on one of these products.
fn justification(flags: Items<'_>, named: &HashSet<Cow<'_, str>>, unread: &mut Unread) -> String {
    let (mut label, mut inner) = (String::new(), Unread::default());
    flags.usable("flags", unread, |_, flag: csaf::Flag<'_>| {
        let mut is_on = false;
        if label.is_empty() {
            flag.product_ids.usable("flags: product_ids", &mut inner, |_, Text(id)| is_on |= named.contains(&id));
        }
        if is_on {
            label = flag.label.into_owned();
        }
    });
    unread.add(inner);
    label
}
