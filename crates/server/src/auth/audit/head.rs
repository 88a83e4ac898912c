//! Who vouches for how long the audit was and how it ended, and when?

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use tripoint_model::Timestamp;

use super::super::seal::write_private;
use super::super::secret::hex;
use super::chain::Chain;
use super::restored::{Line, heads_since};

/// The end of the chain at a moment, signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Rows up to here.
    pub number: u64,
    /// The hash of the last of them; zeros where there was none.
    pub hash: String,
    /// When it was signed.
    pub at: Timestamp,
    /// Ed25519 over the three, base64.
    pub signature: String,
}

impl Head {
    fn said(number: u64, hash: &str, at: Timestamp) -> Vec<u8> {
        format!("tripoint audit head\n{number}\n{hash}\n{}", at.0).into_bytes()
    }

    /// What is signed where rows up to here were forgotten: a head alone is no leave to forget.
    fn said_of_begin(&self) -> Vec<u8> {
        format!("tripoint audit begin\n{}\n{}\n{}", self.number, self.hash, self.at.0).into_bytes()
    }
}

/// What heads are signed with.
pub(crate) struct HeadKey(Ed25519KeyPair);

impl HeadKey {
    /// The key of a file that only this user can read, made where there is none, with its public half beside it.
    pub(crate) fn load(folder: &Path) -> io::Result<Self> {
        let path = folder.join(KEY);
        let refused = |_| io::Error::new(io::ErrorKind::InvalidData, format!("{} is no key", path.display()));
        let key = match fs::read(&path) {
            Ok(document) => Self(Ed25519KeyPair::from_pkcs8(&document).map_err(refused)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let document = Self::document()?;
                write_private(&path, &document)?;
                Self(Ed25519KeyPair::from_pkcs8(&document).map_err(refused)?)
            }
            Err(error) => return Err(error),
        };
        fs::write(folder.join(PUBLIC), format!("{}\n", key.public().text()))?;
        Ok(key)
    }

    fn document() -> io::Result<Vec<u8>> {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        made.map(|document| document.as_ref().to_vec()).map_err(|_| io::Error::other("no random bytes"))
    }

    #[cfg(test)]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(Ed25519KeyPair::from_pkcs8(&Self::document()?).map_err(|_| io::Error::other("no key"))?))
    }

    /// A signature, base64.
    pub(super) fn seal(&self, said: &[u8]) -> String {
        BASE64.encode(self.0.sign(said))
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey(self.0.public_key().as_ref().to_vec())
    }

    /// Says that rows up to a head are forgotten.
    pub(crate) fn sign_begin(&self, head: &Head, at: Timestamp) -> Head {
        let mut begin = Head { at, signature: String::new(), ..head.clone() };
        begin.signature = self.seal(&begin.said_of_begin());
        begin
    }

    pub(crate) fn sign(&self, chain: &Chain, at: Timestamp) -> Head {
        let (number, hash) = (chain.rows, chain.hash());
        let signature = self.seal(&Head::said(number, &hash, at));
        Head { number, hash, at, signature }
    }
}

/// What heads are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// As hex, to compare with one noted elsewhere.
    pub fn text(&self) -> String {
        hex(&self.0)
    }

    /// Whether this key signed it.
    pub fn check(&self, head: &Head) -> bool {
        self.proves(&Head::said(head.number, &head.hash, head.at), &head.signature)
    }

    /// Whether this key signed that rows up to there are forgotten.
    fn check_begin(&self, begin: &Head) -> bool {
        self.proves(&begin.said_of_begin(), &begin.signature)
    }

    pub(super) fn proves(&self, said: &[u8], signature: &str) -> bool {
        let Ok(signature) = BASE64.decode(signature) else { return false };
        UnparsedPublicKey::new(&ED25519, &self.0).verify(said, &signature).is_ok()
    }

    /// From the file beside the key.
    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(folder.join(PUBLIC))?;
        let digits = text.trim();
        let byte = |at: usize| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
        let refused = || io::Error::new(io::ErrorKind::InvalidData, format!("{PUBLIC} holds no key"));
        bytes.filter(|bytes| bytes.len() == 32).map(Self).ok_or_else(refused)
    }
}

/// Adds lines to the file beside the database; durable when it returns.
pub(crate) fn append(folder: &Path, lines: &[Line]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(folder.join(HEADS))?;
    cut_unfinished(&mut file)?;
    let mut text = String::new();
    for line in lines {
        text.push_str(&serde_json::to_string(line).map_err(io::Error::other)?);
        text.push('\n');
    }
    // One write: they are there or not, but for a power cut.
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

/// Takes away a last line that a power cut left unfinished: what is written behind it would be no line either.
fn cut_unfinished(file: &mut File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let begin = length.saturating_sub(LINE_MAX);
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(begin))?;
    file.read_to_end(&mut end)?;
    let whole = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    match end.len() - whole {
        0 => Ok(()),
        _ => file.set_len(begin + whole as u64),
    }
}

/// Writes down up to where rows are forgotten; durable when it returns.
pub(crate) fn write_begin(folder: &Path, begin: &Head) -> io::Result<()> {
    let text = serde_json::to_vec(begin).map_err(io::Error::other)?;
    write_private(&folder.join(BEGIN), &text)?;
    File::open(folder)?.sync_all()
}

/// Up to where rows were forgotten, where any were; what is wrong with that where something is.
pub(crate) fn read_begin(folder: &Path, key: &PublicKey) -> io::Result<Result<Option<Head>, String>> {
    let text = match fs::read_to_string(folder.join(BEGIN)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ok(None)),
        Err(error) => return Err(error),
    };
    Ok(match serde_json::from_str::<Head>(&text) {
        Ok(begin) if key.check_begin(&begin) => Ok(Some(begin)),
        Ok(_) => Err(format!("{BEGIN}: not signed with the key of this server")),
        Err(error) => Err(format!("{BEGIN}: {error}")),
    })
}

/// Every head in its order, and what is wrong with the file where something is. A last line that a power cut left
/// unfinished is none.
pub(crate) fn read(folder: &Path, key: &PublicKey) -> io::Result<(Vec<Line>, Option<String>)> {
    let text = fs::read_to_string(folder.join(HEADS))?;
    let mut lines: Vec<Line> = Vec::new();
    for (number, text) in text.split_inclusive('\n').enumerate() {
        let wrong = |why: &str| Some(format!("{HEADS}:{}: {why}", number + 1));
        match serde_json::from_str::<Line>(text) {
            Ok(line) if !line.is_signed(key) => return Ok((lines, wrong("not signed with the key of this server"))),
            // Only a restore takes rows back.
            Ok(Line::Head(head)) if lines.last().is_some_and(|last| last.number() > head.number) => {
                return Ok((lines, wrong("counts fewer rows than the head before")));
            }
            Ok(Line::Restored(restored)) if !restored.follows(heads_since(&lines).next_back()) => {
                return Ok((lines, wrong("a restore that was not written behind the head before it")));
            }
            Ok(line) => lines.push(line),
            Err(_) if !text.ends_with('\n') => {}
            Err(error) => return Ok((lines, wrong(&error.to_string()))),
        }
    }
    Ok((lines, None))
}

pub(crate) const KEY: &str = "audit.key";
pub(crate) const PUBLIC: &str = "audit.pub";
pub(crate) const HEADS: &str = "audit.heads";
pub(crate) const BEGIN: &str = "audit.begin";
/// A head is some 250 bytes; a restore has the name of a file, at most 4 KiB, of which each byte may be six in JSON.
const LINE_MAX: u64 = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_a_power_cut_left_unfinished_spoils_none_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let key = HeadKey::new().unwrap();
        let head = |at| [Line::Head(key.sign(&Chain::default(), Timestamp(at)))];
        append(folder.path(), &head(1)).unwrap();
        let whole = fs::read(folder.path().join(HEADS)).unwrap();
        append(folder.path(), &head(2)).unwrap();
        let both = fs::read(folder.path().join(HEADS)).unwrap();
        for cut in whole.len()..both.len() {
            fs::write(folder.path().join(HEADS), &both[..cut]).unwrap();
            append(folder.path(), &head(3)).unwrap();
            let (lines, trouble) = read(folder.path(), &key.public()).unwrap();
            let at: Vec<i64> = heads_since(&lines).map(|head| head.at.0).collect();
            assert_eq!((at, trouble), (vec![1, 3], None), "cut at {cut}");
        }
    }
}
