//! How do many waiting writers share one durable commit?

use futures_util::future::BoxFuture;
use sqlx::SqliteConnection;
use tokio::sync::{mpsc, oneshot};

use super::StoreError;

/// Answers the one who waits: after the commit, or with why there was none.
type Reply = Box<dyn FnOnce(Option<StoreError>) + Send>;
/// Does its part of a transaction; `false` = it failed and must leave no trace.
type Job = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, (bool, Reply)> + Send>;

/// Hands work to the one task that writes.
#[derive(Clone)]
pub(crate) struct Writer(mpsc::Sender<Job>);

impl Writer {
    /// Starts the task.
    pub(crate) fn start(connection: SqliteConnection) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(write(connection, receiver));
        Self(sender)
    }

    /// Runs `work` inside a transaction; returns after the commit.
    pub(crate) async fn submit<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            Box::pin(async move {
                let result = work(connection).await;
                let good = result.is_ok();
                let reply: Reply = Box::new(move |failure| {
                    // Whoever asked may have left.
                    let _ = tell.send(failure.map_or(result, Err));
                });
                (good, reply)
            })
        });
        self.0.send(job).await.map_err(|_| StoreError::Closed)?;
        told.await.map_err(|_| StoreError::Closed)?
    }
}

async fn write(mut connection: SqliteConnection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.recv().await {
        let mut batch = vec![first];
        while batch.len() < BATCH {
            let Ok(next) = jobs.try_recv() else { break };
            batch.push(next);
        }
        let (replies, failure) = commit(&mut connection, batch).await;
        for reply in replies {
            reply(failure.clone());
        }
    }
}

/// One transaction; each job in a savepoint of its own, so that a failing one takes back only itself.
async fn commit(connection: &mut SqliteConnection, batch: Vec<Job>) -> (Vec<Reply>, Option<StoreError>) {
    let mut replies = Vec::with_capacity(batch.len());
    let mut failure = run(connection, "BEGIN IMMEDIATE").await.err();
    for job in batch {
        if failure.is_none() {
            failure = run(connection, "SAVEPOINT job").await.err();
        }
        // After a failure the remaining jobs still run to get at who waits; nothing of it is kept.
        let (good, reply) = job(connection).await;
        replies.push(reply);
        if failure.is_none() {
            let end = if good { "RELEASE SAVEPOINT job" } else { "ROLLBACK TO SAVEPOINT job" };
            failure = run(connection, end).await.err();
        }
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
