//! Who tried to have the server run a command?

use super::{Sign, Technique};
use crate::pack::rule::Part;

pub(super) const TECHNIQUE: Technique = Technique {
    family: "command-injection",
    attack: &["T1190", "T1059"],
    signs: &[
        Sign::exploit("command-behind-separator", r"(?:[;|`{] ?|\$\( ?|<\( ?|&& ?|& |\|\| ?)(?:sudo|exec|busybox|nohup|cat|ls|id|whoami|uname|wget|curl|nc|ncat|netcat|bash|zsh|ksh|csh|sh|ping|nslookup|dig|host|ifconfig|ipconfig|netstat|ps|echo|printf|env|set|sleep|rm|cp|mv|chmod|chown|touch|mkdir|tar|php|python[23]?|perl|ruby|node|lua|gcc|awk|gawk|sed|tail|head|more|less|tac|nl|od|xxd|base64|find|grep|egrep|kill|killall|telnet|ssh|scp|ftp|tftp|lynx|mail|sendmail|passwd|useradd|crontab|systemctl|service|reboot|shutdown|mount|df|du|who|last|lsof|ip|arp|route|traceroute|hostname|dir|type|net|cmd|cmd\.exe|powershell|certutil|bitsadmin|mshta|rundll32|wmic|tasklist|copy|del|system|xargs|tee|dd|docker|kubectl|phpinfo|pwd|cd|export|history|dmesg|openssl|socat|diff|sort|uniq|wc|time|timeout|rev|unzip|gzip|zip|jq|make|batch|screen|vi|vim|nano|ed|git|exit|ver|systeminfo|finger|logger|install|strings|cut|paste|stat|file|ln|locate|lscpu|lsb_release|whereis|which|getent)(?:[;|&`)}<>\n]|\$|\x22|'| ?[-/$;|&<>'\x22~.*`\\)0-9]| [a-z0-9.-]{0,40}[./=:|\\]| (?:cat|ls|id|whoami|sh|bash|wget|curl|nc)\b|$)|\n(?:cat /|ls -|id\n|whoami|uname -|wget http|curl http|ping -|nc -|bash -|sh -c|/bin/)")
            .within(Part::Arguments)
            ,
        Sign::exploit("command-at-value", r"[=:] ?['\x22]?(?:cat /|wget (?:-\w+ )*https?:|curl (?:-\w+ )*(?:https?:|\d)|nc -\w+|bash -[ic]|sh -c|/bin/(?:ba|da|z|k|c)?sh|/bin/(?:cat|ls|id|ping|nc)|/usr/bin/(?:id|wget|curl|perl|python|env|whoami|nc)|cmd(?:\.exe)? ?/c|powershell(?:\.exe)? -|ping -[cn] \d|uname -a|ls -(?:la|al|l)|ls ?/|id ?;|whoami ?$|chmod [0-7+]|rm -r|python[\d.]* -c|perl -e|php -r|ruby -e|echo [^\n&]{1,60}[|>])").within(Part::Any).unless(r"referer: [^\n]*bash"),
        Sign::exploit("system-path-run", r"(?:/(?:usr/)?(?:s?bin|local/bin)/(?:ba|da|z|k|c|tc)?sh\b|/bin/(?:cat|ls|id|ping|nc|wget|uname|chmod|rm|ps|echo|kill|touch|sleep|true|false|mount|df|busybox|[?*\[]{1,6})|/usr/s?bin/(?:id|wget|curl|perl|python|env|whoami|nc|php|ruby|find|gcc|nslookup|sendmail)|/(?:b|\?)(?:i|\?)(?:n|\?)/[a-z]*\?[a-z?]*|/dev/(?:tcp|udp)/|\bcmd\.exe\b|\bpowershell\.exe\b|\\system32\\)").unless(r"^#!|python-requests"),
        Sign::exploit("shell-substitution", r"(?:\$\((?:[^)\n\w]*)(?:cat|id|ls|whoami|curl|wget|uname|sleep|echo|ping|nslookup|hostname|pwd|sh|bash|nc|env|printenv|rm|php|python|perl|touch|date|expr|printf|base64|<)[\s)|;/]|` ?(?:cat|id|ls|whoami|curl|wget|uname|sleep|echo|ping|nslookup|hostname|pwd|sh|bash|nc|env|rm|php|python|perl|touch|date|printf)[\s;|`/$-]|\$\{ifs\}|\$ifs\b|\$\{path:|\{(?:cat|curl|wget|ping|sleep|ls|nc|bash|echo|sh),)"),
        Sign::exploit("reverse-shell", r"(?:bash -i ?>|/dev/tcp/|nc (?:-\w+ )*-e\s|mkfifo /|socket\.socket ?\(|fsockopen ?\(|0<&1|>& ?/dev/|\| ?(?:/bin/)?(?:ba|da|z|k)?sh\b|\| ?base64 -d|exec \d+<>|import (?:os|pty|socket|subprocess)\b|pty\.spawn)"),
        Sign::exploit("downloads-and-runs", r"\b(?:wget|curl|tftp|ftpget|lwp-download|invoke-webrequest|iwr|certutil -urlcache|start-bitstransfer|bitsadmin)\b[^\n]{0,120}(?:https?:|ftp:|\d+\.\d+\.\d+\.\d+|[;|&] ?(?:sh|bash|chmod|perl|python)|-o\s|\$\{ifs\})").unless(r"user-agent: (?:wget|curl)|referer:"),
        Sign::exploit("powershell", r"(?:powershell[^\n]{0,40}\s-(?:e|enc|encodedcommand|nop|noprofile|w|windowstyle|ep|exec|command|c)\b|\biex ?\(|invoke-(?:expression|command|mimikatz|webrequest)|\bnew-object (?:net\.webclient|system\.)|downloadstring ?\(|frombase64string ?\(|start-process\s|get-(?:process|childitem|content|wmiobject|command|item)\b|set-executionpolicy|out-file\s)"),
        Sign::exploit("windows-command", r"(?:[;|&`] ?(?:dir|type|net (?:user|localgroup|group|view|start)|tasklist|systeminfo|ipconfig|whoami|ver|copy|del|echo|start|reg (?:add|query)|sc (?:query|create)|schtasks|wmic|vssadmin|icacls|findstr|for /f)\b[\s/&|c]|%(?:comspec|systemroot|programdata|appdata|windir|temp)%|\bnet (?:user|localgroup) \w+|\bfor /[fdlr] %|\bif (?:not )?(?:exist|defined|errorlevel|/i)\s)").within(Part::Any).unless("referer:[^\n]*&type"),
        Sign::exploit("unix-flags", r"(?:\b(?:find|locate) / ?[^\n]{0,40}-(?:name|exec|perm|type)|-exec \S+|\btail -[nf]|\bgrep -[rinv]+\s|\bchmod (?:[0-7]{3,4}|[ugoa]*\+[xs])\s|\bchown \w+[:\s]|\bcrontab -|\buseradd -|\bps -?(?:aux|ef)|\bnetstat -\w+|\bifconfig -?(?:a|eth)|\bkill -9|\bdpkg -l|\brpm -qa|\blsof -i|\btcpdump -|\bawk ['\x22]?(?:\{|begin)|\bsed -[nei]|\bxargs -|\btar -?[cxz]\w*f|\bgcc -o|\bapt(?:-get)? install|\byum install|\bpip\d? install|\bdocker run|\bnmap -|\bhping3)").within(Part::Arguments),
        Sign::exploit("shell-tricks", r"(?:\bif ?\[\s|; ?then\s|; ?do\s|\bfor \w+ in [^\n]{1,60};|\bwhile (?:true|read|:) ?;|\(\) ?\{[^\n]*\}|<<< ?\S|\$\{[!#@]?\w*(?::-|:=|:\+|:\?|##?|%%?|//?)[^}\n]{0,40}\}|\$'(?:\\x?[0-9a-f]{2,3})+'|\$\(\(|\$\[\d|<\( ?\w|>\( ?\w|\bdeclare -|\bprintenv\b|\balias \w+=|\bsource /|\.bashrc\b|\.bash_history|\.ssh/(?:id_|authorized_keys)|\bnohup\s|\beval ['\x22$]|> ?/(?:tmp|dev|var)/|/tmp/[\w.-]+ ?[;|&]|/etc/(?:rc|init|cron))").within(Part::Arguments),
        Sign::exploit("language-runs", r"(?:\bruntime\.getruntime|\bprocessbuilder\b|\bprocess\.start ?\(|child_process|os\.(?:system|popen|exec\w*|spawn\w*) ?\(|subprocess\.(?:popen|call|run|check_output)|__import__ ?\(|io\.popen ?\(|\bos\.execute ?\(|kernel\.(?:exec|system|open)|\.execute\(\)\.text|exec\.command ?\(|require ?\( ?['\x22](?:child_process|fs|net|os|http|https|vm)['\x22]|process\.(?:mainmodule|binding|env|exit)\b|spawn(?:sync)? ?\( ?['\x22]|exec(?:sync|file) ?\(|%x[\[({]\w|wscript\.shell|shell\.application|activexobject|createobject ?\()"),
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
        Sign::known("jaws-shell", r"^/shell\?[^\n]*(?:cd|wget|busybox|cat|id)\b", &["CVE-2016-20016"]),
        Sign::known("netlink-gpon-ping", r"/boafrm/form(?:ping|sysmd|syscmd|filter)", &["CVE-2022-46169"]),
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
        Sign::known("openssl-ivr", r"/recordings/(?:misc/)?(?:callme_page|audio)\.php", &["CVE-2012-4869"]),
    ],
};
