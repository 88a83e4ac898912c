//! Who may sign in, with which password, for which hosts?

use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row, SqliteConnection, SqliteExecutor};

use tripoint_api::Role;
use tripoint_api::accounts::{HostGroup, User};
use tripoint_model::Timestamp;

use super::StoreError;
use super::rows::{from_text, to_text};

/// A user with what is kept secret of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) groups: Vec<String>,
    pub(crate) disabled: bool,
    /// PHC string of Argon2id.
    pub(crate) password: String,
    /// The seed that codes are made from, sealed.
    pub(crate) totp: Option<String>,
    /// A seed that no code has been shown for yet, sealed.
    pub(crate) totp_new: Option<String>,
    /// The step of the last code that was taken: no code opens twice.
    pub(crate) totp_step: i64,
    /// Hashes of recovery codes that were not used yet.
    pub(crate) recovery: Vec<String>,
    pub(crate) created: Timestamp,
    pub(crate) last_login: Option<Timestamp>,
}

impl Account {
    pub(crate) fn new(name: String, role: Role, groups: Vec<String>, password: String, now: Timestamp) -> Self {
        Self {
            name,
            role,
            groups,
            disabled: false,
            password,
            totp: None,
            totp_new: None,
            totp_step: 0,
            recovery: Vec::new(),
            created: now,
            last_login: None,
        }
    }

    /// Without an authenticator from now on.
    pub(crate) fn forget_totp(&mut self) {
        (self.totp, self.totp_new) = (None, None);
        self.recovery.clear();
    }

    /// What others may know of it.
    pub(crate) fn shown(&self) -> User {
        User {
            name: self.name.clone(),
            role: self.role,
            groups: self.groups.clone(),
            disabled: self.disabled,
            has_totp: self.totp.is_some(),
            created: self.created,
            last_login: self.last_login,
        }
    }
}

/// What became of a wish to keep a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is done.
    Done,
    /// There is one of that name, or there are too many, or somebody was first.
    Taken,
    /// There is none of that name.
    Missing,
    /// A group that it names is not there.
    NoGroup,
    /// Nobody would be left who may say who may what.
    LastAdmin,
}

/// The tables; only ever added to.
pub(super) const TABLES: &[&str] = &[
    "CREATE TABLE users (name TEXT PRIMARY KEY, role TEXT NOT NULL, groups TEXT NOT NULL, disabled BIGINT NOT NULL, \
     password TEXT NOT NULL, totp TEXT, totp_new TEXT, totp_step BIGINT NOT NULL, recovery TEXT NOT NULL, \
     created BIGINT NOT NULL, last_login BIGINT)",
    "CREATE TABLE host_groups (name TEXT PRIMARY KEY, hosts TEXT NOT NULL)",
    "CREATE TABLE sessions (hash TEXT PRIMARY KEY, person TEXT NOT NULL, created BIGINT NOT NULL, used BIGINT NOT NULL, \
     confirmed BIGINT NOT NULL, source TEXT NOT NULL, agent TEXT NOT NULL)",
    "CREATE INDEX sessions_of_person ON sessions (person, created)",
    "CREATE TABLE tokens (id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, maker TEXT NOT NULL, \
     of_user BIGINT NOT NULL, role TEXT NOT NULL, scopes TEXT NOT NULL, created BIGINT NOT NULL, expires BIGINT NOT NULL, \
     last_used BIGINT)",
    "CREATE TABLE audit (number BIGINT PRIMARY KEY, body TEXT NOT NULL, hash TEXT NOT NULL)",
];

pub(super) async fn count<'c>(executor: impl SqliteExecutor<'c>) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM users").fetch_one(executor).await?)
}

pub(super) async fn all(readers: &SqlitePool) -> Result<Vec<Account>, StoreError> {
    let rows = sqlx::query("SELECT * FROM users ORDER BY name").fetch_all(readers).await?;
    rows.iter().map(account).collect()
}

pub(super) async fn find<'c>(executor: impl SqliteExecutor<'c>, name: &str) -> Result<Option<Account>, StoreError> {
    let row = sqlx::query("SELECT * FROM users WHERE name = $1").bind(name).fetch_optional(executor).await?;
    row.as_ref().map(account).transpose()
}

fn account(row: &SqliteRow) -> Result<Account, StoreError> {
    let text = |name: &str| row.try_get::<String, _>(name);
    Ok(Account {
        name: text("name")?,
        role: role(&text("role")?)?,
        groups: from_text("groups", &text("groups")?)?,
        disabled: row.try_get::<i64, _>("disabled")? != 0,
        password: text("password")?,
        totp: row.try_get("totp")?,
        totp_new: row.try_get("totp_new")?,
        totp_step: row.try_get("totp_step")?,
        recovery: from_text("recovery codes", &text("recovery")?)?,
        created: Timestamp(row.try_get("created")?),
        last_login: row.try_get::<Option<i64>, _>("last_login")?.map(Timestamp),
    })
}

pub(super) fn role(text: &str) -> Result<Role, StoreError> {
    text.parse().map_err(|why| StoreError::Unreadable { what: "role", why })
}

/// Keeps a new user; `first` only while nobody may say who may what. Whom a provider let in before is no such one.
pub(super) async fn add(connection: &mut SqliteConnection, account: &Account, first: bool) -> Result<Kept, StoreError> {
    let there = count(&mut *connection).await?;
    let is_late = first && has_admin(&mut *connection).await?;
    if is_late || there >= USERS_MAX || find(&mut *connection, &account.name).await?.is_some() {
        return Ok(Kept::Taken);
    }
    if !are_groups(connection, &account.groups).await? {
        return Ok(Kept::NoGroup);
    }
    write(connection, account).await?;
    Ok(Kept::Done)
}

async fn are_groups(connection: &mut SqliteConnection, names: &[String]) -> Result<bool, StoreError> {
    for name in names {
        let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM host_groups WHERE name = $1")
            .bind(name)
            .fetch_one(&mut *connection)
            .await?;
        if there == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn write(connection: &mut SqliteConnection, account: &Account) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO users (name, role, groups, disabled, password, totp, totp_new, totp_step, recovery, created, last_login) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (name) DO UPDATE SET role = excluded.role, \
         groups = excluded.groups, disabled = excluded.disabled, password = excluded.password, totp = excluded.totp, \
         totp_new = excluded.totp_new, totp_step = excluded.totp_step, recovery = excluded.recovery, \
         last_login = excluded.last_login",
    )
    .bind(&account.name)
    .bind(account.role.as_str())
    .bind(to_text("groups", &account.groups)?)
    .bind(i64::from(account.disabled))
    .bind(&account.password)
    .bind(&account.totp)
    .bind(&account.totp_new)
    .bind(account.totp_step)
    .bind(to_text("recovery codes", &account.recovery)?)
    .bind(account.created.0)
    .bind(account.last_login.map(|at| at.0))
    .execute(connection)
    .await?;
    Ok(())
}

/// Reads a user, changes it and writes it back, all in one; `None` when there is none, or `change` did not want to.
pub(super) async fn change(
    connection: &mut SqliteConnection,
    name: &str,
    change: impl FnOnce(&mut Account) -> bool,
) -> Result<Option<(Account, Account)>, StoreError> {
    let Some(before) = find(&mut *connection, name).await? else { return Ok(None) };
    let mut after = before.clone();
    if !change(&mut after) {
        return Ok(None);
    }
    write(connection, &after).await?;
    Ok(Some((before, after)))
}

/// The same for what an admin may change: the groups have to be there, and an admin has to be left.
pub(super) async fn administer(
    connection: &mut SqliteConnection,
    name: &str,
    edit: impl FnOnce(&mut Account),
) -> Result<(Kept, Option<(Account, Account)>), StoreError> {
    let Some(before) = find(&mut *connection, name).await? else { return Ok((Kept::Missing, None)) };
    let mut after = before.clone();
    edit(&mut after);
    if !are_groups(connection, &after.groups).await? {
        return Ok((Kept::NoGroup, None));
    }
    if is_admin(&before) && !is_admin(&after) && is_last(connection, name).await? {
        return Ok((Kept::LastAdmin, None));
    }
    write(connection, &after).await?;
    Ok((Kept::Done, Some((before, after))))
}

/// Whether it may say who may what: an admin of some hosts only may not.
fn is_admin(account: &Account) -> bool {
    account.role == Role::Admin && !account.disabled && account.groups.is_empty()
}

async fn is_last(connection: &mut SqliteConnection, name: &str) -> Result<bool, StoreError> {
    Ok(!has_other_admin(connection, name).await?)
}

/// Whether there is anybody who may say who may what.
pub(super) async fn has_admin<'c>(executor: impl SqliteExecutor<'c>) -> Result<bool, StoreError> {
    has_other_admin(executor, "").await
}

async fn has_other_admin<'c>(executor: impl SqliteExecutor<'c>, name: &str) -> Result<bool, StoreError> {
    let rows = sqlx::query("SELECT * FROM users WHERE role = 'admin' AND name <> $1").bind(name);
    let others = rows.fetch_all(executor).await?.iter().map(account).collect::<Result<Vec<_>, _>>()?;
    Ok(others.iter().any(is_admin))
}

/// Drops a user with its sessions and tokens.
pub(super) async fn remove(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<(Kept, Option<Account>), StoreError> {
    let Some(found) = find(&mut *connection, name).await? else { return Ok((Kept::Missing, None)) };
    if is_admin(&found) && is_last(connection, name).await? {
        return Ok((Kept::LastAdmin, None));
    }
    for statement in [
        "DELETE FROM sessions WHERE person = $1",
        "DELETE FROM tokens WHERE maker = $1 AND of_user = 1",
        "DELETE FROM resets WHERE person = $1",
        "DELETE FROM foreign_people WHERE name = $1",
        // What was shared stays, and is nobody's who is called so next.
        "DELETE FROM views WHERE owner = $1 AND shared = 0",
        "UPDATE OR REPLACE views SET owner = 'former ' || owner WHERE owner = $1",
        "DELETE FROM users WHERE name = $1",
    ] {
        sqlx::query(statement).bind(name).execute(&mut *connection).await?;
    }
    Ok((Kept::Done, Some(found)))
}

pub(super) async fn groups(readers: &SqlitePool) -> Result<Vec<HostGroup>, StoreError> {
    let rows = sqlx::query("SELECT name, hosts FROM host_groups ORDER BY name").fetch_all(readers).await?;
    let group = |row: &SqliteRow| {
        Ok(HostGroup { name: row.try_get(0)?, hosts: from_text("group", &row.try_get::<String, _>(1)?)? })
    };
    rows.iter().map(group).collect()
}

/// Patterns of all the hosts of these groups; a group that is gone has none.
pub(super) async fn patterns(readers: &SqlitePool, names: &[String]) -> Result<Vec<String>, StoreError> {
    let groups = groups(readers).await?;
    Ok(groups.into_iter().filter(|group| names.contains(&group.name)).flat_map(|group| group.hosts).collect())
}

/// Keeps a group, or puts it in another's place; the one before. `Err` inside when there are too many.
pub(super) async fn set_group(
    connection: &mut SqliteConnection,
    group: &HostGroup,
) -> Result<(Kept, Option<String>), StoreError> {
    let before: Option<String> = sqlx::query_scalar("SELECT hosts FROM host_groups WHERE name = $1")
        .bind(&group.name)
        .fetch_optional(&mut *connection)
        .await?;
    let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM host_groups").fetch_one(&mut *connection).await?;
    if before.is_none() && there >= GROUPS_MAX {
        return Ok((Kept::Taken, None));
    }
    sqlx::query(
        "INSERT INTO host_groups (name, hosts) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET hosts = excluded.hosts",
    )
    .bind(&group.name)
    .bind(to_text("group", &group.hosts)?)
    .execute(connection)
    .await?;
    Ok((Kept::Done, before))
}

/// Drops a group that nobody is held to: without it they would see nothing, which nobody has asked for.
pub(super) async fn remove_group(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<(Kept, Option<String>), StoreError> {
    let before: Option<String> = sqlx::query_scalar("SELECT hosts FROM host_groups WHERE name = $1")
        .bind(name)
        .fetch_optional(&mut *connection)
        .await?;
    if before.is_none() {
        return Ok((Kept::Missing, None));
    }
    let of: Vec<String> = sqlx::query_scalar("SELECT groups FROM users").fetch_all(&mut *connection).await?;
    for groups in of {
        if from_text::<Vec<String>>("groups", &groups)?.iter().any(|group| group == name) {
            return Ok((Kept::Taken, None));
        }
    }
    sqlx::query("DELETE FROM host_groups WHERE name = $1").bind(name).execute(connection).await?;
    Ok((Kept::Done, before))
}

/// People of one fleet.
const USERS_MAX: i64 = 10_000;
const GROUPS_MAX: i64 = 1_000;
