//! How is another program told something, rather than asked for a file?

use std::io::Read as _;

use ureq::http::{self, header};

use crate::client::Fetcher;
use crate::error::{FetchError, explain};
use crate::url;

/// What is asked of the other program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Take this.
    Post,
    /// Drop this.
    Delete,
}

/// One request, sent once: whether it may be sent again only its sender knows.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// What is asked.
    pub method: Method,
    /// Of whom. Where it is an address or `localhost`, whoever configured it said so, and it may be private.
    pub url: &'a str,
    /// Whether a name may lead to private addresses.
    pub permit_private: bool,
    /// Goes into `Authorization`.
    pub bearer: Option<&'a str>,
    /// The body; JSON, unless `headers` call it something else.
    pub json: Option<&'a [u8]>,
    /// More headers, names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// HTTP status. Redirects are not followed: a secret goes to no other place.
    pub status: u16,
    /// At most 64 KiB; what is beyond is not read.
    pub body: Vec<u8>,
}

impl Fetcher {
    /// Sends a request within the bounds of the settings and reads the answer, whatever its status.
    pub fn call(&self, call: &Call<'_>) -> Result<Said, FetchError> {
        let at = url::parse(call.url)?;
        let method = match call.method {
            Method::Post => http::Method::POST,
            Method::Delete => http::Method::DELETE,
        };
        let mut request = http::Request::builder().method(method).uri(at.clone());
        if let Some(token) = call.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if call.json.is_some() && call.headers.iter().all(|(name, _)| *name != "content-type") {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        let bad = |_| FetchError::Transport {
            url: at.to_string(),
            reason: "the token or a header cannot be sent".to_owned(),
        };
        let agent = self.agent(call.permit_private || url::names_address(&at), self.settings.total_timeout);
        let answer = match call.json {
            Some(body) => agent.run(request.body(body).map_err(bad)?),
            None => agent.run(request.body(()).map_err(bad)?),
        };
        let response = answer.map_err(|error| explain(&at, error))?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        let read = response.into_body().into_reader().take(BODY_MAX).read_to_end(&mut body);
        read.map_err(|error| explain(&at, ureq::Error::from(error)))?;
        Ok(Said { status, body })
    }
}

/// Answers to such requests are a few lines.
const BODY_MAX: u64 = 64 << 10;

#[cfg(test)]
mod tests;
