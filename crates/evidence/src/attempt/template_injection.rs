//! Who tried to have a template engine work out an expression?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "template-injection",
    attack: &["T1190", "T1221"],
    signs: &[
        Sign::exploit("freemarker", r"(?:freemarker\.template\.utility|\?new ?\(\)|<#assign|\?api\.)"),
        Sign::exploit(
            "velocity",
            r"(?:#set ?\( ?\$|\$class\.(?:inspect|forname)|\$\w+\.class\.forname|\.class\.forname ?\(|#foreach ?\( ?\$\w+ in)",
        ),
        Sign::exploit(
            "jinja",
            r"(?:__(?:class|mro|subclasses|globals|builtins|init|base|bases|import|getattribute|reduce|dict|code|doc)__|\{\{ ?(?:config|self|request|cycler|lipsum|joiner|namespace|get_flashed_messages)\b[^}\n]{0,80}\}?|\{% ?(?:for|if|import|include|set|debug|raw)\b[^%\n]*%?\}?)",
        ),
        Sign::exploit(
            "sum-in-braces",
            r"(?:\{\{|\$\{|#\{|<%=|\$\{\{|\*\{|@\{|@\(|~\[|\[\[|\{#|\{@|\{=|\[=) ?['\x22]?\(? ?\d+ ?['\x22]? ?[*+-] ?['\x22]?\d{1,12}['\x22]? ?\)? ?(?:\}|%>|\]|\))",
        ),
        Sign::exploit(
            "twig-smarty",
            r"(?:_self\.env|registerundefinedfiltercallback|\| ?(?:filter|map|sort|reduce) ?\( ?['\x22](?:system|exec|passthru|id)|\{php\}|\{/?literal\}|smarty_internal_write_file|\{system ?\(|\{\$smarty\b|\{\{ ?['\x22][^'\x22\n]{1,60}['\x22] ?\| ?\w+|\{\{ ?dump ?\()",
        ),
        Sign::exploit(
            "erb-pug-handlebars",
            r"(?:<%=? ?(?:if|for|end|endif|while|unless|puts|print)\b|<%=? ?(?:`|system|file\.|dir\.|io\.|exec|%x|7\*7|\d+ ?\*|eval|self|request|response\.write|out\.print|global)|#\{ ?(?:root|global|process|function|system|`|%x|file|io\.|1337|\w+\.constructor)|\{\{#with\b|\{\{(?:constructor|this)\b[^\n]{0,60}\}\}|\.constructor\.constructor ?\(|constructor ?\( ?['\x22]return|\{\{ ?\w+\.constructor|\{\{= ?it\.)",
        ),
        Sign::exploit(
            "thymeleaf-groovy",
            r"(?:__\$\{[^\n]{1,160}\}__|\$\{ ?t ?\( ?java|\{\{/?groovy|\{\{async\b|\$\{@(?:print_r|phpinfo|system|eval|exec)|\$\{(?:@|\s)*(?:system|phpinfo|exec|eval) ?\(|groovy\.(?:lang|util)|new groovyshell)",
        ),
        Sign::known(
            "text4shell",
            r"\$\{(?:script|dns|url|const|env|file|java):(?:[\w-]*:)?[^}\n]*",
            &["CVE-2022-42889"],
        )
        .within(Part::Any)
        .unless(r"\$\{(?:env|java):[a-z_]+[-:]?[^}]*\}[^\n]*jndi"),
        Sign::known("confluence-text-inline", r"/template/aui/text-inline\.vm", &["CVE-2023-22527"]),
        Sign::known(
            "xwiki-solr",
            r"/(?:xwiki/)?bin/(?:get|view)/main/(?:solrsearch(?:macros)?)\?[^\n]*(?:\{\{|%7b%7b|\}\}\}|media=rss&text=)",
            &["CVE-2025-24893"],
        ),
        Sign::known("foxcms-index-id", r"/images/index\.html\?id=\$?\{", &["CVE-2025-29306"]),
        Sign::known("vmware-deviceudid", r"/catalog-portal/ui/oauth/verify\?[^\n]*deviceudid=", &["CVE-2022-22954"]),
        Sign::known(
            "crafter-craftcms",
            r"(?:action=assets/generate-transform|/index\.php\?p=admin/actions/assets/generate-transform)",
            &["CVE-2025-32432"],
        ),
        Sign::known(
            "openmetadata-condition",
            r"/api/v1[^?\n]*/events/subscriptions/validation/condition/",
            &["CVE-2024-28255", "CVE-2024-28254"],
        ),
        Sign::known(
            "vbulletin-render",
            r"routestring=ajax/(?:render/|api/)",
            &["CVE-2019-16759", "CVE-2020-17496", "CVE-2026-61511"],
        )
        .within(Part::Any),
        Sign::known("dtale-test-filter", r"/dtale/[\w-]+/\d+\?[^\n]*@?pd\.core", &["CVE-2024-3408", "CVE-2025-0655"]),
        Sign::known("craft-image-transform", r"craft\\\\?(?:elements|web)|as session", &["CVE-2024-58136"])
            .within(Part::Body),
    ],
};
