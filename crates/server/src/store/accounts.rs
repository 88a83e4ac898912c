//! What is kept of those who may ask, beside what everybody's store keeps?

use sqlx::sqlite::SqlitePool;

use tripoint_api::accounts::{HostGroup, Token};
use tripoint_api::{AuditEntry, AuditList};
use tripoint_model::Timestamp;

use super::sessions::SessionRow;
use super::tokens::{Maker, TokenRow};
use super::users::{Account, Kept};
use super::writer::Writer;
use super::{StoreError, audit, resets, sessions, tokens, users};
use crate::auth::audit::chain::Chain;
use crate::auth::audit::{changed, nothing_changed};

/// Users, sessions, tokens, groups of hosts and the audit; in the same file, by the same writer.
#[derive(Clone)]
pub(crate) struct Accounts {
    pub(super) writer: Writer,
    pub(super) readers: SqlitePool,
}

impl Accounts {
    /// Whether somebody who signs in may say who may what.
    pub(crate) async fn has_admin(&self) -> Result<bool, StoreError> {
        users::has_admin(&self.readers).await
    }

    /// Whether something could be written now.
    pub(crate) async fn can_write(&self) -> Result<(), StoreError> {
        self.writer.submit(|_| Box::pin(async { Ok(()) })).await
    }

    /// Completes when nothing is written any more.
    pub(crate) async fn ended(&self) {
        self.writer.ended().await;
    }

    pub(crate) async fn users(&self) -> Result<Vec<Account>, StoreError> {
        users::all(&self.readers).await
    }

    pub(crate) async fn user(&self, name: &str) -> Result<Option<Account>, StoreError> {
        users::find(&self.readers, name).await
    }

    /// Keeps a new user; `first` only while nobody may say who may what.
    pub(crate) async fn add_user(&self, account: Account, first: bool) -> Result<Kept, StoreError> {
        self.writer
            .submit(move |connection| {
                Box::pin(async move {
                    let kept = users::add(connection, &account, first).await?;
                    told(kept, None::<()>, Some(account.shown()));
                    Ok(kept)
                })
            })
            .await
    }

    /// What an admin changes of a user; its sessions end with it.
    pub(crate) async fn administer(
        &self,
        name: String,
        edit: impl FnOnce(&mut Account) + Send + 'static,
    ) -> Result<(Kept, Option<Account>), StoreError> {
        self.writer
            .submit(move |connection| {
                Box::pin(async move {
                    let (kept, both) = users::administer(connection, &name, edit).await?;
                    if kept == Kept::Done {
                        sessions::end(connection, &name, None).await?;
                        resets::forget(connection, &name).await?;
                    }
                    let (before, after) = both.unzip();
                    told(kept, before.map(|user| user.shown()), after.as_ref().map(Account::shown));
                    Ok((kept, after))
                })
            })
            .await
    }

    /// What a user changes of itself. With `ends` all its sessions end. `None` when `edit` did not want to.
    pub(crate) async fn change_own(
        &self,
        name: String,
        ends: bool,
        edit: impl FnOnce(&mut Account) -> bool + Send + 'static,
    ) -> Result<Option<Account>, StoreError> {
        self.writer
            .submit(move |connection| {
                Box::pin(async move {
                    let both = users::change(connection, &name, edit).await?;
                    if both.is_some() && ends {
                        sessions::end(connection, &name, None).await?;
                        resets::forget(connection, &name).await?;
                    }
                    if both.is_none() {
                        nothing_changed();
                    }
                    Ok(both.map(|(_, after)| after))
                })
            })
            .await
    }

    pub(crate) async fn remove_user(&self, name: String) -> Result<Kept, StoreError> {
        self.writer
            .submit(move |connection| {
                Box::pin(async move {
                    let (kept, found) = users::remove(connection, &name).await?;
                    told(kept, found.map(|user| user.shown()), None::<()>);
                    Ok(kept)
                })
            })
            .await
    }

    /// Keeps the hash of a code by which a user chooses another password.
    pub(crate) async fn make_reset(&self, name: String, hash: String, until: Timestamp) -> Result<Kept, StoreError> {
        self.writer
            .submit(move |connection| {
                Box::pin(async move {
                    if users::find(&mut *connection, &name).await?.is_none() {
                        nothing_changed();
                        return Ok(Kept::Missing);
                    }
                    resets::make(connection, &name, &hash, until).await?;
                    Ok(Kept::Done)
                })
            })
            .await
    }

    pub(crate) async fn reset_holds(&self, name: &str, hash: &str, now: Timestamp) -> Result<bool, StoreError> {
        resets::holds(&self.readers, name, hash, now).await
    }

    /// Changes a user by its code, once: `None` when the code holds no more, or `edit` did not want to.
    pub(crate) async fn use_reset(
        &self,
        name: String,
        hash: String,
        edit: impl FnOnce(&mut Account) -> bool + Send + 'static,
        now: Timestamp,
    ) -> Result<Option<()>, StoreError> {
        self.writer
            .submit(move |connection| {
                Box::pin(async move {
                    let holds = resets::holds(&mut *connection, &name, &hash, now).await?;
                    if !holds || users::change(connection, &name, edit).await?.is_none() {
                        nothing_changed();
                        return Ok(None);
                    }
                    resets::forget(connection, &name).await?;
                    sessions::end(connection, &name, None).await?;
                    Ok(Some(()))
                })
            })
            .await
    }

    pub(crate) async fn groups(&self) -> Result<Vec<HostGroup>, StoreError> {
        users::groups(&self.readers).await
    }

    /// Patterns of all the hosts of these groups.
    pub(crate) async fn patterns(&self, groups: &[String]) -> Result<Vec<String>, StoreError> {
        users::patterns(&self.readers, groups).await
    }

    pub(crate) async fn set_group(&self, group: HostGroup) -> Result<Kept, StoreError> {
        self.writer
            .submit(move |connection| {
                Box::pin(async move {
                    let (kept, before) = users::set_group(connection, &group).await?;
                    told(kept, before, Some(&group.hosts));
                    Ok(kept)
                })
            })
            .await
    }

    pub(crate) async fn remove_group(&self, name: String) -> Result<Kept, StoreError> {
        self.writer
            .submit(move |connection| {
                Box::pin(async move {
                    let (kept, before) = users::remove_group(connection, &name).await?;
                    told(kept, before, None::<()>);
                    Ok(kept)
                })
            })
            .await
    }

    /// The session of this hash while it holds.
    pub(crate) async fn session(&self, hash: &str, now: Timestamp) -> Result<Option<SessionRow>, StoreError> {
        sessions::find(&self.readers, hash, now).await
    }

    pub(crate) async fn sessions(&self, person: &str, now: Timestamp) -> Result<Vec<SessionRow>, StoreError> {
        sessions::of(&self.readers, person, now).await
    }

    /// Begins a session, where the user is still as it was when its password was looked at: `None` when it is not.
    pub(crate) async fn begin(
        &self,
        session: SessionRow,
        password: String,
        edit: impl FnOnce(&mut Account) -> bool + Send + 'static,
        now: Timestamp,
    ) -> Result<Option<Account>, StoreError> {
        self.writer
            .submit(move |connection| {
                Box::pin(async move {
                    let edit = |user: &mut Account| {
                        user.last_login = Some(now);
                        !user.disabled && user.password == password && edit(user)
                    };
                    let Some((_, user)) = users::change(connection, &session.person, edit).await? else {
                        nothing_changed();
                        return Ok(None);
                    };
                    sessions::begin(connection, &session, now).await?;
                    Ok(Some(user))
                })
            })
            .await
    }

    /// Writes down that a session was used, or that it proved again who is there.
    pub(crate) async fn touch_session(&self, hash: String, confirmed: bool, now: Timestamp) -> Result<(), StoreError> {
        self.writer
            .submit(move |connection| Box::pin(async move { sessions::touch(connection, &hash, confirmed, now).await }))
            .await
    }

    /// Ends one of a person's sessions, or all; how many.
    pub(crate) async fn end_sessions(&self, person: String, hash: Option<String>) -> Result<u64, StoreError> {
        self.writer
            .submit(move |connection| {
                Box::pin(async move {
                    let ended = sessions::end(connection, &person, hash.as_deref()).await?;
                    if ended == 0 {
                        nothing_changed();
                    }
                    Ok(ended)
                })
            })
            .await
    }

    /// The token of this hash while it holds.
    pub(crate) async fn token(&self, hash: &str, now: Timestamp) -> Result<Option<TokenRow>, StoreError> {
        tokens::find(&self.readers, hash, now).await
    }

    /// Every token, or those of one maker.
    pub(crate) async fn tokens(&self, maker: Option<Maker>) -> Result<Vec<Token>, StoreError> {
        tokens::all(&self.readers, maker).await
    }

    /// Keeps a token by its hash; says whether there was room.
    pub(crate) async fn add_token(&self, new: TokenRow, hash: String, now: Timestamp) -> Result<bool, StoreError> {
        self.writer
            .submit(move |connection| {
                Box::pin(async move {
                    let added = tokens::add(connection, &new, &hash, now).await?;
                    told(if added { Kept::Done } else { Kept::Taken }, None::<()>, Some(&new.token));
                    Ok(added)
                })
            })
            .await
    }

    /// Takes a token back; of one maker only, where one is named.
    pub(crate) async fn remove_token(&self, id: String, maker: Option<Maker>) -> Result<bool, StoreError> {
        self.writer
            .submit(move |connection| {
                Box::pin(async move {
                    let found = tokens::remove(connection, &id, maker).await?;
                    let is_there = found.is_some();
                    told(if is_there { Kept::Done } else { Kept::Missing }, found, None::<()>);
                    Ok(is_there)
                })
            })
            .await
    }

    pub(crate) async fn touch_token(&self, id: String, now: Timestamp) -> Result<(), StoreError> {
        self.writer.submit(move |connection| Box::pin(async move { tokens::touch(connection, &id, now).await })).await
    }

    /// Names of all hosts that ever reported.
    pub(crate) async fn hosts(&self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT host FROM agents").fetch_all(&self.readers).await?)
    }

    /// Adds a row to the audit that belongs to no change.
    pub(crate) async fn write_down(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.writer.submit(move |connection| Box::pin(async move { audit::add(connection, &entry).await })).await
    }

    pub(crate) async fn audit(&self, limit: u32, after: Option<u64>) -> Result<AuditList, StoreError> {
        audit::page(&self.readers, limit, after).await
    }

    /// Forgets rows of the audit up to this number.
    pub(crate) async fn forget_audit(&self, number: u64) -> Result<(), StoreError> {
        while audit::has_up_to(&self.readers, number).await? {
            self.writer.submit(move |connection| Box::pin(audit::forget(connection, number))).await?;
        }
        Ok(())
    }

    /// Where the audit ends.
    pub(crate) async fn audit_end(&self) -> Result<Chain, StoreError> {
        audit::end(&self.readers).await
    }

    /// What the audit's row of this number has for a hash.
    pub(crate) async fn audit_hash(&self, number: u64) -> Result<Option<String>, StoreError> {
        audit::hash_of(&self.readers, number).await
    }
}

/// Tells the audit what a job changed, or that it changed nothing.
fn told(kept: Kept, before: Option<impl serde::Serialize>, after: Option<impl serde::Serialize>) {
    match kept {
        Kept::Done => changed(&before, &after),
        _ => nothing_changed(),
    }
}
