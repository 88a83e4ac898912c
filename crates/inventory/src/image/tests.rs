//! Do layers make the root filesystem that a runtime would show, and do hostile archives end?

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use super::*;
use crate::root::Root;

pub(super) enum E<'a> {
    File(&'a str, &'a str),
    Dir(&'a str),
    Link(&'a str, &'a str),
    Hard(&'a str, &'a str),
}

pub(super) fn tar(entries: &[E<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for entry in entries {
        let (kind, name, link, content) = match entry {
            E::File(name, content) => (EntryType::Regular, name, "", *content),
            E::Dir(name) => (EntryType::Directory, name, "", ""),
            E::Link(name, target) => (EntryType::Symlink, name, *target, ""),
            E::Hard(name, target) => (EntryType::Link, name, *target, ""),
        };
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        // By hand: the library refuses to write names that climb.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        builder.append(&header, content.as_bytes()).expect("append");
    }
    builder.into_inner().expect("tar")
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    out.write_all(bytes).expect("gzip");
    out.finish().expect("gzip")
}

/// A Docker archive of these layers, every second one compressed.
fn docker(layers: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let mut put = |name: &str, content: &[u8]| {
        let mut header = Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content).expect("append");
    };
    let names: Vec<String> = (0..layers.len()).map(|number| format!("layer{number}/layer.tar")).collect();
    for (number, (name, layer)) in names.iter().zip(layers).enumerate() {
        if number % 2 == 0 { put(name, layer) } else { put(name, &gzip(layer)) }
    }
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    put("manifest.json", format!("[{{\"Config\":\"c.json\",\"Layers\":[{}]}}]", names.join(",")).as_bytes());
    builder.into_inner().expect("tar")
}

fn opened(bytes: &[u8]) -> (tempfile::TempDir, Result<Image, String>) {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join("image.tar");
    std::fs::write(&path, bytes).expect("write");
    let image = Image::open(&path);
    (folder, image)
}

fn root(layers: &[Vec<u8>]) -> Root {
    let (_folder, image) = opened(&docker(layers));
    let image = image.expect("image");
    assert!(image.rejected.is_empty(), "{:?}", image.rejected);
    Root::of_image(Path::new("image.tar"), image)
}

fn text(root: &Root, path: &str) -> String {
    root.read(path, 100).map_or_else(|error| format!("{:?}", error.kind()), |b| String::from_utf8_lossy(&b).into())
}

#[test]
fn later_layers_replace_hide_and_keep() {
    let root = root(&[
        tar(&[
            E::File("etc/a", "1"),
            E::File("etc/gone", "1"),
            E::File("srv/old", "1"),
            E::File("srv/deep/old", "1"),
            E::File("opt/app/old", "1"),
            E::File("was", "file"),
            E::Dir("lib64"),
        ]),
        tar(&[
            E::File("./etc/a", "2"),
            E::File("etc/.wh.gone", ""),
            E::File("srv/deep/new", "2"),
            E::File("srv/.wh..wh..opq", ""),
            E::File("opt/app/new", "2"),
            E::File("opt/.wh.app", ""),
            E::File("was/now", "folder"),
        ]),
        tar(&[E::File("etc/gone", "3"), E::File("/abs", "3")]),
    ]);
    for (path, expected) in [
        ("/etc/a", "2"),
        ("etc/gone", "3"),
        ("srv/old", "NotFound"),
        ("srv/deep/old", "NotFound"),
        ("srv/deep/new", "2"),
        ("opt/app/old", "NotFound"),
        ("opt/app/new", "2"),
        ("was/now", "folder"),
        ("was", "InvalidInput"),
        ("abs", "3"),
    ] {
        assert_eq!(text(&root, path), expected, "{path}");
    }
    let (entries, more) = root.list("etc", 10).expect("list");
    assert_eq!((entries.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), more), (vec!["a", "gone"], false));
    assert!(root.list("etc", 1).expect("list").1 && root.list("abs", 1).is_err());
    assert!(root.is_executable("etc/a") && !root.is_executable("etc"));
}

#[test]
fn links_are_followed_inside_the_image_only() {
    let root = root(&[
        tar(&[
            E::File("usr/lib/real", "inside"),
            E::Link("lib", "usr/lib"),
            E::Link("etc/abs", "/usr/lib/real"),
            E::Link("etc/up", "../../../../../usr/lib/real"),
            E::Link("etc/host", "/etc/passwd"),
            E::Link("loop", "loop"),
            E::Link("a", "b/x"),
            E::Link("b", "a/x"),
            E::Hard("hard", "usr/lib/real"),
        ]),
        tar(&[E::File("lib/more", "through the link"), E::File("usr/lib/real", "new")]),
    ]);
    for (path, expected) in [
        ("lib/real", "new"),
        ("etc/abs", "new"),
        ("etc/up", "new"),
        ("hard", "inside"),
        ("usr/lib/more", "through the link"),
        ("etc/host", "NotFound"),
        ("loop", "NotFound"),
        ("a", "NotFound"),
        ("../../usr/lib/real", "new"),
    ] {
        assert_eq!(text(&root, path), expected, "{path}");
    }
    assert_eq!((root.link("lib").as_deref(), root.link("usr")), (Some("usr/lib"), None));
}

#[test]
fn hostile_entries_are_refused_and_the_rest_stands() {
    let deep = "d/".repeat(40);
    let (_folder, image) = opened(&docker(&[tar(&[
        E::File("../../escape", "x"),
        E::File("a/../../b", "x"),
        E::Hard("nowhere", "/etc/passwd"),
        E::File("etc/ok", "ok"),
        E::File(&deep, ""),
    ])]));
    let image = image.expect("image");
    let reasons: Vec<&str> = image.rejected.iter().map(|one| one.reason.as_str()).collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(reasons[0].contains("../../escape") && reasons[0].contains("climbs out"));
    assert!(image.part("etc/ok").is_ok());
}

#[test]
fn a_bomb_ends_at_its_limit_and_other_layers_stand() {
    let zeros = "\0".repeat(8 << 20);
    let bomb = tar(&[E::File("etc/zeros", &zeros)]);
    let good = tar(&[E::File("etc/ok", "ok")]);
    let (_folder, image) = opened(&docker(&[good.clone(), bomb, good]));
    let image = image.expect("image");
    assert!(image.rejected.iter().any(|one| one.reason.contains("out of one byte")), "{:?}", image.rejected);
    assert!(image.part("etc/ok").is_ok() && image.part("etc/zeros").is_err());
}

#[test]
fn damage_is_said_by_layer() {
    let mut cut = tar(&[E::File("etc/one", "1"), E::File("etc/two", "2")]);
    cut[1024 + 10] ^= 0x55;
    let (_folder, image) = opened(&docker(&[cut]));
    let image = image.expect("image");
    assert!(image.part("etc/one").is_ok(), "what came before the damage stands");
    assert_eq!(image.rejected.len(), 1);
    for (bytes, expected) in [
        (b"\x28\xb5\x2f\xfd more".to_vec(), "image.tar"),
        (b"no archive".to_vec(), "not a tar"),
        (tar(&[E::File("readme", "x")]), "neither a Docker nor an OCI archive"),
        (docker(&[]), ""),
    ] {
        let (_folder, image) = opened(&bytes);
        match image {
            Err(reason) => assert!(reason.contains(expected), "{reason}"),
            Ok(image) => assert!(expected.is_empty() && image.place("etc", true).is_none()),
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_hurt(at in 0_usize..4096, byte: u8, cut in 0_usize..8192) {
        let mut bytes = docker(&[tar(&[E::File("etc/a", "1"), E::Link("l", "etc")]), tar(&[E::File("etc/.wh.a", "")])]);
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(bytes.len().saturating_sub(cut).max(1));
        let (_folder, image) = opened(&bytes);
        if let Ok(image) = image {
            let _ = (image.part("etc/a"), image.part("l/a"));
        }
    }
}
