//! How is updateinfo.xml read (AlmaLinux, Rocky, Oracle, Amazon, SUSE, Fedora)?

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::BufRead;

use tripoint_model::Ecosystem;

use super::document::{self, has};
use super::xml::{Elements, Node};
use super::{Advisory, AdvisoryFormat, Affected, Authority, Sink, Statement, streams};
use crate::subject::NameKind;
use crate::version::{Scheme, VERSION_BYTES_MAX};

/// The notices of a repository of rpm packages. A record is an `update`.
pub(super) struct UpdateInfo;

impl AdvisoryFormat for UpdateInfo {
    fn name(&self) -> &'static str {
        "updateinfo"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        has(head, "<updates") && has(head, "<update ")
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        let left = Cell::new(0);
        let mut elements = Elements::new(input, &left);
        while let Some(found) = elements.next(|name| name == "update") {
            let line = elements.line();
            match found {
                Ok(update) => match read_update(file, line, &update, out) {
                    Ok(advisory) => out.accept(Statement::Advisory(Box::new(advisory))),
                    Err(reason) => out.refuse(file, line, reason),
                },
                Err(reason) => return out.refuse(file, line, reason),
            }
        }
    }
}

fn read_update(file: &str, line: u64, update: &Node, out: &mut dyn Sink) -> Result<Advisory, String> {
    let id = document::id(update.text_of("id"))?;
    let references: Vec<&Node> =
        update.child("references").into_iter().flat_map(|node| node.all("reference")).collect();
    let cves = references.iter().flat_map(|node| [node.attribute("id"), node.attribute("title")]);
    let mut advisory = document::advisory(id, cves, update.text_of("title"), Authority::Keeper);
    let collections: Vec<&Node> = update.child("pkglist").into_iter().flat_map(|node| node.all("collection")).collect();
    let (ecosystem, release) = whose(update, &collections)
        .ok_or_else(|| format!("{}: which distribution it is for cannot be told", advisory.id))?;
    document::rate(&mut advisory, source(ecosystem), update.text_of("severity"));
    let mut fixes: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for collection in collections {
        let module = collection
            .child("module")
            .map_or(String::new(), |module| format!("{}:{}", module.attribute("name"), module.attribute("stream")));
        for package in collection.all("package").filter(|package| package.attribute("arch") != "src") {
            match read_package(package) {
                Ok((name, version)) => fixes.entry((name, module.clone())).or_default().push(version),
                Err(reason) => out.refuse_part(file, line, format!("{}: {reason}", advisory.id)),
            }
        }
    }
    for ((name, module), versions) in fixes {
        let mut affected = Affected::new(ecosystem, &release, &name).named(NameKind::Binary);
        affected.module = module;
        affected.ranges = vec![streams::below(Scheme::Rpm, versions)];
        advisory.affected.push(affected);
    }
    if advisory.affected.is_empty() { Err(format!("{}: it names no packages", advisory.id)) } else { Ok(advisory) }
}

fn read_package(package: &Node) -> Result<(String, String), String> {
    let name = document::word(package.attribute("name"), "a package's name")?;
    let (epoch, version, release) =
        (package.attribute("epoch"), package.attribute("version"), package.attribute("release"));
    let full = match epoch {
        "" | "0" | "None" => format!("{version}-{release}"),
        epoch => format!("{epoch}:{version}-{release}"),
    };
    if version.is_empty() || full.len() > VERSION_BYTES_MAX || Scheme::Rpm.check(&full).is_err() {
        return Err(format!("{name}: its version cannot be used"));
    }
    Ok((name, full))
}

/// The sender tells the distribution; the release stands in the text, the id or the repository.
fn whose(update: &Node, collections: &[&Node]) -> Option<(Ecosystem, String)> {
    let id = update.text_of("id");
    let mut texts = vec![update.text_of("release"), update.text_of("title")];
    for collection in collections {
        texts.push(collection.text_of("name"));
        texts.push(collection.attribute("short"));
        texts.extend(collection.all("package").take(1).map(|package| package.attribute("release")));
    }
    let sender = update.attribute("from");
    let ecosystem = SENDERS
        .iter()
        .find(|(_, starts, from)| starts.iter().any(|start| id.starts_with(start)) || sender.contains(from))
        .map(|(ecosystem, _, _)| *ecosystem)?;
    let ecosystem =
        if ecosystem == Ecosystem::Suse && id.starts_with("openSUSE") { Ecosystem::OpenSuse } else { ecosystem };
    let release = match ecosystem {
        Ecosystem::AmazonLinux => amazon(id, &texts),
        Ecosystem::Fedora => texts.iter().find_map(|text| after(text, &["Fedora ", ".fc", "F"])),
        Ecosystem::Suse | Ecosystem::OpenSuse => texts.iter().find_map(|text| service_pack(text)),
        _ => texts.iter().find_map(|text| after(text, &["Linux ", "linux-", "-for-", ".el", "+el", "Linux", "ol"])),
    };
    Some((ecosystem, release?))
}

fn amazon(id: &str, texts: &[&str]) -> Option<String> {
    let by_id = if id.starts_with("ALAS2023") {
        Some("2023")
    } else if id.starts_with("ALAS2022") {
        Some("2022")
    } else if id.starts_with("ALAS2") {
        Some("2")
    } else {
        None
    };
    let text = texts.join(" ").to_lowercase();
    let by_text = || match () {
        () if text.contains("2023") => Some("2023"),
        () if text.contains("linux 2") || text.contains("linux-2") || text.contains("amzn2") => Some("2"),
        () if text.contains("amzn1") || text.contains("linux ami") || text.contains("amazon-linux") => Some("1"),
        () => None,
    };
    by_id.or_else(by_text).map(str::to_owned)
}

/// The number that follows one of these words.
fn after(text: &str, words: &[&str]) -> Option<String> {
    words.iter().find_map(|word| {
        let number: String = text.split_once(word)?.1.chars().take_while(char::is_ascii_digit).collect();
        (!number.is_empty()).then_some(number)
    })
}

/// `SUSE-SLE-Module-Basesystem-15-SP5`, `openSUSE-Leap-15.6`.
fn service_pack(text: &str) -> Option<String> {
    let release = crate::naming::release(Ecosystem::Suse, text);
    release
        .starts_with(|c: char| c.is_ascii_digit() || c == 'm' || c == 't')
        .then_some(release)
        .filter(|found| found != text)
}

fn source(ecosystem: Ecosystem) -> &'static str {
    match ecosystem {
        Ecosystem::AmazonLinux => "amazon",
        Ecosystem::RockyLinux => "rocky",
        Ecosystem::OracleLinux => "oracle",
        Ecosystem::Fedora => "fedora",
        Ecosystem::Suse | Ecosystem::OpenSuse => "suse",
        Ecosystem::RedHat => "redhat",
        _ => "almalinux",
    }
}

/// Beginnings of ids, and a part of the sender's address.
const SENDERS: &[(Ecosystem, &[&str], &str)] = &[
    (Ecosystem::AlmaLinux, &["ALSA-", "ALBA-", "ALEA-"], "almalinux.org"),
    (Ecosystem::RockyLinux, &["RLSA-", "RLBA-", "RLEA-", "RXSA-"], "rockylinux.org"),
    (Ecosystem::AmazonLinux, &["ALAS"], "amazon.com"),
    (Ecosystem::OracleLinux, &["ELSA-", "ELBA-", "ELEA-"], "oracle.com"),
    (Ecosystem::Fedora, &["FEDORA-"], "fedoraproject.org"),
    (Ecosystem::Suse, &["SUSE-", "openSUSE-"], "suse.de"),
    (Ecosystem::RedHat, &["RHSA-", "RHBA-", "RHEA-"], "redhat.com"),
];
