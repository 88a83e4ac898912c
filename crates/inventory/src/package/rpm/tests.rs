//! Do all three stores give what rpm itself gives, and does nothing in them hurt?

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::owner::PathIndex;

/// A header blob: texts, lists of texts and numbers by tag.
fn header(texts: &[(u32, &str)], lists: &[(u32, &[&str])], numbers: &[(u32, &[u32])]) -> Vec<u8> {
    let (mut index, mut data) = (Vec::new(), Vec::new());
    let mut add = |tag: u32, kind: u32, count: usize, bytes: Vec<u8>| {
        index.extend([tag, kind, data.len() as u32, count as u32].map(u32::to_be_bytes).concat());
        data.extend(bytes);
    };
    for (tag, text) in texts {
        add(*tag, 6, 1, [text.as_bytes(), b"\0"].concat());
    }
    for (tag, list) in lists {
        add(*tag, 8, list.len(), list.iter().flat_map(|text| [text.as_bytes(), b"\0"].concat()).collect());
    }
    for (tag, list) in numbers {
        add(*tag, 4, list.len(), list.iter().flat_map(|number| number.to_be_bytes()).collect());
    }
    let counts = [(index.len() / 16) as u32, data.len() as u32].map(u32::to_be_bytes).concat();
    [counts, index, data].concat()
}

fn demo() -> Vec<u8> {
    header(
        &[
            (header::NAME, "demo-libs"),
            (header::VERSION, "1.2"),
            (header::RELEASE, "3.el9"),
            (header::ARCH, "x86_64"),
            (header::SOURCERPM, "demo-1.2-3.el9.src.rpm"),
            (header::MODULARITYLABEL, "demo:18:8090:abc"),
        ],
        &[(header::DIRNAMES, &["/usr/lib/", "/etc/"]), (header::BASENAMES, &["libdemo.so", "demo.conf"])],
        &[(header::EPOCH, &[2]), (header::DIRINDEXES, &[0, 1])],
    )
}

/// An ndb database of these blobs.
fn ndb(blobs: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"RpmP".to_vec();
    out.extend([0, 1, 1, blobs.len() as u32 + 1, 0, 0, 0].map(u32::to_le_bytes).concat());
    let (mut slots, mut body) = (Vec::new(), Vec::new());
    for (blob, number) in blobs.iter().zip(1_u32..) {
        let blocks = (blob.len() + 28).div_ceil(16) as u32;
        slots.extend(b"Slot");
        slots.extend([number, 256 + body.len() as u32 / 16, blocks].map(u32::to_le_bytes).concat());
        body.extend(b"BlbS");
        body.extend([number, 1, blob.len() as u32].map(u32::to_le_bytes).concat());
        body.extend(blob);
        body.resize(body.len().next_multiple_of(16) + 16, 0);
    }
    out.extend(slots);
    while out.len() < 4096 {
        out.extend(b"Slot");
        out.extend([0; 12]);
    }
    out.extend(body);
    out
}

/// A Berkeley DB hash of one bucket whose values all lie on overflow pages.
fn bdb(blobs: &[Vec<u8>]) -> Vec<u8> {
    const PAGE: usize = 512;
    let mut meta = vec![0; PAGE];
    meta[12..16].copy_from_slice(&0x0006_1561_u32.to_le_bytes());
    meta[20..24].copy_from_slice(&(PAGE as u32).to_le_bytes());
    let (mut bucket, mut chains) = (vec![0; PAGE], Vec::new());
    bucket[20..22].copy_from_slice(&(2 * blobs.len() as u16).to_le_bytes());
    bucket[25] = 13;
    let mut end = PAGE;
    for (at, blob) in blobs.iter().enumerate() {
        let mut place = |item: &[u8], slot: usize| {
            end -= item.len();
            bucket[end..end + item.len()].copy_from_slice(item);
            bucket[26 + 2 * slot..28 + 2 * slot].copy_from_slice(&(end as u16).to_le_bytes());
        };
        place(&[1, at as u8, 0, 0, 0], 2 * at);
        let first = 2 + chains.len() as u32 / PAGE as u32;
        place(&[3_u32, first, blob.len() as u32].map(u32::to_le_bytes).concat(), 2 * at + 1);
        let parts: Vec<&[u8]> = blob.chunks(PAGE - 26).collect();
        for (number, part) in parts.iter().enumerate() {
            let mut page = vec![0; PAGE];
            let next = if number + 1 < parts.len() { first + number as u32 + 1 } else { 0 };
            page[16..20].copy_from_slice(&next.to_le_bytes());
            page[22..24].copy_from_slice(&(part.len() as u16).to_le_bytes());
            page[25] = 7;
            page[26..26 + part.len()].copy_from_slice(part);
            chains.extend(page);
        }
    }
    [meta, bucket, chains].concat()
}

fn read(bytes: &[u8], store: ReadStore) -> (Parsed<Package>, PathIndex) {
    let mut file = tempfile::tempfile().expect("tempfile");
    file.write_all(bytes).expect("write");
    let (mut out, mut index) = (Parsed::default(), PathIndex::default());
    let distro = Distro { id: "almalinux".into(), version: "9.4".into(), ..Distro::default() };
    read_store(&file, None, store, "db", &distro, &mut out, &mut Owners::new(&mut index, 0));
    (out, index)
}

#[test]
fn every_store_gives_the_same_package() {
    let key = header(&[(header::NAME, "gpg-pubkey"), (header::VERSION, "1"), (header::RELEASE, "1")], &[], &[]);
    let nameless = header(&[(header::VERSION, "1")], &[], &[]);
    let sqlite = std::fs::read(fixture().join("good.in/var/lib/rpm/rpmdb.sqlite")).expect("fixture");
    let blobs = [demo(), key, nameless];
    for (bytes, store) in [(ndb(&blobs), ndb::blobs as ReadStore), (bdb(&blobs), bdb::blobs), (sqlite, sqlite::blobs)] {
        let (out, index) = read(&bytes, store);
        let package = out.accepted.first().unwrap_or_else(|| panic!("{:?}", out.rejected));
        assert_eq!(package.version, "2:1.2-3.el9");
        assert_eq!((package.source.as_str(), package.source_version.as_str()), ("demo", "2:1.2-3.el9"));
        assert_eq!((package.release.as_str(), package.module.as_str()), ("9", "demo:18"));
        assert_eq!(
            package.purl,
            "pkg:rpm/almalinux/demo-libs@1.2-3.el9?arch=x86_64&distro=almalinux-9.4&epoch=2&upstream=demo-1.2-3.el9.src.rpm"
        );
        assert_eq!(index.owner("/usr/lib/libdemo.so"), Some(0));
        assert_eq!(out.refused, 1, "{:?}", out.rejected);
    }
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/package/rpm")
}

proptest! {
    #[test]
    fn no_store_hurts(cut in 0.0..=1.0_f64, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8)) {
        let sqlite = std::fs::read(fixture().join("good.in/var/lib/rpm/rpmdb.sqlite")).expect("fixture");
        let blobs = [demo(), demo()];
        for (mut bytes, store) in [(ndb(&blobs), ndb::blobs as ReadStore), (bdb(&blobs), bdb::blobs), (sqlite, sqlite::blobs)] {
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            bytes.truncate((bytes.len() as f64 * cut) as usize);
            let (out, _) = read(&bytes, store);
            prop_assert_eq!(out.accepted.len() as u64 + out.refused, out.read);
        }
    }

    #[test]
    fn no_header_hurts(changes in prop::collection::vec((0_usize..400, any::<u8>()), 0..8), cut in 0_usize..500) {
        let mut blob = demo();
        for (at, byte) in changes {
            if let Some(place) = blob.get_mut(at) {
                *place = byte;
            }
        }
        blob.truncate(cut);
        let mut index = PathIndex::default();
        let _ = take(&blob, "db", &Distro::default(), 0, &mut Owners::new(&mut index, 0));
    }
}

fn unpacked(name: &str, folder: &Path, as_name: &str) -> Option<PathBuf> {
    let data = std::env::var_os("TRIPOINT_TEST_DATA").map(PathBuf::from)?;
    let mut bytes = Vec::new();
    let path = data.join("inventory/rpm").join(name);
    tripoint_unpack::entries(
        tripoint_unpack::Source::Path(&path),
        name,
        &tripoint_unpack::Limits::default(),
        &mut |_, content| {
            content.read_to_end(&mut bytes).expect("gzip");
            std::ops::ControlFlow::Continue(())
        },
    )
    .expect("gzip");
    let place = folder.join("var/lib/rpm");
    std::fs::create_dir_all(&place).expect("mkdir");
    std::fs::write(place.join(as_name), bytes).expect("write");
    Some(place)
}

/// `name epoch version release arch source installed` of each package, by rpm itself.
fn oracle(place: &Path) -> Option<Vec<String>> {
    let query = "%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE} %{ARCH} %{SOURCERPM} %{INSTALLTIME}\n";
    let out = Command::new("rpm").args(["-qa", "--qf", query, "--dbpath"]).arg(place).output().ok()?;
    let text = String::from_utf8_lossy(&out.stdout);
    let mut lines: Vec<String> =
        text.lines().filter(|line| !line.starts_with("gpg-pubkey ")).map(|line| line.replace(" 0:", " ")).collect();
    lines.sort();
    Some(lines)
}

fn ours(folder: &Path) -> (Vec<String>, usize) {
    let root = Root::open(folder).expect("root");
    let (mut out, mut index) = (Parsed::default(), PathIndex::default());
    assert!(Rpm.database(&root, &mut out, &mut Owners::new(&mut index, 0)));
    assert_eq!(out.refused, 0, "{:?}", out.rejected);
    let qualifier = |purl: &str, key: &str| {
        let rest = purl.split(key).nth(1).unwrap_or("").to_owned();
        rest.split('&').next().unwrap_or("").to_owned()
    };
    let mut lines: Vec<String> = out
        .accepted
        .iter()
        .map(|package| {
            let purl = package.purl.replace("%2B", "+").replace("%5E", "^");
            format!(
                "{} {} {} {} {}",
                package.name,
                package.version,
                qualifier(&purl, "arch="),
                qualifier(&purl, "upstream="),
                package.installed.map_or("(none)".to_owned(), |at| (at.0 / 1_000_000).to_string()),
            )
        })
        .collect();
    lines.sort();
    (lines, index.len())
}

#[test]
fn public_databases_are_read_as_rpm_reads_them() {
    for (name, as_name, expected) in
        [("cbl-mariner-2.0.rpmdb.sqlite.gz", "rpmdb.sqlite", 129), ("libuuid.Packages.bdb.gz", "Packages", 1)]
    {
        let folder = tempfile::tempdir().expect("tempdir");
        let Some(place) = unpacked(name, folder.path(), as_name) else {
            println!("skipped: TRIPOINT_TEST_DATA is not set");
            return;
        };
        let (found, files) = ours(folder.path());
        println!("{name}: {} packages, {files} files", found.len());
        assert_eq!(found.len(), expected);
        match oracle(&place) {
            Some(told) => assert_eq!(found, told),
            None => println!("skipped: rpm is not here to compare with"),
        }
    }
}

/// The same packages, put by rpm itself into each store that it can write.
#[test]
fn stores_written_by_rpm_are_read() {
    let folder = tempfile::tempdir().expect("tempdir");
    let spec = folder.path().join("demo.spec");
    let text = "Name: demo\nEpoch: 1\nVersion: 2.0\nRelease: 3\nSummary: x\nLicense: x\nBuildArch: noarch\n%description\nx\n\
                %package more\nSummary: x\nVersion: 2.5~rc1\n%description more\nx\n%install\nmkdir -p %{buildroot}/opt/demo\n\
                touch %{buildroot}/opt/demo/a %{buildroot}/opt/demo/b\n%files\n/opt/demo/a\n%files more\n/opt/demo/b\n";
    std::fs::write(&spec, text).expect("write");
    let top = format!("_topdir {}", folder.path().display());
    let built = Command::new("rpmbuild").args(["-bb", "--quiet", "--define", &top]).arg(&spec).output();
    if !built.is_ok_and(|out| out.status.success()) {
        println!("skipped: rpmbuild is not here");
        return;
    }
    let rpms = folder.path().join("RPMS/noarch");
    for backend in ["sqlite", "ndb"] {
        let root = folder.path().join(backend);
        let place = root.join("var/lib/rpm");
        std::fs::create_dir_all(&place).expect("mkdir");
        let mut command = Command::new("rpm");
        command
            .args(["-i", "--justdb", "--nodeps", "--define", &format!("_db_backend {backend}"), "--dbpath"])
            .arg(&place);
        for entry in std::fs::read_dir(&rpms).expect("rpms").flatten() {
            command.arg(entry.path());
        }
        let done = command.output().expect("rpm");
        if !done.status.success() {
            println!("skipped: rpm writes no {backend}: {}", String::from_utf8_lossy(&done.stderr));
            continue;
        }
        let (found, files) = ours(&root);
        println!("{backend}: {found:?}, {files} files");
        let (packages, times): (Vec<&str>, Vec<&str>) = found.iter().filter_map(|line| line.rsplit_once(' ')).unzip();
        assert_eq!(
            packages,
            ["demo 1:2.0-3 noarch demo-2.0-3.src.rpm", "demo-more 1:2.5~rc1-3 noarch demo-2.0-3.src.rpm"]
        );
        let now = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_secs();
        assert!(times.iter().all(|at| at.parse::<u64>().is_ok_and(|at| at <= now && at + 3600 > now)), "{times:?}");
        assert_eq!(files, 2);
    }
}

/// A jar that an rpm brought is the rpm; a copy of it is Maven's.
#[test]
fn a_jar_of_a_package_counts_as_the_package() {
    let folder = tempfile::tempdir().expect("tempdir");
    let put = |path: &str, bytes: &[u8]| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("mkdir");
        std::fs::write(path, bytes).expect("write");
    };
    let blob = header(
        &[(header::NAME, "demo-java"), (header::VERSION, "1.2"), (header::RELEASE, "3.el9"), (header::ARCH, "noarch")],
        &[(header::DIRNAMES, &["/usr/share/java/"]), (header::BASENAMES, &["demo.jar"])],
        &[(header::DIRINDEXES, &[0])],
    );
    put("etc/os-release", b"ID=almalinux\nVERSION_ID=9.4\n");
    put("usr/lib/sysimage/rpm/Packages.db", &ndb(&[blob]));
    let mut jar = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    jar.start_file("META-INF/maven/g/demo/pom.properties", zip::write::SimpleFileOptions::default()).expect("zip");
    jar.write_all(b"groupId=g\nartifactId=demo\nversion=1.2\n").expect("zip");
    let jar = jar.finish().expect("zip").into_inner();
    put("usr/share/java/demo.jar", &jar);
    let found = || {
        let found = crate::scan(folder.path(), &crate::ScanOptions::default(), &mut |_| {}).expect("scan");
        found.packages.iter().map(|package| package.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(found(), ["demo-java"]);
    put("srv/demo.jar", &jar);
    assert_eq!(found(), ["g:demo", "demo-java"]);
}
