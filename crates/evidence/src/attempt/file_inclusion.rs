//! Who tried to have a program include a file of theirs or of the server's?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "file-inclusion",
    attack: &["T1190", "T1505"],
    signs: &[
        Sign::exploit("php-wrapper", r"(?:php://(?:input|filter|std(?:in|out|err)|memory|temp|fd|output)|expect://|(?:^|[=\x22':/])zip://|zlib://|bzip2://|compress\.(?:zlib|bzip2)://|phar://|data:(?:text|application)/[\w+-]{1,20}(?:;base64)?,[^\n]{0,200}(?:<\?|php|pd9waha|system)|ssh2\.(?:exec|shell|sftp)://|glob://|file:///|file://localhost|convert\.base64-encode|convert\.iconv\.)"),
        Sign::exploit("remote-file-as-value", r"[?&\n][\w\[\]%-]{1,40}=(?:https?|ftps?|smb):/{2,3}\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}").within(Part::Any).unless("(?:oauth|callback|redirect_uri|return_?(?:url|to)|next|ref)="),
        Sign::exploit("remote-script-as-value", r"[?&\n][\w\[\]-]{1,40}=(?:https?|ftps?|//|\\\\)[^&\s]{3,200}(?:\.(?:txt|php\d?|gif|jpg|png|dat|inc|asp|log|svg|sh)\?+(?:$|&|\s|cmd|c=)|\.(?:php|sh|txt)\x00)").within(Part::Any),
        Sign::exploit("remote-file-ends-in-question", r"[?&\n](?:[\w-]{0,20}(?:inc|include|path|page|file|dir|root|config|template|load|basepath|abspath|absolute_path|document|folder|lang|module|view|content|source|url|p|layout|skin|theme|style|action|board|date|detail|download|prefix|doc|site|pg|cat|type|open|name|conf)[\w\[\]-]{0,20})=(?:https?|ftps?)://[^&\s]{3,200}\?+(?:$|\s|&)").within(Part::Any),
        Sign::exploit("remote-address-ends-in-question", r"[?&\n][\w\[\]-]{1,40}=(?:https?|ftps?|file)(?::[^&\s?]*)?\?+(?:$|\s|&)").within(Part::Any).unless(r"[?&](?:next|return\w*|redirect\w*|ref|referrer|url|u|goto|continue|dest\w*|target|callback|from|back|service)="),
        Sign::exploit("include-function-of-url", r"\b(?:include|include_once|require|require_once) ?\(? ?['\x22]?(?:https?|ftp|php|data|file|expect):"),
        Sign::exploit("path-variable-is-url", r"\b(?:mosconfig_absolute_path|_conf\[path\]|globals\[|_server\[document_root\]|phpbb_root_path|gallery_basedir|cfg_root|dir_prefix|pathtoroot|_session\[|cms_root|inc_dir|path_inject|abs_path|auto_prepend_file|allow_url_include)\b? ?\]?=? ?(?:https?|ftp|php|data|/|1|on|true)").within(Part::Any),
        Sign::exploit("local-file-as-value", r"[?&](?:file|page|path|template|include|inc|doc|document|folder|root|pg|style|pdf|lang|module|view|content|layout|conf|config|i|download|filename|f|p|name|url|src|load|read|dir|cat|board|date|detail|show|site|type|data)=(?:\.{0,2}/)*(?:etc|proc|var|usr|root|home|opt|boot|windows|winnt|c:)[/\\]").within(Part::Any),
        Sign::known("docassemble-interview", r"/interview\?i=/(?:etc|proc|var|home)", &["CVE-2024-27292"]).served(),
        Sign::known("wp-media-library-stream", r"/mla-stream-image\.php\?[^\n]*mla_stream_file=", &["CVE-2023-4634"]),
        Sign::known("wp-duplicator", r"action=duplicator_download", &["CVE-2020-11738"]).within(Part::Any).served(),
        Sign::known("wp-revslider", r"action=revslider_show_image&img=\.\.", &["CVE-2014-9734"]).within(Part::Any).served(),
        Sign::known("wp-prodigy-widget", r"action=prodigy-render-my-account-widget", &["CVE-2026-0926"]).within(Part::Any),
        Sign::known("tomcat-ajp-put", r"^/[^?\n]*\.jsp(?:/|%20|::\$data)$", &["CVE-2017-12615", "CVE-2017-12617"]).within(Part::Path),
        Sign::known("tomcat-partial-put", r"\bcontent-range: ?bytes [^\n]*[\s\S]*\bput /[^\n]*/session|\bput /[^\n]*\.session\b", &["CVE-2025-24813"]).within(Part::Any),
        Sign::known("vite-fs", r"/@fs/[^\n]*(?:\?(?:import&)?raw|\?url|\?inline|\?\.svg|\?raw\?\?|etc/)", &["CVE-2025-30208", "CVE-2025-31125"]).served(),
        Sign::known("langflow-validate", r"/api/v1/validate/code", &["CVE-2025-3248"]),
        Sign::known("xwiki-ssx-resource", r"/bin/(?:ssx|jsx)/[^\n]*resource=(?:\.\./|/\.\.)", &["CVE-2025-55748"]).served(),
        Sign::known("gitlab-file-api", r"/uploads/[^\n]*/(?:\.\./){2,}|/-/(?:\.\./)+", &["CVE-2023-2825"]).served(),
        Sign::known("jenkins-cli-read", r"/cli\?remoting=false", &["CVE-2024-23897"]),
        Sign::known("dotnetnuke-better-gallery", r"/api/[\w-]+/imagehandler\?path=\.\.", &["CVE-2025-28367"]).served(),
        Sign::known("rocket-trufusion", r"/trufusionportal/getcobrandingdata", &["CVE-2025-27222"]).served(),
        Sign::known("brother-device-info", r"^/etc/mnt_info\.csv", &["CVE-2024-51977"]).within(Part::Path).served(),
        Sign::known("flowise-open-path", r"/api/v1/apikey\?[^\n]*/api/v1/ping", &["CVE-2024-8181"]).served(),
    ],
};
