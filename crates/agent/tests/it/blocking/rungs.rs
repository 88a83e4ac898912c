//! Do the other rungs hold on the wire: one connection ended, a peer refused to one application, a host isolated?

use std::fs;
use std::path::PathBuf;

use ipnet::IpNet;
use tripoint_linux::bpf::pins;
use tripoint_linux::cgroup;
use tripoint_sensor::procfs;

use super::field::{PEER, Place};
use super::traffic::{Kind, Way};
use super::{bpf, field, nft, talks};

/// UDP has no end that the other side hears of: its next word is a new conversation, which the block beside refuses.
#[test]
fn an_ended_connection_carries_nothing_more_whoever_began_it() {
    for place in [Place::Host, Place::Container] {
        let Some(mut field) = field(nft, place) else { return };
        for talk in talks(Way::Outbound).chain(talks(Way::Inbound)).filter(|talk| talk.kind == Kind::Tcp) {
            let ended = field.goes_on_after_its_end(talk);
            assert_eq!((ended.packets, ended.is_heard), (0, false), "{place:?} {talk:?}");
        }
    }
}

#[test]
fn an_isolated_host_is_silent_to_whom_it_does_not_admit() {
    // The narrowest that shows it: programs judge the whole machine.
    let cut: Vec<IpNet> = PEER.iter().map(|peer| IpNet::from(peer.parse::<std::net::IpAddr>().unwrap())).collect();
    for place in [Place::Host, Place::Container] {
        let Some(mut field) = field(bpf, place) else { return };
        for talk in talks(Way::Outbound).chain(talks(Way::Inbound)) {
            assert!(field.talk(talk, true).is_heard, "{place:?} {talk:?}: the probe works");
            field.isolate_from(&cut);
            let isolated = field.talk(talk, false);
            assert_eq!((isolated.packets, isolated.is_heard), (0, false), "{place:?} {talk:?}");
            field.unblock("host");
        }
    }
}

/// This test as an application of its own: in a cgroup that it leaves again.
struct Own(PathBuf);

impl Own {
    fn enter() -> Option<(Self, String)> {
        let path = cgroup::root()?.join(format!("tripoint-own-{}", std::process::id()));
        let made = fs::create_dir(&path).and_then(|()| fs::write(path.join("cgroup.procs"), "0"));
        if let Err(error) = made {
            println!("skipped: no cgroup of our own: {error}");
            return None;
        }
        let own = Self(path);
        Some((own, procfs::read(std::process::id(), None)?.application().key()))
    }

    fn leave(&self) {
        let _ = cgroup::root().map(|root| fs::write(root.join("cgroup.procs"), "0"));
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.leave();
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_peer_is_refused_to_one_application_in_every_way() {
    for place in [Place::Host, Place::Container] {
        let Some(mut field) = field(bpf, place) else { return };
        for talk in talks(Way::Outbound).chain(talks(Way::Inbound)) {
            let Some((own, key)) = Own::enter() else { return };
            assert!(field.talk(talk, true).is_heard, "{place:?} {talk:?}: the probe works");
            field.block_for_application(talk.family.peer(), &key);
            let refused = field.talk(talk, false);
            assert_eq!((refused.packets, refused.is_heard), (0, false), "{place:?} {talk:?} {key}");
            // Sockets that are made elsewhere are not meant.
            own.leave();
            assert!(field.talk(talk, true).is_heard, "{place:?} {talk:?}: others");
            field.release();
        }
        drop(field);
        assert!(pins::kept("tripoint_test").is_empty(), "{place:?}: nothing is left");
    }
}
