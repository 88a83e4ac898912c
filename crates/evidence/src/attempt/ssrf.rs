//! Who tried to have the server fetch something for them?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "ssrf",
    attack: &["T1190", "T1552.005"],
    signs: &[
        Sign::exploit("metadata-service", r"(?:169\.254\.169\.254|metadata\.google\.internal|100\.100\.100\.200|169\.254\.170\.2|/latest/(?:meta-data|user-data|dynamic/instance)|metadata\.(?:tencentyun|packet|azure)\.|fd00:ec2::254|192\.0\.0\.192|[/@](?:0xa9fea9fe|2852039166|0251\.0376\.0251\.0376|0xa9\.0xfe\.0xa9\.0xfe|\[::ffff:a9fe:a9fe\])|computemetadata/v1|169\.254\.169\.254\.(?:nip|xip|sslip)\.io)"),
        Sign::exploit("own-address-as-value", r"[=:@]\s?\x22?(?:https?|ftp|gopher|dict|ws):(?://|\\\\)?(?:[^/&\s@]{0,40}@)?(?:127\.\d+\.\d+\.\d+|127\.1\b|localhost|0\.0\.0\.0|\[::(?:1|ffff:[\w.:]+)?\]|0x7f[\w.]+|2130706433|017700000001|0177\.|10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+|172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+|[\w.-]*(?:localtest\.me|lvh\.me|nip\.io|xip\.io|sslip\.io|vcap\.me|lacolhost\.com))").within(Part::Arguments).unless(r"(?:^|[?&])(?:q|s|search|query)=https?://[^&\s+]{1,60}[ +]\w"),
        Sign::exploit("number-as-host", r"(?:://|[=\n\x22]https?:)(?:[0-9]{8,12}|0x[0-9a-f]{8,16}|0x[0-9a-f]{2,12}(?:\.0?x?[0-9a-f]+){3}|0[0-7]{1,12}(?:\.[0-9a-fx]+){1,3}|[0-9]{1,3}(?:\.[0-9]{1,8}){1,2}|[0-9]{4,}\.[0-9.]+)(?:[/:?#\s&]|$)|://[^/\n ]{0,60}[\x{2460}-\x{24ff}\x{3002}\x{ff0e}]|(?:://|[=\n\x22]https?:)\[[0-9a-f:.]{2,40}(?:%[\w.]{1,16})?\]").within(Part::Arguments),
        Sign::exploit("host-behind-user", r"://[^/\n]{1,80}@(?:127\.|10\.|169\.254|192\.168|localhost|0\.0|\[)").within(Part::Arguments),
        Sign::exploit("host-behind-slash", r"=(?:https?|ftp)://[\w.-]{1,60}(?:%2f|%5c|\\)[^/&\n@]{0,20}@?[^/&\n@]{0,20}@[\w.-]+").within(Part::Arguments),
        Sign::exploit("odd-scheme", r"[=\x22'(:\s](?:gopher|dict|ldap|ldaps|tftp|jar|netdoc|sftp|imap|telnet|glob|mailto|rtsp|acap|cap|cvs|ftp|ftps|gopher|rsync|svn|smb|ssh2(?:\.\w+)?|ogg|expect|view-source|feed|file|local_file):(?://|\\\\|https?:)[\w.\[\]%{$-]").within(Part::Arguments).unless("mailto:[\\w.]+@"),
        Sign::exploit("call-back-host", r"\b[\w-]{3,64}\.(?:oast\.(?:pro|live|site|online|fun|me)|oastify\.com|burpcollaborator\.net|interact\.sh|interactsh\.com|dnslog\.cn|ceye\.io|requestbin\.net|canarytokens\.com|bxss\.(?:me|in)|xss\.ht|r87\.me|pipedream\.net|webhook\.site|ngrok(?:-free)?\.(?:io|app)|eyes\.sh|dnslog\.(?:link|store|pw)|log4j\.binaryedge\.io)\b"),
        Sign::known("exchange-proxylogon", r"/(?:owa/auth/(?:current|x)\.(?:js|css)|ecp/[\w-]+\.(?:js|css|png|gif))\b[^\n]*", &["CVE-2021-26855"]).unless(r"\?v=|/ecp/\d+\."),
        Sign::known("exchange-backend-cookie", r"x-(?:beresource|anonresource(?:-backend)?)=[^;\n]*~\d+", &["CVE-2021-26855"]).within(Part::Any),
        Sign::known("exchange-proxyshell", r"/autodiscover/autodiscover\.json\?[^\n]*(?:@|powershell|/mapi/|/ews/|/ecp)", &["CVE-2021-34473", "CVE-2021-34523", "CVE-2021-31207", "CVE-2022-41040", "CVE-2022-41082"]),
        Sign::known("exchange-proxyoracle-dd", r"/ecp/dditservice\.svc|/ecp/ddi/ddiservice\.svc/(?:setobject|getobject)", &["CVE-2021-27065", "CVE-2021-26858"]),
        Sign::known("exchange-proxytoken", r"securitytoken=[^;\n]*;[^\n]*msexchecpcanary|/ecp/[^/\n]+/personalsettings/homepage\.aspx", &["CVE-2021-33766"]).within(Part::Any),
        Sign::known("zimbra-proxy", r"/service/proxy\?target=", &["CVE-2020-7796", "CVE-2019-9621"]),
        Sign::known("zimbra-mboximport", r"/service/extension/backup/mboximport", &["CVE-2022-27925", "CVE-2022-37042"]),
        Sign::known("zimbra-skin-lfi", r"/res/i18nmsg,[^\n]*skin=\.\./", &["CVE-2013-7091"]),
        Sign::known("zimbra-lfi-h-rest", r"/h/rest\?[^\n]*javax\.servlet\.include", &["CVE-2025-68645"]),
        Sign::known("vmware-vrops", r"/casa/nodes/thumbprints", &["CVE-2021-21975"]),
        Sign::known("vmware-vcenter-upload", r"/ui/(?:vropspluginui/rest/services|h5-vsan/rest/proxy)/|/eam/vib\?id=", &["CVE-2021-21972", "CVE-2021-21985"]),
        Sign::known("vmware-vcenter-analytics", r"/analytics/(?:telemetry/ph/api/hyper/send|ceip/|dataapp)", &["CVE-2021-22005"]),
        Sign::known("vmware-workspace-one", r"/saas/(?:auth/|api/)[^\n]*(?:deviceudid|freemarker)|/hc/t/rest/|/blob-storage|/catalog/[^\n]*\$\{", &["CVE-2022-22954", "CVE-2022-22972"]),
        Sign::known("vmware-aria-saas", r"/saas/resources/(?:createsupportbundle|vrni)", &["CVE-2023-20887"]),
        Sign::known("weblogic-uddi", r"/uddiexplorer/searchpublicregistries\.jsp", &["CVE-2014-4210"]),
        Sign::known("jira-gadget", r"/plugins/servlet/(?:gadgets/makerequest|oauth/users/icon-uri)\?", &["CVE-2019-8451", "CVE-2017-9506"]),
        Sign::known("apache-proxy-unix", r"\?unix:a{50,}", &["CVE-2021-40438"]),
        Sign::known("memos-httpmeta", r"/o/get/(?:httpmeta|image)\?url=", &["CVE-2024-29028", "CVE-2024-29029"]),
        Sign::known("dify-remote-files", r"/console/api/remote-files/", &["CVE-2025-56520"]),
        Sign::known("next-image", r"/_next/image\?url=https?://(?:127|localhost|169\.254)", &["CVE-2024-34351"]),
        Sign::known("wp-automatic-download", r"wp_automatic=download&link=", &["CVE-2024-27954"]),
        Sign::known("grafana-avatar", r"/avatar/[^?\n]*(?:\?d=|%3fd%3d)[^\n]*(?:http|%2f\.\.|redirect)", &["CVE-2020-13379"]),
    ],
};
