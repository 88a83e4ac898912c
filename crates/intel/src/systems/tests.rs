//! Do entries on autonomous systems become networks, as many as may be, and none that must not?

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use tripoint_model::{AppliesTo, Category, Claim, IndicatorLookup as _};

use super::*;
use crate::guardlist::import::GuardOptions;
use crate::images::open_newest;
use crate::{FeedState, ImportOptions, ImportReport, import, networks};

struct Rig {
    dir: tempfile::TempDir,
    own: Vec<IpAddr>,
}

impl Rig {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), own: vec!["45.0.0.9".parse().unwrap()] }
    }

    fn context(&self) -> Context<'_> {
        Context { data_dir: self.dir.path(), permit_ranges: &[], own: &self.own, now: Timestamp(9) }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Owners, and what follows from them.
    fn table(&self, text: &str) {
        let day = "2026-01-02T03:04:05Z".parse().unwrap();
        networks::import(&[self.file("owners.csv", text)], self.dir.path(), day).unwrap();
        find_again(&self.context()).unwrap();
    }

    fn feed(&self, text: &str) -> ImportReport {
        let options = ImportOptions {
            name: "f".into(),
            category: Some(Category::Hijacked),
            direction: Some(AppliesTo::Out),
            confidence: Some(81),
            ..ImportOptions::default()
        };
        import(&self.file("feed", text), &options, &self.context()).unwrap()
    }

    fn claims(&self, address: &str) -> Vec<Claim> {
        let (_, index) = open_newest(self.dir.path()).expect("an image");
        index.claims(address.parse().unwrap(), 443).to_vec()
    }

    fn status(&self) -> crate::FeedStatus {
        crate::store::list(self.dir.path()).remove(0)
    }
}

#[test]
fn who_spares_a_system_spares_all_of_it() {
    let rig = Rig::new();
    let of = |number, most| networks_of(rig.dir.path(), number, most);
    assert!(of(64500, 9).unwrap_err().contains("tripoint intel networks import"));
    // What is reserved or this host's own is meant too.
    rig.table("start,end,asn,name\n45.0.0.0,45.0.1.255,64500,One\n10.0.0.0,10.0.0.2,64500,One\n");
    let expected = ["10.0.0.0/31", "10.0.0.2/32", "45.0.0.0/23"].map(|net| net.parse::<IpNet>().unwrap());
    assert_eq!(of(64500, 9).unwrap(), expected);
    assert_eq!(of(64500, 1).unwrap().len(), 2, "one more than wanted tells that there are more");
    assert!(of(64501, 9).unwrap_err().contains("no network"));
}

#[test]
fn without_a_table_each_is_refused_and_the_command_named() {
    let rig = Rig::new();
    let report = rig.feed("# two\nAS64500 ; One\nas64501\n");
    assert_eq!((report.read, report.imported, report.refused), (2, 0, 2), "{:?}", report.refusals);
    assert_eq!(report.refusals[0].line, 2);
    let reason = "AS64500: there is no owners' table: run `tripoint intel networks import FILE`";
    assert_eq!(report.refusals[0].reason, reason);
    assert!(open_newest(rig.dir.path()).is_none(), "nothing else was in it");
    // Beside addresses they wait.
    let report = rig.feed("AS64500\n5.6.7.8\n");
    assert_eq!((report.read, report.imported, report.refused), (2, 1, 1));
    assert!(rig.status().trouble(Timestamp(9)).unwrap().contains("intel networks import"));
    rig.table("46.0.0.0/24,64500,EXAMPLE\n");
    assert_eq!(rig.claims("46.0.0.1").len(), 1, "the new table is asked at once");
    assert_eq!((rig.status().trouble(Timestamp(9)), rig.status().state), (None, FeedState::Ok));
    // A damaged table is as good as none, and is said.
    let table = rig.dir.path().join("networks/owners.v4");
    let bytes = fs::read(&table).unwrap();
    fs::write(&table, &bytes[..bytes.len() - 1]).unwrap();
    find_again(&rig.context()).unwrap();
    assert!(rig.claims("46.0.0.1").is_empty() && rig.claims("5.6.7.8").len() == 1);
    assert!(rig.status().trouble(Timestamp(9)).unwrap().contains("the owners' table is damaged"));
    // Beside a whole one of the other family too.
    let six = rig.file("six.csv", "2a00:5::/32,64501,Six\n");
    networks::import(&[six], rig.dir.path(), Timestamp(9)).unwrap();
    let report = rig.feed("AS64500\nAS64501\n");
    assert_eq!((report.imported, report.refused), (1, 1));
    assert!(report.refusals[0].reason.contains("the owners' table is damaged"), "{:?}", report.refusals);
    assert!(rig.status().trouble(Timestamp(9)).unwrap().contains("the owners' table is damaged"));
}

#[test]
fn a_claim_says_through_what_it_was_made_and_is_worth_half() {
    let rig = Rig::new();
    rig.table("46.0.0.0,46.0.2.255,64500,EXAMPLE\n46.0.1.0,46.0.1.255,64501,Within\n2a00:5::/32,64500,EXAMPLE\n");
    let report = rig.feed("AS64500\n");
    assert_eq!((report.imported, report.refused), (1, 0), "{:?}", report.refusals);
    for (address, matched) in [("46.0.0.1", "46.0.0.0/24"), ("46.0.2.9", "46.0.2.0/24"), ("2a00:5::1", "2a00:5::/32")] {
        let claims = rig.claims(address);
        let claim = &claims[0];
        assert_eq!((claims.len(), claim.matched.to_string().as_str(), claim.confidence), (1, matched, 40), "{address}");
        assert_eq!((claim.category, claim.direction), (Category::Hijacked, AppliesTo::Out));
        assert_eq!(claim.labels, ["AS64500 EXAMPLE through the owners' table of 2026-01-02"]);
        assert_eq!(claim.system, Some(64500));
    }
    assert!(rig.claims("46.0.1.1").is_empty(), "another's, in the middle");
    let systems = rig.status().systems.unwrap();
    assert_eq!((systems.named, systems.in_force, systems.networks), (1, 1, 3));
    // The table changes, and so does what is meant.
    rig.table("46.0.3.0/24,64500,EXAMPLE\n");
    assert!(rig.claims("46.0.0.1").is_empty());
    assert_eq!(rig.claims("46.0.3.1").len(), 1);
}

#[test]
fn nothing_guarded_reserved_or_own_is_ever_meant() {
    let rig = Rig::new();
    let guard = rig.file("mine.txt", "45.0.1.0/25\n45.0.2.7\n");
    guardlist::import::import(&[guard], &GuardOptions::default(), &rig.context()).unwrap();
    rig.table(concat!(
        "45.0.0.0,45.0.3.255,64500,Wide\n9.255.255.0,10.0.0.255,64501,Edge\n8.8.8.8,8.8.8.8,64502,Resolver\n",
        "fc00::/20,64503,Local\n2001:db8::/32,64504,Documents\n",
    ));
    let report = rig.feed("AS64500\nAS64501\nAS64502\nAS64503\nAS64504\nAS64512\nAS64505\n");
    let refused: Vec<String> = report.refusals.iter().map(|refusal| refusal.reason.clone()).collect();
    assert_eq!((report.read, report.imported), (7, 2), "{refused:?}");
    assert!(refused.iter().any(|reason| reason.starts_with("AS64512 is for private use")), "{refused:?}");
    assert!(refused.iter().any(|reason| reason == "AS64505: the owners' table gives it no network"), "{refused:?}");
    assert_eq!(refused.iter().filter(|reason| reason.contains("guarded, reserved")).count(), 3, "{refused:?}");
    for (address, listed) in [
        ("45.0.0.8", true),
        ("45.0.0.9", false),
        ("45.0.0.10", true),
        ("45.0.1.5", false),
        ("45.0.1.200", true),
        ("45.0.2.7", false),
        ("45.0.3.1", true),
        ("9.255.255.1", true),
        ("10.0.0.1", false),
        ("8.8.8.8", false),
        ("2001:db8::1", false),
    ] {
        assert_eq!(!rig.claims(address).is_empty(), listed, "{address}");
    }
}

#[test]
fn what_is_too_much_is_refused_with_its_size() {
    let rig = Rig::new();
    let many: String = (0..9000).map(|at| format!("46.{}.{}.0/25,64502,Many\n", at / 256, at % 256)).collect();
    rig.table(&format!("12.0.0.0/9,64500,Carrier\n13.0.0.0/10,64501,Largest\n2a00::/19,64503,Six\n{many}"));
    let report = rig.feed("AS64500\nAS64501\nAS64502\nAS64503\n");
    let refused: Vec<&str> = report.refusals.iter().map(|refusal| refusal.reason.as_str()).collect();
    let expected = [
        "AS64500: it has more IPv4 addresses than a /10, about a /9",
        "AS64502: it has more than 8192 networks",
        "AS64503: it has more IPv6 addresses than a /20, about a /19",
    ];
    assert_eq!((report.imported, refused.as_slice()), (1, expected.as_slice()));
    let (_, index) = open_newest(rig.dir.path()).unwrap();
    assert_eq!(index.len(), 1);
}

#[test]
fn all_together_have_a_bound_too() {
    let mut room = Room::default();
    let holes = Holes(BTreeMap::new());
    let said =
        |at: u128| Said { ranges: [(4, vec![(at << 22, (at << 22) + (1 << 22) - 1)])].into(), ..Said::default() };
    let taken = (0..20).filter(|at| meant(1, said(u128::from(*at as u32)), &holes, &mut room).is_ok()).count();
    assert_eq!(taken, 16);
}

/// Whoever counts as policy never sees what was found through a system: the sum is that of the other claims.
#[test]
fn single_addresses_of_a_system_are_refused_to_nobody_ahead() {
    let rig = Rig::new();
    rig.table("46.0.0.1,46.0.0.1,64500,One\n46.0.0.2,46.0.0.2,64500,One\n");
    let report = rig.feed("AS64500\n46.0.0.2\n46.0.0.3\n");
    assert_eq!(report.imported, 3);
    let (_, index) = open_newest(rig.dir.path()).unwrap();
    let ahead: Vec<String> = index.enforceable(1, Timestamp(9)).iter().map(ToString::to_string).collect();
    assert_eq!(ahead, ["46.0.0.2", "46.0.0.3"]);
    assert_eq!(rig.claims("46.0.0.1").len(), 1);
}

/// Real tables and a real list, where they are at hand.
#[test]
fn a_published_list_finds_its_networks() {
    let Some(folder) = std::env::var_os("TRIPOINT_TEST_DATA").map(PathBuf::from) else {
        println!("skipped: TRIPOINT_TEST_DATA is not set");
        return;
    };
    let rig = Rig::new();
    let table = [folder.join("intel/asn/asn-ipv4.csv.gz")];
    networks::import(&table, rig.dir.path(), Timestamp(9)).unwrap();
    let numbers = ["AS4134", "AS16509", "AS9009", "AS202425", "AS48090", "AS51396"];
    let report = rig.feed(&numbers.map(|number| format!("{number}\n")).concat());
    let systems = rig.status().systems.unwrap_or_default();
    println!("{} of {} in force, {} networks", systems.in_force, systems.named, systems.networks);
    report.refusals.iter().for_each(|refusal| println!("  {}", refusal.reason));
    assert!(systems.in_force > 0 && report.refusals.iter().any(|refusal| refusal.reason.contains("more IPv4")));
    shows_nothing_guarded(rig.dir.path());
}

fn shows_nothing_guarded(data_dir: &Path) {
    let (_, index) = open_newest(data_dir).unwrap();
    for net in guardlist::store::guarded(data_dir) {
        assert!(!index.is_listed(net.addr()), "{net}");
    }
}
