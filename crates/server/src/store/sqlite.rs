//! How is everything kept in one SQLite file?

use std::path::Path;

use serde_json::Value;
use sqlx::sqlite::SqlitePool;

use tripoint_api::context::Related;
use tripoint_api::filter::Filter;
use tripoint_api::queue::{AlertSummary, Facets, QueuePage, QueueRow, Sort};
use tripoint_api::series::{Series, SeriesBy};
use tripoint_api::views::OwnedView;
use tripoint_api::work::{BulkAnswer, Work};
use tripoint_api::{
    AgentStatus, AlertList, AlertQuery, Answer, Batch, ConnectionList, ConnectionQuery, KeptException, NumberedOrder,
    Order,
};
use tripoint_model::confidence::Trust;
use tripoint_model::{Alert, AlertId, Exception, Timestamp};

use super::open::{self, Opened};
use super::rows::{answer, give, hand_out, ingest, load, order_state, signed};
use super::writer::Writer;
use super::{Accounts, Bouncer, Decision, Kept, Messages, Metered, OfHosts, Pull, Stretches, Which};
use super::{Ingested, Keep, OrderState, StatusCounts, Store, StoreError, Stored, Worked};
use super::{
    answered, bouncers, contacts, decisions, exceptions, outbox, queue, retire, series, sla, verdicts, views, work,
    worked,
};
use crate::auth::audit::{nothing_changed, said};

/// One file, one writer, a few readers: those who search keep nobody else waiting.
pub struct Sqlite {
    pub(super) writer: Writer,
    pub(super) readers: SqlitePool,
    /// For what people make up themselves, and may be slow.
    searchers: SqlitePool,
    /// For who may come in.
    doors: SqlitePool,
    pub(super) keep: Keep,
}

impl Sqlite {
    /// Opens or creates the file.
    pub async fn open(path: &Path, keep: Keep) -> Result<Self, StoreError> {
        let Opened { connection, readers, searchers, doors, room } = open::open(path, &keep.levels).await?;
        Ok(Self { writer: Writer::start(connection, room), readers, searchers, doors, keep })
    }

    /// What is kept of those who may ask, in the same file.
    pub(crate) fn accounts(&self) -> Accounts {
        Accounts { writer: self.writer.clone(), readers: self.doors.clone() }
    }
}

impl Store for Sqlite {
    fn ingest(&self, batch: Batch, now: Timestamp) -> Stored<'_, Ingested> {
        let keep = self.keep;
        Box::pin(self.writer.submit(move |connection| Box::pin(ingest(connection, batch, keep, now))))
    }

    fn alerts(&self, query: AlertQuery, of: OfHosts) -> Stored<'_, AlertList> {
        Box::pin(self.page(query, of))
    }

    fn changed(&self, after: (Timestamp, String)) -> Stored<'_, Vec<(Timestamp, Alert)>> {
        Box::pin(self.changed(after))
    }

    fn queue_page(
        &self,
        filter: Filter,
        of: OfHosts,
        sort: Sort,
        (limit, after): (Option<u32>, Option<String>),
    ) -> Stored<'_, Option<QueuePage>> {
        Box::pin(async move { queue::page(&self.searchers, (&filter, &of), sort, limit, after.as_deref()).await })
    }

    fn queue_facets(&self, filter: Filter, of: OfHosts) -> Stored<'_, Facets> {
        Box::pin(async move { queue::facets(&self.searchers, (&filter, &of)).await })
    }

    fn alert_series(&self, filter: Filter, of: OfHosts, when: Stretches) -> Stored<'_, Series> {
        Box::pin(async move { series::alerts(&self.searchers, (&filter, &of), when).await })
    }

    fn contact_series(&self, only: ConnectionQuery, of: OfHosts, how: (SeriesBy, Stretches)) -> Stored<'_, Series> {
        Box::pin(series::contacts(&self.searchers, only, of, how))
    }

    fn queue_changed(&self, after: Timestamp, limit: u32) -> Stored<'_, Vec<QueueRow>> {
        Box::pin(queue::changed(&self.readers, after, limit))
    }

    fn warn_overdue(&self, now: Timestamp) -> Stored<'_, u64> {
        let tell = self.keep.tell;
        Box::pin(self.writer.submit(move |connection| Box::pin(sla::warn(connection, tell, now))))
    }

    fn forget_closed(&self, before: Timestamp) -> Stored<'_, u64> {
        Box::pin(self.writer.submit(move |connection| Box::pin(retire::forget(connection, before))))
    }

    fn forgotten(&self) -> Stored<'_, u64> {
        Box::pin(retire::forgotten(&self.readers))
    }

    fn overdue(&self, now: Timestamp) -> Stored<'_, u64> {
        Box::pin(sla::count(&self.readers, now))
    }

    fn is_full(&self) -> bool {
        self.writer.is_full()
    }

    fn last_change(&self) -> Stored<'_, Timestamp> {
        Box::pin(async move {
            let last: Option<i64> =
                sqlx::query_scalar("SELECT MAX(changed) FROM queue").fetch_one(&self.readers).await?;
            Ok(Timestamp(last.unwrap_or(0)))
        })
    }

    fn alert(&self, id: String) -> Stored<'_, Option<Alert>> {
        Box::pin(async move {
            let mut connection = self.readers.acquire().await?;
            load(&mut connection, &id).await
        })
    }

    fn work(
        &self,
        id: String,
        work: Work,
        (author, expected): (String, Option<Timestamp>),
        now: Timestamp,
    ) -> Stored<'_, Worked> {
        let told = (self.keep.tell, now);
        Box::pin(self.writer.submit(move |connection| {
            Box::pin(async move { worked::work(connection, &id, &work, (&author, expected), told).await })
        }))
    }

    fn work_on(
        &self,
        ids: Vec<(AlertId, Option<Timestamp>)>,
        work: Work,
        author: String,
        now: Timestamp,
    ) -> Stored<'_, (BulkAnswer, Vec<Alert>)> {
        let told = (self.keep.tell, now);
        Box::pin(self.writer.submit(move |connection| {
            Box::pin(async move { worked::bulk(connection, ids, work, &author, told).await })
        }))
    }

    fn around(&self, own: AlertSummary, of: OfHosts) -> Stored<'_, (Vec<Related>, Vec<AlertSummary>)> {
        Box::pin(async move {
            let related = queue::related(&self.searchers, &own, &of).await?;
            Ok((related, queue::parts(&self.searchers, &own.id, &of).await?))
        })
    }

    fn views(&self, owner: String) -> Stored<'_, Vec<OwnedView>> {
        Box::pin(async move { views::all(&self.readers, &owner).await })
    }

    fn put_view(&self, view: OwnedView) -> Stored<'_, bool> {
        Box::pin(
            self.writer.submit(move |connection| Box::pin(async move { said(views::put(connection, &view).await) })),
        )
    }

    fn remove_view(&self, owner: String, name: String) -> Stored<'_, bool> {
        Box::pin(
            self.writer.submit(move |connection| {
                Box::pin(async move { said(views::remove(connection, &owner, &name).await) })
            }),
        )
    }

    fn answered(&self, key: String) -> Stored<'_, Option<Kept>> {
        Box::pin(async move { answered::find(&self.readers, &key).await })
    }

    fn keep_answer(&self, key: String, answer: Option<Kept>, now: Timestamp) -> Stored<'_, ()> {
        Box::pin(self.writer.submit(move |connection| {
            Box::pin(async move { answered::keep(connection, &key, answer.as_ref(), now).await })
        }))
    }

    fn version(&self, id: String) -> Stored<'_, Option<Timestamp>> {
        Box::pin(async move { work::changed(&mut *self.readers.acquire().await?, &id).await })
    }

    fn verdicts(&self) -> Stored<'_, Trust> {
        Box::pin(verdicts::all(&self.readers))
    }

    fn counts(&self, of: OfHosts) -> Stored<'_, StatusCounts> {
        Box::pin(self.status_counts(of))
    }

    fn exceptions(&self, now: Timestamp) -> Stored<'_, Vec<KeptException>> {
        Box::pin(exceptions::all(&self.readers, now))
    }

    fn add_exception(&self, exception: Exception, hosts: Vec<String>, now: Timestamp) -> Stored<'_, ()> {
        Box::pin(self.writer.submit(move |connection| {
            Box::pin(async move {
                exceptions::add(connection, &exception).await?;
                give(connection, hosts, Order::AddException { exception }, now).await.map(drop)
            })
        }))
    }

    fn remove_exception(&self, id: String, hosts: Vec<String>, now: Timestamp) -> Stored<'_, bool> {
        Box::pin(self.writer.submit(move |connection| {
            Box::pin(async move {
                let is_gone = said(exceptions::remove(connection, &id).await)?;
                if is_gone {
                    give(connection, hosts, Order::RemoveException { id }, now).await?;
                }
                Ok(is_gone)
            })
        }))
    }

    fn agents(&self) -> Stored<'_, Vec<AgentStatus>> {
        Box::pin(self.all_agents())
    }

    fn give(&self, hosts: Vec<String>, order: Order, now: Timestamp) -> Stored<'_, Vec<u64>> {
        Box::pin(self.writer.submit(move |connection| Box::pin(give(connection, hosts, order, now))))
    }

    fn hand_out(&self, host: String, after: u64, now: Timestamp) -> Stored<'_, Vec<NumberedOrder>> {
        Box::pin(async move {
            // Most questions find nothing: those do not wait for the writer.
            let waiting: Option<i64> = sqlx::query_scalar(
                "SELECT number FROM orders WHERE host = $1 AND state IN ('waiting', 'handed') AND number > $2 LIMIT 1",
            )
            .bind(&host)
            .bind(signed(after))
            .fetch_optional(&self.readers)
            .await?;
            if waiting.is_none() {
                return Ok(Vec::new());
            }
            self.writer
                .submit(move |connection| Box::pin(async move { hand_out(connection, &host, after, now).await }))
                .await
        })
    }

    fn answer(&self, number: u64, said: Answer, now: Timestamp) -> Stored<'_, Option<Vec<Alert>>> {
        Box::pin(self.writer.submit(move |connection| Box::pin(answer(connection, number, said, now))))
    }

    fn order(&self, number: u64) -> Stored<'_, Option<OrderState>> {
        Box::pin(order_state(&self.readers, number))
    }

    fn withdraw(&self, number: u64) -> Stored<'_, Option<OrderState>> {
        Box::pin(self.writer.submit(move |connection| {
            Box::pin(async move {
                // The change is the order itself.
                nothing_changed();
                sqlx::query("UPDATE orders SET state = 'withdrawn' WHERE number = $1 AND state = 'waiting'")
                    .bind(signed(number))
                    .execute(&mut *connection)
                    .await?;
                order_state(connection, number).await
            })
        }))
    }

    fn decisions(&self, which: Which, limit: u32, now: Timestamp) -> Stored<'_, Vec<Decision>> {
        Box::pin(async move {
            if decisions::is_due(&self.readers, now).await? {
                self.writer.submit(move |connection| Box::pin(decisions::sweep(connection, now))).await?;
            }
            decisions::read(&self.readers, which, limit, now).await
        })
    }

    fn add_bouncer(&self, name: String, hash: String, now: Timestamp) -> Stored<'_, bool> {
        Box::pin(self.writer.submit(move |connection| {
            Box::pin(async move { said(bouncers::add(connection, &name, &hash, now).await) })
        }))
    }

    fn remove_bouncer(&self, name: String) -> Stored<'_, bool> {
        Box::pin(
            self.writer
                .submit(move |connection| Box::pin(async move { said(bouncers::remove(connection, &name).await) })),
        )
    }

    fn bouncers(&self) -> Stored<'_, Vec<Bouncer>> {
        Box::pin(bouncers::all(&self.readers))
    }

    fn bouncer(&self, hash: String) -> Stored<'_, Option<Bouncer>> {
        Box::pin(async move { bouncers::of_key(&self.readers, &hash).await })
    }

    fn pulled(&self, pull: Pull, now: Timestamp) -> Stored<'_, ()> {
        Box::pin(
            self.writer
                .submit(move |connection| Box::pin(async move { bouncers::pulled(connection, &pull, now).await })),
        )
    }

    fn metered(&self, name: String, done: Metered, now: Timestamp) -> Stored<'_, ()> {
        Box::pin(
            self.writer.submit(move |connection| {
                Box::pin(async move { bouncers::metered(connection, &name, done, now).await })
            }),
        )
    }

    fn cursor(&self, name: String) -> Stored<'_, u64> {
        Box::pin(async move { bouncers::cursor(&self.readers, &name).await })
    }

    fn move_cursor(&self, name: String, value: u64) -> Stored<'_, ()> {
        Box::pin(
            self.writer.submit(move |connection| {
                Box::pin(async move { bouncers::move_cursor(connection, &name, value).await })
            }),
        )
    }

    fn contacts(&self, query: ConnectionQuery, of: OfHosts, now: Timestamp) -> Stored<'_, ConnectionList> {
        Box::pin(contacts::page(&self.readers, query, of, (self.keep.contacts, now)))
    }

    fn queue(&self, body: Value, now: Timestamp) -> Stored<'_, bool> {
        Box::pin(
            self.writer.submit(move |connection| Box::pin(async move { outbox::queue(connection, &body, now).await })),
        )
    }

    fn messages(&self) -> Stored<'_, Messages> {
        Box::pin(outbox::state(&self.readers))
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{ConnectOptions as _, Connection as _};

    use super::super::layout::MIGRATIONS;
    use super::*;

    #[tokio::test]
    async fn what_an_older_version_kept_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.sqlite");
        tripoint_pages::register().unwrap();
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).vfs(tripoint_pages::NAME);
        let mut connection = options.create_if_missing(true).connect().await.unwrap();
        let alert = r#"{"schema":1,"id":"aa","rule":"r","title":"t","host":"h","application":{"kind":"unit","id":"a",
            "name":"a"},"indicator":"203.0.113.66","direction":"outbound","severity":{"score":1,"level":"low",
            "factors":[]},"confidence":90,"first_seen":"2026-11-20T03:00:00Z","last_seen":"2026-11-20T03:00:00Z",
            "count":1,"bytes_in":0,"bytes_out":0,"still_open":true,"connections":[],"claims":[],"findings":[]}"#;
        let before = ["CREATE TABLE layout (version BIGINT NOT NULL)", "INSERT INTO layout (version) VALUES (1)"];
        for statement in before.iter().chain(MIGRATIONS[0]) {
            sqlx::query(*statement).execute(&mut connection).await.unwrap();
        }
        sqlx::query("INSERT INTO alerts VALUES ('aa', 'h', 'r', 'open', 0, 7, $1)")
            .bind(alert)
            .execute(&mut connection)
            .await
            .unwrap();
        let exception = r#"{"id":"x1","target":"203.0.113.66","reason":"r","owner":"ada","created":"2026-11-20T03:00:00Z",
            "expires":"2026-11-21T03:00:00Z"}"#;
        sqlx::query("INSERT INTO exceptions VALUES ('x1', 9, $1)")
            .bind(exception)
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        let store = Sqlite::open(&path, Keep::default()).await.unwrap();
        let changed = Store::changed(&store, (Timestamp(6), String::new())).await.unwrap();
        assert_eq!(changed.iter().map(|(at, alert)| (at.0, alert.id.0.as_str())).collect::<Vec<_>>(), [(7, "aa")]);
        let kept = store.exceptions(Timestamp(8)).await.unwrap();
        assert_eq!((kept[0].exception.owner.as_str(), kept[0].used), ("ada", Default::default()));
        // A clock that stands still does not hide a change.
        for expected in [8, 9] {
            store.work("aa".into(), Work::Assign { assignee: None }, ("x".into(), None), Timestamp(1)).await.unwrap();
            let changed = Store::changed(&store, (Timestamp(expected - 1), "aa".into())).await.unwrap();
            assert_eq!(changed[0].0, Timestamp(expected));
        }
    }
}
