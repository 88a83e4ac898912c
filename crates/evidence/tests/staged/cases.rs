//! Which connections are staged, and what is the cause of each?

mod configured;
mod hostile;
mod started;
mod unknown;

use crate::stage::Case;

/// What connects to an address that stands in the text.
const CONNECT: &str = "exec 3<>/dev/tcp/ADDR/PORT; read -r _ <&3";

/// Every case.
pub const ALL: &[&[Case]] = &[configured::CASES, started::CASES, hostile::CASES, unknown::CASES];
