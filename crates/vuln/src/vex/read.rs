//! How are OpenVEX, CycloneDX and CSAF documents read as statements?

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use tripoint_model::{FindingState, Rejected, Timestamp};

use super::components::Components;
use super::{Vex, VexStatement};
use crate::advisory::csaf;
use crate::advisory::listed::{Few, Items, Required, Room, Text, record};

/// Which of the formats a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    OpenVex,
    CycloneDx,
    Csaf,
}

impl Kind {
    /// By the first bytes.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        let has = |text: &str| head.windows(text.len()).any(|window| window == text.as_bytes());
        match () {
            () if has("openvex.dev/ns") || (has("text/vex+json") && has("\"statements\"")) => Some(Self::OpenVex),
            () if has("\"CycloneDX\"") => Some(Self::CycloneDx),
            () if has("\"csaf_version\"") => Some(Self::Csaf),
            () => None,
        }
    }
}

pub(super) fn document(file: &str, bytes: &[u8]) -> Vex {
    let mut out = Vex::default();
    let refuse = |reason: String| Rejected { file: file.to_owned(), line: 1, reason };
    if bytes.len() > DOCUMENT_BYTES_MAX {
        out.rejected.push(refuse("a document of more than 256 MiB".to_owned()));
        return out;
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let read = match Kind::of(bytes) {
        Some(Kind::OpenVex) => open_vex(bytes, &mut out),
        Some(Kind::CycloneDx) => cyclone_dx(bytes, &mut out),
        Some(Kind::Csaf) => csaf_vex(bytes, &mut out),
        None if bytes.is_empty() => Err("it is empty".to_owned()),
        None => Err("neither OpenVEX, CycloneDX nor CSAF".to_owned()),
    };
    if let Err(reason) = read {
        out.rejected.push(refuse(reason));
    }
    for rejected in &mut out.rejected {
        file.clone_into(&mut rejected.file);
    }
    out
}

/// The first thousand with their reason; a last one says that there are more.
fn reject(out: &mut Vex, at: usize, reason: String) {
    let reason = match out.rejected.len() {
        0..REJECTED_MAX => reason,
        REJECTED_MAX => "this and what comes after it is refused without a reason each".to_owned(),
        _ => return,
    };
    out.rejected.push(Rejected { file: String::new(), line: at as u64 + 1, reason });
}

fn reject_empty(out: &mut Vex, what: &str, empty: usize) {
    if empty > 0 {
        reject(out, 0, format!("{empty} {what} say nothing"));
    }
}

#[derive(Deserialize)]
struct OpenVex<'d> {
    #[serde(default, rename = "@id")]
    id: String,
    #[serde(default)]
    author: String,
    #[serde(default)]
    timestamp: String,
    #[serde(borrow)]
    statements: Required<'d>,
}

#[derive(Deserialize)]
struct Statement<'d> {
    vulnerability: TextOr<Named>,
    #[serde(borrow, default)]
    products: Items<'d>,
    /// Of version 0.0.1.
    #[serde(borrow, default)]
    subcomponents: Items<'d>,
    status: String,
    #[serde(default)]
    justification: String,
    #[serde(default)]
    impact_statement: String,
    #[serde(default)]
    action_statement: String,
    #[serde(default)]
    timestamp: String,
    #[serde(default)]
    last_updated: String,
}

enum TextOr<T> {
    Text(String),
    Object(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextOrVisitor(PhantomData))
    }
}

struct TextOrVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for TextOrVisitor<T> {
    type Value = TextOr<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or an object")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(TextOr::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Object)
    }
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "@id")]
    id: String,
    #[serde(default)]
    aliases: Few<String, 1000>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Product<'d> {
    #[serde(rename = "@id")]
    id: String,
    identifiers: Identifiers,
    #[serde(borrow)]
    subcomponents: Items<'d>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Identifiers {
    purl: Option<String>,
}

/// Purls, each with the product that it is meant as a part of, or none.
struct Purls<'r> {
    of: Vec<Pair>,
    texts: &'r mut Texts,
}

type Pair = (Arc<str>, Arc<str>);

/// The texts of a document, each once, and what may still be kept of it.
struct Texts {
    known: HashSet<Arc<str>>,
    room: Room,
}

impl Texts {
    fn of_document(bytes: &[u8]) -> Self {
        Self { known: HashSet::new(), room: Room::beyond(bytes.len()) }
    }

    fn keep(&mut self, text: &str) -> Result<Arc<str>, String> {
        if let Some(known) = self.known.get(text) {
            return Ok(Arc::clone(known));
        }
        self.room.take(text.len() + TEXT_COST)?;
        let text = Arc::from(text);
        self.known.insert(Arc::clone(&text));
        Ok(text)
    }
}

impl Purls<'_> {
    /// Of each product its purl, or those of its parts where parts are named.
    fn walk(&mut self, products: Items<'_>, within: &str, depth: usize) -> Result<(), String> {
        let mut done = Ok(());
        let walked = products.each(|_, product: TextOr<Product<'_>>| {
            if done.is_ok() {
                done = match product {
                    TextOr::Text(text) => self.push(&text, within),
                    TextOr::Object(product) => self.take(&product, within, depth),
                };
            }
        });
        walked.map_err(|error| format!("products: {error}"))?;
        done
    }

    fn take(&mut self, product: &Product<'_>, within: &str, depth: usize) -> Result<(), String> {
        let name = product.name();
        if product.subcomponents.is_empty() || depth > PARTS_DEPTH_MAX {
            return self.push(name, within);
        }
        self.walk(product.subcomponents, if within.is_empty() { name } else { within }, depth + 1)
    }

    /// What is no purl names no package.
    fn push(&mut self, name: &str, within: &str) -> Result<(), String> {
        if name.starts_with("pkg:") {
            self.texts.room.take(2 * size_of::<Pair>())?;
            let pair = (self.texts.keep(name)?, self.texts.keep(within)?);
            self.of.push(pair);
        }
        Ok(())
    }
}

impl Product<'_> {
    fn name(&self) -> &str {
        self.identifiers.purl.as_ref().unwrap_or(&self.id)
    }
}

impl TextOr<Product<'_>> {
    fn name(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Object(product) => product.name(),
        }
    }
}

fn open_vex(bytes: &[u8], out: &mut Vex) -> Result<(), String> {
    let document: OpenVex<'_> = record(bytes).map_err(|error| format!("not an OpenVEX document: {error}"))?;
    (out.id, out.author) = (document.id, document.author);
    let said = document.timestamp.parse().ok();
    let mut texts = Texts::of_document(bytes);
    let walked = document.statements.0.statements(|at, raw| {
        let read = record::<Statement<'_>>(raw.get().as_bytes()).map_err(|error| error.to_string());
        match read.and_then(|raw| statement(raw, said, &mut texts)) {
            Ok(statement) => out.statements.push(statement),
            Err(reason) => reject(out, at, format!("statements[{at}]: {reason}")),
        }
    });
    reject_empty(out, "statements", walked.map_err(|error| format!("statements: {error}"))?);
    Ok(())
}

fn statement(raw: Statement<'_>, document: Option<Timestamp>, texts: &mut Texts) -> Result<VexStatement, String> {
    let status = match raw.status.as_str() {
        "not_affected" => FindingState::NotAffected,
        "affected" => FindingState::Affected,
        "fixed" => FindingState::Fixed,
        "under_investigation" => FindingState::UnderInvestigation,
        other => return Err(format!("unknown status {other:.32}")),
    };
    let (id, aliases) = match raw.vulnerability {
        TextOr::Text(id) => (id, Vec::new()),
        TextOr::Object(named) if named.name.is_empty() => (named.id, named.aliases.0),
        TextOr::Object(named) => (named.name, named.aliases.0),
    };
    if id.trim().is_empty() || id.len() > 200 {
        return Err("it names no vulnerability".to_owned());
    }
    let (products, within) = named(raw.products, raw.subcomponents, texts)?.into_iter().unzip();
    let at = [&raw.last_updated, &raw.timestamp].iter().find_map(|text| text.parse().ok()).or(document);
    let note = if raw.impact_statement.is_empty() { raw.action_statement } else { raw.impact_statement };
    let statement = VexStatement { id, aliases, products, within, at, status, justification: raw.justification, note };
    pay(statement, &mut texts.room)
}

/// Purls of products, or of parts that version 0.0.1 names once for all products.
fn named(products: Items<'_>, parts: Items<'_>, texts: &mut Texts) -> Result<Vec<Pair>, String> {
    let mut out = Purls { of: Vec::new(), texts };
    if parts.is_empty() {
        out.walk(products, "", 0)?;
        return Ok(out.of);
    }
    // What is a part of a part stands for itself there.
    let mut own = Purls { of: Vec::new(), texts: &mut *out.texts };
    let mut done = Ok(());
    let walked = parts.each(|_, part: TextOr<Product<'_>>| {
        if done.is_ok() {
            done = own.push(part.name(), "");
        }
    });
    walked.map_err(|error| format!("subcomponents: {error}"))?;
    done?;
    let parts = own.of;
    let mut done = Ok(());
    let walked = products.each(|_, product: TextOr<Product<'_>>| {
        for (part, _) in &parts {
            if done.is_ok() {
                done = out.push(part, product.name());
            }
        }
    });
    walked.map_err(|error| format!("products: {error}"))?;
    done.map(|()| out.of)
}

/// Pays for what is kept beside the products.
fn pay(statement: VexStatement, room: &mut Room) -> Result<VexStatement, String> {
    let aliases: usize = statement.aliases.iter().map(|alias| 2 * size_of::<String>() + alias.len()).sum();
    let texts = statement.id.len() + statement.justification.len() + statement.note.len();
    room.take(2 * size_of::<VexStatement>() + aliases + texts)?;
    Ok(statement)
}

#[derive(Deserialize)]
struct Bom<'d> {
    #[serde(default, rename = "serialNumber")]
    serial: String,
    #[serde(borrow, default)]
    components: Components<'d>,
    #[serde(borrow, default)]
    metadata: Metadata<'d>,
    #[serde(default, borrow)]
    vulnerabilities: Items<'d>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata<'d> {
    #[serde(borrow)]
    component: Components<'d>,
    supplier: Option<Party>,
    manufacturer: Option<Party>,
    /// As versions before 1.6 spell it.
    manufacture: Option<Party>,
    authors: Few<Party, 1000>,
}

impl Metadata<'_> {
    /// The organisation that speaks, else the people.
    fn author(&self) -> String {
        let whole = self.supplier.iter().chain(&self.manufacturer).chain(&self.manufacture).map(|one| one.name.clone());
        let people: Vec<&str> =
            self.authors.0.iter().map(|one| one.name.as_str()).filter(|name| !name.is_empty()).collect();
        whole.chain([people.join(", ")]).find(|name| !name.is_empty()).unwrap_or_default()
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Party {
    name: String,
}

#[derive(Deserialize)]
struct BomVulnerability<'d> {
    id: String,
    #[serde(default)]
    references: Few<Reference, 1000>,
    #[serde(default)]
    analysis: Option<Analysis>,
    #[serde(borrow, default)]
    affects: Items<'d>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    id: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Analysis {
    state: String,
    justification: String,
    detail: String,
}

#[derive(Deserialize)]
struct Affects {
    #[serde(rename = "ref")]
    reference: String,
}

fn cyclone_dx(bytes: &[u8], out: &mut Vex) -> Result<(), String> {
    let bom: Bom<'_> = record(bytes).map_err(|error| format!("not a CycloneDX document: {error}"))?;
    out.id = bom.serial;
    out.author = bom.metadata.author();
    let mut purls = bom.components.0;
    purls.extend(bom.metadata.component.0);
    let mut texts = Texts::of_document(bytes);
    let walked = bom.vulnerabilities.statements(|at, raw| {
        let read = record::<BomVulnerability<'_>>(raw.get().as_bytes()).map_err(|error| error.to_string());
        match read.and_then(|raw| analysed(raw, &purls, &mut texts)) {
            Ok(statement) => out.statements.push(statement),
            Err(reason) => reject(out, at, format!("vulnerabilities[{at}]: {reason}")),
        }
    });
    reject_empty(out, "vulnerabilities", walked.map_err(|error| format!("vulnerabilities: {error}"))?);
    Ok(())
}

fn analysed(
    raw: BomVulnerability<'_>,
    purls: &BTreeMap<Cow<'_, str>, Cow<'_, str>>,
    texts: &mut Texts,
) -> Result<VexStatement, String> {
    let analysis = raw.analysis.ok_or_else(|| format!("{:.64}: no analysis", raw.id))?;
    let status = match analysis.state.as_str() {
        "not_affected" | "false_positive" => FindingState::NotAffected,
        "resolved" | "resolved_with_pedigree" => FindingState::Fixed,
        "exploitable" => FindingState::Affected,
        "in_triage" => FindingState::UnderInvestigation,
        other => return Err(format!("{:.64}: unknown state {other:.32}", raw.id)),
    };
    let purl = |affects: Affects| {
        let own = affects.reference;
        // `urn:cdx:serial/version#ref` names a component of another document.
        let inner = own.rsplit_once('#').map_or(own.as_str(), |(_, inner)| inner);
        let known = purls.get(own.as_str()).or_else(|| purls.get(inner));
        known.map_or_else(|| crate::naming::decode(inner), |purl| purl.clone().into_owned())
    };
    let mut named = Purls { of: Vec::new(), texts };
    let mut done = Ok(());
    let walked = raw.affects.each(|_, affects| {
        if done.is_ok() {
            done = named.push(&purl(affects), "");
        }
    });
    walked.map_err(|error| format!("{:.64}: affects: {error}", raw.id))?;
    done.map_err(|reason| format!("{:.64}: affects: {reason}", raw.id))?;
    let products = named.of.into_iter().map(|(purl, _)| purl).collect();
    let aliases = raw.references.0.into_iter().map(|reference| reference.id).filter(|id| !id.is_empty()).collect();
    let (justification, note) = (analysis.justification, analysis.detail);
    let within = Vec::new();
    pay(VexStatement { id: raw.id, aliases, products, within, at: None, status, justification, note }, &mut texts.room)
}

fn csaf_vex(bytes: &[u8], out: &mut Vex) -> Result<(), String> {
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
    let (mut inner, mut seen) = (Ok(()), BTreeSet::new());
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
        let listed = csaf_status(id, status, ids, &found, products, texts);
        match listed {
            Ok(statement) => out.statements.push(statement),
            Err(error) => inner = Err(error),
        }
    });
    walked.map_err(|error| format!("product_status: {error}"))?;
    inner.map_err(|reason| format!("product_status: {reason}"))
}

fn csaf_status(
    id: &str,
    status: FindingState,
    ids: Items<'_>,
    found: &csaf::Vulnerability<'_>,
    products: &csaf::Products<'_>,
    texts: &mut Texts,
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
        justification: justification(found.flags, &named),
        note: String::new(),
    };
    pay(statement, &mut texts.room)
}

/// The label of the first flag that is on one of these products.
fn justification(flags: Items<'_>, named: &HashSet<Cow<'_, str>>) -> String {
    let mut label = String::new();
    // Flags of another shape justify nothing.
    let _ = flags.each(|_, flag: csaf::Flag<'_>| {
        let mut is_on = false;
        if label.is_empty() {
            flag.product_ids.texts(|id| is_on |= named.contains(&id));
        }
        if is_on {
            label = flag.label.into_owned();
        }
    });
    label
}

/// Of a text beside its bytes: its counts, its place in a table, what an allocation takes.
const TEXT_COST: usize = 96;
/// How deep parts stand in parts; below that a part stands for itself.
const PARTS_DEPTH_MAX: usize = 8;
const REJECTED_MAX: usize = 1000;
const DOCUMENT_BYTES_MAX: usize = 256 << 20;
