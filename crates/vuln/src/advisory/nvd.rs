//! How are NVD's records read (API 2.0, and configurations that others added)?
//!
//! They speak of products, not of packages: only software that no package manager puts there is
//! taken from them, under its usual name. Their severities count for every package.

use std::io::BufRead;

use serde::Deserialize;
use tripoint_model::Ecosystem;

use super::document::{self, has, is_json};
use super::listed::{Few, Items};
use super::{Advisory, AdvisoryFormat, Affected, Authority, Severity, Sink, Statement, is_cve};
use crate::evaluate::EventKind;
use crate::version::VERSION_BYTES_MAX;

/// A page or feed of the API 2.0. A record is a CVE.
pub(super) struct Nvd;

#[derive(Deserialize)]
struct Item<'d> {
    #[serde(borrow)]
    cve: Cve<'d>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cve<'d> {
    id: String,
    #[serde(rename = "vulnStatus")]
    status: String,
    #[serde(borrow)]
    descriptions: Items<'d>,
    metrics: Metrics,
    #[serde(borrow)]
    configurations: Items<'d>,
    #[serde(rename = "cisaExploitAdd")]
    exploited: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Text {
    lang: String,
    value: String,
}

/// A CVE has one or two of each kind.
type Metered = Few<Metric, 256>;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metrics {
    #[serde(rename = "cvssMetricV40")]
    v40: Metered,
    #[serde(rename = "cvssMetricV31")]
    v31: Metered,
    #[serde(rename = "cvssMetricV30")]
    v30: Metered,
    #[serde(rename = "cvssMetricV2")]
    v2: Metered,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metric {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "cvssData")]
    data: Data,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data {
    #[serde(rename = "vectorString")]
    vector: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Configuration<'d> {
    #[serde(borrow)]
    nodes: Items<'d>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ConfigurationNode<'d> {
    negate: bool,
    #[serde(borrow, rename = "cpeMatch")]
    matches: Items<'d>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Match {
    vulnerable: bool,
    criteria: String,
    version_start_including: Option<String>,
    version_start_excluding: Option<String>,
    version_end_including: Option<String>,
    version_end_excluding: Option<String>,
}

#[derive(Deserialize)]
struct Annotation {
    cve_id: String,
}

impl AdvisoryFormat for Nvd {
    fn name(&self) -> &'static str {
        "nvd"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        is_json(head)
            && (has(head, "\"NVD_CVE\"")
                || (has(head, "\"cpeMatch\"") && has(head, "\"criteria\""))
                || (has(head, "\"resultsPerPage\"") && has(head, "\"vulnStatus\"")))
            && !has(head, "cveChanges")
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        let mut annotated = String::new();
        document::members(file, input, "an answer of NVD", out, |key, value, out| match key.as_str() {
            "vulnerabilities" => {
                let walked =
                    Items::from(value).statements(|at, item| match serde_json::from_str::<Item<'_>>(item.get()) {
                        Ok(item) => take(file, item.cve, out),
                        Err(error) => out.refuse(file, 1, format!("vulnerabilities[{at}]: {error}")),
                    });
                match walked {
                    Ok(0) => {}
                    Ok(empty) => out.refuse(file, 1, format!("{empty} vulnerabilities say nothing")),
                    Err(error) => out.refuse(file, 1, format!("vulnerabilities: {error}")),
                }
            }
            "_annotation" => {
                annotated = serde_json::from_str::<Annotation>(value.get()).map_or(String::new(), |found| found.cve_id);
            }
            "cve" => match serde_json::from_str::<Cve<'_>>(value.get()) {
                Ok(cve) => {
                    let id = if cve.id.is_empty() { annotated.clone() } else { cve.id.clone() };
                    take(file, Cve { id, ..cve }, out);
                }
                Err(error) => out.refuse(file, 1, format!("cve: {error}")),
            },
            _ => {}
        });
    }
}

fn take(file: &str, cve: Cve<'_>, out: &mut dyn Sink) {
    if !is_cve(&cve.id) {
        return out.refuse(file, 1, format!("{:.64}: not a CVE id", cve.id));
    }
    if cve.status == "Rejected" {
        return out.refuse(file, 1, format!("{}: rejected", cve.id));
    }
    let mut statements: Vec<Statement> = severities(&cve);
    if let Some(date) = cve.exploited.as_ref().filter(|date| date.len() <= 32) {
        statements.push(Statement::Exploited(cve.id.clone(), date.clone()));
    }
    let advisory = match advisory(&cve) {
        Ok(advisory) => advisory,
        Err(error) => return out.refuse(file, 1, format!("{}: {error}", cve.id)),
    };
    if !advisory.affected.is_empty() {
        statements.push(Statement::Advisory(Box::new(advisory)));
    }
    let mut statements = statements.into_iter();
    match statements.next() {
        Some(first) => out.accept(first),
        None => out.refuse(file, 1, format!("{}: neither a severity nor software outside of packages", cve.id)),
    }
    statements.for_each(|statement| out.add(statement));
}

fn advisory(cve: &Cve<'_>) -> Result<Advisory, serde_json::Error> {
    let mut summary = String::new();
    cve.descriptions.each(|_, text: Text| {
        if summary.is_empty() && text.lang == "en" {
            summary = text.value;
        }
    })?;
    let mut advisory: Advisory = document::advisory(cve.id.clone(), [], &summary, Authority::Upstream);
    let mut inner = Ok(());
    cve.configurations.each(|_, configuration: Configuration<'_>| {
        let nodes = configuration.nodes.each(|_, node: ConfigurationNode<'_>| {
            let matches = node.matches.each(|_, found: Match| {
                if !node.negate && found.vulnerable && advisory.affected.len() < AFFECTED_MAX {
                    advisory.affected.extend(affected(&found).filter(|found| !advisory.affected.contains(found)));
                }
            });
            inner = std::mem::replace(&mut inner, Ok(())).and(matches);
        });
        inner = std::mem::replace(&mut inner, Ok(())).and(nodes);
    })?;
    inner.map(|()| advisory)
}

/// NVD's own score where there is one, else that of whoever numbered the CVE.
fn severities(cve: &Cve<'_>) -> Vec<Statement> {
    let metrics = &cve.metrics;
    let third = if metrics.v31.0.is_empty() { &metrics.v30.0 } else { &metrics.v31.0 };
    let second = if third.is_empty() { &metrics.v2.0[..] } else { &[] };
    let mut out = Vec::new();
    for (list, suffix) in [(&third[..], ""), (&metrics.v40.0[..], "_cvss_v4"), (second, "_cvss_v2")] {
        for (kind, source) in [("Primary", "nvd"), ("Secondary", "cna")] {
            let Some(metric) = list.iter().find(|metric| metric.kind == kind) else { continue };
            let value = metric.data.vector.trim();
            if let Some(tenths) = document::tenths(value).filter(|_| value.len() <= 256) {
                let source = format!("{source}{suffix}");
                let (cve, value) = (cve.id.clone(), value.to_owned());
                out.push(Statement::Severity(Box::new(Severity { cve, source, value, tenths: Some(tenths) })));
            }
        }
    }
    out
}

fn affected(found: &Match) -> Option<Affected> {
    let mut parts = found.criteria.split(':').skip(2);
    let (part, vendor, product, version) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let name = PRODUCTS.iter().find(|(known, _)| known.split_once(':') == Some((vendor, product)));
    let name = name.map(|(_, name)| *name).filter(|_| part == "a" || product == "linux_kernel")?;
    let ecosystem = if product == "linux_kernel" { Ecosystem::Linux } else { Ecosystem::Generic };
    let mut out = Affected::new(ecosystem, "", name);
    let begin = found.version_start_including.as_ref().or(found.version_start_excluding.as_ref());
    let end = found
        .version_end_excluding
        .as_ref()
        .map(|at| (EventKind::Fixed, at))
        .or(found.version_end_including.as_ref().map(|at| (EventKind::LastAffected, at)));
    if begin.is_none() && end.is_none() && !matches!(version, "*" | "-") {
        out.versions = vec![version.replace('\\', "")];
        return (version.len() <= VERSION_BYTES_MAX).then_some(out);
    }
    let mut range = vec![(EventKind::Introduced as u8, begin.cloned().unwrap_or_else(|| "0".to_owned()))];
    range.extend(end.map(|(kind, at)| (kind as u8, at.clone())));
    out.ranges = vec![range];
    out.ranges.iter().flatten().all(|(_, at)| at.len() <= VERSION_BYTES_MAX).then_some(out)
}

/// Software that is often put on a host without a package, by its vendor and product in CPE.
const PRODUCTS: &[(&str, &str)] = &[
    ("f5:nginx", "nginx"),
    ("nginx:nginx", "nginx"),
    ("f5:nginx_open_source", "nginx"),
    ("apache:http_server", "httpd"),
    ("apache:tomcat", "tomcat"),
    ("apache:activemq", "activemq"),
    ("apache:kafka", "kafka"),
    ("apache:solr", "solr"),
    ("apache:zookeeper", "zookeeper"),
    ("apache:struts", "struts"),
    ("apache:log4j", "log4j"),
    ("openssl:openssl", "openssl"),
    ("openbsd:openssh", "openssh"),
    ("redis:redis", "redis"),
    ("redislabs:redis", "redis"),
    ("memcached:memcached", "memcached"),
    ("postgresql:postgresql", "postgresql"),
    ("oracle:mysql", "mysql"),
    ("mariadb:mariadb", "mariadb"),
    ("mongodb:mongodb", "mongodb"),
    ("elastic:elasticsearch", "elasticsearch"),
    ("elastic:kibana", "kibana"),
    ("exim:exim", "exim"),
    ("postfix:postfix", "postfix"),
    ("dovecot:dovecot", "dovecot"),
    ("isc:bind", "bind"),
    ("samba:samba", "samba"),
    ("php:php", "php"),
    ("python:python", "python"),
    ("nodejs:node.js", "node"),
    ("golang:go", "go"),
    ("oracle:jdk", "java"),
    ("oracle:jre", "java"),
    ("oracle:openjdk", "java"),
    ("haproxy:haproxy", "haproxy"),
    ("squid-cache:squid", "squid"),
    ("varnish-cache:varnish", "varnish"),
    ("lighttpd:lighttpd", "lighttpd"),
    ("proftpd:proftpd", "proftpd"),
    ("vsftpd_project:vsftpd", "vsftpd"),
    ("grafana:grafana", "grafana"),
    ("prometheus:prometheus", "prometheus"),
    ("jenkins:jenkins", "jenkins"),
    ("gitlab:gitlab", "gitlab"),
    ("wordpress:wordpress", "wordpress"),
    ("drupal:drupal", "drupal"),
    ("haxx:curl", "curl"),
    ("sudo_project:sudo", "sudo"),
    ("gnu:bash", "bash"),
    ("tukaani:xz", "xz"),
    ("docker:docker", "docker"),
    ("containerd:containerd", "containerd"),
    ("linuxfoundation:containerd", "containerd"),
    ("linuxfoundation:runc", "runc"),
    ("rabbitmq:rabbitmq", "rabbitmq"),
    ("vmware:rabbitmq", "rabbitmq"),
    ("hashicorp:vault", "vault"),
    ("hashicorp:consul", "consul"),
    ("minio:minio", "minio"),
    ("etcd:etcd", "etcd"),
    ("linux:linux_kernel", "Kernel"),
];
/// The kernel has one entry for each stable series.
const AFFECTED_MAX: usize = 5000;
