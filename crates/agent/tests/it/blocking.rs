//! Is a block a block? For each mechanism, each way and each kind of socket: nothing of the blocked host's is seen on
//! the other side, and the same traffic without the block is.

mod field;
mod rungs;
mod traffic;

use std::time::{Duration, SystemTime};

use tripoint_agent::firewall::{BpfFirewall, IpsetFirewall, NftFirewall};
use tripoint_linux::bpf::{LoadOptions, Loaded, Programs, load};
use tripoint_model::Timestamp;
use tripoint_responder::Firewall;

use self::field::{Field, Place};
use self::traffic::{Family, Kind, Talk, Way};

/// A mechanism, and what keeps it in the kernel.
pub struct Mechanism {
    pub firewall: Box<dyn Firewall>,
    programs: Option<Programs>,
}

impl Drop for Mechanism {
    /// What kernel programs block is blocked on the whole host, and outlives who made it; the others go with the field.
    fn drop(&mut self) {
        if self.programs.is_some() {
            let _ = self.firewall.release(Timestamp::from_system(SystemTime::now()));
        }
    }
}

type Open = fn() -> Result<Mechanism, String>;

fn nft() -> Result<Mechanism, String> {
    let firewall = NftFirewall::open("tripoint").map_err(|error| error.to_string())?;
    Ok(Mechanism { firewall: Box::new(firewall), programs: None })
}

fn ipset() -> Result<Mechanism, String> {
    let firewall = IpsetFirewall::open("tripoint").map_err(|error| error.to_string())?;
    Ok(Mechanism { firewall: Box::new(firewall), programs: None })
}

fn bpf() -> Result<Mechanism, String> {
    let Loaded { programs, blocks, isolation, .. } =
        load(&LoadOptions::default()).map_err(|error| error.to_string())?;
    Ok(Mechanism { firewall: Box::new(BpfFirewall::new(blocks, isolation, "tripoint_test")), programs: Some(programs) })
}

/// Builds the field, or skips the test where there are no namespaces or the mechanism does not work.
fn field(open: Open, place: Place) -> Option<Field> {
    match Field::build(open, place) {
        Ok(field) => Some(field),
        Err(error) if std::env::var_os("RUN_KERNEL_TESTS").is_some() => panic!("{error}"),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

/// Both protocols over all families, this way: without the block, with it, and without it again.
fn every_kind(open: Open, place: Place, way: Way) {
    let Some(mut field) = field(open, place) else { return };
    for kind in [Kind::Tcp, Kind::Udp] {
        for family in [Family::V4, Family::V6, Family::Mapped] {
            let talk = Talk { kind, family, way };
            let twin = field.talk(talk, true);
            assert!(twin.packets > 0 && twin.is_heard, "the probe works without a block: {talk:?} {twin:?}");
            field.block(talk.family.peer());
            let blocked = field.talk(talk, false);
            assert_eq!((blocked.packets, blocked.is_heard), (0, false), "{talk:?} is blocked");
            field.unblock(talk.family.peer());
            let lifted = field.talk(talk, true);
            assert!(lifted.packets > 0 && lifted.is_heard, "lifted again: {talk:?} {lifted:?}");
        }
    }
}

/// Every kind of talk over every family.
fn talks(way: Way) -> impl Iterator<Item = Talk> {
    let families = [Family::V4, Family::V6, Family::Mapped];
    [Kind::Tcp, Kind::Udp].into_iter().flat_map(move |kind| families.map(|family| Talk { kind, family, way }))
}

/// A conversation that is open when the block comes carries nothing more, in either direction, whoever began it.
fn every_open_conversation(open: Open, place: Place) {
    let Some(mut field) = field(open, place) else { return };
    for talk in talks(Way::Outbound).chain(talks(Way::Inbound)) {
        let twin = field.goes_on(talk, false);
        assert!(twin.packets > 0 && twin.is_heard, "the twin goes on: {talk:?} {twin:?}");
        let blocked = field.goes_on(talk, true);
        assert_eq!((blocked.packets, blocked.is_heard), (0, false), "{talk:?} ends with the block");
    }
}

macro_rules! matrix {
    ($($name:ident: $open:ident $place:ident $way:ident;)*) => {
        $(#[test]
        fn $name() {
            every_kind($open, Place::$place, Way::$way);
        })*
    };
}

matrix! {
    nft_outbound_of_the_host: nft Host Outbound;
    nft_inbound_to_the_host: nft Host Inbound;
    nft_outbound_through_a_router: nft Router Outbound;
    nft_inbound_through_a_router: nft Router Inbound;
    nft_outbound_of_a_container: nft Container Outbound;
    nft_inbound_to_a_container: nft Container Inbound;
    ipset_outbound_of_the_host: ipset Host Outbound;
    ipset_inbound_to_the_host: ipset Host Inbound;
    ipset_outbound_through_a_router: ipset Router Outbound;
    ipset_inbound_through_a_router: ipset Router Inbound;
    ipset_outbound_of_a_container: ipset Container Outbound;
    ipset_inbound_to_a_container: ipset Container Inbound;
    bpf_outbound_of_the_host: bpf Host Outbound;
    bpf_inbound_to_the_host: bpf Host Inbound;
    bpf_outbound_of_a_container: bpf Container Outbound;
    bpf_inbound_to_a_container: bpf Container Inbound;
}

#[test]
fn nft_ends_open_conversations_of_host_router_and_container() {
    for place in [Place::Host, Place::Router, Place::Container] {
        every_open_conversation(nft, place);
    }
}

#[test]
fn ipset_ends_open_conversations_of_host_router_and_container() {
    for place in [Place::Host, Place::Router, Place::Container] {
        every_open_conversation(ipset, place);
    }
}

#[test]
fn bpf_ends_open_conversations_of_host_and_container() {
    for place in [Place::Host, Place::Container] {
        every_open_conversation(bpf, place);
    }
}

#[test]
fn a_port_is_blocked_alone_and_a_network_as_a_whole() {
    for open in [nft as Open, ipset, bpf] {
        let Some(mut field) = field(open, Place::Host) else { return };
        for kind in [Kind::Tcp, Kind::Udp] {
            for family in [Family::V4, Family::V6] {
                let talk = Talk { kind, family, way: Way::Outbound };
                field.block(&family.peer_port(traffic::PORT + 1));
                assert!(field.talk(talk, true).is_heard, "another port is not meant: {talk:?}");
                field.block(&family.peer_port(traffic::PORT));
                let blocked = field.talk(talk, false);
                assert_eq!((blocked.packets, blocked.is_heard), (0, false), "{talk:?} port");
                field.release();
                field.block(family.network());
                let blocked = field.talk(talk, false);
                assert_eq!((blocked.packets, blocked.is_heard), (0, false), "{talk:?} network");
                field.release();
                assert!(field.talk(talk, true).is_heard, "{talk:?} lifted");
            }
        }
    }
}

#[test]
fn a_block_ends_when_its_time_is_over_and_not_before() {
    for open in [nft as Open, ipset] {
        let Some(mut field) = field(open, Place::Host) else { return };
        let talk = Talk { kind: Kind::Udp, family: Family::V4, way: Way::Outbound };
        field.block_for(talk.family.peer(), Duration::from_secs(3));
        assert_eq!(field.talk(talk, false).packets, 0);
        // Nobody of ours is alive any more: the kernel alone lifts it.
        field.forget_mechanism();
        assert_eq!(field.talk(talk, false).packets, 0, "it holds without us");
        std::thread::sleep(Duration::from_millis(4200));
        assert!(field.talk(talk, true).is_heard, "and ends without us");
    }
}
