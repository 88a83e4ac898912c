//! Does any shape of an advisory cost more memory than four times its size and 8 MiB?

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;
use tripoint_vuln::advisory::{AdvisoryFormat, FORMATS, Sink, Statement};
use tripoint_vuln::oval;
use tripoint_vuln::vex::Vex;

/// Counts what is on the heap.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Of bytes beyond what was there before, the most that `run` held at one time.
fn heap<T>(run: impl FnOnce() -> T) -> usize {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    drop(run());
    HEAP.peak_usage().saturating_sub(before)
}

/// Keeps nothing: what a statement becomes in the database is another question.
struct Passing;

impl Sink for Passing {
    fn accept(&mut self, _: Statement) {}
    fn add(&mut self, _: Statement) {}
    fn refuse(&mut self, _: &str, _: u64, _: String) {}
    fn refuse_part(&mut self, _: &str, _: u64, _: String) {}
}

fn peak(format: &dyn AdvisoryFormat, text: &[u8]) -> usize {
    heap(|| format.read("x.json", &mut &*text, &mut Passing))
}

/// What a document is written in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Language {
    Any,
    Json,
    Yaml,
    Toml,
    Xml,
}

impl Language {
    fn of(head: &str) -> Self {
        match head {
            head if head.starts_with(['{', '[']) => Self::Json,
            head if head.starts_with('<') => Self::Xml,
            head if head.starts_with('`') => Self::Toml,
            _ => Self::Yaml,
        }
    }

    /// Whether a shape of another language can stand in it; JSON is YAML.
    fn takes(self, shape: Self) -> bool {
        shape == self || shape == Self::Any || (shape == Self::Json && matches!(self, Self::Yaml | Self::Toml))
    }
}

type Shape = (Language, &'static str, String);

/// Shapes that readers are weak against, filled up to so many bytes, by the languages that they are written in.
fn shapes() -> Vec<Shape> {
    let fill = |piece: &str| piece.repeat(SIZE / piece.len());
    vec![
        (Language::Json, "deep lists", fill("[")),
        (Language::Json, "deep objects", fill("{\"a\":")),
        (Language::Json, "wide list", format!("[{}0]", fill("0,"))),
        (Language::Json, "wide texts", format!("[{}\"\"]", fill("\"\","))),
        (Language::Json, "wide objects", format!("[{}{{}}]", fill("{\"\":0},"))),
        (Language::Json, "short texts", format!("[{}\"a\"]", fill("\"a\","))),
        (Language::Json, "one key each", format!("[{}{{}}]", fill("{\"id\":\"CVE-2024-1\"},"))),
        (Language::Json, "lists of lists", format!("[{}[]]", fill("[\"a\"],"))),
        (Language::Json, "keys", numbered(SIZE, |n| format!("\"{n}\":0,"), "{", "\"a\":0}")),
        (Language::Json, "keys of texts", numbered(SIZE, |n| format!("\"{n}\":\"1\","), "{", "\"a\":\"\"}")),
        (Language::Json, "numbered texts", numbered(SIZE, |n| format!("\"{n}\","), "[", "\"a\"]")),
        (Language::Json, "numbered CVEs", numbered(SIZE, |n| format!("\"CVE-2024-{n:04}\","), "[", "\"a\"]")),
        (Language::Yaml, "flow of texts", format!("[{}a]", fill("a,"))),
        (Language::Yaml, "flow of pairs", format!("[{}a]", fill("a: ,"))),
        (Language::Yaml, "flow of keys", format!("{{{}a}}", fill("a,"))),
        (Language::Yaml, "dashes", format!("\n{}", fill("- - - "))),
        (Language::Yaml, "list of YAML", format!("\n{}", fill(" - a\n"))),
        (Language::Yaml, "keys of YAML", numbered(SIZE, |n| format!(" {n}:\n"), "\n", "")),
        (Language::Yaml, "questions", format!("\n{}", fill(" ? a\n"))),
        (Language::Yaml, "anchors", numbered(SIZE, |n| format!(" - &{n} \n"), "\n", "")),
        (Language::Yaml, "tags", numbered(SIZE, |n| format!("%TAG !{n}! a\n"), "\n...\n", "--- a\n")),
        (Language::Yaml, "alternatives", format!("'{}'", fill("1||"))),
        (Language::Yaml, "constraints", format!("'{}'", fill("<1,"))),
        (Language::Toml, "tables", numbered(SIZE, |n| format!("[a{n}]\n"), "\n", "")),
        (Language::Toml, "dotted keys", numbered(SIZE, |n| format!("a.b{n}.c=1\n"), "\n", "")),
        (Language::Json, "empty objects", format!("[{}{{}}]", fill("{},"))),
        (Language::Json, "one text", format!("\"{}\"", fill("a"))),
        (Language::Json, "escapes", format!("\"{}\"", fill("\\u0000"))),
        (Language::Json, "same keys", format!("{{{}\"a\":0}}", fill("\"a\":0,"))),
        (Language::Any, "one line", fill("a")),
        (Language::Any, "empty lines", fill("\n")),
        (Language::Any, "commas", fill(",")),
        (Language::Xml, "elements", fill("<a>")),
        (Language::Xml, "attributes", format!("<a {}>", fill("b=\"\" "))),
    ]
}

/// Numbered pieces of so many bytes in all.
fn numbered(bytes: usize, piece: impl Fn(usize) -> String, head: &str, end: &str) -> String {
    let mut out = head.to_owned();
    for number in 0.. {
        if out.len() >= bytes {
            break;
        }
        out.push_str(&piece(number));
    }
    out + end
}

/// Beginnings and ends of documents, for what a shape stands in where a reader looks deeper than at its outermost value.
const OSV: &str = r#"{"schema_version":"1.6.0","id":"X-1","modified":"2024-01-01T00:00:00Z","#;
const OSV_PACKAGE: &str = r#"{"schema_version":"1.6.0","id":"X-1","modified":"2024-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"a"},"#;
const CSAF: &str = r#"{"document":{"category":"csaf_vex","csaf_version":"2.0","title":"t","publisher":{"name":"p","namespace":"https://example.org"},"tracking":{"id":"X-1","status":"final"}},"#;
const CSAF_PRODUCTS: &str = r#"{"document":{"category":"csaf_vex","csaf_version":"2.0","title":"t","publisher":{"name":"p","namespace":"https://example.org"},"tracking":{"id":"X-1","status":"final"}},"product_tree":{"full_product_names":[{"product_id":"a","name":"a","product_identification_helper":{"purl":"pkg:npm/a@1"}}]},"#;
const CVE: &str = r#"{"dataType":"CVE_RECORD","dataVersion":"5.1","cveMetadata":{"cveId":"CVE-2024-0001","state":"PUBLISHED","assignerOrgId":"0"},"containers":{"#;
const CVE_PRODUCT: &str = r#"{"dataType":"CVE_RECORD","dataVersion":"5.1","cveMetadata":{"cveId":"CVE-2024-0001","state":"PUBLISHED","assignerOrgId":"0"},"containers":{"cna":{"affected":[{"vendor":"a","product":"a","packageName":"a","collectionURL":"https://registry.npmjs.org","#;
const GHSA: &str = r#"{"ghsa_id":"GHSA-aaaa-bbbb-cccc","cve_id":null,"summary":"s","severity":"high","#;
const NVD: &str = r#"{"format":"NVD_CVE","vulnerabilities":[{"cve":{"id":"CVE-2024-0001","#;

/// The format, the head and the tail.
const PLACES: &[(&str, &[&str], &str)] = &[
    ("osv", &[OSV, r#""affected":"#], "}"),
    ("osv", &[OSV, r#""aliases":"#], "}"),
    ("osv", &[OSV, r#""related":"#], "}"),
    ("osv", &[OSV, r#""severity":"#], "}"),
    ("osv", &[OSV, r#""references":"#], "}"),
    ("osv", &[OSV, r#""database_specific":"#], "}"),
    ("osv", &[OSV_PACKAGE, r#""versions":"#], "}]}"),
    ("osv", &[OSV_PACKAGE, r#""ranges":"#], "}]}"),
    ("osv", &[OSV_PACKAGE, r#""ecosystem_specific":"#], "}]}"),
    ("osv", &[OSV_PACKAGE, r#""ranges":[{"type":"SEMVER","events":"#], "}]}]}"),
    ("csaf", &[CSAF, r#""product_tree":{"branches":"#], "}}"),
    ("csaf", &[CSAF, r#""product_tree":{"full_product_names":"#], "}}"),
    ("csaf", &[CSAF, r#""product_tree":{"relationships":"#], "}}"),
    ("csaf", &[CSAF, r#""product_tree":{"product_groups":"#], "}}"),
    ("csaf", &[CSAF_PRODUCTS, r#""vulnerabilities":"#], "}"),
    ("csaf", &[CSAF_PRODUCTS, r#""vulnerabilities":[{"cve":"CVE-2024-0001","product_status":"#], "}]}"),
    ("csaf", &[CSAF_PRODUCTS, r#""vulnerabilities":[{"cve":"CVE-2024-0001","product_status":{"fixed":"#], "}}]}"),
    ("csaf", &[CSAF_PRODUCTS, r#""vulnerabilities":[{"cve":"CVE-2024-0001","remediations":"#], "}]}"),
    ("csaf", &[CSAF_PRODUCTS, r#""vulnerabilities":[{"cve":"CVE-2024-0001","scores":"#], "}]}"),
    ("csaf", &[CSAF_PRODUCTS, r#""vulnerabilities":[{"cve":"CVE-2024-0001","threats":"#], "}]}"),
    ("csaf", &[CSAF_PRODUCTS, r#""vulnerabilities":[{"cve":"CVE-2024-0001","flags":"#], "}]}"),
    ("csaf", &[CSAF_PRODUCTS, r#""vulnerabilities":[{"ids":"#], "}]}"),
    ("cve", &[CVE, r#""cna":{"affected":"#], "}}}"),
    ("cve", &[CVE, r#""adp":"#], "}}"),
    ("cve", &[CVE, r#""cna":{"metrics":"#], "}}}"),
    ("cve", &[CVE, r#""cna":{"descriptions":"#], "}}}"),
    ("cve", &[CVE_PRODUCT, r#""versions":"#], "}]}}}"),
    ("cve", &[CVE_PRODUCT, r#""platforms":"#], "}]}}}"),
    ("cve", &[CVE_PRODUCT, r#""versions":[{"version":"0","status":"affected","changes":"#], "}]}]}}}"),
    ("nvd", &[r#"{"format":"NVD_CVE","vulnerabilities":"#], "}"),
    ("nvd", &[NVD, r#""descriptions":"#], "}}]}"),
    ("nvd", &[NVD, r#""metrics":"#], "}}]}"),
    ("nvd", &[NVD, r#""metrics":{"cvssMetricV31":"#], "}}}]}"),
    ("nvd", &[NVD, r#""configurations":"#], "}}]}"),
    ("nvd", &[NVD, r#""configurations":[{"nodes":"#], "}]}}]}"),
    ("nvd", &[NVD, r#""configurations":[{"nodes":[{"operator":"OR","cpeMatch":"#], "}]}]}}]}"),
    ("kev", &[r#"{"catalogVersion":"1","vulnerabilities":"#], "}"),
    ("ghsa", &[GHSA, r#""vulnerabilities":"#], "}"),
    ("ghsa", &[GHSA, r#""identifiers":"#], "}"),
    ("ghsa", &[GHSA, r#""cvss_severities":"#], "}"),
    ("euvd", &[r#"{"items":"#], ",\"total\":1}"),
    (
        "arch",
        &[r#"[{"name":"AVG-1","packages":"#],
        r#","status":"Fixed","affected":"1-1","issues":["CVE-2024-0001"]}]"#,
    ),
    ("arch", &[r#"[{"name":"AVG-1","packages":["a"],"status":"Fixed","affected":"1-1","issues":"#], "}]"),
    ("openvex", &[r#"{"@context":"https://openvex.dev/ns/v0.2.0","statements":"#], "}"),
    (
        "openvex",
        &[
            r#"{"@context":"https://openvex.dev/ns/v0.2.0","statements":[{"vulnerability":{"name":"CVE-2024-0001"},"status":"fixed","products":"#,
        ],
        "}]}",
    ),
    (
        "openvex",
        &[
            r#"{"@context":"https://openvex.dev/ns/v0.2.0","statements":[{"vulnerability":{"name":"CVE-2024-0001","aliases":"#,
        ],
        r#"},"status":"fixed","products":[{"@id":"pkg:npm/a@1"}]}]}"#,
    ),
    (
        "openvex",
        &[
            r#"{"@context":"https://openvex.dev/ns/v0.2.0","statements":[{"vulnerability":{"name":"CVE-2024-0001"},"status":"fixed","products":[{"@id":"pkg:npm/a@1","subcomponents":"#,
        ],
        "}]}]}",
    ),
    ("cyclonedx-vex", &[r#"{"bomFormat":"CycloneDX","specVersion":"1.5","vulnerabilities":"#], "}"),
    (
        "cyclonedx-vex",
        &[
            r#"{"bomFormat":"CycloneDX","specVersion":"1.5","vulnerabilities":[{"id":"CVE-2024-0001","analysis":{"state":"not_affected"},"affects":[{"ref":"a"}]}],"components":"#,
        ],
        "}",
    ),
    (
        "cyclonedx-vex",
        &[
            r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"library","bom-ref":"a","name":"a","purl":"pkg:npm/a@1"}],"vulnerabilities":[{"id":"CVE-2024-0001","analysis":{"state":"not_affected"},"affects":"#,
        ],
        "}]}",
    ),
    (
        "cyclonedx-vex",
        &[
            r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"library","bom-ref":"a","name":"a","purl":"pkg:npm/a@1","components":"#,
        ],
        r#"}],"vulnerabilities":[{"id":"CVE-2024-0001","analysis":{"state":"not_affected"},"affects":[{"ref":"a"}]}]}"#,
    ),
    ("secdb", &[r#"{"distroversion":"v3.19","reponame":"main","packages":"#], "}"),
    ("secdb", &[r#"{"distroversion":"v3.19","reponame":"main","packages":[{"pkg":{"name":"a","secfixes":"#], "}}]}"),
    (
        "secdb",
        &[r#"{"distroversion":"v3.19","reponame":"main","packages":[{"pkg":{"name":"a","secfixes":{"1":"#],
        "}}}]}",
    ),
    ("secdb", &["distroversion: v3.19\nreponame: main\npackages: "], "\n"),
    (
        "secdb",
        &["distroversion: v3.19\nreponame: main\npackages:\n  - pkg:\n      name: a\n      secfixes:\n        '1': "],
        "\n",
    ),
    ("osv", &["id: X-1\nmodified: 2024-01-01T00:00:00Z\naffected: "], "\n"),
    ("php", &["title: t\nreference: composer://a/b\nbranches: "], "\n"),
    ("php", &["title: t\nreference: composer://a/b\nbranches:\n  x:\n    versions: "], "\n"),
    ("ruby", &["gem: a\ncve: 2024-0001\npatched_versions: "], "\n"),
    ("ruby", &["gem: a\ncve: 2024-0001\npatched_versions: ['>= 1']\nx: "], "\n"),
    ("gitlab", &["identifier: X-1\npackage_slug: npm/a\naffected_range: '<1'\nidentifiers: "], "\n"),
    ("gitlab", &["identifier: X-1\npackage_slug: npm/a\naffected_range: "], "\n"),
    (
        "rustsec",
        &["```toml\n[advisory]\nid = \"RUSTSEC-2024-0001\"\npackage = \"a\"\n[versions]\npatched = "],
        "\n```\n# t\n",
    ),
    ("rustsec", &["```toml\n[advisory]\nid = \"RUSTSEC-2024-0001\"\npackage = \"a\"\n"], "\n```\n# t\n"),
    ("debian-tracker", &[r#"{"a":{"CVE-2024-0001":{"releases":"#], "}}}"),
    ("debian-tracker", &[r#"{"a":"#], "}"),
    ("retire", &[r#"{"jquery":{"vulnerabilities":"#], "}}"),
    ("retire", &[r#"{"jquery":{"vulnerabilities":[{"below":"1","identifiers":"#], "}]}}"),
    ("retire", &[r#"{"jquery":{"vulnerabilities":[{"below":"1","identifiers":{"CVE":"#], "}}]}}"),
    (
        "updateinfo",
        &["<updates><update><id>X-1</id><pkglist><collection>"],
        "</collection></pkglist></update></updates>",
    ),
    ("updateinfo", &["<updates><update><id>X-1</id><references>"], "</references></update></updates>"),
    (
        "oval",
        &["<oval_definitions><definitions><definition id=\"oval:a:def:1\"><criteria>"],
        "</criteria></definition></definitions></oval_definitions>",
    ),
    ("oval", &["<oval_definitions><tests>"], "</tests></oval_definitions>"),
];

#[track_caller]
fn affordable(over: &str) {
    assert!(over.is_empty(), "more than four times the input and 8 MiB:\n{over}");
}

fn judge(over: &mut String, what: &str, shape: &str, peak: usize, input: usize) {
    if peak > 4 * input + (8 << 20) {
        let _ = writeln!(over, "{what}, {shape}: {peak} bytes of heap for {input}");
    }
}

#[test]
fn no_shape_costs_any_format_more_than_its_size_allows() {
    let mut over = String::new();
    for (_, shape, text) in shapes() {
        for format in FORMATS {
            judge(&mut over, format.name(), shape, peak(*format, text.as_bytes()), text.len());
        }
    }
    affordable(&over);
}

#[test]
fn no_shape_costs_more_inside_an_advisory_of_packages() {
    inside(|name| ["osv", "ghsa", "cve", "nvd", "kev", "euvd"].contains(&name));
}

#[test]
fn no_shape_costs_more_inside_a_distribution_s_word() {
    inside(|name| ["csaf", "secdb", "debian-tracker", "arch", "updateinfo", "oval"].contains(&name));
}

#[test]
fn no_shape_costs_more_inside_a_record_of_others() {
    inside(|name| ["openvex", "cyclonedx-vex", "php", "ruby", "gitlab", "rustsec", "retire"].contains(&name));
}

/// Every place of these formats, filled with every shape of its language.
#[track_caller]
fn inside(wanted: impl Fn(&str) -> bool) {
    let mut over = String::new();
    for (name, head, end) in PLACES.iter().filter(|(name, ..)| wanted(name)) {
        let format = FORMATS.iter().find(|format| format.name() == *name).expect("a format");
        let (head, mut read) = (head.concat(), 0);
        let language = Language::of(&head);
        for (_, shape, text) in shapes().into_iter().filter(|(of, ..)| language.takes(*of)) {
            let text = format!("{head}{text}{end}");
            let file = if language == Language::Yaml { "x.yaml" } else { "x.json" };
            judge(&mut over, &head, shape, heap(|| format.read(file, &mut text.as_bytes(), &mut Passing)), text.len());
            read += 1;
        }
        assert!(read > 1, "{head}: no shape stands in it");
    }
    affordable(&over);
}

#[test]
fn every_place_belongs_to_a_test() {
    let names: BTreeSet<&str> = PLACES.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names.len(), 19, "a format was added: name it in one of the tests of places");
}

/// What was published, again and again: as records of a list where the format has one, else as lines.
#[test]
fn fixtures_repeated_cost_what_their_size_allows() {
    let mut over = String::new();
    for format in FORMATS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/advisory").join(format.name());
        for file in fs::read_dir(folder).expect("fixtures").flatten().map(|entry| entry.path()) {
            if file.is_dir() || file.extension().is_some_and(|end| end == "out" || end == "golden") {
                continue;
            }
            let bytes = fs::read(&file).expect("read");
            let many = [bytes.as_slice(), b"\n"].concat().repeat(1 + SIZE / (bytes.len() + 1));
            judge(&mut over, format.name(), "repeated", peak(*format, &many), many.len());
        }
    }
    affordable(&over);
}

#[test]
fn documents_held_whole_cost_what_their_size_allows() {
    let mut over = String::new();
    let held = |name: &str| ["openvex", "cyclonedx-vex", "csaf", "oval"].contains(&name);
    for (name, head, end) in PLACES.iter().filter(|(name, ..)| held(name)) {
        let head = head.concat();
        for (_, shape, text) in shapes().into_iter().filter(|(of, ..)| Language::of(&head).takes(*of)) {
            let text = format!("{head}{text}{end}");
            let peak = match *name {
                "oval" => heap(|| oval::read(&mut text.as_bytes(), &mut |_, _| {})),
                _ => heap(|| Vex::read("x.json", text.as_bytes())),
            };
            judge(&mut over, &head, shape, peak, text.len());
        }
    }
    affordable(&over);
}

const SIZE: usize = 2 << 20;
