//! Who tried to have a Java framework work out an expression: OGNL, SpEL, EL, MVEL?

use super::{Sign, Technique};
use crate::pack::rule::Part;

const STRUTS: &[&str] = &["CVE-2017-5638", "CVE-2018-11776", "CVE-2020-17530"];

pub(super) const TECHNIQUE: Technique = Technique {
    family: "expression-injection",
    attack: &["T1190", "T1059"],
    signs: &[
        Sign::known("struts-ognl-context", r"(?:#_memberaccess|#context\[|ognl\.ognlcontext|com\.opensymphony\.xwork2|org\.apache\.struts2?\.|#application\[|xwork\.methodaccessor|#allowstaticmethodaccess|#attr\[['\x22]com|excludedclasses|excludedpackagenames|beanmap\b|instancemanager)", STRUTS).within(Part::Any),
        Sign::known("struts-content-type", r"content-type: ?[%$]\{", &["CVE-2017-5638", "CVE-2017-9791"]).within(Part::Any),
        Sign::known("struts-action-prefix", r"[?&](?:action|redirect|redirectaction):(?:[%$]?\{|http)", &["CVE-2013-2251", "CVE-2016-3081"]),
        Sign::known("struts-debug", r"[?&]debug=(?:command|browser|xml)&(?:expression|object)=", &["CVE-2012-0394"]),
        Sign::known("struts-namespace", r"/[$%]\{[^}\n]+\}[^?\n]*\.action", &["CVE-2018-11776"]),
        Sign::known("struts-upload-parameter", r#"name="?(?:top\.)?(?:upload|file)?(?:filename|uploadfilename)"?\r?\n?[\s\S]{0,40}\.\.[/\\]"#, &["CVE-2023-50164", "CVE-2024-53677"]).within(Part::Body),
        Sign::known("struts-class-loader", r"(?:^|[?&])class(?:\.|%2e|\[['\x22]?)classloader", &["CVE-2014-0094", "CVE-2014-0114"]).within(Part::Arguments),
        Sign::known("spring4shell", r"class\.module\.classloader\b", &["CVE-2022-22965"]).within(Part::Any),
        Sign::known("spring-function-routing", r"(?:spring\.cloud\.function\.routing-expression|/functionrouter\b)", &["CVE-2022-22963"]).within(Part::Any),
        Sign::known("spring-gateway-routes", r"/actuator/gateway/(?:routes|refresh)", &["CVE-2022-22947"]),
        Sign::known("spring-data-commons", r"\[#this\.getclass\(\)", &["CVE-2018-1273"]).within(Part::Any),
        Sign::known("confluence-ognl", r"/[$%]\{[^\n]*(?:@java|getruntime|ognl|class\.forname|scriptengine|#a=|com\.opensymphony)", &["CVE-2022-26134"]),
        Sign::known("confluence-create-page", r"/pages/(?:createpage-entervariables|doenterpagevariables|templates2/viewpagetemplate|createpage)\.action", &["CVE-2021-26084"]).within(Part::Path),
        Sign::known("confluence-setup", r"/(?:setup/setupadministrator(?:-start)?\.action|server-info\.action\?[^\n]*bootstrapstatusprovider|setup/finishsetup\.action)", &["CVE-2023-22515"]),
        Sign::known("confluence-restore", r"/json/setup-restore(?:-local|-progress)?\.action", &["CVE-2023-22518"]),
        Sign::known("confluence-macro-preview", r"/rest/tinymce/1/macro/preview", &["CVE-2019-3396"]),
        Sign::known("confluence-share-links", r"/rest/sharelinks/1\.0/link\?", &["CVE-2021-26072"]),
        Sign::known("jira-template", r"/secure/(?:contactadministrators!default\.jspa|contactadministrators\.jspa)[^\n]*\$i18n", &["CVE-2019-11581"]),
        Sign::known("bitbucket-archive", r"/rest/api/(?:latest|1\.0)/projects/[^\n]*/archive\?[^\n]*(?:prefix|filename)=[^\n]*(?:%00|\x00|--exec)", &["CVE-2022-36804"]),
        Sign::known("geoserver-property", r"(?:valuereference|propertyname)=[^&\n]*exec\(|<wfs:valuereference> ?exec\(", &["CVE-2024-36401"]).within(Part::Any),
        Sign::known("nexus-el", r"/service/rest/beta/repositories/(?:go|bower)/group|/service/extdirect\b", &["CVE-2020-10199", "CVE-2020-10204", "CVE-2019-7238"]),
        Sign::known("rocketmq-console-jira-el", r"/console/login/loginform\.jsp", &["CVE-2020-14882"]),
        Sign::exploit("java-class-call", r"(?:java\.lang\.(?:runtime|process\w*|class\w*|system|reflect|thread)\b ?(?:[(;@\x22'\[,)]|\.(?:get|exec|for|exit|load|start|new)\w*)|\bjava\.lang\.[a-z]\w*(?:@|\()|(?:[=\n>\x22?&]|: )java\.(?:lang|io|nio|net|util|beans|rmi|security|sql)\.[a-z]|java\.(?:[a-z]{2,12}\.(?:runtime|processbuilder)\b(?:[^.\w-]|\.(?:get|exec)|$)|util\.(?:scanner|base64|concurrent|collections|hashmap|priorityqueue|zip)\b ?[@(,;\x22]|io\.[a-z]+[@(]|net\.(?:url|socket|inet\w*)[@(]|nio\.file\.\w+[@(.]|beans\.xml|rmi\.server)|javax\.script|javax\.el\.|getdeclaredconstructor|getruntime ?\(|\.forname ?\(|\bt\(java|new java\.|@java\.|scriptenginemanager|\.getclass\(\)|\.getmethod ?\(|processbuilder|runtime\.exec|class\.classloader|org\.springframework\.|org\.apache\.commons\.io|com\.sun\.org\.apache|sun\.misc\.unsafe|jdk\.jshell|bcel\$\$|unmarshaller|\.getengine(?:byname)?\(|methodinvok|org\.omg\.corba|java\.beans\.xmldecode|sun\.reflect|org\.jboss\.)").unless(r"(?:^|[?&])\w+=java\.[a-z.]+(?:exception|error)\b|</?(?:\w+ )?(?:java|processbuilder)\.[\w.]+[ =>]|<(?:\w+ )?processbuilder[\w.]*[ =>]|referer: [^\n]*java\."),
        Sign::exploit("expression-in-braces", r"[$%#*]\{[^}\n]*(?:\.exec\(|getparameter|session\.|request\.|applicationscope|param\.|\.getclass|new |system\.|sessionscope|pagecontext)"),
        Sign::exploit("expression-with-class", r"@(?:java|javax|org|com|sun|ognl|net|groovy)\.[a-z0-9_.]+@[a-z]|[$%#*]\{ ?\(?#[a-z0-9_]{1,24} ?=|\(#[a-z0-9_]{1,24} ?="),
    ],
};
