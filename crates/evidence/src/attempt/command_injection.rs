//! Who tried to have the server run a command?

use super::shell::{plain, short, sought, tools, topics};
use super::{Sign, Technique};
use crate::pack::rule::Part;

/// What goes on with a new command.
macro_rules! separator {
    () => {
        r"(?:[;|`] ?|\$\( ?|[<>]\(|&& ?|& |\{ ?|=&)"
    };
}

/// What stands behind a command's name where it is one: its end, a path, a flag, a variable; or a quote that ends what
/// it stands behind, which is no apostrophe within a word.
macro_rules! argument {
    () => {
        r"(?:[;|`)<>]|&&|\$[a-z{(@]| ?[/<>~`\\|;&]| -| ?\$| \*| [a-z0-9_@-]{0,40}[./\\]\S|\.exe| [a-z]{1,12} \+[a-z]|['\x22](?:$|[;|&)\s`:]))"
    };
}

pub(super) const TECHNIQUE: Technique = Technique {
    family: "command-injection",
    attack: &["T1190", "T1059"],
    signs: &[
        Sign::exploit("tool-behind-separator", concat!(separator!(), "(?:", tools!(), r")(?:", argument!(), r"|[&\n}]| ?[0-9.\[]| [a-z_]|$)"))
            .within(Part::Arguments),
        Sign::exploit("program-behind-separator", concat!(separator!(), "(?:", topics!(), ")(?:", argument!(), r"| [a-z0-9_@-]{0,40}[:=]\S)")).within(Part::Arguments),
        Sign::exploit(
            "word-behind-separator",
            concat!(separator!(), "(?:", plain!(), r"|host)(?:", argument!(), r"|[ \n]\d+(?:$|[;|&)'\x22`])|[ \n]['\x22]| ?\(\))|(?:[;|`] ?|&& ?)(?:time|timeout \d+|exec|env|nice) (?:curl|wget|", tools!(), r")\b"),
        )
        .within(Part::Arguments),
        Sign::exploit(
            "short-behind-separator",
            concat!(r"(?:[;|`] ?|\$\(|&& ?|& |\{)(?:", short!(), r")(?:[;|&`)<>\n]| [-/~$.*<>|;&'\x22\\]|\$| [a-z0-9_@-]{0,40}[./\\]\S| [a-z]{1,12} \+[a-z]|['\x22](?:$|[;|&)\s`:]))"),
        )
        .within(Part::Arguments),
        Sign::exploit(
            "command-ends-value",
            concat!(r"(?:[;|`]|\$\(|&& ?|\|\| ?|[;|] )(?:", tools!(), "|", topics!(), "|", plain!(), "|", short!(), r")(?:$|&[a-z0-9_\[\]-]+=|[;|])"),
        )
        .within(Part::Arguments)
        .unless(r"[a-z] ?[;|] (?:alias|at|batch|column|copy|cut|date|echo|exec|exit|file|find|finger|fold|head|history|host|install|kill|last|less|look|mail|make|more|mount|net|paste|route|screen|service|set|shutdown|sleep|sort|strings|tail|time|top|touch|trap|type|users|wait|wall|watch|which|who|yes|java|bash|python|php|perl|ruby|git|docker|curl|wget)(?:$|&[\w\[\]-]+=)"),
        Sign::exploit(
            "command-line-of-body",
            r"\n(?:cat /|ls -|id\n|whoami|uname -|wget http|curl http|ping -|nc -|bash -|sh -c|/bin/)",
        )
        .within(Part::Arguments),
        Sign::exploit(
            "flag-behind-separator",
            r"[=\n\x22] ?[;|] ?[a-z_][a-z0-9_.-]{1,24} --?[a-z]|; ?\$[a-z][a-z0-9_]{0,11} (?:[a-z]|-)|[|&] ?\$[a-z][a-z0-9_]{0,11} (?:-|[a-z]{2,8} )|\bansible [\w*.-]+ -[am] ",
        )
        .within(Part::Arguments),
        Sign::exploit(
            "header-runs-command",
            concat!(
                r"[:=;|] ?(?:", tools!(), "|", topics!(), "|", plain!(), "|", short!(), r") (?:--?[a-z]|if=/)|: ['\x22]?(?:sudo|time|strace|nohup) (?:",
                tools!(),
                r"|curl|wget)\b|[:=] ?['\x22]?(?:ansible-(?:config|console|doc|galaxy|inventory|playbook|pull|vault)|chef-(?:run|shell|solo|vault)|cscli|visudo|ansible [\w*.-]+ -m)\b|(?:&& ?|[;|] ?)\$[a-z][a-z0-9_]{0,12} -|(?:&& ?|[;|] ?)(?:wget https?:|curl https?:|lwp-download )",
            ),
        )
        .within(Part::Headers),
        Sign::exploit(
            "command-at-value",
            r"[=:] ?['\x22]?(?:cat /|wget (?:-\w+ )*https?:|curl (?:-\w+ )*(?:https?:|\d+\.\d+\.\d)|nc -\w+|bash -[ic]|sh -c|/bin/(?:ba|da|z|k|c)?sh|/bin/(?:cat|ls|id|ping|nc)|/usr/bin/(?:id|wget|curl|perl|python|env|whoami|nc)|cmd(?:\.exe)? ?/c|powershell(?:\.exe)? -|ping -[cn] \d|uname -a|ls -(?:la|al|l)|ls ?/|id ?;|whoami ?(?:$|[;|&\x22'])|chmod [0-7+]|rm -r|python[\d.]* -c|perl -e|php -r|ruby -e|echo [^\n&\x22]{1,60}(?:> ?[/\w&]|\| ?(?:ba)?sh\b|\| ?(?:base64|tee|nc|xxd|perl|python)\b))",
        )
        .within(Part::Any)
        .unless(concat!(r"referer: [^\n]*bash|", sought!())),
        Sign::exploit("value-runs-tool", concat!(r"[=\n>\x22'(](?:", tools!(), r")['\x22]? (?:[-/.~$][^&\n]|[a-z0-9<>|])"))
            .within(Part::Arguments)
            .unless(sought!()),
        Sign::exploit(
            "value-runs-program",
            concat!(r"[=\n>\x22'(](?:", topics!(), "|", plain!(), "|", short!(), r"|source|ksh|ash|dash) (?:--?[a-z0-9]|[/~][a-z]|/[;|&]|\.\.?/|\$|[?*]/)|[=\n](?:pip3?|npm|apt|apt-get|yum|gem) install [a-z]"),
        )
        .within(Part::Arguments)
        .unless(sought!()),
        Sign::exploit(
            "value-runs-script",
            concat!(r"[=\n>\x22'(](?:", topics!(), "|", plain!(), "|", short!(), r"|source|ksh|ash|dash) (?:[a-z0-9][a-z0-9./_-]{0,40}\.(?:conf|sh|py|pl|rb|php|txt|yml|log|tar|gz)\b|[a-z0-9.]{1,40} (?:--?[a-z]|/[a-z]))"),
        )
        .within(Part::Arguments)
        .unless(sought!()),
        Sign::exploit(
            "value-runs-runner",
            concat!(r"[=\n>](?:sudo|time|strace|nohup|nice|exec|env|command) (?:", tools!(), r"|curl|wget|nc|bash|perl|python|who|id|ls)\b|[=\n>\x22'(]python[23]\.\d+ \w"),
        )
        .within(Part::Arguments)
        .unless(sought!()),
        Sign::exploit("tool-then-separator", concat!(r"[=\n>\x22'(](?:", tools!(), r")(?:[;|&<>`]|['\x22] )[^=\n]")).within(Part::Arguments).unless(r"[=\n>\x22'(]\w+&[\w\[\]-]+="),
        Sign::exploit(
            "command-in-its-parameter",
            concat!(r"[?&\n](?:cmd|command|exec|execute|code|run|shell|payload|do|system|arg|args)=\\?['\x22]?(?:", tools!(), r"|ls|pwd|ps|ip a|ll)['\x22]?(?:$|&\w+=)"),
        )
        .within(Part::Arguments),
        Sign::exploit(
            "windows-loop",
            r"\bfor (?:/[a-z] ?)*(?:(?:[a-z]:\\\S* ?|\x22[^\x22\n]{1,60}\x22 ?){0,2})%{0,2}\S{0,20} ?in ?\(|\bif (?:/i )?(?:not )?(?:exist|defined|errorlevel|cmdextversion) |\bif ?/i |\bif (?:not )?['\x22%\[({][^\n]{1,40}==|\bif (?:not )?[^\n]{1,30}==[^\n]{1,30} (?:echo|goto|call|start|set|del|exit|type|copy|cmd|ping|\()|\bif (?:not )?[^\n]{1,40} (?:equ|neq|lss|leq|gtr|geq) [^\n]",
        )
        .within(Part::Arguments),
        Sign::exploit("system-path-run", r"(?:/(?:usr/)?(?:s?bin|local/bin)/(?:ba|da|z|k|c|tc)?sh\b|/bin/(?:cat|ls|id|ping|nc|wget|uname|chmod|rm|ps|echo|kill|touch|sleep|true|false|mount|df|busybox|[?*\[]{1,6})|/usr/s?bin/(?:id|wget|curl|perl|python|env|whoami|nc|php|ruby|find|gcc|nslookup|sendmail)|/(?:b|\?)(?:i|\?)(?:n|\?)/[a-z]*\?[a-z?]*|/dev/(?:tcp|udp)/|\b(?:cmd|powershell)\.exe\b(?:[ +?&\x22']*/[a-z?]| ?[&|]| -[a-z])|[=/\\](?:cmd|powershell)\.exe(?:$|\?[/+]|&)|\\system32\\)").unless(r"^#!|python-requests"),
        Sign::exploit("shell-substitution", r"(?:\$\((?:[^)\n\w]*)(?:cat|id|ls|whoami|curl|wget|uname|sleep|echo|ping|nslookup|hostname|pwd|sh|bash|nc|env|printenv|rm|php|python|perl|touch|date|expr|printf|base64|<)[\s)|;/]|` ?(?:cat|id|ls|whoami|curl|wget|uname|sleep|echo|ping|nslookup|hostname|pwd|sh|bash|nc|env|rm|php|python|perl|touch|date|printf)[\s;|`/$-]|\$\{ifs\}|\$ifs\b|\$\{path:|\{(?:cat|curl|wget|ping|sleep|ls|nc|bash|echo|sh),)"),
        Sign::exploit("reverse-shell", r"(?:bash -i ?>|/dev/tcp/|nc (?:-\w+ )*-e\s|mkfifo /|socket\.socket ?\(|fsockopen ?\(|0<&1|>& ?/dev/|&& ?\( ?(?:ba)?sh ?\)|\| ?(?:/bin/)?(?:ba|da|z|k)?sh\b|\| ?base64 -d|exec \d+<>|import (?:os|pty|socket|subprocess) ?[;,]|__import__|pty\.spawn)"),
        Sign::exploit("downloads-and-runs", r"\b(?:wget|curl|tftp|ftpget|lwp-download|invoke-webrequest|iwr|certutil -urlcache|start-bitstransfer|bitsadmin)\b(?: ?[^\n&\w.]{0,4}(?:-\S+ )*[^\n&]{0,60})(?:[ '\x22](?:https?:|ftp:)|[ '\x22]\d+\.\d+\.\d+\.\d+|[;|] ?(?:sh|bash|chmod|perl|python)\b(?: ?[-/;|&+.\d]|$)| -o\s|\$\{ifs\})|\b(?:wget|curl)\$\{ifs\}").within(Part::Arguments),
        Sign::exploit("powershell", r"(?:powershell[^\n]{0,40}\s-(?:e|enc|encodedcommand|nop|noprofile|w|windowstyle|ep|exec|command|c)\b|\biex ?\(|invoke-(?:expression|command|mimikatz|webrequest)|\bnew-object (?:net\.webclient|system\.)|downloadstring ?\(|frombase64string ?\(|start-process\s|[=;|('\x22`&] ?get-(?:process|childitem|content|wmiobject|command|item)\b|get-(?:process|childitem|content|wmiobject|command|item) ?[|;-]|set-executionpolicy|out-file\s)").unless(sought!()),
        Sign::exploit("windows-command", r"(?:[;|&`] ?(?:dir|type|net (?:user|localgroup|group|view|start)|tasklist|systeminfo|ipconfig|whoami|ver|del|start|regedit|reg (?:add|query)|sc (?:query|create)|schtasks|wmic|vssadmin|icacls|findstr|for /f)\b(?:[/&|]| ?[/\\&|%\x22]| [a-z]:\\| c|$)|%(?:comspec|systemroot|programdata|appdata|windir|temp)%|\bnet (?:user|localgroup) \w+ (?:/|\S+ /)|\bfor /[fdlr] %|\bif (?:not )?(?:exist|defined|errorlevel|/i)\s)").within(Part::Any).unless("referer:[^\\n]*&type"),
        Sign::exploit("unix-flags", r"(?:\b(?:find|locate) [/.] ?[^\n]{0,40}-(?:name|exec|perm|type)|-exec [a-z/]\S* |\bdd if=/|\bchmod (?:[0-7]{3,4}|[ugoa]*\+[xs]+)\s[^\s&]*[./]|\bchown \w+[:\s][^\s&]*/|\bcrontab -[lr]|\bnetstat -[a-z]*[pltun]{2}|\bkill -9 [\d$`]|\bdpkg -l\b|\brpm -qa|\btcpdump -[inw]|\bawk ['\x22]?(?:\{|begin)|\bsed -[nei] ['\x22]|\|? ?xargs -[\w{}]|\btar -?[cxz]\w*f \S*[/.]|\bgcc -o \S|\bhping3 -)").within(Part::Arguments),
        Sign::exploit("shell-tricks", r"(?:\bif ?\[ [^\n]{1,60}\]; ?then|; ?then\s[^\n]{1,80};|; ?do\s[^\n]{1,80};|\bfor \w+ in [^\n]{1,60};|\bwhile (?:true|read|:) ?;|<<< ?\S|\$\{[!#@]?\w*(?::-|:=|:\+|:\?|##?|%%?|//?)[^}\n]{0,40}\}|\$'(?:\\x?[0-9a-f]{2,3})+'|\$\(\(|\$\[\d|<\( ?\w|>\( ?\w|\bdeclare -|\bprintenv\b|\balias \w+=|\bsource /|\.bashrc\b|\.bash_history|\.ssh/(?:id_|authorized_keys)|\bnohup\s|\beval ['\x22$]|> ?/(?:tmp|dev|var)/|/tmp/[\w.-]+ ?[;|&]|/etc/(?:rc|init|cron)|\btrap ['\x22]|=\\(?:ls|id|cat|ps|wget|curl)\b)").within(Part::Arguments).unless(sought!()),
        Sign::exploit("history-or-tilde", r"[=\n\x22](?:!-\d[!\d-]*|~[+-]\d{0,3})(?:$|[\x22&\n])").within(Part::Arguments),
        Sign::exploit("brace-expansion", r"[=\n\x22][a-z]{0,4}\{(?:[a-z-]{0,10},)+[a-z0-9-]{0,10}\}[a-z]{1,4}(?:$|[&\x22;|])|[=\n\x22][a-z]{1,4}\{,[a-z-]{1,10}\}|[=\n\x22][a-z]{1,3}\{[a-z-]{1,10},\}|[=\n\x22]\{,[a-z]{2,10}[^\n]{0,20}\}(?:$|[&\x22;|])|[=\n\x22]\{[a-z]{2,10},\}(?:$|[&\x22;|])").within(Part::Arguments),
        Sign::exploit("perl-interpolation", r"@\{ ?\[|@\{ ?\\").within(Part::Any),
        Sign::exploit("agent-is-command", r"(?:user-agent|referer): ?(?:;|\||`|&&|\$\(|\{ ?;)").within(Part::Headers),
        Sign::exploit("endless-loop", r"\bwhile ?\( ?(?:\(*true|false|![^t]|-|infinity|nan|\[|\{|['\x22`]|new |typeof |this|null|undefined|void |string\)|[0-9~+/])").within(Part::Any),
        Sign::exploit("if-of-batch", r"\bif +(?:/i )?(?:not )?(?:%[a-z0-9_]+%|\(%[a-z0-9]+%\)|\x22%[^\n%]+%\x22) ?(?:==|equ|neq|lss|leq|gtr|geq)").within(Part::Arguments),
        Sign::exploit("language-runs", r"(?:\bruntime\.getruntime|\bprocessbuilder\b[^.]|\bprocess\.start ?\(|child_process|os\.(?:system|popen|exec\w*|spawn\w*) ?\(|subprocess\.(?:popen|call|run|check_output)|__import__ ?\(|io\.popen ?\(|\bos\.execute ?\(|kernel\.(?:exec|system|open)|\.execute\(\)\.text|exec\.command ?\(|require ?\( ?['\x22](?:child_process|fs|net|os|http|https|vm)['\x22]|process\.(?:mainmodule|binding|exit)\b|process\.env\b ?[.\[);,}]|spawn(?:sync)? ?\( ?['\x22]|exec(?:sync|file) ?\(|%x[\[({]\w|wscript\.shell|shell\.application|activexobject|createobject ?\()").unless(sought!()),
        Sign::known("gpon-diagnose", r"/gponform/diag_form", &["CVE-2018-10561", "CVE-2018-10562"]),
        Sign::known("boa-form-ping", r"/boaform/admin/form(?:ping|tracert)", &["CVE-2023-33617", "CVE-2018-10562"]),
        Sign::known("tenda-usb-unload", r"/goform/(?:setusbunload|formsetusbunload)", &["CVE-2020-10987"]),
        Sign::known("zyxel-weblogin", r"/(?:adv,/)?cgi-bin/weblogin\.cgi\?[^\n]*username=[^&\n]*['`;|]", &["CVE-2020-9054"]),
        Sign::known("zyxel-ztp-handler", r"/ztp/cgi-bin/handler", &["CVE-2022-30525"]),
        Sign::known("edimax-ping-page", r"^/(?:[\w-]+/)?ping\.php$", &["CVE-2020-37123"]).within(Part::Path),
        Sign::known("netgear-setup", r"/setup\.cgi\?[^\n]*(?:todo=syscmd|cmd=)", &["CVE-2024-12847"]),
        Sign::known("dlink-hnap", r"/hnap1/?[^\n]*[`;|]", &["CVE-2015-2051"]),
        Sign::known("dlink-nas-sharing", r"/cgi-bin/nas_sharing\.cgi", &["CVE-2024-3272", "CVE-2024-3273"]),
        Sign::known("dlink-account-manager", r"/cgi-bin/account_mgr\.cgi\?cmd=cgi_user_add", &["CVE-2024-10914"]),
        Sign::known("tplink-locale", r"/cgi-bin/luci/;stok=/locale", &["CVE-2023-1389"]),
        Sign::known("realtek-sdk", r"/goform/formsyscmd|/goform/(?:mp|formwsc)\b", &["CVE-2021-35394", "CVE-2021-35395"]),
        Sign::known("hikvision-language", r"/sdk/weblanguage", &["CVE-2021-36260"]),
        Sign::known("tbk-dvr", r"/device\.rsp\?[^\n]*(?:cmd=|opt=sys)", &["CVE-2024-3721", "CVE-2018-9995"]),
        Sign::known("jaws-shell", r"^/shell\?[^\n=&]*(?:\bcd ?/|wget |busybox|cat ?/|\bid\b)", &["CVE-2016-20016"]),
        Sign::known("boa-form-command", r"/boafrm/form(?:sysmd|syscmd|wsc)\b", &["CVE-2019-19824", "CVE-2021-35395"]),
        Sign::exploit("boa-form-tools", r"/boafrm/form(?:ping|tracert|filter)\b").within(Part::Path),
        Sign::known("huawei-upgrade", r"/ctrlt/deviceupgrade_1", &["CVE-2017-17215"]),
        Sign::known("linksys-tmunblock", r"/tmunblock\.cgi", &["CVE-2025-34037"]),
        Sign::known("totolink-cstecgi", r"/cgi-bin/cstecgi\.cgi", &["CVE-2022-25075", "CVE-2022-26186"]),
        Sign::known("qnap-quick", r"/cgi-bin/quick/quick\.cgi", &["CVE-2023-47218"]),
        Sign::known("qnap-photo", r"/photo/(?:p/api/|api/)", &["CVE-2019-7192"]),
        Sign::known("samsung-magicinfo", r"/magicinfo/servlet/swupdatefileuploader", &["CVE-2024-7399"]),
        Sign::known("edgewater-broadcast-cookie", r"broadcast=[^;\n]*(?:`|\$\()", &["CVE-2025-2611"]).within(Part::Any),
        Sign::known("kemp-loadmaster", r"/access/set\?param=enableapi", &["CVE-2024-1212"]),
        Sign::known("netalert-settings", r"function=savesettings&settings=[^\n]*dbclnp", &["CVE-2024-46506"]).within(Part::Any),
        Sign::known("salt-wheel-async", r#""client" ?: ?"(?:wheel_async|ssh)""#, &["CVE-2021-25281", "CVE-2020-16846"]).within(Part::Body),
        Sign::known("freepbx-callme", r"/recordings/misc/callme_page\.php", &["CVE-2012-4869"]),
    ],
};
