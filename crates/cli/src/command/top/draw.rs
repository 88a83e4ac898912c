//! How is it drawn? Every text is foreign: nothing in it moves the cursor, hides or turns round what stands beside it.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize as _};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Paragraph, Row, Table, TableState};
use tripoint_api::HostContact;
use tripoint_api::queue::AlertSummary;
use tripoint_model::text::visible;
use tripoint_model::{Level, Timestamp};

use super::state::{List, State};
use crate::output;

pub fn draw(frame: &mut Frame<'_>, state: &mut State, now: Timestamp) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(3), Constraint::Length(1)]).areas(frame.area());
    frame.render_widget(header(state), head);
    match (&state.page, state.list) {
        (Some((lines, first)), _) => page(frame, body, lines, *first),
        (None, List::Queue) => queue(frame, body, state, now),
        (None, List::Connections) => connections(frame, body, state, now),
    }
    frame.render_widget(footer(state), foot);
}

fn header(state: &State) -> Line<'static> {
    let health = &state.seen.health;
    let agents = output::counted(health.agents.into(), "agent");
    let open = output::counted(health.alerts_open, "alert");
    Line::from(format!(" Tripoint {}   {open} open   {agents}   {}", health.version, shown(&state.filter))).reversed()
}

fn footer(state: &State) -> Line<'static> {
    if let Some(text) = &state.writing {
        return Line::from(format!(" filter: {}▏", shown(text))).bold();
    }
    if let Some(trouble) = &state.trouble {
        return Line::from(format!(" {}", shown(trouble))).fg(Color::Red);
    }
    let keys = match (state.page.is_some(), state.list) {
        (true, _) => " j k scroll   q back",
        (false, List::Queue) => {
            " j k move   Enter open   e investigating   / filter   Tab connections   r again   q leave"
        }
        (false, List::Connections) => " j k move   Tab queue   r again   q leave",
    };
    Line::from(keys).dim()
}

fn queue(frame: &mut Frame<'_>, area: Rect, state: &State, now: Timestamp) {
    let rows = state.seen.queue.iter().map(|row| alert(row, now));
    let widths = [
        Constraint::Length(14),
        Constraint::Length(13),
        Constraint::Length(6),
        Constraint::Length(12),
        Constraint::Min(20),
    ];
    let table = Table::new(rows, widths)
        .header(Row::new(["SEVERITY", "STATUS", "SEEN", "OWNER", "TITLE"]).bold())
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut chosen = TableState::new().with_selected(state.place());
    frame.render_stateful_widget(table, area, &mut chosen);
}

/// A row; its level is told by a letter too, not by colour alone.
fn alert(row: &AlertSummary, now: Timestamp) -> Row<'static> {
    let (letter, colour) = match row.level {
        Level::Critical => ('C', Color::Red),
        Level::High => ('H', Color::LightRed),
        Level::Medium => ('M', Color::Yellow),
        Level::Low => ('L', Color::Cyan),
        Level::Informational => ('I', Color::Gray),
    };
    let kev = if row.known_exploited { " KEV" } else { "" };
    let open = if row.still_open { "● " } else { "" };
    Row::new([
        Line::from(format!("{letter} {}{kev}", row.score)).fg(colour),
        Line::from(output::word(&row.status)),
        Line::from(ago(row.last_seen, now)),
        Line::from(shown(row.assignee.as_deref().unwrap_or("–"))),
        Line::from(format!("{open}{}", shown(&row.title))),
    ])
}

fn connections(frame: &mut Frame<'_>, area: Rect, state: &State, now: Timestamp) {
    let rows = state.seen.connections.iter().map(|contact| connection(contact, now));
    let widths = [
        Constraint::Length(6),
        Constraint::Length(16),
        Constraint::Length(20),
        Constraint::Length(4),
        Constraint::Min(24),
        Constraint::Length(7),
        Constraint::Length(20),
    ];
    let table = Table::new(rows, widths)
        .header(Row::new(["SEEN", "HOST", "APPLICATION", "", "PEER", "COUNT", "BYTES IN / OUT"]).bold())
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut chosen = TableState::new().with_selected((!state.seen.connections.is_empty()).then_some(state.row));
    frame.render_stateful_widget(table, area, &mut chosen);
}

fn connection(of: &HostContact, now: Timestamp) -> Row<'static> {
    let contact = &of.contact;
    let application = contact.application.as_ref().map_or("?", |application| application.name.as_str());
    let name = contact.name.as_ref().map(|name| format!(" ({})", shown(name))).unwrap_or_default();
    let arrow = if contact.direction == tripoint_model::Direction::Inbound { "←" } else { "→" };
    Row::new([
        ago(contact.last_seen, now),
        shown(&of.host),
        shown(application),
        arrow.to_owned(),
        format!("{}:{}{name}", contact.peer, contact.port),
        contact.count.to_string(),
        format!("{} / {}", contact.bytes_in, contact.bytes_out),
    ])
}

fn page(frame: &mut Frame<'_>, area: Rect, lines: &[String], first: usize) {
    let lines = lines.iter().skip(first).take(area.height.into()).map(|line| Line::from(shown(line)));
    frame.render_widget(Paragraph::new(Text::from_iter(lines)).block(Block::new()), area);
}

/// How long ago, in at most five characters.
fn ago(at: Timestamp, now: Timestamp) -> String {
    match now.since(at).as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m", seconds / 60),
        seconds @ 3600..86_400 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

fn shown(text: &str) -> String {
    visible(text).into_owned()
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::state::Seen;
    use super::super::state::tests::row;
    use super::*;

    fn drawn(state: &mut State) -> String {
        let mut terminal = Terminal::new(TestBackend::new(110, 8)).unwrap();
        let now = "2026-11-20T03:02:00Z".parse().unwrap();
        terminal.draw(|frame| draw(frame, state, now)).unwrap();
        terminal.backend().buffer().content().iter().map(|cell| cell.symbol()).collect()
    }

    #[test]
    fn a_queue_is_drawn_with_who_is_chosen() {
        let seen = Seen { queue: vec![row("a", "nginx called"), row("b", "java called")], ..Seen::default() };
        let screen = drawn(&mut State::new("score>1".into(), seen));
        for part in ["C 90 KEV", "open", "2m", "● nginx called", "java called", "score>1", "Enter open"] {
            assert!(screen.contains(part), "{part}: {screen}");
        }
    }

    #[test]
    fn foreign_texts_do_nothing_to_the_terminal() {
        let hostile = "a\u{1b}[2J\u{202e}evil\u{9b}1m\n\u{2066}x";
        let mut seen = Seen { queue: vec![row("a", hostile)], ..Seen::default() };
        seen.queue[0].assignee = Some(hostile.into());
        let mut state = State::new(hostile.into(), seen);
        state.trouble = Some(hostile.into());
        let mut screens = drawn(&mut state);
        state.open(hostile.repeat(3));
        screens.push_str(&drawn(&mut state));
        state.writing = Some(hostile.into());
        screens.push_str(&drawn(&mut state));
        let is_wild = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!screens.contains(is_wild), "{screens:?}");
        assert!(screens.contains("evil"));
    }
}
