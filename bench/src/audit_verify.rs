//! How long does it take to know that nothing in an audit was changed?

use std::time::Instant;

use anyhow::{Result, ensure};
use tripoint_server::audit::chain::{Chain, Row, verify};

use crate::Figure;
use crate::statistics::median;

/// Some years of a busy fleet.
const ROWS: usize = 1_000_000;
const ROUNDS: usize = 7;

/// Rows as the server writes them, in memory: the disk is somebody else's.
pub fn run() -> Result<Vec<Figure>> {
    let mut chain = Chain::default();
    let rows: Vec<Row> = (0..ROWS).map(|number| chain.add(body(number))).collect();
    let mut rates = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let found = verify(&rows, &[]);
        let took = begun.elapsed().as_secs_f64();
        ensure!(found == Ok((ROWS as u64, 0)), "{found:?}");
        rates.push(ROWS as f64 / took);
    }
    let bytes: usize = rows.iter().map(|row| row.body.len()).sum();
    let mut spoiled = rows;
    spoiled[ROWS / 2].body.push(' ');
    let found = verify(&spoiled, &[]);
    ensure!(found.is_err_and(|broken| broken.row == ROWS as u64 / 2 + 1), "a changed row was not found");
    let slowest = rates.iter().copied().fold(f64::INFINITY, f64::min);
    Ok(vec![
        Figure::new("text of a row", bytes as f64 / ROWS as f64, "bytes"),
        Figure::new("rows verified, median", median(&rates), "rows/s"),
        Figure::new("rows verified, slowest round", slowest, "rows/s"),
    ])
}

fn body(number: usize) -> String {
    format!(
        "{{\"at\":\"2026-11-30T08:00:{:02}Z\",\"who\":\"ada\",\"by\":\"session 0123456789abcdef\",\"from\":\"192.0.2.7\",\
         \"what\":\"POST /v1/alerts/{{id}}/resolve\",\"target\":\"{number:016x}\",\"asked\":\"{{\\\"comment\\\":\\\"a test \
         of ours\\\",\\\"resolution\\\":\\\"expected\\\"}}\",\"reason\":\"a test of ours\",\"before\":\
         \"{{\\\"status\\\":\\\"open\\\"}}\",\"after\":\"{{\\\"status\\\":\\\"resolved\\\"}}\",\"result\":\"done\"}}",
        number % 60
    )
}
