//! How are lists read that count how many other lists name an address (IPsum)?

use std::io::Read;

use tripoint_unpack::LINE_MAX;

use super::columns::observable;
use super::{FeedFormat, Reading, each_line};

/// `address<TAB>count` a line, worst first.
pub struct Ipsum;

impl FeedFormat for Ipsum {
    fn name(&self) -> &'static str {
        "ipsum"
    }

    fn detect(&self, head: &str) -> bool {
        head.lines().take(20).any(|line| line.starts_with('#') && line.contains("number of (black)lists"))
    }

    fn parse(&self, input: &mut dyn Read, reading: &mut Reading<'_>) {
        each_line(input, LINE_MAX, reading, |number, line, reading| {
            if !line.trim_start().starts_with('#') {
                entry(line.trim(), number, reading);
            }
        });
    }
}

fn entry(line: &str, number: u64, reading: &mut Reading<'_>) {
    let (address, count) = line.split_once('\t').unwrap_or((line, ""));
    let found = match observable(address.trim()) {
        Ok(found) => found,
        Err(reason) => return reading.refuse(number, reason),
    };
    let Ok(count) = count.trim().parse::<u16>() else {
        return reading.refuse(number, format!("no count of lists: {count:.16?}"));
    };
    let mut indicator = found.indicator(reading);
    indicator.confidence = confidence(count);
    indicator.labels.push(format!("lists:{count}"));
    reading.accept(number, indicator);
}

/// One list alone is often wrong; its publisher calls three enough to block.
fn confidence(lists: u16) -> u8 {
    u8::try_from(lists.saturating_mul(15).saturating_add(5)).unwrap_or(u8::MAX).min(95)
}
