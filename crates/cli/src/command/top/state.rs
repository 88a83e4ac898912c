//! What is on the screen, and what does a key change?

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde::Serialize;
use tripoint_api::queue::AlertSummary;
use tripoint_api::work::Work;
use tripoint_api::{HostContact, ServerHealth};
use tripoint_model::{AlertId, AlertStatus};

/// What the server said last.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Seen {
    /// The queue, the worst first.
    pub queue: Vec<AlertSummary>,
    /// The connections of the last hour.
    pub connections: Vec<HostContact>,
    /// How the server is.
    pub health: ServerHealth,
}

/// Which list is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    Queue,
    Connections,
}

/// What the server is to be asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    Look,
    Show(String),
    Work(String, Work),
}

/// Everything that is drawn.
pub struct State {
    pub seen: Seen,
    pub list: List,
    pub filter: String,
    /// The filter as it is being written.
    pub writing: Option<String>,
    /// The chosen alert, which keeps being chosen when rows move.
    pub chosen: Option<AlertId>,
    /// The chosen row of the connections.
    pub row: usize,
    /// An alert's page, its lines, and the first that is shown.
    pub page: Option<(Vec<String>, usize)>,
    /// What went wrong last.
    pub trouble: Option<String>,
    pub is_over: bool,
}

impl State {
    pub fn new(filter: String, seen: Seen) -> Self {
        let chosen = seen.queue.first().map(|row| row.id.clone());
        let (list, writing, page, trouble) = (List::Queue, None, None, None);
        Self { seen, list, filter, writing, chosen, row: 0, page, trouble, is_over: false }
    }

    /// Takes what the server said. Who was chosen stays chosen; where it is gone, who stands in its place is.
    pub fn see(&mut self, seen: Seen) {
        let place = self.place();
        self.seen = seen;
        if self.place().is_none() {
            let last = self.seen.queue.len().saturating_sub(1);
            let next = place.unwrap_or(0).min(last);
            self.chosen = self.seen.queue.get(next).map(|row| row.id.clone());
        }
        self.row = self.row.min(self.seen.connections.len().saturating_sub(1));
    }

    /// Shows the page of an alert.
    pub fn open(&mut self, text: String) {
        self.page = Some((text.lines().map(str::to_owned).collect(), 0));
    }

    /// Where the chosen alert stands in the queue.
    pub fn place(&self) -> Option<usize> {
        self.seen.queue.iter().position(|row| Some(&row.id) == self.chosen.as_ref())
    }

    /// What a key does; what the server is to be asked for it.
    pub fn key(&mut self, key: KeyEvent) -> Option<Ask> {
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            self.is_over = true;
            return None;
        }
        if self.writing.is_some() {
            return self.write(key.code);
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc if self.page.take().is_some() => {}
            KeyCode::Char('q') => self.is_over = true,
            KeyCode::Down | KeyCode::Char('j') => self.step(1),
            KeyCode::Up | KeyCode::Char('k') => self.step(-1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.step(PAGE),
            KeyCode::PageUp => self.step(-PAGE),
            KeyCode::Home | KeyCode::Char('g') => self.step(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.step(isize::MAX),
            KeyCode::Tab if self.page.is_none() => {
                self.list = if self.list == List::Queue { List::Connections } else { List::Queue };
            }
            KeyCode::Char('/') if self.page.is_none() => self.writing = Some(self.filter.clone()),
            KeyCode::Char('r') => return Some(Ask::Look),
            KeyCode::Enter | KeyCode::Char('o') => return self.on_chosen(Ask::Show),
            KeyCode::Char('e') => {
                let work = Work::Status { status: AlertStatus::Investigating };
                return self.on_chosen(|id| Ask::Work(id, work));
            }
            _ => {}
        }
        None
    }

    fn on_chosen(&self, ask: impl FnOnce(String) -> Ask) -> Option<Ask> {
        let chosen = self.chosen.as_ref().filter(|_| self.list == List::Queue)?;
        Some(ask(chosen.0.clone()))
    }

    fn write(&mut self, code: KeyCode) -> Option<Ask> {
        let text = self.writing.as_mut()?;
        match code {
            KeyCode::Esc => self.writing = None,
            KeyCode::Backspace => drop(text.pop()),
            KeyCode::Char(c) if text.len() < FILTER_LONGEST => text.push(c),
            KeyCode::Enter => {
                self.filter = self.writing.take().unwrap_or_default();
                return Some(Ask::Look);
            }
            _ => {}
        }
        None
    }

    fn step(&mut self, by: isize) {
        let moved = |from: usize, count: usize| from.saturating_add_signed(by).min(count.saturating_sub(1));
        if let Some((lines, first)) = &mut self.page {
            *first = moved(*first, lines.len());
        } else if self.list == List::Connections {
            self.row = moved(self.row, self.seen.connections.len());
        } else {
            let place = moved(self.place().unwrap_or(0), self.seen.queue.len());
            self.chosen = self.seen.queue.get(place).map(|row| row.id.clone());
        }
    }
}

/// Rows of a step by page.
const PAGE: isize = 15;
const FILTER_LONGEST: usize = 1000;

#[cfg(test)]
pub mod tests {
    use serde_json::json;

    use super::*;

    pub fn row(id: &str, title: &str) -> AlertSummary {
        serde_json::from_value(json!({"id": id, "title": title, "rule": "r", "host": title,
            "application": {"kind": "unit", "id": "a", "name": title}, "indicator": "203.0.113.66", "direction": "outbound",
            "score": 90, "level": "critical", "confidence": 90, "status": "open", "first_seen": "2026-11-20T03:00:00Z",
            "last_seen": "2026-11-20T03:00:00Z", "changed": "2026-11-20T03:00:00Z", "count": 1, "bytes_in": 0, "bytes_out": 0,
            "still_open": true, "known_exploited": true, "comments": 0, "values": {}}))
        .unwrap()
    }

    fn queue(ids: &[&str]) -> Seen {
        Seen { queue: ids.iter().map(|id| row(id, "t")).collect(), ..Seen::default() }
    }

    fn press(state: &mut State, code: KeyCode) -> Option<Ask> {
        state.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn who_is_chosen_stays_chosen_when_rows_move() {
        let mut state = State::new(String::new(), queue(&["a", "b", "c"]));
        press(&mut state, KeyCode::Char('j'));
        state.see(queue(&["x", "y", "a", "b"]));
        assert_eq!(state.place(), Some(3));
        state.see(queue(&["x", "y"]));
        assert_eq!(state.place(), Some(1), "who stands in its place");
        state.see(queue(&[]));
        assert_eq!((state.place(), press(&mut state, KeyCode::Enter)), (None, None));
        press(&mut state, KeyCode::End);
        state.see(queue(&["z"]));
        assert_eq!(state.place(), Some(0));
    }

    #[test]
    fn keys_ask_for_what_they_say() {
        let mut state = State::new("old".into(), queue(&["a"]));
        assert_eq!(press(&mut state, KeyCode::Char('o')), Some(Ask::Show("a".into())));
        let work = Work::Status { status: AlertStatus::Investigating };
        assert_eq!(press(&mut state, KeyCode::Char('e')), Some(Ask::Work("a".into(), work)));
        press(&mut state, KeyCode::Char('/'));
        for c in " q".chars() {
            press(&mut state, KeyCode::Char(c));
        }
        assert_eq!((press(&mut state, KeyCode::Enter), state.filter.as_str()), (Some(Ask::Look), "old q"));
        press(&mut state, KeyCode::Tab);
        assert_eq!(press(&mut state, KeyCode::Enter), None, "connections have no page");
        state.open("1\n2\n3".into());
        press(&mut state, KeyCode::Char('G'));
        assert_eq!(state.page.as_ref().unwrap().1, 2);
        press(&mut state, KeyCode::Char('q'));
        assert!(state.page.is_none() && !state.is_over);
        press(&mut state, KeyCode::Char('q'));
        assert!(state.is_over);
    }
}
