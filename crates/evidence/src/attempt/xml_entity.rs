//! Who sent XML that makes its reader open files or addresses?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "xml-entity",
    attack: &["T1190", "T1005"],
    signs: &[
        Sign::exploit("external-entity", r#"<!entity (?:% ?)?[\w.-]+ (?:system|public)\b"#),
        Sign::exploit("entity-bomb", r#"<!entity (?:% ?)?[\w.-]+ ["'][^"'\n]*&[\w.-]+;&[\w.-]+;"#),
        Sign::exploit("entity-declared", r"<!entity (?:% ?)?[\w.-]+ [\x22'][^\n]{0,400}>"),
        Sign::exploit("external-doctype", r#"<!doctype [\w:.-]+ ?(?:\[ ?)?(?:<!|system ["']|public ["'][^"'\n]*["'] ["'](?:file|ftp|gopher|https?://(?:\d|[\w.-]*(?:attacker|evil|oast))))"#),
        Sign::exploit("xinclude", r"xi:include\b[^>\n]*href|http://www\.w3\.org/2001/xinclude"),
        Sign::exploit("schema-location", r#"(?:schemalocation|nonamespaceschemalocation) ?= ?["'][^"'\n]*(?:file:|ftp:|https?://(?:\d|localhost))"#),
        Sign::exploit("stylesheet-runs", r"<xsl:(?:value-of|copy-of|variable|include|import)\b[^>\n]*(?:php:function|document ?\(|unparsed-text|system-property|runtime|href)|<\?xml-stylesheet\s[^>\n]*href"),
        Sign::known("ivanti-saml-entity", r"/dana-na/auth/saml-sso\.cgi", &["CVE-2024-22024"]),
        Sign::known("ivanti-saml-server", r"/dana-ws/saml20\.ws", &["CVE-2024-21893"]),
        Sign::known("zimbra-autodiscover", r"/autodiscover/?\n?[\s\S]*<!entity", &["CVE-2019-9670"]).within(Part::Any),
        Sign::known("geoserver-wps", r"/geoserver/(?:wps|wms|ows)\b[\s\S]*<!entity", &["CVE-2025-58360"]).within(Part::Any),
        Sign::known("magento-entity", r"/rest/(?:all|default)/v1/guest-carts/[^\n]*(?:estimate-shipping-methods)[\s\S]*(?:dataisurl|sourcedata|<!entity)", &["CVE-2024-34102"]).within(Part::Any),
        Sign::known("solarwinds-xml", r"/sapi/(?:upload|xml)\b[\s\S]*<!doctype", &["CVE-2024-45711"]).within(Part::Any),
    ],
};
