//! Every chore of this repository, one file each.
fn main() {}
