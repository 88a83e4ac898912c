//! Who of our users is whom a provider knows?
//!
//! Bound by issuer and subject alone: names and addresses of mail are what people call themselves.

use sqlx::SqliteConnection;

use tripoint_api::{AuditEntry, Role};
use tripoint_model::Timestamp;

use super::users::{Account, Kept};
use super::{Accounts, StoreError, audit, sessions, users};
use crate::auth::names::is_free_for_others;

/// The table; only ever added to.
pub(super) const TABLE: &str = "CREATE TABLE foreign_people (issuer TEXT NOT NULL, subject TEXT NOT NULL, \
     name TEXT NOT NULL UNIQUE, PRIMARY KEY (issuer, subject))";

/// Somebody whom a provider knows, and what it may here.
#[derive(Clone, Debug)]
pub(crate) struct Foreign {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    /// What it is called if it is new and nobody is called so.
    pub(crate) wished: String,
    pub(crate) role: Role,
    pub(crate) groups: Vec<String>,
}

impl Accounts {
    /// The user that somebody is, where there is one.
    pub(crate) async fn foreign(&self, issuer: &str, subject: &str) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT name FROM foreign_people WHERE issuer = $1 AND subject = $2")
            .bind(issuer)
            .bind(subject)
            .fetch_optional(&self.readers)
            .await?)
    }

    /// The user that somebody is, made where there is none, with what it may now. What that changes is written down as
    /// `entry` tells; `Kept` says why there is no such user.
    pub(crate) async fn provision(
        &self,
        known: Foreign,
        entry: AuditEntry,
        now: Timestamp,
    ) -> Result<Result<Account, Kept>, StoreError> {
        self.writer
            .submit(move |connection| {
                Box::pin(async move {
                    let (kept, before, after) = provision(connection, &known, now).await?;
                    let Some(after) = after.filter(|_| kept == Kept::Done) else { return Ok(Err(kept)) };
                    if before.as_ref() != Some(&after) {
                        let json = |user: &Account| serde_json::to_string(&user.shown()).unwrap_or_default();
                        let before = before.as_ref().map(json).unwrap_or_default();
                        let target = after.name.clone();
                        audit::add(connection, &AuditEntry { target, before, after: json(&after), ..entry }).await?;
                    }
                    Ok(Ok(after))
                })
            })
            .await
    }
}

type Both = (Kept, Option<Account>, Option<Account>);

async fn provision(connection: &mut SqliteConnection, known: &Foreign, now: Timestamp) -> Result<Both, StoreError> {
    let name: Option<String> = sqlx::query_scalar("SELECT name FROM foreign_people WHERE issuer = $1 AND subject = $2")
        .bind(&known.issuer)
        .bind(&known.subject)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(name) = name else { return add(connection, known, now).await };
    let Some(found) = users::find(&mut *connection, &name).await? else { return Ok((Kept::Missing, None, None)) };
    if found.role == known.role && found.groups == known.groups {
        return Ok((Kept::Done, Some(found.clone()), Some(found)));
    }
    let edit = |user: &mut Account| (user.role, user.groups) = (known.role, known.groups.clone());
    let (kept, both) = users::administer(connection, &name, edit).await?;
    if kept == Kept::Done {
        sessions::end(connection, &name, None).await?;
    }
    let (before, after) = both.unzip();
    Ok((kept, before, after))
}

async fn add(connection: &mut SqliteConnection, known: &Foreign, now: Timestamp) -> Result<Both, StoreError> {
    let names = std::iter::once(known.wished.clone()).chain((2..NAMES_TRIED).map(|n| format!("{}-{n}", known.wished)));
    for name in names.filter(|name| is_free_for_others(name)) {
        // Nobody opens it with a password until an admin gives it one.
        let account = Account::new(name.clone(), known.role, known.groups.clone(), String::new(), now);
        match users::add(connection, &account, false).await? {
            Kept::Done => {}
            Kept::Taken => continue,
            other => return Ok((other, None, None)),
        }
        sqlx::query("INSERT INTO foreign_people (issuer, subject, name) VALUES ($1, $2, $3)")
            .bind(&known.issuer)
            .bind(&known.subject)
            .bind(&name)
            .execute(connection)
            .await?;
        return Ok((Kept::Done, None, Some(account)));
    }
    Ok((Kept::Taken, None, None))
}

const NAMES_TRIED: u32 = 100;
