//! How do many waiting writers share one durable commit?

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::SqliteConnection;
use tokio::sync::{mpsc, oneshot};
use tracing::Instrument as _;

use super::room::{self, Room};
use super::{StoreError, answered, audit};
use crate::auth::audit::{Call, current, within};
use crate::spans;

/// Answers the one who waits: after the commit, or with why there was none.
type Reply = Box<dyn FnOnce(Option<StoreError>) + Send>;
/// Does its part of a transaction; with an error it must leave no trace.
type Job = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, (Option<StoreError>, Reply)> + Send>;

/// Hands work to the one task that writes.
#[derive(Clone)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
    room: Arc<Room>,
}

impl Writer {
    /// Starts the task.
    pub(super) fn start(connection: SqliteConnection, room: Arc<Room>) -> Self {
        let (jobs, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(write(connection, Arc::clone(&room), receiver));
        Self { jobs, room }
    }

    /// Whether the disk is full, as far as is known.
    pub(super) fn is_full(&self) -> bool {
        self.room.is_full()
    }

    /// Completes when the task has ended.
    pub(super) async fn ended(&self) {
        self.jobs.closed().await;
    }

    /// Runs `work` inside a transaction; returns after the commit.
    pub(crate) async fn submit<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let call = current();
        let job: Job = Box::new(move |connection| {
            Box::pin(async move {
                let result = match call {
                    None => work(connection).await,
                    Some(call) => recorded(connection, call, work).await,
                };
                let error = result.as_ref().err().cloned();
                let reply: Reply = Box::new(move |failure| {
                    // Whoever asked may have left.
                    let _ = tell.send(failure.map_or(result, Err));
                });
                (error, reply)
            })
        });
        self.wait(job, told).instrument(spans::write()).await
    }

    async fn wait<T>(&self, job: Job, told: oneshot::Receiver<Result<T, StoreError>>) -> Result<T, StoreError> {
        self.jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        // A job that was dropped unrun belonged to a transaction that could not be begun or kept.
        told.await.map_err(|_| match self.is_full() {
            true => StoreError::Full,
            false => StoreError::Database("the transaction failed".into()),
        })?
    }
}

/// Does the work of a call and writes its row beside it, and that its key is used: all or nothing.
async fn recorded<T, F>(connection: &mut SqliteConnection, call: Arc<Call>, work: F) -> Result<T, StoreError>
where
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StoreError>>,
{
    let done = within(Arc::clone(&call), work(&mut *connection)).await?;
    if let Some(entry) = call.row() {
        let at = entry.at;
        audit::add(&mut *connection, &entry).await.inspect_err(|_| call.unwritten())?;
        if let Some((key, asked)) = call.once() {
            answered::done(connection, &key, &asked, at).await.inspect_err(|_| call.unwritten())?;
        }
    }
    Ok(done)
}

async fn write(mut connection: SqliteConnection, room: Arc<Room>, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.recv().await {
        let mut batch = VecDeque::from([first]);
        while batch.len() < BATCH {
            let Ok(next) = jobs.try_recv() else { break };
            batch.push_back(next);
        }
        let (replies, failure) = commit(&mut connection, &mut batch).await;
        room::tend(&mut connection, &room, failure.as_ref()).await;
        for reply in replies {
            reply(failure.clone());
        }
        drop(batch);
    }
}

/// One transaction; each job in a savepoint of its own, so that a failing one takes back only itself.
/// What is left in the batch was not begun.
async fn commit(connection: &mut SqliteConnection, batch: &mut VecDeque<Job>) -> (Vec<Reply>, Option<StoreError>) {
    let mut replies = Vec::with_capacity(batch.len());
    let mut failure = run(connection, "BEGIN IMMEDIATE").await.err();
    while failure.is_none()
        && let Some(job) = batch.pop_front()
    {
        failure = run(connection, "SAVEPOINT job").await.err();
        if failure.is_some() {
            batch.push_front(job);
            break;
        }
        // A job that panics takes back only itself: whoever waits for it is told, and the others go on.
        let done = AssertUnwindSafe(async { job(connection).await }).catch_unwind().await;
        let error = match done {
            Ok((error, reply)) => {
                replies.push(reply);
                error
            }
            Err(_) => {
                tracing::error!("a change broke off in the store and was taken back");
                Some(StoreError::Database("the change broke off".into()))
            }
        };
        failure = match error {
            None => run(connection, "RELEASE SAVEPOINT job").await.err(),
            // SQLite may have taken back the whole transaction by itself.
            Some(StoreError::Full) => Some(StoreError::Full),
            Some(_) => run(connection, "ROLLBACK TO SAVEPOINT job").await.err(),
        };
    }
    let failure = match failure {
        None => run(connection, "COMMIT").await.err(),
        failure => failure,
    };
    if failure.is_some() {
        let _ = run(connection, "ROLLBACK").await;
    }
    (replies, failure)
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), StoreError> {
    sqlx::query(sql).execute(connection).await?;
    Ok(())
}

const QUEUE: usize = 1024;
const BATCH: usize = 256;

#[cfg(test)]
mod tests {
    use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};

    use super::*;

    async fn insert(connection: &mut SqliteConnection, number: i64) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO t (n) VALUES ($1)").bind(number).execute(&mut *connection).await?;
        if number % 2 == 1 { Err(StoreError::Database("odd".into())) } else { Ok(()) }
    }

    #[tokio::test]
    async fn a_failing_job_takes_back_only_itself() {
        let mut connection = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
        sqlx::query("CREATE TABLE t (n BIGINT PRIMARY KEY)").execute(&mut connection).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::start(connection, Arc::new(Room::open(folder.path())));
        let jobs = (0..50).map(|number| {
            let writer = writer.clone();
            tokio::spawn(
                async move { writer.submit(move |connection| Box::pin(insert(connection, number))).await.is_ok() },
            )
        });
        let mut good = 0;
        for job in jobs.collect::<Vec<_>>() {
            good += usize::from(job.await.unwrap());
        }
        let rows: i64 = writer
            .submit(|connection| {
                Box::pin(async move { Ok(sqlx::query_scalar("SELECT COUNT(*) FROM t").fetch_one(connection).await?) })
            })
            .await
            .unwrap();
        assert_eq!((good, rows), (25, 25));
    }

    #[tokio::test]
    async fn a_job_that_panics_takes_back_only_itself_and_writing_goes_on() {
        let mut connection = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
        sqlx::query("CREATE TABLE t (n BIGINT PRIMARY KEY)").execute(&mut connection).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::start(connection, Arc::new(Room::open(folder.path())));
        let panics = writer.submit(|connection| {
            Box::pin(async move {
                insert(connection, 2).await?;
                let rows: Vec<i64> = sqlx::query_scalar("SELECT n FROM t").fetch_all(connection).await?;
                assert_eq!(rows, [0; 0], "a panic, as a test wants it");
                Ok(())
            })
        });
        let others = [4, 6].map(|number| writer.submit(move |connection| Box::pin(insert(connection, number))));
        let [first, second] = others;
        let (broken, first, second) = tokio::join!(panics, first, second);
        assert!(broken.is_err() && first.is_ok() && second.is_ok(), "{broken:?}");
        let rows = writer.submit(|connection| {
            Box::pin(async move { Ok(sqlx::query_scalar("SELECT n FROM t ORDER BY n").fetch_all(connection).await?) })
        });
        let rows: Vec<i64> = rows.await.unwrap();
        assert_eq!(rows, [4, 6]);
    }
}
