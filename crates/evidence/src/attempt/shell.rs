//! Which words does a shell take for commands, and where does it look for them?
//!
//! Parts of patterns. Prose holds many names of commands, so each list says how much must stand around a name.

/// Names that hardly any other text holds: with an argument behind them they are a command.
macro_rules! tools {
    () => {
        "ansible-(?:config|console|doc|galaxy|inventory|playbook|pull|vault)|apt-get|aptitude|bsdtar|bunzip2|busybox|\
         bzcat|bzip2|certutil|chef-(?:client|run|shell|solo|vault)|chmod|chown|chroot|cpulimit|crontab|cscli|csplit|\
         dmesg|dpkg|egrep|fdisk|fgrep|flock|ftpget|g?awk|gcc|gdb|getent|gunzip|gzip|hping3|htop|ifconfig|insmod|ionice|\
         ip6?tables|ipconfig|journalctl|killall|kubectl|lastlog(?:in)?|lsattr|lsblk|lscpu|lsmod|lsof|lspci|lsb_release|\
         lwp-(?:download|request)|mkdir|mshta|regsvr32|rundll32|bitsadmin|mkfifo|mknod|mysqldump|ncat|netcat|netstat|nmap|nohup|nsenter|nslookup|pgrep|\
         pip3|pipx|pkexec|pkill|printenv|printf|rmdir|rmt-(?:dump|tar)|rsync|setarch|setsid|smbclient|socat|sqlite3|\
         ssh-(?:add|copy-id|keygen)|sshpass|strace|sudo|sysctl|systemctl|systeminfo|tasklist|tcpdump|telnet|tftp|traceroute|uconv|umount|uname|\
         unshare|unxz|unzip|useradd|userdel|usermod|visudo|whoami|xargs|xxd|xz(?:cat)?|zcat|zgrep|zstd(?:cat)?"
    };
}

/// Names of programs that people talk about, too.
macro_rules! topics {
    () => {
        "ansible|base64|bash|composer|csh|curl|docker|emacs|env|ftp|git|java|ksh|less|lua|lynx|mysql|nano|nc|node|npm|\
         openssl|perf|perl|php|ping6?|podman|powershell|psql|python[23]?|redis-cli|ruby|scp|sendmail|sh|\
         ssh|svn|tar|vim?|wget|yum|zsh"
    };
}

/// Commands that are words of English, too.
macro_rules! plain {
    () => {
        "alias|arp|batch|c89|cal|cat|cmd|column|comm|copy|cut|date|del|diff|dig|dir|echo|exec|exit|export|expr|file|find|\
         finger|fold|grep|head|history|hostname|install|kill|last|locate|logger|look|mail|make|md5sum|more|mount|net|\
         passwd|paste|pwd|reboot|rev|route|screen|sed|service|set|shutdown|sleep|sort|stat|strings|stty|tac|tail|tee|\
         time|timeout|top|touch|trap|type|uniq|uptime|users|ver|wait|wall|watch|whereis|which|who|yes|zip"
    };
}

/// Commands of two letters. What may stand behind them belongs to the pattern's telling texts, as many words begin so.
macro_rules! short {
    () => {
        "at|cd|cp|dd|df|du|ed|ex|id|ip|jq|ll|ln|ls|mv|nl|od|pr|ps|rc|rm|ss|su|tr|vi|wc"
    };
}

/// Parameters in which people search or write, where two words of theirs follow: a search for `tail -f logfile`.
macro_rules! sought {
    () => {
        "(?:^|[?&])(?:q|s|k|search|query|text|terms?|keywords?|title|subject|message|comment|action_name|dt|utm_[a-z]+)=[\\w.+-]+ [\\w.-]"
    };
}

pub(super) use {plain, short, sought, tools, topics};
