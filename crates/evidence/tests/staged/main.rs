//! Is the cause of real connections found? Real processes with real sockets, each with a known cause, in mount
//! namespaces of their own. Needs root and RUN_KERNEL_TESTS=1.

mod cases;
mod stage;

use tripoint_model::Cause;

/// At least so many of a hundred are right; at most so many are wrong. The rest says that it does not know.
const RIGHT_LEAST: usize = 90;
const WRONG_MOST: usize = 2;

#[test]
fn staged_connections_have_the_cause_that_they_were_given() {
    if std::env::var_os("RUN_KERNEL_TESTS").is_none() {
        println!("skipped: RUN_KERNEL_TESTS is not set");
        return;
    }
    let (mut right, mut wrong, mut silent) = (0, Vec::new(), Vec::new());
    for (number, case) in (1u8..).zip(cases::ALL.iter().copied().flatten()) {
        let why = match stage::explain(number, case) {
            Ok(why) => why,
            Err(reason) => panic!("{}: cannot be staged: {reason}", case.name),
        };
        let told =
            format!("{}: wanted {:?}, got {:?} ({}): {:#?}", case.name, case.cause, why.cause, why.confidence, why);
        match why.cause {
            cause if cause == case.cause => right += 1,
            Cause::Unknown => silent.push(told),
            _ => wrong.push(told),
        }
    }
    let all: usize = cases::ALL.iter().map(|cases| cases.len()).sum();
    println!("{all} staged: {right} right, {} wrong, {} unknown", wrong.len(), silent.len());
    for miss in wrong.iter().chain(&silent) {
        println!("MISS {miss}");
    }
    assert!(all >= 50);
    assert!(right * 100 >= RIGHT_LEAST * all, "{right} of {all} are right");
    assert!(wrong.len() * 100 <= WRONG_MOST * all, "{} of {all} are wrong", wrong.len());
}
