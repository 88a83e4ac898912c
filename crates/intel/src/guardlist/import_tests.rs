//! Do lists in files and archives come into force under the right names, and are refusals counted?

use std::fs;

use super::*;
use crate::guardlist::Texts;
use crate::images::open_newest;

fn context(data_dir: &Path) -> Context<'_> {
    Context { data_dir, permit_ranges: &[], own: &[], now: Timestamp(100) }
}

fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    // Stored, without a compressor: header, directory, end.
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let offset = out.len() as u32;
        let crc = crc32fast::hash(text.as_bytes());
        let mut fields = vec![20_u16.to_le_bytes().to_vec(), vec![0; 8], crc.to_le_bytes().to_vec()];
        let size = (text.len() as u32).to_le_bytes();
        fields.extend([size.to_vec(), size.to_vec(), (name.len() as u16).to_le_bytes().to_vec(), vec![0; 2]]);
        let fields = fields.concat();
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&fields);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(text.as_bytes());
        directory.extend_from_slice(b"PK\x01\x02\x14\0");
        directory.extend_from_slice(&fields);
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let (start, length, count) = (out.len() as u32, directory.len() as u32, files.len() as u16);
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out
}

const CIDR: &str = r#"{"list":["203.0.113.0/24","rubbish",7],"name":"A CDN","type":"cidr","version":3}"#;
const HOLES: &str = r#"{"list":["192.0.2.1"],"name":"List of known sinkholes","type":"cidr","version":3}"#;
const PARTS: &str = r#"{"list":["mega-shop"],"name":"Shops","type":"substring","matching_attributes":["domain"]}"#;
const HASHES: &str =
    r#"{"list":["d41d8cd98f00b204e9800998ecf8427e"],"name":"Hashes","type":"string","matching_attributes":["md5"]}"#;

#[test]
fn an_archive_of_lists_takes_force_list_by_list() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("lists.zip");
    let files = [
        ("main/lists/A-CDN/list.json", CIDR),
        ("main/lists/sinkholes/list.json", HOLES),
        ("main/lists/shops/list.json", PARTS),
        ("main/lists/hashes/list.json", HASHES),
        ("main/schema.json", "{\"title\":\"schema\"}"),
        ("main/README.md", "read me"),
        ("main/own.txt", "198.51.100.7 # ours\nours.example\n"),
        ("other/own.txt", "198.51.100.8\n"),
    ];
    fs::write(&file, zip(&files)).unwrap();
    let reports = import(&[file], &GuardOptions::default(), &context(data.path())).unwrap();
    for report in &reports {
        assert_eq!(report.imported + report.refused, report.read, "{report:?}");
        assert_eq!(report.refusals.is_empty(), report.refused == 0, "{report:?}");
    }
    let told: Vec<String> =
        reports.iter().map(|report| format!("{} {:?} {}", report.list, report.purpose, report.imported)).collect();
    assert_eq!(
        told,
        [
            "a-cdn Some(Guard) 1",
            "sinkholes Some(Sinkhole) 1",
            "shops Some(Guard) 1",
            "hashes Some(Other) 1",
            " None 0",
            "own Some(Guard) 2",
            "own Some(Guard) 0"
        ]
    );
    let (_, index) = open_newest(data.path()).unwrap();
    let texts = Texts::load(data.path());
    let more = |observable: &tripoint_model::Observable| texts.listed(observable);
    let asked = |text: &str| {
        let answer = crate::lookup_with(&index, &more, text, Timestamp(0));
        let guard: Vec<String> = answer.guard.iter().map(|hit| hit.list.clone()).collect();
        let labels: Vec<&str> = answer.labels.iter().map(|label| label.purpose.as_str()).collect();
        format!("{:?} {} {}", answer.verdict, guard.join(","), labels.join(","))
    };
    assert_eq!(asked("203.0.113.9"), "Guarded a-cdn ");
    assert_eq!(asked("192.0.2.1"), "Unknown  sinkhole");
    assert_eq!(asked("my-mega-shop.example"), "Guarded shops ");
    assert_eq!(asked("ours.example"), "Guarded own ");
    assert_eq!(asked("198.51.100.8"), "Unknown  ");
    assert!(forget("own", &context(data.path())).unwrap());
    assert!(!forget("own", &context(data.path())).unwrap());
    assert!(open_newest(data.path()).unwrap().1.guard_name("ours.example").is_empty());
}

#[test]
fn a_bad_list_leaves_the_former_in_force() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("own.json");
    let once = |text: &str, name: &str| {
        fs::write(&file, text).unwrap();
        let options = GuardOptions { name: Some(name.to_owned()), purpose: None };
        import(std::slice::from_ref(&file), &options, &context(data.path())).unwrap().remove(0)
    };
    assert_eq!(once(CIDR, "own").imported, 1);
    for bad in
        [&CIDR[..30], "{\"list\":[],\"type\":\"cidr\"}", "{\"list\":[\"x\"],\"type\":\"tarot\"}", "", "<html>", "::/0"]
    {
        let report = once(bad, "own");
        assert_eq!((report.imported, report.refused), (0, report.read), "{bad}");
        assert!(report.read > 0 && !report.refusals.is_empty(), "{bad}");
    }
    assert_eq!(once(CIDR, "public-dns").imported, 0);
    let (_, index) = open_newest(data.path()).unwrap();
    assert_eq!(index.listed("203.0.113.9/32".parse().unwrap()).len(), 1);
    assert!(import(&[], &GuardOptions { name: Some("../up".into()), purpose: None }, &context(data.path())).is_err());
}
