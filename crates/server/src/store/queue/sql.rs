//! How is a filter said in SQL?
//!
//! The answer is exactly what `Filter::matches` takes; a test asks both of the same alerts.

use tripoint_api::filter::{Filter, Test, Wanted};
use tripoint_api::queue::NEVER;

use super::{lower, sortable};
use crate::store::OfHosts;

/// A condition about `queue`, with what is to be bound to its `$n`.
pub(super) struct Condition {
    pub(super) text: String,
    pub(super) values: Vec<Bound>,
}

/// A value to bind.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound {
    Text(String),
    Number(i64),
}

impl Condition {
    /// The condition of a filter.
    pub(super) fn of(filter: &Filter) -> Self {
        let mut condition = Self { text: String::new(), values: Vec::new() };
        condition.write(filter);
        condition
    }

    /// The same of these hosts only.
    pub(super) fn of_hosts(mut self, of: &OfHosts) -> Self {
        if let Some(hosts) = of {
            let hosts: serde_json::Value = hosts.iter().map(|host| lower(host)).collect();
            let names = self.bind(Bound::Text(hosts.to_string()));
            self.text = format!("({}) AND host IN (SELECT value FROM json_each({names}))", self.text);
        }
        self
    }

    /// Binds another value; how the text refers to it.
    pub(super) fn bind(&mut self, value: Bound) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    fn write(&mut self, filter: &Filter) {
        match filter {
            Filter::All(parts) => self.join(parts, " AND ", "1 = 1"),
            Filter::Any(parts) => self.join(parts, " OR ", "1 = 0"),
            Filter::Not(part) => {
                self.text.push_str("NOT (");
                self.write(part);
                self.text.push(')');
            }
            Filter::Word(word) => {
                let text = self.word(word);
                self.text.push_str(&text);
            }
            Filter::Is(test) => {
                let text = self.test(test);
                self.text.push_str(&text);
            }
        }
    }

    /// Lines that hold a word. What is shorter than what they are found by is looked for in each.
    fn word(&mut self, word: &str) -> String {
        if word.chars().nth(2).is_some() {
            let phrase = format!("\"{}\"", word.replace('"', "\"\"").replace('\0', " "));
            let phrase = self.text(&phrase);
            return format!("number IN (SELECT rowid FROM queue_words WHERE queue_words MATCH {phrase})");
        }
        let pattern = self.text(&format!("%{}%", escaped(word)));
        format!("id IN (SELECT id FROM queue_lines WHERE words LIKE {pattern} ESCAPE '\\')")
    }

    fn join(&mut self, parts: &[Filter], between: &str, empty: &str) {
        self.text.push('(');
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                self.text.push_str(between);
            }
            self.write(part);
        }
        if parts.is_empty() {
            self.text.push_str(empty);
        }
        self.text.push(')');
    }

    fn test(&mut self, test: &Test) -> String {
        match test.field.name {
            "title" => self.title(&test.wanted),
            "application" => self.application(&test.wanted),
            "address" => self.address(&test.wanted),
            "age" => self.compare("first_seen", &test.wanted),
            "quiet" => self.compare("last_seen", &test.wanted),
            "due" | "overdue" => {
                let own = self.compare("due", &test.wanted);
                format!("(due < {} AND {own})", self.bind(Bound::Number(NEVER.0)))
            }
            name if COLUMNS.contains(&name) => self.compare(name, &test.wanted),
            name => self.term(name, &test.wanted),
        }
    }

    /// A condition about one column, which holds texts in lower case.
    fn compare(&mut self, column: &str, wanted: &Wanted) -> String {
        match wanted {
            Wanted::Like(pattern) if !pattern.contains('*') => format!("{column} = {}", self.text(pattern)),
            Wanted::Like(pattern) => {
                let pattern = escaped(pattern).replace('*', "%");
                format!("{column} LIKE {} ESCAPE '\\'", self.text(&pattern))
            }
            Wanted::Same(text) => format!("{column} = {}", self.text(text)),
            Wanted::Holding(part) => {
                format!("{column} LIKE {} ESCAPE '\\'", self.text(&format!("%{}%", escaped(part))))
            }
            Wanted::Between(low, high) => {
                let (low, high) = (self.bind(Bound::Number(*low)), self.bind(Bound::Number(*high)));
                format!("{column} BETWEEN {low} AND {high}")
            }
            Wanted::Flag(flag) => format!("{column} = {}", self.bind(Bound::Number(i64::from(*flag)))),
            Wanted::Within(_) => "1 = 0".to_owned(),
        }
    }

    /// A title is kept with the words only.
    fn title(&mut self, wanted: &Wanted) -> String {
        let own = self.compare("title", wanted);
        format!("id IN (SELECT id FROM queue_lines WHERE {own})")
    }

    fn application(&mut self, wanted: &Wanted) -> String {
        let columns = ["application", "application_id", "application_key"].map(|column| self.compare(column, wanted));
        format!("({})", columns.join(" OR "))
    }

    /// What is listed lies within, or what was met does.
    fn address(&mut self, wanted: &Wanted) -> String {
        let Wanted::Within(net) = wanted else { return "1 = 0".to_owned() };
        let (low, high) = sortable(*net);
        let (low, high) = (self.text(&low), self.text(&high));
        format!(
            "((low BETWEEN {low} AND {high} AND high BETWEEN {low} AND {high}) OR id IN \
             (SELECT id FROM queue_terms WHERE field = 'address' AND value BETWEEN {low} AND {high}))"
        )
    }

    fn term(&mut self, field: &str, wanted: &Wanted) -> String {
        let column = if matches!(wanted, Wanted::Between(..)) { "CAST(value AS BIGINT)" } else { "value" };
        let own = self.compare(column, wanted);
        let name = self.text(field);
        let has = format!("id IN (SELECT id FROM queue_terms WHERE field = {name} AND {own})");
        let unwritten = UNWRITTEN.iter().find(|(own, _)| *own == field).map(|(_, word)| *word);
        if unwritten.is_some_and(|own| matches!(wanted, Wanted::Like(word) if word == own)) {
            return format!("({has} OR id NOT IN (SELECT id FROM queue_terms WHERE field = {name}))");
        }
        has
    }

    fn text(&mut self, text: &str) -> String {
        self.bind(Bound::Text(text.to_owned()))
    }
}

/// The value of a field that has none written down.
const UNWRITTEN: &[(&str, &str)] = &[("evidence", "none"), ("judged", "same")];

/// Fields that are columns of `queue`.
const COLUMNS: &[&str] = &[
    "id",
    "rule",
    "host",
    "peer",
    "direction",
    "status",
    "resolution",
    "severity",
    "score",
    "confidence",
    "count",
    "bytes_in",
    "bytes_out",
    "first_seen",
    "last_seen",
    "changed",
    "open",
    "suppressed",
    "merged",
    "blocked",
    "kev",
    "assignee",
];

/// A text as `LIKE` takes it literally.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
