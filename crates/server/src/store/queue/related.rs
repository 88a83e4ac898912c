//! Which alerts have something in common with one, and which are part of it?

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::Row;
use sqlx::sqlite::SqlitePool;

use tripoint_api::context::{PARTS_MAX, RELATED_MAX, Related};
use tripoint_api::filter::Filter;
use tripoint_api::queue::AlertSummary;
use tripoint_model::{AlertId, Timestamp};

use super::lower;
use super::page::{ask, line};
use super::sql::{Bound, Condition};
use crate::store::{OfHosts, StoreError};

/// What two alerts may have in common.
struct Common {
    /// How much it says.
    weight: u32,
    /// In words.
    reason: String,
    which: Which,
}

/// Which alerts have it.
enum Which {
    /// Those with this value in a column.
    Column(&'static str, String),
    /// Those that began on a host within a time.
    Near(String, (Timestamp, Timestamp)),
    /// Those with this value of a field that has several.
    Term(&'static str, String),
}

impl Which {
    /// The condition, with its values bound.
    fn write(self, condition: &mut Condition) -> String {
        let mut text = |text: &str| condition.bind(Bound::Text(lower(text)));
        match self {
            Self::Column(column, value) => format!("{column} = {}", text(&value)),
            Self::Near(host, (from, to)) => {
                let host = text(&host);
                let (from, to) = (condition.bind(Bound::Number(from.0)), condition.bind(Bound::Number(to.0)));
                format!("host = {host} AND first_seen BETWEEN {from} AND {to}")
            }
            Self::Term(field, value) => {
                let (field, value) = (text(field), text(&value));
                format!("id IN (SELECT id FROM queue_terms WHERE field = {field} AND value = {value})")
            }
        }
    }
}

/// Alerts that one reason brings, the newest; what very many have in common tells little.
const EACH: u32 = 50;
/// Values of a field that are asked about.
const VALUES: usize = 8;
/// At the same time on the same host.
const NEAR: Duration = Duration::from_secs(3600);

/// The alerts that are nearest to one.
pub(in crate::store) async fn related(
    readers: &SqlitePool,
    own: &AlertSummary,
    of: &OfHosts,
) -> Result<Vec<Related>, StoreError> {
    let mut found: BTreeMap<String, (u32, Vec<(u32, String)>)> = BTreeMap::new();
    for common in commons(own) {
        let mut condition = Condition::of(&Filter::everything()).of_hosts(of);
        let text = common.which.write(&mut condition);
        let id = condition.bind(Bound::Text(own.id.0.clone()));
        let most = condition.bind(Bound::Number(EACH.into()));
        let question = format!(
            "SELECT id FROM queue WHERE {} AND {text} AND id <> {id} ORDER BY last_seen DESC, id LIMIT {most}",
            condition.text
        );
        for row in ask(readers, question, condition.values).await? {
            let (sum, reasons) = found.entry(row.try_get(0)?).or_default();
            *sum += common.weight;
            reasons.push((common.weight, common.reason.clone()));
        }
    }
    let mut ranked: Vec<_> = found.into_iter().collect();
    ranked.sort_by(|(a, (a_sum, _)), (b, (b_sum, _))| b_sum.cmp(a_sum).then_with(|| a.cmp(b)));
    ranked.truncate(RELATED_MAX);
    let mut related = Vec::with_capacity(ranked.len());
    for (id, (weight, mut reasons)) in ranked {
        let rows = ask(readers, "SELECT line FROM queue_lines WHERE id = $1".into(), vec![Bound::Text(id)]).await?;
        reasons.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        let reasons = reasons.into_iter().map(|(_, reason)| reason).collect();
        if let Some(row) = rows.first() {
            related.push(Related { alert: line(row)?, weight, reasons });
        }
    }
    Ok(related)
}

/// What is asked about, from what says most to what says least.
fn commons(own: &AlertSummary) -> Vec<Common> {
    let common = |weight, reason, which| Common { weight, reason, which };
    let (peer, host) = (own.indicator.to_string(), own.host.clone());
    let around = (own.first_seen.minus(NEAR), own.first_seen.plus(NEAR));
    let mut commons = vec![
        common(40, format!("the same peer, {peer}"), Which::Column("peer", peer)),
        common(
            25,
            format!("the same application, {}", own.application.name),
            Which::Column("application_key", own.application.key()),
        ),
        common(15, format!("on {host} within an hour"), Which::Near(host, around)),
    ];
    for (field, weight, reason) in
        [("container", 25, "the same container"), ("name", 20, "the same name"), ("cve", 8, "the same vulnerability")]
    {
        let values = own.values.get(field).into_iter().flatten().take(VALUES);
        commons.extend(
            values.map(|value| common(weight, format!("{reason}, {value}"), Which::Term(field, value.clone()))),
        );
    }
    commons
}

/// The alerts that are part of one, the newest first.
pub(in crate::store) async fn parts(
    readers: &SqlitePool,
    id: &AlertId,
    of: &OfHosts,
) -> Result<Vec<AlertSummary>, StoreError> {
    let mut condition = Condition::of(&Filter::everything()).of_hosts(of);
    let whole = condition.bind(Bound::Text(lower(&id.0)));
    let most = condition.bind(Bound::Number(PARTS_MAX as i64));
    let text = format!(
        "SELECT line FROM (SELECT id AS found, last_seen AS seen FROM queue WHERE {} AND id IN \
         (SELECT id FROM queue_terms WHERE field = 'merged' AND value = {whole}) ORDER BY last_seen DESC, id LIMIT {most}) \
         JOIN queue_lines ON id = found ORDER BY seen DESC, found",
        condition.text
    );
    ask(readers, text, condition.values).await?.iter().map(line).collect()
}
