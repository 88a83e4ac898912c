//! What is left of a test where lines of a source cannot hold some fields?

use std::collections::BTreeSet;

use super::super::field::may_hold;
use super::super::rule::Test;
use super::super::source::Source;

/// What is left.
pub(super) enum Left {
    Some(Test),
    Always,
    Never,
}

/// A test without what is decided already; the fields that no line holds are named in `missing`.
pub(super) fn simplified(test: Test, source: &Source, missing: &mut BTreeSet<String>) -> Left {
    let decided = |name: &String, missing: &mut BTreeSet<String>| {
        let held = source.kinds.iter().any(|sort| may_hold(*sort, name));
        if !held {
            missing.insert(name.clone());
        }
        !held
    };
    match test {
        Test::Not(inner) => match simplified(*inner, source, missing) {
            Left::Some(inner) => Left::Some(Test::Not(Box::new(inner))),
            Left::Always => Left::Never,
            Left::Never => Left::Always,
        },
        Test::All(inner) => {
            let mut left = Vec::new();
            for one in inner {
                match simplified(one, source, missing) {
                    Left::Some(one) => left.push(one),
                    Left::Always => {}
                    Left::Never => return Left::Never,
                }
            }
            gathered(left, Test::All, Left::Always)
        }
        Test::Any(inner) => {
            let mut left = Vec::new();
            for one in inner {
                match simplified(one, source, missing) {
                    Left::Some(one) => left.push(one),
                    Left::Always => return Left::Always,
                    Left::Never => {}
                }
            }
            gathered(left, Test::Any, Left::Never)
        }
        Test::AtLeast(count, inner) => {
            let (mut left, mut always) = (Vec::new(), 0);
            for one in inner {
                match simplified(one, source, missing) {
                    Left::Some(one) => left.push(one),
                    Left::Always => always += 1,
                    Left::Never => {}
                }
            }
            match count.saturating_sub(always) {
                0 => Left::Always,
                wanted if wanted as usize > left.len() => Left::Never,
                wanted => Left::Some(Test::AtLeast(wanted, left)),
            }
        }
        Test::Has(name) | Test::Within(name, _) | Test::Moment(name, ..) if decided(&name, missing) => Left::Never,
        Test::Same { field, other, .. } if decided(&field, missing) || decided(&other, missing) => Left::Never,
        Test::Text { place: Some(name), .. }
        | Test::Like { place: Some(name), .. }
        | Test::Pattern { place: Some(name), .. }
        | Test::Number { place: Some(name), .. }
        | Test::Truth(Some(name), _)
            if decided(&name, missing) =>
        {
            Left::Never
        }
        test => Left::Some(test),
    }
}

fn gathered(mut left: Vec<Test>, all: fn(Vec<Test>) -> Test, none: Left) -> Left {
    match left.len() {
        0 => none,
        1 => Left::Some(left.remove(0)),
        _ => Left::Some(all(left)),
    }
}
