//! Which addresses does a reputation file of Suricata rate, and how highly?
//!
//! `address,category number,score`. What a category number means stands in the categories file of its publisher.

use std::io::Read;

use tripoint_model::Observable;
use tripoint_model::address::parse_net;
use tripoint_unpack::LINE_MAX;

use super::{FeedFormat, Reading, each_line};

/// The format.
pub struct SuricataIprep;

impl FeedFormat for SuricataIprep {
    fn name(&self) -> &'static str {
        "suricata-iprep"
    }

    fn detect(&self, head: &str) -> bool {
        // The head may end within a line.
        let whole = head.rfind('\n').map_or(head, |end| &head[..end]);
        let lines: Vec<&str> = whole.lines().map(content).filter(|line| !line.is_empty()).take(50).collect();
        let all = |fits: fn(&str) -> bool| lines.iter().all(|line| fits(line));
        lines.len() >= LINES_MIN && (all(|line| entry(line).is_ok()) || all(is_category))
    }

    fn parse(&self, input: &mut dyn Read, reading: &mut Reading<'_>) {
        each_line(input, LINE_MAX, reading, |number, line, reading| {
            let line = content(line);
            if line.is_empty() {
                return;
            }
            match entry(line) {
                Ok((observable, category, score)) => {
                    let mut indicator = reading.indicator(observable);
                    indicator.confidence = confidence(score);
                    indicator.labels.push(format!("suricata-category:{category}"));
                    reading.accept(number, indicator);
                }
                Err(reason) => reading.refuse(number, reason),
            }
        });
    }
}

/// The line without its comment.
fn content(line: &str) -> &str {
    line.split('#').next().unwrap_or("").trim()
}

/// Address or network, category, score.
fn entry(line: &str) -> Result<(Observable, u8, u8), String> {
    if is_category(line) {
        return Err("a line of the categories file (number, name, description) names no address; \
                    import the reputation file"
            .to_owned());
    }
    let mut cells = line.split(',').map(str::trim);
    let mut cell = || cells.next().unwrap_or("");
    let (address, category, score) = (cell(), cell(), cell());
    let net = parse_net(address).map_err(|_| format!("not an address or network: {address:.64?}"))?;
    let category = number(category, CATEGORY_MAX)
        .ok_or_else(|| format!("not a category from 1 to {CATEGORY_MAX}: {category:.16?}"))?;
    if score == "0" {
        return Err("score 0 means that there is no data".to_owned());
    }
    let score = number(score, SCORE_MAX).ok_or_else(|| format!("not a score from 1 to {SCORE_MAX}: {score:.16?}"))?;
    if cells.next().is_some() {
        return Err("more than address, category and score".to_owned());
    }
    Ok((Observable::from_net(net), category, score))
}

/// `1,BadHosts,Known bad hosts`.
fn is_category(line: &str) -> bool {
    let mut cells = line.splitn(3, ',').map(str::trim);
    let id = cells.next().and_then(|cell| number(cell, CATEGORY_MAX));
    let name = cells.next().unwrap_or("");
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    // A table of another kind may number its rows, and name an address further on.
    let says_address = |rest: &str| rest.split([',', ' ']).any(|word| parse_net(word).is_ok());
    id.is_some() && is_name && cells.next().is_some_and(|rest| !says_address(rest))
}

fn number(text: &str, max: u8) -> Option<u8> {
    text.parse().ok().filter(|number| (1..=max).contains(number) && !text.starts_with(['+', '0']))
}

/// Linear, upwards: a confidence that our export wrote as a score comes back as it was.
fn confidence(score: u8) -> u8 {
    u8::try_from((u16::from(score) * 100).div_ceil(u16::from(SCORE_MAX))).unwrap_or(100)
}

/// Suricata's own bounds.
const CATEGORY_MAX: u8 = 60;
const SCORE_MAX: u8 = 127;
/// One line of three cells may be anything.
const LINES_MIN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_tables_are_not_taken() {
        let fits = "203.0.113.1,1,127\n2001:db8::/32,60,1\n203.0.113.3,2,50\n";
        assert!(SuricataIprep.detect(fits) && SuricataIprep.detect(&format!("# x\n{fits}203.0.113.4,4")));
        for other in [
            "203.0.113.1,1,127\n203.0.113.2,1,127\n",
            "203.0.113.1,1,127\n203.0.113.2,1,128\n203.0.113.3,1,1\n",
            "203.0.113.1,443,90\n203.0.113.2,443,90\n203.0.113.3,22,90\n",
            "203.0.113.1,1,1,x\n203.0.113.2,1,1,x\n203.0.113.3,1,1,x\n",
            "1,evil,203.0.113.1\n2,evil,203.0.113.2\n3,evil,203.0.113.3\n",
            "203.0.113.1\n203.0.113.2\n203.0.113.3\n",
            "",
        ] {
            assert!(!SuricataIprep.detect(other), "{other}");
        }
    }

    #[test]
    fn a_score_is_the_confidence_that_was_exported() {
        for wished in 1..=100_u8 {
            let score = u16::from(wished) * 127 / 100;
            assert_eq!(confidence(u8::try_from(score).unwrap()), wished);
        }
    }
}
