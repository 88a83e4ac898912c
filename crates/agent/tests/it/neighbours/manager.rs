//! Who else writes rules on a host, how is it started, and how does it load them anew?

use tripoint_linux::netns::NetNs;

use super::shell::Shell;

pub struct Manager {
    pub name: &'static str,
    /// Without one of these it is not here.
    programs: &'static [&'static str],
    /// Files that it needs, in the shell's `$FOLDER`.
    files: &'static [(&'static str, &'static str)],
    start: &'static [&'static str],
    pub reloads: &'static [&'static str],
}

impl Manager {
    /// Its rules are in force when this returns; else why it cannot be run here.
    pub fn start(&self, namespace: &NetNs) -> Result<Shell, String> {
        let mut shell = Shell::start(namespace)?;
        for program in self.programs {
            shell.run(&format!("command -v {program}")).map_err(|_| format!("{program} is not installed"))?;
        }
        for (name, text) in self.files {
            shell.write(name, text);
        }
        for command in self.start {
            // A manager that is installed and does not start is a fault of this test.
            shell.run(command).unwrap_or_else(|error| panic!("{}: {command}: {error}", self.name));
        }
        Ok(shell)
    }
}

/// Fedora's and SUSE's, with a message bus of its own.
pub const FIREWALLD: Manager = Manager {
    name: "firewalld",
    programs: &["firewalld", "firewall-cmd", "dbus-daemon", "nft"],
    files: &[("bus.conf", BUS)],
    start: &[
        "mkdir $FOLDER/etc; export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$FOLDER/bus",
        "dbus-daemon --config-file=$FOLDER/bus.conf --address=$DBUS_SYSTEM_BUS_ADDRESS --nofork --nopidfile >/dev/null 2>&1 & PIDS=$!",
        "firewalld --nofork --nopid --log-file $FOLDER/log --system-config $FOLDER/etc >/dev/null 2>&1 & PIDS=\"$PIDS $!\"",
        "for i in $(seq 50); do timeout 5 firewall-cmd --state && break; sleep 0.1; done; timeout 5 firewall-cmd --state",
        "timeout 20 firewall-cmd --permanent --add-service=ssh; timeout 20 firewall-cmd --add-rich-rule='rule family=ipv4 source address=192.0.2.1 reject'",
    ],
    // Behind a flush of everything firewalld 1.3 cannot delete what is gone, and says so: only the flush is ours to bear.
    reloads: &["timeout 20 firewall-cmd --reload", "timeout 20 firewall-cmd --complete-reload", "nft flush ruleset"],
};

const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:tmpdir=/run</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>
"#;

/// Debian's and Ubuntu's, over files of the host that are only copies.
pub const UFW: Manager = Manager {
    name: "ufw",
    programs: &["ufw", "nft"],
    files: &[],
    start: &[
        "cp -a /etc/ufw $FOLDER/etc; cp -a /etc/default/ufw $FOLDER/default",
        "mount --bind $FOLDER/etc /etc/ufw; mount --bind $FOLDER/default /etc/default/ufw",
        "ufw --force enable",
        "ufw allow 22/tcp; ufw deny from 192.0.2.1",
    ],
    reloads: &["ufw reload", "ufw disable && ufw --force enable", "nft flush ruleset; ufw reload"],
};

/// What dockerd 20 says to iptables when it starts and when it is told that a firewall was loaded anew.
pub const DOCKER: Manager = Manager {
    name: "docker's rules",
    programs: &["iptables", "nft"],
    files: &[("docker.sh", DOCKER_RULES)],
    start: &["sh $FOLDER/docker.sh"],
    reloads: &["sh $FOLDER/docker.sh", "iptables -F; iptables -t nat -F; sh $FOLDER/docker.sh"],
};

const DOCKER_RULES: &str = "set -e
n() { iptables -t $1 -N $2 2>/dev/null || iptables -t $1 -F $2; }
n nat DOCKER; n filter DOCKER; n filter DOCKER-ISOLATION-STAGE-1; n filter DOCKER-ISOLATION-STAGE-2; n filter DOCKER-USER
iptables -P FORWARD DROP
iptables -t nat -D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER 2>/dev/null || true
iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
iptables -t nat -D OUTPUT -m addrtype --dst-type LOCAL ! --dst 127.0.0.0/8 -j DOCKER 2>/dev/null || true
iptables -t nat -A OUTPUT -m addrtype --dst-type LOCAL ! --dst 127.0.0.0/8 -j DOCKER
iptables -t nat -D POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE 2>/dev/null || true
iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
iptables -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
iptables -A DOCKER-ISOLATION-STAGE-1 -j RETURN
iptables -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
iptables -A DOCKER-ISOLATION-STAGE-2 -j RETURN
iptables -A DOCKER-USER -j RETURN
for chain in DOCKER-ISOLATION-STAGE-1 DOCKER-USER; do
  iptables -D FORWARD -j $chain 2>/dev/null || true
  iptables -I FORWARD -j $chain
done
";

/// Hosts that keep their rules in a file, which replaces whole tables.
pub const RESTORE: Manager = Manager {
    name: "iptables-restore",
    programs: &["iptables-restore", "nft"],
    files: &[("rules", RULES)],
    start: &["iptables-restore $FOLDER/rules"],
    reloads: &["iptables-restore $FOLDER/rules", "nft flush ruleset; iptables-restore $FOLDER/rules"],
};

const RULES: &str = "*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -s 192.0.2.1/32 -j DROP
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s 198.51.100.0/24 -j MASQUERADE
COMMIT
";
