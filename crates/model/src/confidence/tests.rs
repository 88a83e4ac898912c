//! Does the sum add up, and does it move only the way it should?

use proptest::prelude::*;

use super::*;
use crate::indicator::GuardKind;
use crate::testing;

const DAY: i64 = 86_400;

fn claim(feed: &str, confidence: u8) -> Claim {
    Claim { feed: feed.to_owned(), confidence, ..testing::claim("203.0.113.66") }
}

fn ask(claims: &[Claim], meeting: &Meeting<'_>) -> Confidence {
    let borrowed: Vec<&Claim> = claims.iter().collect();
    let answer = confidence(&borrowed, meeting);
    assert_eq!(answer.total, total(&borrowed, meeting), "both ways of asking agree");
    let sum: i32 = answer.terms.iter().map(|term| i32::from(term.points)).sum();
    assert_eq!(sum, i32::from(answer.total), "{:?}", answer.terms);
    answer
}

fn at(days: i64) -> Timestamp {
    Timestamp::from_seconds(days * DAY)
}

fn names(answer: &Confidence) -> Vec<(&str, i16)> {
    answer.terms.iter().map(|term| (term.name.as_str(), term.points)).collect()
}

#[test]
fn each_step_is_a_term() {
    let hits = [GuardHit { list: "cdn".into(), range: "203.0.113.0/24".into(), kind: GuardKind::Shared }];
    let mut sure = claim("a", 90);
    sure.last_seen = Some(at(70));
    sure.port = Some(443);
    sure.source.reliability = Percent(90);
    sure.source.verdicts = Verdicts { confirmed: 0, wrong: 1 };
    let mut other = claim("b", 40);
    other.direction = AppliesTo::In;
    let meeting = Meeting {
        direction: Some(Direction::Outbound),
        port: Some(80),
        guard: &hits,
        sightings: 3,
        ..Meeting::at(at(100))
    };
    let answer = ask(&[sure.clone(), other.clone()], &meeting);
    let expected = [
        ("claim", 90),
        ("reliability", -9),
        ("verdicts", -28),
        ("age", -26),
        ("port", -14),
        ("corroboration", 9),
        ("guard-list", -30),
        ("bounds", 8),
        ("seen-before", 6),
    ];
    assert_eq!(names(&answer), expected);
    // A claim about a client says little about a server.
    assert_eq!(names(&ask(&[other], &meeting))[1], ("direction", -30));
}

#[test]
fn what_does_not_hold_counts_nothing() {
    let mut over = claim("a", 90);
    over.valid_until = Some(at(10));
    let mut early = claim("b", 90);
    early.valid_from = Some(at(20));
    assert_eq!(ask(&[over.clone(), early.clone()], &Meeting::at(at(10))), Confidence::default());
    assert_eq!(ask(&[over, early], &Meeting::at(at(9))).total, 90);
}

#[test]
fn age_halves_down_to_what_is_listed_still() {
    let mut seen = claim("a", 80);
    seen.last_seen = Some(at(0));
    for (days, listed, stale) in [(0, 80, 80), (15, 60, 60), (30, 40, 40), (60, 40, 20), (4000, 40, 0)] {
        seen.source.stale = false;
        assert_eq!(ask(std::slice::from_ref(&seen), &Meeting::at(at(days))).total, listed, "{days}");
        seen.source.stale = true;
        assert_eq!(ask(std::slice::from_ref(&seen), &Meeting::at(at(days))).total, stale, "{days}");
    }
    assert_eq!(ask(&[claim("a", 80)], &Meeting::at(at(4000))).total, 80, "a list without dates speaks of now");
}

#[test]
fn a_list_that_gathers_others_counts_once_with_them() {
    let mut gathered = claim("firehol", 60);
    gathered.source.origins = vec!["drop".into(), "feodo".into()];
    let both = ask(&[claim("drop", 50), gathered.clone()], &Meeting::at(at(0)));
    assert_eq!(names(&both), [("claim", 60), ("same-list", 0)]);
    assert!(both.terms[1].reason.contains("same list as firehol"));
    // Its two origins are still two.
    let three = ask(&[claim("drop", 50), claim("feodo", 50), gathered], &Meeting::at(at(0)));
    assert_eq!(names(&three), [("claim", 60), ("corroboration", 20), ("same-list", 0)]);
}

#[test]
fn verdicts_move_the_source_and_never_silence_it() {
    for (confirmed, wrong, percent) in [(0, 0, 100), (5, 0, 100), (0, 1, 66), (0, 2, 50), (8, 2, 83), (0, 1000, 20)] {
        assert_eq!(Verdicts { confirmed, wrong }.believed(), Percent(percent));
    }
    assert_eq!(Verdicts { confirmed: u32::MAX, wrong: u32::MAX }.believed(), Percent(50));
}

#[test]
fn a_sum_can_be_raised_afterwards() {
    let answer = ask(&[claim("a", 97)], &Meeting::at(at(0)));
    let raised = raise(answer.total, answer.terms, 4);
    assert_eq!(names(&raised), [("claim", 97), ("seen-before", 8), ("bounds", -5)]);
    assert_eq!(raise(0, vec![], 4), Confidence::default());
}

/// Fails when what was found through a system makes policy act, alone or by adding to what does not suffice.
#[test]
fn what_was_found_through_a_system_never_makes_policy_act() {
    let through = Claim { system: Some(64500), ..claim("a", 100) };
    let own = claim("b", 60);
    let meeting = Meeting::at(at(0));
    assert_eq!(total(&[&through], &meeting), 100);
    assert_eq!(total_to_act_on(&[&through], &meeting), 0);
    assert_eq!(total_to_act_on(&[&through, &own], &meeting), 60);
    assert_eq!(total_to_act_on(&[&own], &meeting), total(&[&own], &meeting));
}

#[test]
fn a_sinkhole_lowers_the_sum_and_is_named() {
    let hits = [GuardHit { list: "holes".into(), range: "203.0.113.7".into(), kind: GuardKind::Sinkhole }];
    let sure = confidence(&[&claim("a", 90)], &Meeting { guard: &hits, ..Meeting::at(at(0)) });
    assert_eq!(sure.total, 60);
    let term = sure.terms.last().expect("a term");
    assert_eq!(term.reason, "a sinkhole of researchers: on guard list holes (203.0.113.7)");
}

fn claims() -> impl Strategy<Value = Vec<Claim>> {
    let one =
        (0..8_u8, 0..=100_u8, 0..Category::ALL.len(), 0..3_u8, prop::option::of(0..400_i64), 0..=100_u8, 0..6_u32);
    let one = one.prop_map(|(feed, confidence, category, direction, seen, reliability, wrong)| Claim {
        category: Category::ALL[category].0,
        direction: [AppliesTo::In, AppliesTo::Out, AppliesTo::Both][usize::from(direction)],
        port: (feed == 3).then_some(443),
        last_seen: seen.map(at),
        source: Source {
            reliability: Percent(reliability),
            origins: match feed {
                0 => vec!["f1".into(), "f2".into()],
                4 => vec!["f5".into()],
                _ => vec![],
            },
            stale: feed == 6,
            verdicts: Verdicts { confirmed: 1, wrong },
        },
        ..claim(&format!("f{feed}"), confidence)
    });
    prop::collection::vec(one, 0..12)
}

fn meeting(outbound: Option<bool>, sightings: u32, guard: &[GuardHit]) -> Meeting<'_> {
    let direction = outbound.map(|yes| if yes { Direction::Outbound } else { Direction::Inbound });
    Meeting { direction, port: Some(80), guard, sightings, ..Meeting::at(at(400)) }
}

proptest! {
    #[test]
    fn the_order_does_not_matter(
        (claims, shuffled) in claims().prop_flat_map(|claims| (Just(claims.clone()), Just(claims).prop_shuffle())),
        outbound in any::<Option<bool>>(),
        sightings in 0..9_u32,
        guarded in any::<bool>(),
    ) {
        let hits = vec![GuardHit { list: "cdn".into(), range: "203.0.113.0/24".into(), kind: GuardKind::Shared }; usize::from(guarded)];
        let meeting = meeting(outbound, sightings, &hits);
        prop_assert_eq!(ask(&claims, &meeting), ask(&shuffled, &meeting));
    }

    #[test]
    fn an_independent_list_never_lowers_and_a_copy_adds_nothing(
        claims in claims(), outbound in any::<Option<bool>>(), sure in 0..=100_u8,
    ) {
        let meeting = meeting(outbound, 0, &[]);
        let before = ask(&claims, &meeting).total;
        let mut more = claims.clone();
        more.push(claim("another", sure));
        prop_assert!(ask(&more, &meeting).total >= before);
        let mut copied = claims.clone();
        copied.extend(claims.iter().map(|claim| {
            let mut copy = claim.clone();
            copy.feed = format!("{}-copy", claim.feed);
            if copy.source.origins.is_empty() {
                copy.source.origins = vec![claim.feed.clone()];
            }
            copy
        }));
        prop_assert_eq!(ask(&copied, &meeting).total, before);
    }

    #[test]
    fn older_never_raises(claims in claims(), outbound in any::<Option<bool>>(), which in any::<prop::sample::Index>(), days in 1..500_i64) {
        prop_assume!(!claims.is_empty());
        let meeting = meeting(outbound, 0, &[]);
        let before = ask(&claims, &meeting).total;
        let mut older = claims.clone();
        let one = &mut older[which.index(claims.len())];
        one.last_seen = one.last_seen.map(|seen| Timestamp::from_seconds(seen.0 / 1_000_000 - days * DAY));
        prop_assert!(ask(&older, &meeting).total <= before);
    }
}
