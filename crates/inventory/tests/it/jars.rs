//! Jars in jars.

use std::io::Write;

use tripoint_inventory::{Inventory, ScanOptions, scan};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use super::{affordable, heap, names, says};

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        let method = if name.ends_with(".jar") { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        out.start_file(*name, SimpleFileOptions::default().compression_method(method)).expect("begun");
        out.write_all(content).expect("written");
    }
    out.finish().expect("finished").into_inner()
}

fn pom(artifact: &str) -> String {
    format!("groupId=org.example\nartifactId={artifact}\nversion=1\n")
}

/// A root filesystem with this archive in it.
fn scanned(name: &str, bytes: &[u8]) -> (Inventory, usize) {
    let root = tempfile::tempdir().expect("tempdir");
    std::fs::write(root.path().join(name), bytes).expect("write");
    let (inventory, peak) = heap(|| scan(root.path(), &ScanOptions::default(), &mut |_| {}));
    (inventory.expect("scan"), peak)
}

#[test]
fn what_lies_deeper_than_four_archives_is_refused_and_the_rest_is_kept() {
    let mut bytes = Vec::new();
    for level in (1..=50).rev() {
        let text = pom(&format!("level-{level}"));
        let own = ("META-INF/maven/org.example/x/pom.properties", text.as_bytes());
        let after = ("META-INF/maven/org.example/y/pom.properties", &b"groupId=g\nartifactId=last\nversion=1\n"[..]);
        bytes = if bytes.is_empty() { zip(&[own]) } else { zip(&[own, ("inner.jar", &bytes), after]) };
    }
    let (inventory, peak) = scanned("outer.war", &bytes);
    let mut expected: Vec<String> = (1..=4).map(|level| format!("org.example:level-{level}")).collect();
    expected.insert(0, "g:last".to_owned());
    assert_eq!(names(&inventory), expected);
    says(&inventory, "outer.war!/inner.jar!/inner.jar!/inner.jar!/inner.jar: lies deeper than 4 archives");
    affordable(peak, bytes.len());
}

/// Ninety megabytes of one byte in a jar in a war: within the ratio, and held outside of memory.
#[test]
fn a_large_archive_inside_a_small_one_is_not_held_in_memory() {
    let mut filling = b"groupId=org.example\n".to_vec();
    let mut state = 1_u32;
    while filling.len() < 90 << 20 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        filling.extend([(state >> 24) as u8; 512]);
    }
    let inner = {
        let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        out.start_file("filling", stored).expect("begun");
        out.write_all(&filling).expect("written");
        out.start_file("META-INF/maven/org.example/x/pom.properties", stored).expect("begun");
        out.write_all(pom("inside").as_bytes()).expect("written");
        out.finish().expect("finished").into_inner()
    };
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    out.start_file("lib/inner.jar", SimpleFileOptions::default()).expect("begun");
    out.write_all(&inner).expect("written");
    let bytes = out.finish().expect("finished").into_inner();
    assert!(bytes.len() < 8 << 20, "{}", bytes.len());
    drop((filling, inner));
    let (inventory, peak) = scanned("small.war", &bytes);
    assert_eq!(names(&inventory), ["org.example:inside"], "{:?}", inventory.rejected);
    assert!(peak < 8 << 20, "{peak} bytes");
}

#[test]
fn artifacts_without_end_are_counted_and_left_out() {
    let files: Vec<(String, String)> = (0..6000)
        .map(|number| (format!("META-INF/maven/g/{number}/pom.properties"), pom(&format!("{number}-{:0>400}", 0))))
        .collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    let bytes = zip(&files);
    let (inventory, peak) = scanned("many.jar", &bytes);
    assert_eq!(inventory.packages.len(), 4000);
    says(&inventory, "2000 artifacts left out");
    affordable(peak, bytes.len());
}

#[test]
fn a_damaged_word_of_an_archive_is_said() {
    let text = pom("x");
    let mut bytes = zip(&[("META-INF/maven/org.example/x/pom.properties", text.as_bytes())]);
    let at = bytes.windows(4).position(|window| window == b"PK\x01\x02").expect("directory");
    bytes[at + 16] ^= 1;
    let (inventory, _) = scanned("a.jar", &bytes);
    assert_eq!(names(&inventory), Vec::<&str>::new());
    says(&inventory, "checksum is wrong");
}
