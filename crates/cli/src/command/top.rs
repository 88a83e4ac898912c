//! `tripoint top`: the queue and the connections of this hour, in a terminal, as they change.

mod draw;
mod state;

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tripoint_api::connections::{ConnectionList, ConnectionQuery};
use tripoint_api::queue::{QueuePage, QueueQuery};
use tripoint_api::{Client, ClientError, ServerHealth, path};
use tripoint_intel::networks::Networks;
use tripoint_model::Alert;

use self::state::{Ask, Seen, State};
use super::show;
use crate::context::{Context, now};
use crate::exit::{Exit, WrongUsage};
use crate::output;

pub fn run(context: &Context, filter: Option<String>) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let filter = filter.unwrap_or_else(|| "-status:resolved".to_owned());
    if context.json {
        output::json(&context.ask(async { Ok(look(&client, &filter).await?) })?)?;
        return Ok(Exit::Fine);
    }
    if !std::io::stdout().is_terminal() {
        return Err(WrongUsage("top draws on a terminal; for programs there is --json".into()).into());
    }
    // Whoever is not there is said before the screen is taken.
    let seen = context.ask(async { Ok(look(&client, &filter).await?) })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let networks = Networks::open(&context.data_dir);
    let ask = |state: &mut State, ask: Ask| runtime.block_on(answer(&client, state, ask, &networks));
    let stopping = Arc::new(AtomicBool::new(false));
    tripoint_linux::child::on_stop_signal(Arc::clone(&stopping))?;
    let mut terminal = ratatui::try_init()?;
    let done = draw_on(&mut terminal, State::new(filter, seen), &stopping, ask);
    ratatui::restore();
    done?;
    Ok(Exit::Fine)
}

/// Draws, waits for a key or a second, asks, until the person leaves or a signal says so: whatever ends it, the terminal
/// is given back as it was.
fn draw_on(
    terminal: &mut ratatui::DefaultTerminal,
    mut state: State,
    stopping: &AtomicBool,
    mut ask: impl FnMut(&mut State, Ask),
) -> anyhow::Result<()> {
    let mut looked = Instant::now();
    while !state.is_over && !stopping.load(Ordering::Relaxed) {
        terminal.draw(|frame| draw::draw(frame, &mut state, now()))?;
        if event::poll(EVERY.saturating_sub(looked.elapsed()).min(AT_MOST))?
            && let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
            && let Some(wish) = state.key(key)
        {
            ask(&mut state, wish);
        }
        if looked.elapsed() >= EVERY {
            ask(&mut state, Ask::Look);
            looked = Instant::now();
        }
    }
    Ok(())
}

const EVERY: Duration = Duration::from_secs(1);
/// A signal is heeded within this.
const AT_MOST: Duration = Duration::from_millis(200);
/// Rows of each list.
const ROWS: u32 = 200;

async fn look(client: &Client, filter: &str) -> Result<Seen, ClientError> {
    let query = QueueQuery { filter: Some(filter.to_owned()), limit: Some(ROWS), ..QueueQuery::default() };
    let queue: QueuePage = client.get(&format!("{}{}", path::QUEUE, query.to_query())).await?;
    let since = Some(now().minus(Duration::from_secs(3600)));
    let query = ConnectionQuery { since, limit: Some(ROWS), ..ConnectionQuery::default() };
    let connections: ConnectionList = client.get(&format!("{}{}", path::CONNECTIONS, query.to_query())).await?;
    let health: ServerHealth = client.get(path::HEALTH).await?;
    Ok(Seen { queue: queue.rows, connections: connections.connections, health })
}

/// Does what the person wishes; what goes wrong is said on the screen, and the last good state stays.
async fn answer(client: &Client, state: &mut State, ask: Ask, networks: &Networks) {
    let failed = match ask {
        Ask::Look => look(client, &state.filter).await.map(|seen| state.see(seen)).err(),
        Ask::Show(id) => match client.get::<Alert>(&path::alert(&id)).await {
            Ok(alert) => {
                state.open(show::whole(&alert, networks));
                None
            }
            Err(error) => Some(error),
        },
        Ask::Work(id, work) => match client.post::<Alert>(&path::alert_work(&id, "work"), &work).await {
            Ok(_) => look(client, &state.filter).await.map(|seen| state.see(seen)).err(),
            Err(error) => Some(error),
        },
    };
    match failed {
        None => state.trouble = None,
        Some(ClientError::Problem(problem)) => state.trouble = Some(problem.detail),
        Some(error) => state.trouble = Some(error.to_string()),
    }
}
