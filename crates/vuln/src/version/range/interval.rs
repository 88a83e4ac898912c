//! Which constraints does an interval of Maven or NuGet stand for: `[1.0,2.0),[3.0]`?

use super::{Constraint, Operator};

/// Each interval is one alternative.
pub(crate) fn read(range: &str) -> Result<Vec<Vec<Constraint>>, &'static str> {
    let mut rest = range.trim();
    let mut out = Vec::new();
    while let Some(first) = rest.chars().next() {
        if !matches!(first, '[' | '(') {
            return Err("an interval begins with [ or (");
        }
        let (inner, after) = rest[1..].split_once([']', ')']).ok_or("an interval is not closed")?;
        let closed = rest[1 + inner.len()..].starts_with(']');
        out.push(one(inner, first == '[', closed)?);
        rest = after.trim_start_matches([',', ' ']);
    }
    Ok(out)
}

fn one(inner: &str, from: bool, up_to: bool) -> Result<Vec<Constraint>, &'static str> {
    let Some((low, high)) = inner.split_once(',') else {
        if !from || !up_to || inner.trim().is_empty() {
            return Err("one version stands between [ and ]");
        }
        return Ok(vec![Constraint::new(Operator::Equal, inner.trim())]);
    };
    let (low, high) = (low.trim(), high.trim());
    if high.contains(',') {
        return Err("an interval has two ends");
    }
    let mut bounds = Vec::new();
    if !low.is_empty() {
        bounds.push(Constraint::new(if from { Operator::From } else { Operator::Above }, low));
    }
    if !high.is_empty() {
        bounds.push(Constraint::new(if up_to { Operator::UpTo } else { Operator::Below }, high));
    }
    Ok(bounds)
}
