//! Which programs may ask, by whose leave, until when?

use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row, SqliteConnection, SqliteExecutor};

use tripoint_api::accounts::Token;
use tripoint_model::Timestamp;

use super::StoreError;
use super::rows::{from_text, to_text};
use super::users::role;

/// A token with what it hangs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenRow {
    pub(crate) token: Token,
    /// Whether its maker is one of our users: then it may what that user still may.
    pub(crate) of_user: bool,
}

/// Whose tokens: a user's and those of a user of the host who is called the same are different people's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Maker {
    pub(crate) name: String,
    pub(crate) of_user: bool,
}

/// The token of this hash while it holds.
pub(super) async fn find<'c>(
    executor: impl SqliteExecutor<'c>,
    hash: &str,
    now: Timestamp,
) -> Result<Option<TokenRow>, StoreError> {
    let row = sqlx::query("SELECT * FROM tokens WHERE hash = $1 AND expires > $2")
        .bind(hash)
        .bind(now.0)
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(token).transpose()
}

fn token(row: &SqliteRow) -> Result<TokenRow, StoreError> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let token = Token {
        id: text("id")?,
        name: text("name")?,
        maker: text("maker")?,
        role: role(&text("role")?)?,
        scopes: from_text("scopes", &text("scopes")?)?,
        created: Timestamp(row.try_get("created")?),
        expires: Timestamp(row.try_get("expires")?),
        last_used: row.try_get::<Option<i64>, _>("last_used")?.map(Timestamp),
    };
    Ok(TokenRow { token, of_user: row.try_get::<i64, _>("of_user")? != 0 })
}

/// Every token, or those of one maker, the newest first.
pub(super) async fn all(readers: &SqlitePool, maker: Option<Maker>) -> Result<Vec<Token>, StoreError> {
    let sql = "SELECT * FROM tokens WHERE $1 IS NULL OR (maker = $1 AND of_user = $2) ORDER BY created DESC, id";
    let (name, of_user) = split(maker);
    let rows = sqlx::query(sql).bind(name).bind(of_user).fetch_all(readers).await?;
    rows.iter().map(|row| token(row).map(|found| found.token)).collect()
}

/// Keeps one by its hash; says whether there was room. What has ended is forgotten.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    new: &TokenRow,
    hash: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    sqlx::query("DELETE FROM tokens WHERE expires <= $1").bind(now.0).execute(&mut *connection).await?;
    let done = sqlx::query(
        "INSERT INTO tokens (id, hash, name, maker, of_user, role, scopes, created, expires) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 WHERE (SELECT COUNT(*) FROM tokens) < $10",
    )
    .bind(&new.token.id)
    .bind(hash)
    .bind(&new.token.name)
    .bind(&new.token.maker)
    .bind(i64::from(new.of_user))
    .bind(new.token.role.as_str())
    .bind(to_text("scopes", &new.token.scopes)?)
    .bind(new.token.created.0)
    .bind(new.token.expires.0)
    .bind(TOKENS_MAX)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Takes one back; of one maker only, where one is named.
pub(super) async fn remove(
    connection: &mut SqliteConnection,
    id: &str,
    maker: Option<Maker>,
) -> Result<Option<Token>, StoreError> {
    let (name, of_user) = split(maker);
    let row = sqlx::query("SELECT * FROM tokens WHERE id = $1 AND ($2 IS NULL OR (maker = $2 AND of_user = $3))")
        .bind(id)
        .bind(name)
        .bind(of_user)
        .fetch_optional(&mut *connection)
        .await?;
    let found = row.as_ref().map(token).transpose()?;
    if found.is_some() {
        sqlx::query("DELETE FROM tokens WHERE id = $1").bind(id).execute(connection).await?;
    }
    Ok(found.map(|found| found.token))
}

fn split(maker: Option<Maker>) -> (Option<String>, Option<i64>) {
    maker.map(|maker| (maker.name, i64::from(maker.of_user))).unzip()
}

pub(super) async fn touch(connection: &mut SqliteConnection, id: &str, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE tokens SET last_used = $1 WHERE id = $2").bind(now.0).bind(id).execute(connection).await?;
    Ok(())
}

const TOKENS_MAX: i64 = 10_000;
