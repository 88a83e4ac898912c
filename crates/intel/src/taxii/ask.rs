//! How is a TAXII 2.1 server asked, and how are its refusals told?

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tripoint_fetch::{Answer, Body, FetchError, Fetcher, KeyHeader, Request};
use tripoint_model::text::{truncate, visible};

use crate::descriptor::Descriptor;
use crate::feed::lenient::Text;

/// One server, asked in the name of one feed.
pub(super) struct Ask<'a> {
    pub(super) fetcher: &'a Fetcher,
    pub(super) descriptor: &'a Descriptor,
}

impl Ask<'_> {
    /// One answer of at most so many bytes.
    pub(super) fn get(&self, url: &str, bytes_max: u64) -> Result<Body, String> {
        let key = self.descriptor.header.as_deref().zip(self.descriptor.key_file.as_deref());
        let request = Request {
            key: key.map(|(name, file)| KeyHeader { name, file }),
            permit_private: self.descriptor.permit_private,
            bytes_max,
            accept: Some(MEDIA_TYPE),
            note: Some(ADDED_LAST),
            stays: true,
            ..Request::new(url)
        };
        match self.fetcher.get(&request) {
            Ok(Answer::Body(body)) if looks_like_a_page(&body.bytes) => Err(format!("{url} is a web page, not TAXII")),
            Ok(Answer::Body(body)) => Ok(body),
            Ok(Answer::NotModified) => Err(format!("{url} answered that nothing changed, and was not asked")),
            Err(error @ FetchError::TooBig { .. }) => {
                Err(format!("{error}; max_mib lets a whole feed have {}", self.descriptor.bytes_max))
            }
            Err(error) => Err(told(&error)),
        }
    }

    /// One of the small answers, typed.
    pub(super) fn json<T: DeserializeOwned>(&self, url: &str) -> Result<T, String> {
        let body = self.get(url, RESOURCE_BYTES_MAX)?;
        serde_json::from_slice(&body.bytes).map_err(|error| format!("{url} is no TAXII 2.1 answer: {error}"))
    }
}

/// The error of TAXII, where the body holds one.
#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    title: Text,
    #[serde(default)]
    description: Text,
}

fn told(error: &FetchError) -> String {
    let FetchError::Status { said, .. } = error else { return error.to_string() };
    let Ok(refusal) = serde_json::from_slice::<Refusal>(said) else { return error.to_string() };
    let parts = [refusal.title.as_str(), refusal.description.as_str()];
    let parts: Vec<&str> =
        parts.into_iter().filter(|part| !part.is_empty()).map(|part| truncate(part, 300).0).collect();
    if parts.is_empty() { error.to_string() } else { format!("{error}: {}", visible(&parts.join(": "))) }
}

fn looks_like_a_page(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
}

/// What stands in a query or in a segment of a path.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

const MEDIA_TYPE: &str = "application/taxii+json;version=2.1";
const ADDED_LAST: &str = "X-TAXII-Date-Added-Last";
/// Discovery, an API root, a list of collections: a few kilobytes.
const RESOURCE_BYTES_MAX: u64 = 1 << 20;
