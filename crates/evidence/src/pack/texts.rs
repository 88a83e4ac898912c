//! What of an entry does a rule look at?

use std::cell::OnceCell;
use std::ops::Range;

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
            Said::Text(_) if !matches!(part, Part::Any | Part::Message) => return None,
            Said::LogIn(_) if part != Part::Any => return None,
            _ => return Some(everything(self.entry)),
        };
        match part {
            Part::Any => Some(everything(self.entry)),
            Part::Target => Some(request.target.to_string()),
            Part::Path => Some(path_and_query(request).0.to_owned()),
            Part::Arguments => Some(format!("{}\n{}", path_and_query(request).1, request.body)),
            Part::Agent => Some(request.agent.to_string()),
            Part::Headers => {
                let mut text = String::new();
                write_headers(request, &mut text);
                Some(text)
            }
            Part::Body => Some(request.body.to_string()),
            Part::Message => None,
        }
    }
}

fn path_and_query<'r>(request: &'r Request<'_>) -> (&'r str, &'r str) {
    request.target.split_once('?').unwrap_or((&request.target, ""))
}

fn write_headers(request: &Request<'_>, text: &mut String) {
    let named = [("host", &request.host), ("referer", &request.referer), ("user-agent", &request.agent)];
    for (name, value) in named {
        if !value.is_empty() {
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value);
            text.push('\n');
        }
    }
    text.push_str(&request.headers);
}

fn everything(entry: &Entry<'_>) -> String {
    let mut text = String::new();
    write_everything(entry, &mut text);
    text
}

pub(super) fn has_body(entry: &Entry<'_>) -> bool {
    matches!(&entry.said, Said::Request(request) if !request.body.is_empty())
}

/// All that the peer sent: the request line first. Where the arguments lie in it, if there is no body.
pub(super) fn write_everything(entry: &Entry<'_>, text: &mut String) -> Range<usize> {
    let request = match &entry.said {
        Said::Request(request) => request,
        Said::Text(said) => {
            text.push_str(said);
            return 0..0;
        }
        // A name is what a stranger sent.
        Said::LogIn(log_in) => {
            text.push_str(&log_in.user);
            return 0..0;
        }
    };
    text.push_str(&request.method);
    text.push(' ');
    text.push_str(&request.target);
    let query = text.len() - path_and_query(request).1.len();
    text.push('\n');
    let arguments = query..text.len();
    if !request.user.is_empty() {
        text.push_str("user: ");
        text.push_str(&request.user);
        text.push('\n');
    }
    write_headers(request, text);
    text.push('\n');
    text.push_str(&request.body);
    arguments
}
