//! What does Tripoint cost, and does it see everything: figures that anyone can take again.
fn main() {}
