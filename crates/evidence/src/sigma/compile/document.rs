//! Which documents does a file hold, and at which line does each begin?
//!
//! The YAML is looked over first by a reader that knows lines: what makes small files huge (aliases), what stands too
//! deep, and values that are no values are refused there. What the documents mean is read by `rsigma_parser`.

use rsigma_parser::{SigmaCollection, SigmaDocument, parse_sigma_yaml};
use saphyr_parser::{Event, Parser};

/// A document: the line at which it begins, its text, and what it is, or what is wrong on which line.
pub(super) type Document = (usize, String, Result<SigmaDocument, (usize, String)>);

/// Lists and mappings inside one another.
const DEPTH_MAX: usize = 32;
/// Documents of a file. A collection is read anew for each.
const DOCUMENTS_MAX: usize = 1000;
const COLLECTED_MAX: usize = 64;

/// Every document of a file that is one of Sigma's.
pub(super) fn read(text: &str) -> Vec<Document> {
    // YAML ends a line with either; lines are counted alike everywhere below.
    let text = &text.replace("\r\n", "\n").replace('\r', "\n");
    let starts = match look_over(text) {
        Ok(starts) => starts,
        Err((line, reason)) => return vec![(line, String::new(), Err((line, reason)))],
    };
    let lines: Vec<&str> = text.lines().collect();
    // The mark of a beginning is no part of the document.
    let is_mark = |line: usize| lines.get(line - 1).is_some_and(|text| text.trim_end() == "---");
    let ends = starts.iter().skip(1).copied().chain([lines.len() + 1]);
    let starts: Vec<usize> = starts.iter().map(|line| line + usize::from(is_mark(*line))).collect();
    let part = |start: usize, end: usize| lines.get(start - 1..end - 1).unwrap_or_default().join("\n") + "\n";
    let parts: Vec<(usize, String)> = starts.iter().zip(ends).map(|(start, end)| (*start, part(*start, end))).collect();
    let is_collection = lines.iter().any(|line| line.starts_with("action:"));
    if is_collection {
        return collection(parts);
    }
    let one = |(line, text): (usize, String)| {
        let parsed = parsed(&text).and_then(|found| only(found).map(|found| found.unwrap_or(Err(NOTHING.into()))));
        let parsed = parsed.and_then(|found| found).map_err(|reason| (located(line, &text, &reason), reason));
        (line, text, parsed)
    };
    parts.into_iter().map(one).collect()
}

const NOTHING: &str = "there is no rule in this document";

/// Documents that change those that follow: each is read behind all before it.
fn collection(parts: Vec<(usize, String)>) -> Vec<Document> {
    let mut documents = Vec::new();
    let (mut so_far, mut known) = (String::new(), SigmaCollection::new());
    for (number, (line, text)) in parts.into_iter().enumerate() {
        if number >= COLLECTED_MAX {
            let reason = format!("a collection has more than {COLLECTED_MAX} documents");
            documents.push((line, text, Err((line, reason))));
            break;
        }
        so_far.push_str("---\n");
        so_far.push_str(text.trim_start_matches("---"));
        let found = parsed(&so_far).and_then(|found| {
            let errors = known.errors.len();
            known.errors.clone_from(&found.errors);
            let rest = SigmaCollection {
                rules: found.rules.get(known.rules.len()..).unwrap_or_default().to_vec(),
                correlations: found.correlations.get(known.correlations.len()..).unwrap_or_default().to_vec(),
                filters: found.filters.get(known.filters.len()..).unwrap_or_default().to_vec(),
                errors: found.errors.get(errors..).unwrap_or_default().to_vec(),
            };
            (known.rules, known.correlations, known.filters) = (found.rules, found.correlations, found.filters);
            only(rest)
        });
        match found {
            Ok(None) => {}
            Ok(Some(found)) => documents.push((line, text, found.map_err(|reason| (line, reason)))),
            Err(reason) => documents.push((line, text, Err((line, reason)))),
        }
    }
    documents
}

fn parsed(text: &str) -> Result<SigmaCollection, String> {
    parse_sigma_yaml(text).map_err(|error| error.to_string())
}

/// The one document that was found, or what is wrong with it; nothing where it only changes others.
fn only(found: SigmaCollection) -> Result<Option<Result<SigmaDocument, String>>, String> {
    if let Some(error) = found.errors.first() {
        return Ok(Some(Err(error.split_whitespace().collect::<Vec<_>>().join(" "))));
    }
    let rules = found.rules.into_iter().map(|rule| SigmaDocument::Rule(Box::new(rule)));
    let correlations = found.correlations.into_iter().map(SigmaDocument::Correlation);
    let filters = found.filters.into_iter().map(SigmaDocument::Filter);
    Ok(rules.chain(correlations).chain(filters).next().map(Ok))
}

/// The line that a reason speaks of, where it names a word in quotes that stands on one.
fn located(line: usize, text: &str, reason: &str) -> usize {
    let word = reason.split(['\'', '`']).nth(1).filter(|word| !word.is_empty());
    let word = if reason.contains("ondition") { Some("condition:") } else { word };
    line + word.and_then(|word| text.lines().position(|line| line.contains(word))).unwrap_or(0)
}

/// The line of each document; or what is wrong on which line.
fn look_over(text: &str) -> Result<Vec<usize>, (usize, String)> {
    let (mut starts, mut depth) = (Vec::new(), 0usize);
    // Of what is open: whether it is a list of plain values, which is the end of a field's values.
    let mut lists: Vec<bool> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| (error.marker().line().max(1), format!("not YAML: {error}")))?;
        let line = span.start.line().max(1);
        match event {
            Event::DocumentStart(_) => starts.push(line),
            Event::Alias(_) => return Err((line, "YAML aliases are not read: they make small files huge".into())),
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                let is_list = matches!(event, Event::SequenceStart(..));
                if is_list && lists.last() == Some(&true) {
                    return Err((line, "a list stands in a list".into()));
                }
                lists.push(is_list);
                depth += 1;
            }
            Event::MappingEnd | Event::SequenceEnd => {
                lists.pop();
                depth -= 1;
            }
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err((line, format!("lists and mappings stand more than {DEPTH_MAX} deep in one another")));
        }
        if starts.len() > DOCUMENTS_MAX {
            return Err((line, format!("there are more than {DOCUMENTS_MAX} documents in one file")));
        }
    }
    Ok(starts)
}
