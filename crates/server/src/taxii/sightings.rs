//! Which objects of our alerts stand on a page?

use std::collections::HashSet;

use axum::http::StatusCode;

use tripoint_model::Timestamp;

use super::filter::Filter;
use super::{Listed, Page, Refused, refuse, stix};
use crate::store::Store;

/// A place in the sequence: after an alert, or inside one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    changed: Timestamp,
    alert: String,
    /// Objects of the alert that were given already; 0: all of them.
    given: usize,
}

impl Place {
    fn text(&self) -> String {
        format!("{}:{}:{}", self.changed.0, self.given, self.alert)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let changed = Timestamp(parts.next()?.parse().ok()?);
        let given = parts.next()?.parse().ok()?;
        Some(Self { changed, given, alert: parts.next()?.to_owned() })
    }

    /// Behind which row to go on. A row that was begun comes again.
    fn after(&self) -> (Timestamp, String) {
        if self.given == 0 {
            (self.changed, self.alert.clone())
        } else {
            (Timestamp(self.changed.0.saturating_sub(1)), ID_LAST.to_owned())
        }
    }
}

/// Reads the next page.
pub(crate) async fn page(store: &dyn Store, filter: &Filter) -> Result<Page, Refused> {
    let bad = || refuse(StatusCode::BAD_REQUEST, "next is not one that this server gave");
    let mut page = Page::default();
    let mut place = match &filter.next {
        Some(text) => Place::parse(text).ok_or_else(bad)?,
        None => {
            let author = Listed { added: stix::BEGAN_AT, object: stix::identity() };
            page.listed.extend(Some(author).filter(|author| filter.admits(author)));
            let changed = filter.added_after.unwrap_or(Timestamp(i64::MIN));
            Place { changed, given: 0, alert: ID_LAST.to_owned() }
        }
    };
    let mut names: HashSet<String> = page.listed.iter().map(|listed| listed.text("id").to_owned()).collect();
    let mut looked = 0;
    let mut after = place.after();
    loop {
        let alerts = store.changed(after).await?;
        let Some((changed, alert)) = alerts.last() else { return Ok(page) };
        after = (*changed, alert.id.0.clone());
        for (changed, alert) in alerts {
            if (changed, &alert.id.0) < (place.changed, &place.alert) {
                continue;
            }
            // A question about one object could otherwise read every alert.
            looked += 1;
            if looked > LOOKED_AT_MAX {
                return Ok(Page { next: Some(place.text()), ..page });
            }
            let is_begun = place.given > 0 && (changed, &alert.id.0) == (place.changed, &place.alert);
            let given = if is_begun { place.given } else { 0 };
            let listed = stix::objects(&alert, changed).into_iter().map(|object| Listed { added: changed, object });
            let group: Vec<Listed> = listed
                .filter(|listed| filter.admits(listed) && !names.contains(listed.text("id")))
                .skip(given)
                .collect();
            let room = filter.limit.saturating_sub(page.listed.len());
            if group.len() > room {
                // An alert is cut only where not even one fits: who goes on by the last date then misses nothing.
                if page.listed.is_empty() {
                    page.listed.extend(group.into_iter().take(room));
                    place = Place { changed, given: given + room, alert: alert.id.0 };
                }
                return Ok(Page { next: Some(place.text()), ..page });
            }
            names.extend(group.iter().map(|listed| listed.text("id").to_owned()));
            page.listed.extend(group);
            place = Place { changed, given: 0, alert: alert.id.0 };
        }
    }
}

/// Behind every id.
const ID_LAST: &str = "\u{10ffff}";
/// Alerts that one request reads; it answers with fewer objects then and says how to go on.
const LOOKED_AT_MAX: usize = 20_000;
