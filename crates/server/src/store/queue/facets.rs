//! How many alerts does a filter take, and by what?

use sqlx::Row;
use sqlx::sqlite::SqlitePool;

use tripoint_api::filter::Filter;
use tripoint_api::queue::{FACET_VALUES, Facet, FacetValue, Facets};

use super::page::ask;
use super::sql::{Bound, Condition};
use crate::store::rows::unsigned;
use crate::store::{OfHosts, StoreError};

/// Columns of `queue` that are counted by.
const COLUMNS: &[&str] = &["status", "severity", "direction", "rule", "host", "application", "assignee", "kev"];
/// Fields with several values that are counted by.
const TERMS: &[&str] = &["category", "feed", "cve", "evidence", "cause", "tag"];
/// The words of the column `severity`.
const LEVELS: &[&str] = &["informational", "low", "medium", "high", "critical"];

/// Counts what the filter takes.
pub(in crate::store) async fn facets(
    readers: &SqlitePool,
    (filter, of): (&Filter, &OfHosts),
) -> Result<Facets, StoreError> {
    let counted = |text: &str| text.to_owned();
    let total = {
        let condition = Condition::of(filter).of_hosts(of);
        let rows =
            ask(readers, format!("SELECT COUNT(*) FROM queue WHERE {}", condition.text), condition.values).await?;
        rows.first().map(|row| row.try_get::<i64, _>(0)).transpose()?.unwrap_or(0)
    };
    let mut fields = Vec::with_capacity(COLUMNS.len() + TERMS.len());
    for column in COLUMNS {
        let condition = Condition::of(filter).of_hosts(of);
        let text = format!(
            "SELECT CAST({column} AS TEXT), COUNT(*) FROM queue WHERE {} GROUP BY {column} ORDER BY 2 DESC, 1",
            condition.text
        );
        fields.push(facet(readers, column, text, condition.values).await?);
    }
    for term in TERMS {
        let mut condition = Condition::of(filter).of_hosts(of);
        let field = condition.bind(Bound::Text(counted(term)));
        let text = format!(
            "SELECT value, COUNT(*) FROM queue_terms WHERE field = {field} AND id IN (SELECT id FROM queue WHERE {}) \
             GROUP BY value ORDER BY 2 DESC, 1",
            condition.text
        );
        fields.push(facet(readers, term, text, condition.values).await?);
    }
    Ok(Facets { total: unsigned(total), fields })
}

async fn facet(readers: &SqlitePool, field: &str, text: String, values: Vec<Bound>) -> Result<Facet, StoreError> {
    let rows = ask(readers, text, values).await?;
    let more = rows.len().saturating_sub(FACET_VALUES);
    let value = |row: &sqlx::sqlite::SqliteRow| -> Result<FacetValue, StoreError> {
        Ok(FacetValue { value: word(field, row.try_get(0)?), count: unsigned(row.try_get(1)?) })
    };
    let values = rows.iter().take(FACET_VALUES).map(value).collect::<Result<_, _>>()?;
    Ok(Facet { field: field.to_owned(), values, more: more as u64 })
}

/// As filters write it.
fn word(field: &str, value: String) -> String {
    match field {
        "severity" => value.parse().ok().and_then(|rank: usize| LEVELS.get(rank)).map_or(value, |word| (*word).into()),
        "kev" => if value == "1" { "yes" } else { "no" }.to_owned(),
        _ => value,
    }
}
