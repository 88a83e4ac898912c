//! Which addresses and names does a STIX pattern call bad by themselves?
//!
//! A subset of STIX 2.1 patterning: comparisons of `ipv4-addr:value`, `ipv6-addr:value`,
//! `domain-name:value`, `url:value` (of which the host counts) and `network-traffic:*_ref.value` with `=`, `IN` and
//! `ISSUBSET`, ports of `network-traffic`, joined by OR. What needs more than one connection to be true is refused.

use tripoint_model::{AppliesTo, Observable};

use super::columns::{Named, observable};

/// What a pattern names, and the direction when the pattern says which end it is.
pub(super) type Found = (Named, Option<AppliesTo>);

/// Longest pattern, bytes.
const PATTERN_MAX: usize = 64 << 10;
const DEPTH_MAX: u32 = 32;

/// The observables of a pattern, or why there are none.
pub(super) fn observables(pattern: &str) -> Result<Vec<Found>, String> {
    if pattern.len() > PATTERN_MAX {
        return Err(format!("the pattern is longer than {PATTERN_MAX} bytes"));
    }
    let tokens = tokens(pattern)?;
    let mut parser = Parser { tokens: &tokens, at: 0, found: Vec::new(), unusable: None };
    parser.observations(0)?;
    match (parser.found.is_empty(), parser.unusable) {
        (false, _) => Ok(parser.found),
        (true, Some(reason)) => Err(reason),
        (true, None) => Err("the pattern names no address and no domain name".to_owned()),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    OpenObservation,
    CloseObservation,
    Comma,
    /// `=`, `!=`, `<` and the like.
    Operator(String),
    /// A quoted text.
    Text(String),
    /// A keyword, number or object path.
    Word(String),
}

fn tokens(pattern: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            c if c.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            '[' => Token::OpenObservation,
            ']' => Token::CloseObservation,
            ',' => Token::Comma,
            '=' | '!' | '<' | '>' => {
                let mut operator = c.to_string();
                while let Some(next) = chars.next_if(|next| matches!(next, '=' | '>')) {
                    operator.push(next);
                }
                Token::Operator(operator)
            }
            '\'' => Token::Text(quoted(&mut chars)?),
            c => {
                let mut word = c.to_string();
                // A path may quote a part: network-traffic:extensions.'http-request-ext'.
                while let Some(next) = chars.next_if(|next| !next.is_whitespace() && !"()[],=!<>".contains(*next)) {
                    if next == '\'' {
                        word.push_str(&quoted(&mut chars)?);
                    } else {
                        word.push(next);
                    }
                }
                Token::Word(word)
            }
        });
    }
    Ok(tokens)
}

fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, String> {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.extend(chars.next()),
            '\'' => return Ok(text),
            c => text.push(c),
        }
    }
    Err("the pattern has a quote that does not end".to_owned())
}

/// What one AND group says.
#[derive(Default)]
struct Group {
    found: Vec<Found>,
    ports: Vec<u16>,
    unusable: Option<String>,
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    found: Vec<Found>,
    unusable: Option<String>,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<&Token> {
        self.at += 1;
        self.tokens.get(self.at - 1)
    }

    fn take(&mut self, token: &Token) -> bool {
        let taken = self.tokens.get(self.at) == Some(token);
        self.at += usize::from(taken);
        taken
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let taken = matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(taken);
        taken
    }

    /// `[…] OR […]`; brackets may be grouped, and qualifiers narrow nothing that matters here.
    fn observations(&mut self, depth: u32) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err("the pattern is nested too deep".to_owned());
        }
        loop {
            if self.take(&Token::Open) {
                self.observations(depth + 1)?;
                if !self.take(&Token::Close) {
                    return Err("the pattern lacks a closing parenthesis".to_owned());
                }
            } else if self.take(&Token::OpenObservation) {
                let groups = self.alternatives(depth + 1)?;
                if !self.take(&Token::CloseObservation) {
                    return Err("the pattern lacks a closing bracket".to_owned());
                }
                groups.into_iter().for_each(|group| self.keep(group));
            } else {
                return Err("the pattern does not begin with a bracket".to_owned());
            }
            if self.take_word("OR") {
                continue;
            }
            return match self.tokens.get(self.at) {
                None | Some(Token::Close) => Ok(()),
                Some(Token::Word(word))
                    if word.eq_ignore_ascii_case("AND") || word.eq_ignore_ascii_case("FOLLOWEDBY") =>
                {
                    Err("the pattern needs several observations to hold together".to_owned())
                }
                // WITHIN, REPEATS, START … STOP: an address is no less bad.
                Some(_) => {
                    self.at = self.tokens.len();
                    Ok(())
                }
            };
        }
    }

    fn keep(&mut self, group: Group) {
        match group.unusable {
            Some(reason) => self.unusable = Some(reason),
            None => {
                for (named, direction) in group.found {
                    match (&named.observable, group.ports.as_slice()) {
                        (Observable::Address(address), ports) if !ports.is_empty() => {
                            let at = |port: &u16| (Observable::AddressPort(*address, *port).into(), direction);
                            self.found.extend(ports.iter().map(at));
                        }
                        _ => self.found.push((named, direction)),
                    }
                }
            }
        }
    }

    /// Groups joined by OR.
    fn alternatives(&mut self, depth: u32) -> Result<Vec<Group>, String> {
        let mut groups = self.together(depth)?;
        while self.take_word("OR") {
            groups.extend(self.together(depth)?);
        }
        Ok(groups)
    }

    /// Comparisons joined by AND. A parenthesised OR beside other conditions is refused rather than
    /// multiplied out.
    fn together(&mut self, depth: u32) -> Result<Vec<Group>, String> {
        if depth > DEPTH_MAX {
            return Err("the pattern is nested too deep".to_owned());
        }
        let mut sides = Vec::new();
        loop {
            if self.take(&Token::Open) {
                sides.push(self.alternatives(depth + 1)?);
                if !self.take(&Token::Close) {
                    return Err("the pattern lacks a closing parenthesis".to_owned());
                }
            } else {
                sides.push(vec![self.comparison()?]);
            }
            if !self.take_word("AND") {
                break;
            }
        }
        if sides.len() == 1 {
            return Ok(sides.remove(0));
        }
        let mut whole = Group::default();
        let mut named = 0;
        for side in sides {
            if side.len() > 1 {
                whole.unusable = Some("the pattern joins alternatives with AND".to_owned());
            }
            for group in side {
                named += u32::from(!group.found.is_empty());
                whole.found.extend(group.found);
                whole.ports.extend(group.ports);
                whole.unusable = whole.unusable.or(group.unusable);
            }
        }
        if named > 1 {
            whole.unusable = Some("the pattern needs several addresses or names at once".to_owned());
        }
        Ok(vec![whole])
    }

    fn comparison(&mut self) -> Result<Group, String> {
        let Some(Token::Word(path)) = self.next().cloned() else {
            return Err("the pattern lacks an object path".to_owned());
        };
        let negated = self.take_word("NOT");
        let operator = match self.next() {
            Some(Token::Operator(operator)) => operator.clone(),
            Some(Token::Word(word)) => word.to_ascii_uppercase(),
            _ => return Err("the pattern lacks an operator".to_owned()),
        };
        let mut values = Vec::new();
        if self.take(&Token::Open) {
            while !self.take(&Token::Close) {
                match self.next() {
                    Some(Token::Text(text) | Token::Word(text)) => values.push(text.clone()),
                    Some(Token::Comma) => {}
                    _ => return Err("the pattern has a list that does not end".to_owned()),
                }
            }
        } else {
            match self.next() {
                Some(Token::Text(text) | Token::Word(text)) => values.push(text.clone()),
                _ => return Err("the pattern lacks a value".to_owned()),
            }
        }
        let equal = !negated && matches!(operator.as_str(), "=" | "==" | "IN" | "ISSUBSET");
        Ok(meaning(&path, equal, &values))
    }
}

fn meaning(path: &str, equal: bool, values: &[String]) -> Group {
    let mut group = Group::default();
    let unusable = |reason: String| Group { unusable: Some(reason), ..Group::default() };
    let direction = match path {
        "ipv4-addr:value" | "ipv6-addr:value" | "domain-name:value" | "url:value" => None,
        "network-traffic:dst_ref.value" => Some(AppliesTo::Out),
        "network-traffic:src_ref.value" => Some(AppliesTo::In),
        "network-traffic:dst_port" if equal => {
            group.ports = values.iter().filter_map(|value| value.parse().ok()).collect();
            return group;
        }
        // True of any such connection, so they take nothing away.
        _ if path.ends_with("_ref.type")
            || path.starts_with("network-traffic:protocols")
            || path == "network-traffic:is_active" =>
        {
            return group;
        }
        _ => {
            return unusable(format!(
                "the pattern speaks of {:.64}, which no connection shows",
                tripoint_model::text::visible(path)
            ));
        }
    };
    if !equal {
        return unusable("the pattern compares an address other than for equality".to_owned());
    }
    for value in values {
        let named = match path {
            "url:value" => observable(value),
            _ => value.parse().map(|found: Observable| found.into()).map_err(|_| String::new()),
        };
        match named {
            Ok(named) if !matches!(named.observable, Observable::System(_)) => group.found.push((named, direction)),
            Err(reason) if !reason.is_empty() => return unusable(format!("the pattern names what is {reason}")),
            _ => return unusable(format!("the pattern names {value:.64?}, which is no address and no domain name")),
        }
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pattern: &str) -> String {
        match observables(pattern) {
            Ok(found) => found
                .iter()
                .map(|(named, direction)| {
                    format!(
                        "{}{}",
                        named.observable,
                        direction.map_or("", |d| if d == AppliesTo::Out { ">" } else { "<" })
                    )
                })
                .collect::<Vec<_>>()
                .join(" "),
            Err(reason) => format!("! {reason}"),
        }
    }

    #[test]
    fn the_subset_is_read() {
        for (pattern, expected) in [
            ("[ipv4-addr:value = '203.0.113.9']", "203.0.113.9"),
            ("[ipv4-addr:value = '203.0.113.9' OR domain-name:value='Bad.Example']", "203.0.113.9 bad.example"),
            (
                "[ipv4-addr:value ISSUBSET '203.0.113.0/24'] OR [ipv6-addr:value = '2001:db8::1']",
                "203.0.113.0/24 2001:db8::1",
            ),
            ("[ipv4-addr:value IN ('203.0.113.1', '203.0.113.2')]", "203.0.113.1 203.0.113.2"),
            (
                "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '203.0.113.9' AND network-traffic:dst_port = 443]",
                "203.0.113.9:443>",
            ),
            ("[(network-traffic:src_ref.value = '203.0.113.9')] WITHIN 5 SECONDS", "203.0.113.9<"),
            ("[file:name = 'x' OR ipv4-addr:value = '203.0.113.9']", "203.0.113.9"),
            (
                "[url:value = 'http://203.0.113.9/a' OR url:value = 'https://bad.example/b']",
                "203.0.113.9:80 bad.example",
            ),
        ] {
            assert_eq!(shown(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn what_an_address_alone_does_not_show_is_refused() {
        for pattern in [
            "[file:name = 'x' AND ipv4-addr:value = '203.0.113.9']",
            "[ipv4-addr:value != '203.0.113.9']",
            "[ipv4-addr:value NOT = '203.0.113.9']",
            "[ipv4-addr:value LIKE '203.%']",
            "[ipv4-addr:value = '203.0.113.9'] AND [domain-name:value = 'a.example']",
            "[ipv4-addr:value = '203.0.113.9' AND domain-name:value = 'a.example']",
            "[network-traffic:dst_port = 80]",
            "[ipv4-addr:value = '203.0.113.9",
            "[",
            "",
            "[ipv4-addr:value IN ('203.0.113.1'",
            "[url:value = 'http:///a']",
            "[url:value LIKE 'http://bad.example/%']",
        ] {
            assert!(shown(pattern).starts_with('!'), "{pattern}: {}", shown(pattern));
        }
        assert!(shown(&"(".repeat(60_000)).contains("nested too deep"));
        assert!(shown(&format!("[{}", "(".repeat(60_000))).contains("nested too deep"));
    }
}
