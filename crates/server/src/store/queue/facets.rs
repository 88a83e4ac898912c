//! How many alerts does a filter take, and by what?

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use tripoint_api::filter::Filter;
use tripoint_api::queue::{FACET_VALUES, Facet, FacetValue, Facets};

use super::page::ask;
use super::sql::{Bound, Condition};
use crate::store::rows::unsigned;
use crate::store::{OfHosts, StoreError};

/// Columns of `queue` with few values: counted together, in one walk.
const FEW: &[&str] = &["status", "severity", "direction", "rule", "kev"];
/// Columns with many.
const MANY: &[&str] = &["host", "application", "assignee"];
/// Fields with several values.
const TERMS: &[&str] = &["category", "feed", "cve", "evidence", "judged", "cause", "tag"];
/// The words of the column `severity`.
pub(in crate::store) const LEVELS: &[&str] = &["informational", "low", "medium", "high", "critical"];

/// How many have each value of a field.
type Counts = BTreeMap<String, u64>;

/// Counts what the filter takes.
pub(in crate::store) async fn facets(readers: &SqlitePool, asked: (&Filter, &OfHosts)) -> Result<Facets, StoreError> {
    let (total, few) = few(readers, asked).await?;
    let mut fields: Vec<Facet> = FEW.iter().zip(few).map(|(column, counts)| facet(column, counts)).collect();
    for column in MANY {
        let (filter, of) = asked;
        let condition = Condition::of(filter).of_hosts(of);
        let text = format!("SELECT {column}, COUNT(*) FROM queue WHERE {} GROUP BY 1", condition.text);
        let rows = ask(readers, text, condition.values).await?;
        let counts = rows.iter().map(|row| Ok((row.try_get(0)?, unsigned(row.try_get(1)?))));
        fields.push(facet(column, counts.collect::<Result<_, StoreError>>()?));
    }
    fields.extend(terms(readers, asked).await?);
    Ok(Facets { total, fields })
}

/// How many there are, and the counts of `FEW`.
async fn few(readers: &SqlitePool, (filter, of): (&Filter, &OfHosts)) -> Result<(u64, Vec<Counts>), StoreError> {
    let condition = Condition::of(filter).of_hosts(of);
    let columns = FEW.iter().map(|column| format!("CAST({column} AS TEXT)")).collect::<Vec<_>>().join(", ");
    let groups = FEW.join(", ");
    let text = format!("SELECT COUNT(*), {columns} FROM queue WHERE {} GROUP BY {groups}", condition.text);
    let mut total = 0;
    let mut all = vec![Counts::new(); FEW.len()];
    for row in ask(readers, text, condition.values).await? {
        let count = unsigned(row.try_get(0)?);
        total += count;
        for (place, counts) in all.iter_mut().enumerate() {
            *counts.entry(row.try_get(place + 1)?).or_default() += count;
        }
    }
    Ok((total, all))
}

/// The facets of `TERMS`, in one walk too.
async fn terms(readers: &SqlitePool, (filter, of): (&Filter, &OfHosts)) -> Result<Vec<Facet>, StoreError> {
    let mut condition = Condition::of(filter).of_hosts(of);
    let names: Vec<String> = TERMS.iter().map(|term| condition.bind(Bound::Text((*term).to_owned()))).collect();
    let text = format!(
        "SELECT field, value, COUNT(*) FROM queue_terms WHERE field IN ({}) AND id IN (SELECT id FROM queue WHERE {}) \
         GROUP BY field, value",
        names.join(", "),
        condition.text
    );
    let mut all: BTreeMap<String, Counts> = BTreeMap::new();
    for row in ask(readers, text, condition.values).await? {
        all.entry(row.try_get(0)?).or_default().insert(row.try_get(1)?, unsigned(row.try_get(2)?));
    }
    Ok(TERMS.iter().map(|term| facet(term, all.remove(*term).unwrap_or_default())).collect())
}

/// How many of what the filter takes began in each stretch of time from `since` on, as `(stretch, severity, count)`.
pub(in crate::store) async fn begun(
    readers: &SqlitePool,
    (filter, of): (&Filter, &OfHosts),
    (since, step, until): (i64, i64, i64),
) -> Result<Vec<SqliteRow>, StoreError> {
    let mut condition = Condition::of(filter).of_hosts(of);
    let bound = [since, step, until].map(|number| condition.bind(Bound::Number(number)));
    let [since, step, until] = &bound;
    let words: Vec<String> =
        LEVELS.iter().enumerate().map(|(rank, word)| format!("WHEN {rank} THEN '{word}'")).collect();
    let text = format!(
        "SELECT (first_seen - {since}) / {step}, CASE severity {} ELSE '' END, COUNT(*) FROM queue \
         WHERE first_seen >= {since} AND first_seen < {until} AND ({}) GROUP BY 1, 2",
        words.join(" "),
        condition.text
    );
    ask(readers, text, condition.values).await
}

/// The most frequent values first.
fn facet(field: &str, counts: Counts) -> Facet {
    let mut values: Vec<FacetValue> =
        counts.into_iter().map(|(value, count)| FacetValue { value: word(field, value), count }).collect();
    values.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    let more = values.len().saturating_sub(FACET_VALUES) as u64;
    values.truncate(FACET_VALUES);
    Facet { field: field.to_owned(), values, more }
}

/// As filters write it.
fn word(field: &str, value: String) -> String {
    match field {
        "severity" => value.parse().ok().and_then(|rank: usize| LEVELS.get(rank)).map_or(value, |word| (*word).into()),
        "kev" => if value == "1" { "yes" } else { "no" }.to_owned(),
        _ => value,
    }
}
