//! How does a request leave, within bounds, and to nobody but whom the configuration means?

use std::io::{Read as _, Write as _};
use std::time::Duration;

use tripoint_fetch::{Call, FetchError, Fetcher, Method, Place, Talk};

use super::channel::Told;
use super::smtp;
use super::spec::Spec;
use super::wire::{Attempt, Http, Wire};

/// Sends all requests of a message; the first that is not taken says what came of it. A mail goes to `left` alone,
/// where some of its receivers have it already.
pub(super) fn send(spec: &Spec, fetcher: &Fetcher, told: &Told<'_>, left: Option<&[String]>) -> Attempt {
    for wire in spec.kind.requests(spec, told) {
        let attempt = match &wire {
            Wire::Http(http) => post(spec, fetcher, http),
            Wire::Mail(mail) => smtp::deliver(spec, fetcher, mail, left.unwrap_or(&spec.to)),
            Wire::Record(record) => syslog(spec, fetcher, record)
                .map_or_else(|error| Attempt::Failed(error.to_string()), |()| Attempt::Taken),
        };
        if attempt != Attempt::Taken {
            return attempt;
        }
    }
    Attempt::Taken
}

/// The channel's URL and what stands behind it.
pub(super) fn url(spec: &Spec, http: &Http) -> String {
    format!("{}{}", spec.url.text(), http.path)
}

fn post(spec: &Spec, fetcher: &Fetcher, http: &Http) -> Attempt {
    let url = url(spec, http);
    let mut headers: Vec<(&str, &str)> = http.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    headers.push(("content-type", http.content));
    let call = Call {
        method: Method::Post,
        url: &url,
        permit_private: spec.private,
        bearer: None,
        json: Some(&http.body),
        headers: &headers,
    };
    match fetcher.call(&call) {
        Ok(said) => spec.kind.judge(said.status, &said.body),
        Err(error) => failed(&error),
    }
}

/// Says what would be right where an address was refused.
pub(super) fn failed(error: &FetchError) -> Attempt {
    Attempt::Failed(match error {
        FetchError::Private { host, address } => {
            format!("{host} leads to {address}, which is not public; private = true of the channel allows it")
        }
        other => other.to_string(),
    })
}

/// Where a channel of SMTP or syslog leads.
pub(super) fn place(spec: &Spec) -> Place<'_> {
    Place { host: &spec.server.0, port: spec.server.1, permit_private: spec.private }
}

fn syslog(spec: &Spec, fetcher: &Fetcher, record: &[u8]) -> Result<(), FetchError> {
    let place = place(spec);
    let failed = |error: std::io::Error| FetchError::Transport { url: place.to_string(), reason: error.to_string() };
    let mut talk: Talk = match spec.transport.as_str() {
        "" | "udp" => return fetcher.datagram(&place, record, WITHIN),
        "tcp" => fetcher.connect(&place, WITHIN)?,
        _ => fetcher.secure(fetcher.connect(&place, WITHIN)?, place.host)?,
    };
    // Its length comes before it (RFC 6587 section 3.4.1): no line end in it begins a second record.
    let mut framed = format!("{} ", record.len()).into_bytes();
    framed.extend_from_slice(record);
    talk.write_all(&framed).and_then(|()| talk.flush()).map_err(failed)?;
    talk.finish().map_err(failed)?;
    // A receiver says nothing. One that closes at once without reading is told from one that took it.
    let mut word = [0];
    match talk.read(&mut word) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Err(failed(error)),
        Err(_) => Ok(()),
    }
}

/// For one record.
const WITHIN: Duration = Duration::from_secs(5);
