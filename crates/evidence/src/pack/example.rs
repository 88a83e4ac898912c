//! What does an example of a rule stand for, and does the rule judge it rightly?

use tripoint_model::Timestamp;

use super::Pack;
use super::rule::Rule;
use crate::entry::{Entry, Request, Said};
use crate::log;
use crate::stamp::Clock;

/// A line of a log in a known format, a request line (`GET /path`, with or without its version), or else a message.
pub fn entry(text: &str) -> Entry<'_> {
    read(text).1
}

/// The same, with the name of its format.
pub(crate) fn read(text: &str) -> (&'static str, Entry<'_>) {
    let clock = Clock::at(Timestamp(0));
    let plain = log::FORMATS.len() - 1;
    let mut known = log::FORMATS[..plain].iter();
    if let Some(found) = known.find_map(|format| Some((format.name(), format.read(text, &clock)?))) {
        return found;
    }
    let is_method = |word: &str| word.len() >= 3 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    match text.split_once(' ') {
        Some((method, rest)) if is_method(method) => {
            let target = rest.rsplit_once(" HTTP/").map_or(rest, |(target, _)| target);
            let request = Request { method: method.into(), target: target.into(), ..Request::default() };
            ("access", Entry::new(None, None, Said::Request(Box::new(request))))
        }
        _ => ("plain", Entry::new(None, None, Said::Text(text.into()))),
    }
}

impl Pack {
    /// The examples of a rule that it judges wrongly: attacks that it does not find, innocents that it does.
    pub fn misjudged<'r>(&self, rule: &'r Rule) -> Vec<(bool, &'r str)> {
        let finds = |text: &str| self.matching(&entry(text)).iter().any(|found| found.id == rule.id);
        let attacks = rule.attacks.iter().filter(|text| !finds(text)).map(|text| (true, text.as_str()));
        let innocents = rule.innocents.iter().filter(|text| finds(text)).map(|text| (false, text.as_str()));
        attacks.chain(innocents).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_requests_lines_or_messages_and_wrong_ones_are_told() {
        let rule: Rule = serde_json::from_value(serde_json::json!({
            "id": "x", "family": "web-shell", "pattern": "evil\\.php", "part": "path",
            "attacks": ["GET /evil.php", "GET /good.php HTTP/1.1"],
            "innocents": [
                "GET /?q=evil.php",
                "203.0.113.9 - - [10/Oct/2000:13:55:36 -0700] \"GET /evil.php HTTP/1.1\" 200 1",
                "evil.php is a file",
            ],
        }))
        .unwrap();
        let pack = Pack::new([rule.clone()]).unwrap();
        let wrong = pack.misjudged(&rule);
        assert_eq!(wrong, [(true, rule.attacks[1].as_str()), (false, rule.innocents[1].as_str())]);
    }
}
