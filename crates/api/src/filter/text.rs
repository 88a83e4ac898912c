//! Where does one piece of a filter end and the next one begin?

use super::parse::FilterError;

/// A piece of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Open,
    Close,
    Comma,
    /// `:`, `=`, `!=`, `>`, `>=`, `<`, `<=` or `~`.
    Operator(&'static str),
    /// A word; whether it stood in quotes.
    Word(String, bool),
}

/// A piece and the bytes where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) piece: Piece,
    pub(super) at: usize,
    pub(super) end: usize,
}

/// The longer ones first.
const OPERATORS: &[&str] = &["!=", ">=", "<=", ":", "=", ">", "<", "~"];

/// Cuts a filter into pieces. Behind an operator a word reaches to the next blank, comma or bracket, so that addresses
/// and times need no quotes; before one it ends at the operator.
pub(super) fn pieces(text: &str) -> Result<Vec<Placed>, FilterError> {
    let mut pieces: Vec<Placed> = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or(' ');
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let is_value = pieces.last().is_some_and(|last| last.end == at && wants_value(&last.piece));
        let operator = OPERATORS.iter().find(|operator| rest.starts_with(**operator)).filter(|_| !is_value);
        let (piece, length) = match (first, operator) {
            ('(', _) => (Piece::Open, 1),
            (')', _) => (Piece::Close, 1),
            (',', _) => (Piece::Comma, 1),
            ('"', _) => quoted(rest, at)?,
            (_, Some(operator)) => (Piece::Operator(operator), operator.len()),
            _ => bare(rest, is_value),
        };
        pieces.push(Placed { piece, at, end: at + length });
        at += length;
    }
    Ok(pieces)
}

fn wants_value(piece: &Piece) -> bool {
    matches!(piece, Piece::Operator(_) | Piece::Comma)
}

fn bare(rest: &str, is_value: bool) -> (Piece, usize) {
    let ends = |(at, c): (usize, char)| {
        let tail = rest.get(at..).unwrap_or_default();
        let operator = !is_value && OPERATORS.iter().any(|operator| tail.starts_with(operator));
        c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"') || operator
    };
    let length = rest.char_indices().find(|place| ends(*place)).map_or(rest.len(), |(at, _)| at);
    (Piece::Word(rest.get(..length).unwrap_or_default().to_owned(), false), length)
}

/// A text in quotes; `\` makes the next character an ordinary one.
fn quoted(rest: &str, at: usize) -> Result<(Piece, usize), FilterError> {
    let mut word = String::new();
    let mut escaped = false;
    for (place, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => {
                word.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Ok((Piece::Word(word, true), place + 1)),
            _ => word.push(c),
        }
    }
    Err(FilterError { at, end: at + rest.len(), why: "these quotes are never closed".into() })
}
