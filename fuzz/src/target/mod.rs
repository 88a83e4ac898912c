//! Which parsers of strangers' bytes are there? One file for each crate or kind.

mod address;
mod advisory;
mod archive;
mod catalog;
mod claim;
mod configuration;
mod container;
mod document;
mod evidence;
mod feed;
mod image;
mod kernel;
mod sigma;
mod taxii;
mod text;
mod version;
mod wire;

/// A parser, or a registry of them, whose member the first byte chooses.
pub struct Target {
    /// The name used by `cargo xtask fuzz`, kebab-case.
    pub name: &'static str,
    /// Feeds it one input.
    pub run: fn(&[u8]),
    /// What it begins with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target; adding one is a function and a line here.
pub const TARGETS: &[Target] = &[
    address::NETWORKS,
    address::ONLINE,
    advisory::ANY,
    advisory::OSV,
    advisory::CSAF,
    advisory::OVAL,
    advisory::NVD,
    advisory::UPDATEINFO,
    advisory::CVE,
    advisory::DETECT,
    catalog::FILES,
    catalog::DPKG,
    catalog::RPM,
    catalog::JAVA,
    catalog::PROGRAMS,
    catalog::SBOM,
    catalog::RELEASE,
    container::ARCHIVE,
    container::LAYERS,
    container::LAYOUT,
    claim::VEX,
    claim::OVAL_TRUTH,
    version::ORDER,
    version::RANGE,
    text::PURL,
    text::ADDRESS,
    text::SHOWN,
    text::ARGV,
    evidence::LOG,
    evidence::PATTERN,
    configuration::REDACTOR,
    configuration::SERVER,
    configuration::PLACES,
    sigma::RULES,
    sigma::IMAGE,
    feed::ANY,
    taxii::PAGE,
    feed::LOAD,
    feed::GUARD,
    document::FEED_DESCRIPTORS,
    document::SOURCE_DESCRIPTORS,
    document::JOURNAL,
    document::LEDGER,
    document::LISTING,
    archive::ENTRIES,
    archive::NESTED,
    archive::MEMBERS,
    image::INTEL,
    image::DELTA,
    image::VULN,
    kernel::DNS,
    kernel::HELLO,
    kernel::NETLINK,
    kernel::RECORDS,
    kernel::CGROUP,
    kernel::FRAMES,
    kernel::SOCKETS,
    wire::WIRE,
];
