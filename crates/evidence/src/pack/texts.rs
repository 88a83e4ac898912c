//! What of an entry does a rule look at?

use std::cell::OnceCell;

use super::rule::Part;
use crate::entry::{Entry, Request, Said};
use crate::views::Views;

/// The parts of one entry, each with its views, made when first asked for.
pub(super) struct Texts<'e> {
    entry: &'e Entry<'e>,
    views: [OnceCell<Views>; PARTS],
}

const PARTS: usize = 8;

impl<'e> Texts<'e> {
    pub(super) fn new(entry: &'e Entry<'e>) -> Self {
        Self { entry, views: Default::default() }
    }

    /// The views of a part; nothing where the entry has no such part.
    pub(super) fn views(&self, part: Part) -> &Views {
        self.views[part as usize].get_or_init(|| self.text(part).map_or_else(Views::default, |text| Views::of(&text)))
    }

    fn text(&self, part: Part) -> Option<String> {
        let request = match &self.entry.said {
            Said::Request(request) => request,
            Said::Text(text) => return matches!(part, Part::Any | Part::Message).then(|| text.to_string()),
            // A name is what a stranger sent.
            Said::LogIn(log_in) => return matches!(part, Part::Any).then(|| log_in.user.to_string()),
        };
        match part {
            Part::Any => Some(everything(request)),
            Part::Target => Some(request.target.to_string()),
            Part::Path => Some(path_and_query(request).0.to_owned()),
            Part::Arguments => Some(format!("{}\n{}", path_and_query(request).1, request.body)),
            Part::Agent => Some(request.agent.to_string()),
            Part::Headers => Some(headers(request)),
            Part::Body => Some(request.body.to_string()),
            Part::Message => None,
        }
    }
}

fn path_and_query<'r>(request: &'r Request<'_>) -> (&'r str, &'r str) {
    request.target.split_once('?').unwrap_or((&request.target, ""))
}

fn headers(request: &Request<'_>) -> String {
    let named = [("host", &request.host), ("referer", &request.referer), ("user-agent", &request.agent)];
    let mut text = String::new();
    for (name, value) in named {
        if !value.is_empty() {
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value);
            text.push('\n');
        }
    }
    text.push_str(&request.headers);
    text
}

/// All that the peer sent: the request line first.
pub(super) fn everything(request: &Request<'_>) -> String {
    let user = if request.user.is_empty() { String::new() } else { format!("user: {}\n", request.user) };
    format!("{} {}\n{user}{}\n{}", request.method, request.target, headers(request), request.body)
}
