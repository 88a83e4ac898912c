//! Which names, URLs and addresses does a dataset of Suricata hold?
//!
//! One value a line: base64 of a text (`type string`), or an address (`ip`, `ipv4`, `ipv6`). A `datarep` file adds
//! `,score`; what a score means stands in the rules that compare with it, so it is kept as a label.

use std::io::Read;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use tripoint_unpack::LINE_MAX;

use super::columns::{Named, is_digest, observable};
use super::{FeedFormat, Reading, each_line};

/// The format.
pub struct SuricataDataset;

impl FeedFormat for SuricataDataset {
    fn name(&self) -> &'static str {
        "suricata-dataset"
    }

    fn detect(&self, head: &str) -> bool {
        // The head may end within a line.
        let whole = head.rfind('\n').map_or(head, |end| &head[..end]);
        let lines: Vec<&str> = whole.lines().map(content).filter(|line| !line.is_empty()).take(50).collect();
        let all = |fits: fn(&str) -> bool| lines.iter().all(|line| cells(line).is_ok_and(|(value, _)| fits(value)));
        // Digests are claimed so that their refusal says what they are.
        lines.len() >= LINES_MIN
            && (all(|value| text(value).is_some_and(|text| observable(&text).is_ok())) || all(is_digest))
    }

    fn parse(&self, input: &mut dyn Read, reading: &mut Reading<'_>) {
        each_line(input, LINE_MAX, reading, |number, line, reading| {
            let line = content(line);
            if line.is_empty() {
                return;
            }
            match entry(line) {
                Ok((named, score)) => {
                    let mut indicator = named.indicator(reading);
                    indicator.labels.extend(score.map(|score| format!("datarep:{score}")));
                    named.doubt(&mut indicator);
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

fn entry(line: &str) -> Result<(Named, Option<u16>), String> {
    let (value, score) = cells(line)?;
    // Of an address neither dot nor colon is base64; a digest is, and `observable` says what it is.
    if is_digest(value) || value.contains(['.', ':']) {
        return Ok((observable(value)?, score));
    }
    let text = text(value).ok_or_else(|| format!("neither an address nor base64 of a text: {value:.64?}"))?;
    Ok((observable(&text)?, score))
}

/// The value and, in a `datarep` file, its score.
fn cells(line: &str) -> Result<(&str, Option<u16>), String> {
    let Some((value, score)) = line.split_once(',') else { return Ok((line, None)) };
    let score = score.trim();
    match score.parse() {
        Ok(number) => Ok((value.trim(), Some(number))),
        Err(_) => Err(format!("not a score from 0 to {}: {score:.16?}", u16::MAX)),
    }
}

/// The text that a `string` dataset holds; padding may be left out.
fn text(value: &str) -> Option<String> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let bytes = GeneralPurpose::new(&alphabet::STANDARD, config).decode(value).ok()?;
    String::from_utf8(bytes).ok().map(|text| text.trim().to_owned())
}

/// One word may be base64 by chance.
const LINES_MIN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_that_name_something_are_taken() {
        let names = "YmFkLmV4YW1wbGU=\nMjAzLjAuMTEzLjk=\nd29yc2UuZXhhbXBsZQ\n";
        assert!(SuricataDataset.detect(names));
        assert!(SuricataDataset.detect("YmFkLmV4YW1wbGU=,7\nMjAzLjAuMTEzLjk=,8\nd29yc2UuZXhhbXBsZQ==,9\n"));
        for other in
            ["YmFkLmV4YW1wbGU=\n", "word\nabcd\nabcd\n", "203.0.113.1\n203.0.113.2\n203.0.113.3\n", "bad.example\n", ""]
        {
            assert!(!SuricataDataset.detect(other), "{other}");
        }
    }
}
