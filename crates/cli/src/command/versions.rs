//! `tripoint vulns compare` and `satisfies`: which version is newer, and does one lie in a range?

use std::cmp::Ordering;

use serde::Serialize;
use tripoint_vuln::version::{self, VersionError};

use crate::context::Context;
use crate::exit::{Exit, WrongUsage};
use crate::{input, output};

/// What was asked, and the answer or why there is none.
#[derive(Default, Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "String::is_empty")]
    scheme: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    b: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    satisfies: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Answer {
    fn text(&self) -> String {
        match (&self.error, self.order, self.satisfies) {
            (Some(error), _, _) => format!("error: {error}"),
            (None, Some(order), _) => order.to_owned(),
            (None, None, inside) => inside.unwrap_or_default().to_string(),
        }
    }
}

pub fn compare(context: &Context, words: &[String], stdin: bool) -> anyhow::Result<Exit> {
    match (stdin, words) {
        (false, [scheme, a, b]) => one(context, compared(scheme, a, b)),
        (true, [] | [_]) => {
            if let Some(scheme) = words.first() {
                version::Scheme::from_name(scheme)
                    .ok_or_else(|| failed(&VersionError::UnknownScheme(scheme.clone())))?;
            }
            each_line(context, |fields| match (words.first(), fields) {
                (Some(scheme), [a, b]) => Ok(compared(scheme, a, b)),
                (_, [scheme, a, b]) => Ok(compared(scheme, a, b)),
                _ => Err("expected A⇥B or SCHEME⇥A⇥B"),
            })
        }
        _ => Err(WrongUsage("give SCHEME A B, or [SCHEME] --stdin".into()).into()),
    }
}

pub fn satisfies(context: &Context, words: &[String], stdin: bool) -> anyhow::Result<Exit> {
    match (stdin, words) {
        (false, [scheme, version, range]) => one(context, satisfied(scheme, version, range)),
        (true, []) => each_line(context, |fields| match fields {
            [scheme, version, range] => Ok(satisfied(scheme, version, range)),
            _ => Err("expected SCHEME⇥VERSION⇥RANGE"),
        }),
        _ => Err(WrongUsage("give SCHEME VERSION RANGE, or --stdin".into()).into()),
    }
}

type Judged = (Answer, Result<(), VersionError>);

fn compared(scheme: &str, a: &str, b: &str) -> Judged {
    let asked = Answer { scheme: scheme.to_owned(), a: Some(a.to_owned()), b: Some(b.to_owned()), ..Answer::default() };
    match version::compare(scheme, a, b) {
        Ok(order) => (Answer { order: Some(sign(order)), ..asked }, Ok(())),
        Err(error) => (asked, Err(error)),
    }
}

fn satisfied(scheme: &str, version: &str, range: &str) -> Judged {
    let asked = Answer {
        scheme: scheme.to_owned(),
        version: Some(version.to_owned()),
        range: Some(range.to_owned()),
        ..Answer::default()
    };
    match version::satisfies(scheme, version, range) {
        Ok(inside) => (Answer { satisfies: Some(inside), ..asked }, Ok(())),
        Err(error) => (asked, Err(error)),
    }
}

fn sign(order: Ordering) -> &'static str {
    match order {
        Ordering::Less => "<",
        Ordering::Equal => "=",
        Ordering::Greater => ">",
    }
}

fn failed(error: &VersionError) -> anyhow::Error {
    match error {
        VersionError::UnknownScheme(_) => WrongUsage(error.to_string()).into(),
        _ => anyhow::anyhow!("{error}"),
    }
}

fn one(context: &Context, (answer, judged): Judged) -> anyhow::Result<Exit> {
    judged.map_err(|error| failed(&error))?;
    if context.json {
        output::json(&answer)?
    } else {
        output::line(&answer.text())?
    }
    Ok(Exit::Fine)
}

/// One line out per line in; a bad one gives an `error` and exit 1 at the end.
fn each_line(context: &Context, judge: impl Fn(&[&str]) -> Result<Judged, &'static str>) -> anyhow::Result<Exit> {
    let mut exit = Exit::Fine;
    input::each_line(|line| {
        let mut tell = |answer: Answer| {
            if answer.error.is_some() {
                exit = Exit::Failed;
            }
            if context.json { output::json_line(&answer) } else { output::line(&answer.text()) }
        };
        match line.map(|line| line.split('\t').collect::<Vec<_>>()) {
            Err(error) => tell(Answer { error: Some(error), ..Answer::default() }),
            Ok(fields) => match judge(&fields) {
                Err(reason) => tell(Answer { error: Some(reason.to_owned()), ..Answer::default() }),
                Ok((answer, judged)) => tell(Answer { error: judged.err().map(|error| error.to_string()), ..answer }),
            },
        }
    })?;
    Ok(exit)
}
