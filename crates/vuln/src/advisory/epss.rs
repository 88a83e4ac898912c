//! How are EPSS scores read (CSV `cve,epss,percentile`, with or without the `#model_version` line)?

use std::io::BufRead;

use tripoint_unpack::{LineError, bounded_lines};

use super::{AdvisoryFormat, Sink, Statement, is_cve};

/// `epss_scores-current.csv.gz`.
pub(super) struct Epss;

impl AdvisoryFormat for Epss {
    fn name(&self) -> &'static str {
        "epss"
    }

    fn recognises(&self, _file: &str, head: &[u8]) -> bool {
        head.starts_with(b"#model_version") || head.starts_with(b"cve,epss")
    }

    fn read(&self, file: &str, input: &mut dyn BufRead, out: &mut dyn Sink) {
        let mut lines = bounded_lines(input, LINE_BYTES_MAX);
        while let Some((number, line)) = lines.next_line() {
            let line = match line {
                Ok(line) => line.trim(),
                Err(error @ LineError::Io(_)) => return out.refuse(file, number, error.to_string()),
                Err(error) => {
                    out.refuse(file, number, error.to_string());
                    continue;
                }
            };
            if let Some((_, time)) = line.strip_prefix('#').and_then(|line| line.split_once("score_date:")) {
                out.published(time.split(',').next().unwrap_or_default());
            }
            if line.is_empty() || line.starts_with('#') || line.starts_with("cve,") {
                continue;
            }
            match read_line(line) {
                Ok(statement) => out.accept(statement),
                Err(reason) => out.refuse(file, number, reason.to_owned()),
            }
        }
    }
}

fn read_line(line: &str) -> Result<Statement, &'static str> {
    let mut fields = line.split(',').map(|field| field.trim().trim_matches('"'));
    let cve = fields.next().filter(|cve| is_cve(cve)).ok_or("the first field is not a CVE id")?;
    let score: f64 = fields.next().and_then(|field| field.parse().ok()).ok_or("the second field is not a number")?;
    if !(0.0..=1.0).contains(&score) {
        return Err("the score is not between 0 and 1");
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10,000")]
    let parts = (score * 10_000.0).round() as u16;
    Ok(Statement::Likelihood(cve.to_owned(), parts))
}

const LINE_BYTES_MAX: usize = 4096;
