//! Who asked for, or tried to leave, a page that runs commands?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "web-shell",
    attack: &["T1505.003"],
    signs: &[
        Sign::probe("shell-by-name", r"/(?:[a-z0-9_-]{0,30}[_-]shell\d*|c99|c100|r57|wso\d*|b374k|alfa(?:new|shell|cgiapi|_data)?\w*|indoxploit|mini(?:shell)?|webshell|phpspy|cmd(?:asp|jsp)?|shell\d*|up(?:loader)?|fox|xleet|marijuana|gel4y|leafmailer\d*|adminer-shell|tunnel(?:\.nosocket)?|regeorg|chopper|antsword|behinder|godzilla|weevely|bypass|0x1949|priv8|symlink|sym403|wp-shell|ws[ou]|simattacker|nstview|k2ll33d|aspxspy|cmdshell|jspspy|tiny|x7root|caidao|china|filemanager-shell|classwithtostring|wp-conflg|wp-22|wp-sigunq|about-shell|radio|moon|doc-shell|gank|lock360|ws80|wi|atomlib|shx|lufix)\.(?:php\d?|phtml|aspx?|jspx?|cfm|ashx|cgi)$").served(),
        Sign::exploit("shell-with-command", r"\.(?:php\d?|phtml|pht|aspx?|jspx?|cfm|cgi|ashx)\?(?:[^\n]{0,80}&)?(?:cmd|exec|command|execute|ecmd|shell|pass|act=cmd|system|c|cc|run|x)=(?:cat|ls|id|whoami|uname|dir|wget|curl|pwd|net|ipconfig|ifconfig|echo|ps|system|phpinfo|php|cmd|/bin)\b").within(Part::Target).served(),
        Sign::exploit("script-among-uploads", r"/(?:wp-content/uploads|uploads?|images?|files|media|tmp|temp|cache|userfiles|attachments?|avatars?|pictures|fileserver|content/images|sites/default/files|pub/media)/(?:[^?\n]*/)?[^/?\n]+\.(?:php\d?|phtml?|pht|hphp|phar|shtml|module|aspx?|ashx|asmx|jspx?|cgi|pl)$").within(Part::Path).served(),
        Sign::known("wp-uploads-script", r"/wp-content/uploads/[^?\n]*\.(?:php\d?|phtml?|pht|hphp|phar|shtml|module|inc)(?:[?/]|$)", &["CVE-2020-25213"]).served(),
        Sign::exploit("upload-of-script", r#"filename\*? ?= ?(?:utf-8'')?["']?[^"'\n;]*\. ?(?:php\d?|phtml?|pht|phar|phps|phpt|hphp|pgif|inc|module|asp|aspx|ashx|asmx|asax|cer|cdx|jsp|jspx|jspf|jsw|jsv|war|cfm|cfml|cfc|htaccess|user\.ini|web\.config|shtml|cgi|pl|exe|sh|bat|ps1|py)(?:[."'\s;:%\x00]|$)"#),
        Sign::exploit("upload-by-header", r"^(?:x-filename|x_filename|x-file-name|x\.filename): ?[^\n]{0,120}\. ?(?:php\d?|phtml?|pht|phar|phps|phpt|hphp|aspx?|jspx?|shtml|cgi)\b").within(Part::Headers),
        Sign::exploit("script-behind-put", r"^put /[^?\s]*\.(?:php\d?|phtml|jspx?|aspx?|war|cfm|ashx)(?:[/\s;:%]|$)").within(Part::Any).served(),
        Sign::exploit("shell-code", r"(?:<\?(?:php|=|\s)[\s\S]{0,400}(?:eval|assert|system|exec|passthru|shell_exec|popen|proc_open|base64_decode|\$_(?:get|post|request|server|cookie|files)|phpinfo|file_put_contents|echo|print|include|md5|die|unlink|move_uploaded_file)|<%[@=]?[\s\S]{0,400}(?:runtime\.getruntime|request\.getparameter|processbuilder|eval ?\(? ?request|execute ?\(? ?request|wscript\.shell|page_load|language ?=|out\.print|response\.write|process\.start)|<script (?:language ?= ?['\x22]?(?:c#|jscript|vbscript|php)|runat)|<cfexecute|<jsp:|<%@ ?page|@eval ?\(|gif8[79]a[\s\S]{0,20}<\?)"),
        Sign::exploit("shell-speech", r"(?:chopper|=@eval\(|@ini_set\(|=die\(@?md5|x-cmd: |z0=qgluav|r57shell|c99sh|b374k|indoxploit|\bwso \d\.\d|fileman&a=|act=(?:ls|cmd|sql|ftpquickbrute|selfremove|processes|fsbuff)&d=|filesman|uname -a.{0,40}uid=|x-accesskey: |antsword)"),
        Sign::known("reverse-proxy-shell-moveit", r"/(?:human2|_human2)\.aspx", &["CVE-2023-34362"]).served(),
        Sign::known("exchange-aspnet-client", r"/aspnet_client/(?:system_web/)?[^?\n]*\.aspx|/owa/auth/(?:errore[ew]+|outlook(?:en|zh|jp|cn)|timeoutlogout|logo[gf]out|8lw7tah|one|redirsuiteserverproxy|web|help|document|default1)\.aspx", &["CVE-2021-26855", "CVE-2021-27065"]).served(),
        Sign::known("sharepoint-spinstall", r"/_layouts/(?:1[56]/)?spinstall\d*\.aspx", &["CVE-2025-53770"]).served(),
        Sign::known("fort-common-upload", r"/fort/trust/version/common/common\.jsp", &["CVE-2025-15503"]),
        Sign::known("file-thingie-up", r"/cgi-bin/up\.cgi$", &["CVE-2019-18952"]).within(Part::Path),
        Sign::known("melis-slider-upload", r"/melis/meliscmsslider/", &["CVE-2025-10353"]),
        Sign::known("sdwan-upload-ack", r"/dataservice/smartlicensing/uploadack", &["CVE-2026-20127"]),
        Sign::known("wp-file-manager", r"/wp-file-manager/lib/php/connector\.minimal\.php", &["CVE-2020-25213"]),
        Sign::known("elfinder-connector", r"/elfinder/php/connector(?:\.minimal)?\.php", &["CVE-2021-32682", "CVE-2019-9194"]),
        Sign::known("kcfinder-upload", r"/kcfinder/(?:upload|browse)\.php", &["CVE-2019-14315"]),
        Sign::known("jquery-file-upload", r"/(?:jquery[-.]?file[-.]?upload|server/php)/(?:server/php/)?(?:index\.php|upload\.class\.php)?$", &["CVE-2018-9206"]).within(Part::Path),
        Sign::known("fckeditor-connector", r"/(?:fckeditor|ckfinder)/(?:editor/filemanager|core/connector)/[^?\n]*\.(?:php|aspx?|jsp|cfm)", &["CVE-2009-2265"]),
        Sign::known("apache-struts-upload-web", r"/upload\.action\b[\s\S]*filename=[^\n]*\.jsp", &["CVE-2023-50164"]).within(Part::Any),
        Sign::known("zimbra-jsp", r"/zimbraadmin/public/jsp/[\w-]+\.jsp|/zimbra/public/[\w-]+\.jsp\?", &["CVE-2022-27925"]).served(),
        Sign::known("weaver-upload", r"/(?:weaver/(?:weaver\.common\.ctrl|bsh\.servlet)|page/exportimport/uploadoperation\.jsp)", &["CVE-2023-2523"]),
        Sign::known("yonyou-upload", r"/(?:servlet/fileupload|uapws/service|aim/equipmap/accept\.jsp|ncupload/|seeyon/(?:htmlofficeservlet|autoinstall\.do|thirdpartycontroller))", &["CVE-2023-41442"]),
        Sign::known("craftcms-cleo", r"/synchronization\b[\s\S]*vlsync:", &["CVE-2024-50623", "CVE-2024-55956"]).within(Part::Any),
    ],
};
