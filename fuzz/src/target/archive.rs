//! Does any archive make the reader panic, hang, or give more than was allowed?

use std::ops::ControlFlow;

use tripoint_unpack::{Limits, Source, bounded_lines, entries, members};

use super::Target;
use crate::seed;

/// zip, tar, gzip, bzip2, xz, zstd and what is none of them.
pub const ENTRIES: Target = Target { name: "unpack", run: |data| visit(data, 1), seeds };
/// The same, and archives found inside.
pub const NESTED: Target = Target { name: "unpack-nested", run: |data| visit(data, 3), seeds };

/// Where everything lies in a tar.
pub const MEMBERS: Target = Target { name: "tar-members", run: listed, seeds: tar_seeds };

fn listed(data: &[u8]) {
    let mut count = 0;
    let end = members(std::io::Cursor::new(data), "x", &LIMITS, &mut |member| {
        count += 1;
        assert!(member.offset <= data.len() as u64, "{member:?}");
        ControlFlow::Continue(())
    });
    assert!(count <= LIMITS.entries_max && end.err().is_none_or(|error| !error.to_string().is_empty()));
}

/// What stands before a file whose header says too little.
fn tar_seeds() -> Vec<Vec<u8>> {
    let mut out = vec![tar("a/b.txt", b"one\ntwo\n")];
    for (kind, content) in [
        (b'L', &b"deep/name\0"[..]),
        (b'K', b"leads/here\0"),
        (b'x', b"18 path=deep/name\n22 linkpath=leads/here\n"),
        (b'g', b"16 comment=text\n"),
        (b'S', b""),
    ] {
        let mut head = tar_of(kind, "x", content);
        head.truncate(head.len() - 1024);
        out.push([head, tar("a", b"x")].concat());
    }
    out
}

fn visit(data: &[u8], levels: u32) {
    let mut out = 0_u64;
    let mut inner: Vec<Vec<u8>> = Vec::new();
    let end = entries(Source::Bytes(data), "x", &LIMITS, &mut |name, reader| {
        assert!(!name.split(['/', '\\']).any(|part| part == "..") && !name.contains('\0'), "{name:?}");
        let mut bytes = Vec::new();
        let _ = reader.read_to_end(&mut bytes);
        out += bytes.len() as u64;
        let mut lines = bounded_lines(bytes.as_slice(), 64);
        while let Some((_, line)) = lines.next_line() {
            assert!(line.is_err() || line.is_ok_and(|line| line.len() <= 64));
        }
        if levels > 1 && inner.len() < 4 && bytes != data {
            inner.push(bytes);
        }
        ControlFlow::Continue(())
    });
    if let Err(error) = end {
        assert!(!error.to_string().is_empty());
    }
    assert!(out <= LIMITS.out_bytes_max, "{out} bytes came out");
    inner.iter().for_each(|bytes| visit(bytes, levels - 1));
}

fn seeds() -> Vec<Vec<u8>> {
    let mut out = seed::contents("crates/inventory/fixtures/package/java");
    out.extend(PACKED.iter().map(|bytes| bytes.to_vec()));
    out.push(tar("a/b.txt", b"one\ntwo\n"));
    out
}

/// One file, as POSIX writes it.
pub fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    tar_of(b'0', name, content)
}

fn tar_of(kind: u8, name: &str, content: &[u8]) -> Vec<u8> {
    let mut head = vec![0_u8; 512];
    head[..name.len()].copy_from_slice(name.as_bytes());
    head[100..107].copy_from_slice(b"0000644");
    head[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    head[156] = kind;
    head[257..263].copy_from_slice(b"ustar\0");
    head[263..265].copy_from_slice(b"00");
    head[148..156].fill(b' ');
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    head.extend_from_slice(content);
    head.resize(head.len().next_multiple_of(512) + 1024, 0);
    head
}

const LIMITS: Limits =
    Limits { out_bytes_max: 4 << 20, ratio_max: 200, entries_max: 1000, entry_bytes_max: 1 << 20, nesting: 4 };

/// "one\n" as gzip, bzip2, xz and zstd write it.
const PACKED: &[&[u8]] = &[
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\xcf\x4b\xe5\x02\x00\x9f\xa8\x17\xf8\x04\x00\x00\x00",
    b"\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\x78\x13\xc0\x82\x00\x00\x01\xc1\x00\x00\x10\x02\x01\xa0\x00\x21\x9a\x68\x33\x4d\x0c\xbc\x5d\xc9\x14\xe1\x42\x41\xe0\x4f\x02\x08",
    b"\xfd\x37\x7a\x58\x5a\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x16\x00\x00\x00\x74\x2f\xe5\xa3\x01\x00\x03\x6f\x6e\x65\x0a\x00\xf5\x5c\xbb\x56\x1f\xc6\xfd\x86\x00\x01\x1c\x04\x6f\x2c\x9c\xc1\x1f\xb6\xf3\x7d\x01\x00\x00\x00\x00\x04\x59\x5a",
    b"\x28\xb5\x2f\xfd\x04\x58\x21\x00\x00\x6f\x6e\x65\x0a\xdf\x16\x68\x09",
];
