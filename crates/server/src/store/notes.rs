//! Which lines of agents are kept for an audit, and how long?

use std::time::Duration;

use sqlx::SqliteConnection;

use tripoint_model::Timestamp;

use super::StoreError;
use super::rows::to_text;

/// Lines of one host for an audit.
#[derive(Default)]
pub(super) struct Notes(Vec<(i64, String, String, String)>);

impl Notes {
    pub(super) fn add(&mut self, at: Timestamp, id: &str, state: &str, detail: String) {
        self.0.push((at.0, id.to_owned(), state.to_owned(), detail));
    }

    /// Writes them down, all at once. Lines age by our clock, not by the agent's.
    pub(super) async fn keep(
        self,
        connection: &mut SqliteConnection,
        host: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self.0.is_empty() {
            return Ok(());
        }
        sqlx::query("DELETE FROM ledger WHERE kept < $1")
            .bind(now.minus(LEDGER_KEPT).0)
            .execute(&mut *connection)
            .await?;
        sqlx::query(
            "INSERT INTO ledger (host, kept, at, id, state, detail) \
             SELECT $2, $3, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each($1) ORDER BY key",
        )
        .bind(to_text("notes", &self.0)?)
        .bind(host)
        .bind(now.0)
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// How long agents' lines are kept for an audit.
const LEDGER_KEPT: Duration = Duration::from_secs(400 * 86_400);
