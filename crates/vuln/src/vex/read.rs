//! Which of the formats is a document written in, and what of it is refused?

use tripoint_model::Rejected;

use super::Vex;
use super::csaf::csaf_vex;
use super::cyclone_dx::cyclone_dx;
use super::open_vex::open_vex;

/// Which of the formats a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    OpenVex,
    CycloneDx,
    Csaf,
}

impl Kind {
    /// By the first bytes.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        let has = |text: &str| head.windows(text.len()).any(|window| window == text.as_bytes());
        match () {
            () if has("openvex.dev/ns") || (has("text/vex+json") && has("\"statements\"")) => Some(Self::OpenVex),
            () if has("\"CycloneDX\"") => Some(Self::CycloneDx),
            () if has("\"csaf_version\"") => Some(Self::Csaf),
            () => None,
        }
    }
}

pub(super) fn document(file: &str, bytes: &[u8]) -> Vex {
    let mut out = Vex::default();
    let refuse = |reason: String| Rejected { file: file.to_owned(), line: 1, reason };
    if bytes.len() > DOCUMENT_BYTES_MAX {
        out.rejected.push(refuse("a document of more than 256 MiB".to_owned()));
        return out;
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let read = match Kind::of(bytes) {
        Some(Kind::OpenVex) => open_vex(bytes, &mut out),
        Some(Kind::CycloneDx) => cyclone_dx(bytes, &mut out),
        Some(Kind::Csaf) => csaf_vex(bytes, &mut out),
        None if bytes.is_empty() => Err("it is empty".to_owned()),
        None => Err("neither OpenVEX, CycloneDX nor CSAF".to_owned()),
    };
    if let Err(reason) = read {
        out.rejected.push(refuse(reason));
    }
    for rejected in &mut out.rejected {
        file.clone_into(&mut rejected.file);
    }
    out
}

/// The first thousand with their reason; a last one says that there are more.
pub(super) fn reject(out: &mut Vex, at: usize, reason: String) {
    let reason = match out.rejected.len() {
        0..REJECTED_MAX => reason,
        REJECTED_MAX => "this and what comes after it is refused without a reason each".to_owned(),
        _ => return,
    };
    out.rejected.push(Rejected { file: String::new(), line: at as u64 + 1, reason });
}

pub(super) fn reject_empty(out: &mut Vex, what: &str, empty: usize) {
    if empty > 0 {
        reject(out, 0, format!("{empty} {what} say nothing"));
    }
}

const REJECTED_MAX: usize = 1000;
const DOCUMENT_BYTES_MAX: usize = 256 << 20;
