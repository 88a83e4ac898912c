//! Is the authority kept, the leaf renewed in time, and a bad file told of?

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::auth::seal::KEY_BYTES;

const NOW: Timestamp = Timestamp(1_796_000_000_000_000);

fn sealer() -> Arc<Sealer> {
    Arc::new(Sealer::new(&[7; KEY_BYTES]))
}

fn days(days: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(days * 86_400))
}

fn load(folder: &Path, names: &[&str], now: Timestamp) -> Result<Tls, TlsError> {
    Tls::load(folder, sealer(), None, names.iter().map(|name| (*name).to_owned()).collect(), now)
}

fn shown(tls: &Tls) -> CertificateDer<'static> {
    tls.shown.read().unwrap().cert[0].clone()
}

#[test]
fn the_authority_stays_and_the_leaf_is_renewed_in_its_last_third() {
    let folder = tempfile::tempdir().unwrap();
    let first = load(folder.path(), &["localhost"], NOW).unwrap();
    let again = load(folder.path(), &["localhost"], days(59)).unwrap();
    assert_eq!(shown(&first), shown(&again), "still far from its end");
    let renewed = load(folder.path(), &["localhost"], days(61)).unwrap();
    assert_ne!(shown(&first), shown(&renewed));
    let renamed = load(folder.path(), &["localhost", "tripoint.example"], days(61)).unwrap();
    assert_ne!(shown(&renamed), shown(&renewed), "for other names");
    for later in [&again, &renewed, &renamed] {
        assert_eq!(later.fingerprint, first.fingerprint, "one authority");
    }
    // The same without a restart.
    first.look(false, days(300)).unwrap();
    assert_ne!(shown(&first), shown(&renewed));
    // A running server makes no other authority: nobody would know it.
    let (key, aside) = (folder.path().join("tls/ca.key"), folder.path().join("aside"));
    std::fs::rename(&key, &aside).unwrap();
    let before = shown(&first);
    assert!(first.look(false, days(600)).is_err() && !key.exists() && shown(&first) == before);
    std::fs::rename(&aside, &key).unwrap();
    let text = std::fs::read_to_string(folder.path().join("tls/ca.pem")).unwrap();
    assert_eq!(fingerprint_of_pem(&text), Some(first.fingerprint.clone()));
    assert_eq!(fingerprint_of_pem("x"), None);
}

#[test]
fn the_last_year_of_the_authority_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let tls = load(folder.path(), &["localhost"], NOW).unwrap();
    let (server, authority) = tls.ends();
    let left = |ends: Option<Timestamp>| ends.unwrap().since(NOW).as_secs() / 86_400;
    assert!((80..=90).contains(&left(server)) && (3650..=3652).contains(&left(authority)), "{server:?} {authority:?}");
    let text = std::fs::read_to_string(folder.path().join("tls/ca.pem")).unwrap();
    assert_eq!((end_of_pem(&text), end_of_pem("x")), (authority, None));
    assert_eq!(tls.trouble(days(3652 - 367)), None);
    assert!(tls.trouble(days(3652 - 360)).unwrap().contains("the server's own authority ends in 3"));
}

#[test]
fn keys_are_nobody_elses_and_sealed() {
    let folder = tempfile::tempdir().unwrap();
    load(folder.path(), &["localhost"], NOW).unwrap();
    for name in ["ca.key", "leaf.key"] {
        let path = folder.path().join("tls").join(name);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("certificate") && !text.contains('{'), "{name} is sealed");
    }
    let other = Arc::new(Sealer::new(&[8; KEY_BYTES]));
    let refused = Tls::load(folder.path(), other, None, vec!["localhost".into()], NOW).unwrap_err();
    assert!(refused.to_string().contains("ca.key") && refused.to_string().contains("another key"), "{refused}");
    std::fs::write(folder.path().join("tls/leaf.key"), "damaged").unwrap();
    load(folder.path(), &["localhost"], NOW).unwrap();
}

#[test]
fn own_files_are_shown_read_anew_and_a_bad_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    let put = |name: &str| {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        made.cert.der().clone()
    };
    let files = OwnFiles { certificate: certificate.clone(), key: key.clone() };
    let load = || Tls::load(folder.path(), sealer(), Some(files.clone()), vec![], NOW);
    assert!(matches!(load(), Err(TlsError::File(path, _)) if path == certificate));
    let first = put("a.example");
    let tls = load().unwrap();
    assert_eq!((shown(&tls), tls.fingerprint.clone()), (first.clone(), fingerprint(&first)));
    assert!(!folder.path().join("tls").exists(), "no authority is made");
    let stamp = tls.stamp();
    let second = put("longer-name.example");
    assert_ne!(tls.stamp(), stamp);
    tls.look(true, NOW).unwrap();
    assert_eq!(shown(&tls), second);
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    for (text, why) in [(other.as_str(), "k.pem"), ("nothing", "no private key")] {
        std::fs::write(&key, text).unwrap();
        let refused = tls.look(true, NOW).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
        assert_eq!(shown(&tls), second, "the former is shown on");
    }
}

#[test]
fn a_server_is_known_by_its_host_and_what_it_listens_on() {
    let names = names("192.0.2.7".parse().unwrap(), &["Tripoint.Example".into(), "bad name".into(), "a..b".into()]);
    for name in ["127.0.0.1", "192.0.2.7", "::1", "localhost", "tripoint.example"] {
        assert!(names.contains(&name.to_owned()), "{name} in {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains(' ') || name.contains("..")));
    let any = super::names("0.0.0.0".parse().unwrap(), &[]);
    assert!(!any.contains(&"0.0.0.0".to_owned()));
}
