//! What is hostile to readers of advisories, and where in a document it can stand?

/// What a document is written in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Language {
    Any,
    Json,
    Yaml,
    Toml,
    Xml,
}

impl Language {
    pub fn of(head: &str) -> Self {
        match head {
            head if head.starts_with(['{', '[']) => Self::Json,
            head if head.starts_with('<') => Self::Xml,
            head if head.starts_with('`') => Self::Toml,
            _ => Self::Yaml,
        }
    }

    /// Whether a shape of another language can stand in it; JSON is YAML.
    pub fn takes(self, shape: Self) -> bool {
        shape == self || shape == Self::Any || (shape == Self::Json && matches!(self, Self::Yaml | Self::Toml))
    }
}

pub type Shape = (Language, &'static str, String);

/// Shapes that readers are weak against, filled up to so many bytes, by the languages that they are written in.
pub fn shapes(size: usize) -> Vec<Shape> {
    let fill = |piece: &str| piece.repeat(size / piece.len());
    vec![
        (Language::Json, "deep lists", fill("[")),
        (Language::Json, "deep objects", fill("{\"a\":")),
        (Language::Json, "wide list", format!("[{}0]", fill("0,"))),
        (Language::Json, "wide texts", format!("[{}\"\"]", fill("\"\","))),
        (Language::Json, "wide objects", format!("[{}{{}}]", fill("{\"\":0},"))),
        (Language::Json, "short texts", format!("[{}\"a\"]", fill("\"a\","))),
        (Language::Json, "one key each", format!("[{}{{}}]", fill("{\"id\":\"CVE-2024-1\"},"))),
        (Language::Json, "lists of lists", format!("[{}[]]", fill("[\"a\"],"))),
        (Language::Json, "keys", numbered(size, |n| format!("\"{n}\":0,"), "{", "\"a\":0}")),
        (Language::Json, "keys of texts", numbered(size, |n| format!("\"{n}\":\"1\","), "{", "\"a\":\"\"}")),
        (Language::Json, "numbered texts", numbered(size, |n| format!("\"{n}\","), "[", "\"a\"]")),
        (Language::Json, "numbered CVEs", numbered(size, |n| format!("\"CVE-2024-{n:04}\","), "[", "\"a\"]")),
        (Language::Yaml, "flow of texts", format!("[{}a]", fill("a,"))),
        (Language::Yaml, "flow of pairs", format!("[{}a]", fill("a: ,"))),
        (Language::Yaml, "flow of keys", format!("{{{}a}}", fill("a,"))),
        (Language::Yaml, "dashes", format!("\n{}", fill("- - - "))),
        (Language::Yaml, "list of YAML", format!("\n{}", fill(" - a\n"))),
        (Language::Yaml, "keys of YAML", numbered(size, |n| format!(" {n}:\n"), "\n", "")),
        (Language::Yaml, "questions", format!("\n{}", fill(" ? a\n"))),
        (Language::Yaml, "anchors", numbered(size, |n| format!(" - &{n} \n"), "\n", "")),
        (Language::Yaml, "tags", numbered(size, |n| format!("%TAG !{n}! a\n"), "\n...\n", "--- a\n")),
        (Language::Yaml, "alternatives", format!("'{}'", fill("1||"))),
        (Language::Yaml, "constraints", format!("'{}'", fill("<1,"))),
        (Language::Toml, "tables", numbered(size, |n| format!("[a{n}]\n"), "\n", "")),
        (Language::Toml, "dotted keys", numbered(size, |n| format!("a.b{n}.c=1\n"), "\n", "")),
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
pub const PLACES: &[(&str, &[&str], &str)] = &[
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
    ("secdb", &["distroversion: v3.19\nreponame: main\npackages:\n  - "], "\n"),
    ("secdb", &["distroversion: v3.19\nreponame: main\npackages: ["], "]\n"),
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
