//! Which lines of agents are kept for an audit, and how long?

use std::time::Duration;

use sqlx::SqliteConnection;

use tripoint_model::Timestamp;

use super::StoreError;

/// Keeps a line (id, state, detail) for an audit. Lines age by our clock, not by the agent's.
pub(super) async fn note(
    connection: &mut SqliteConnection,
    host: &str,
    at: Timestamp,
    (id, state, detail): (&str, &str, &str),
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM ledger WHERE kept < $1").bind(now.minus(LEDGER_KEPT).0).execute(&mut *connection).await?;
    sqlx::query("INSERT INTO ledger (host, kept, at, id, state, detail) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(host)
        .bind(now.0)
        .bind(at.0)
        .bind(id)
        .bind(state)
        .bind(detail)
        .execute(connection)
        .await?;
    Ok(())
}

/// How long agents' lines are kept for an audit.
const LEDGER_KEPT: Duration = Duration::from_secs(400 * 86_400);
