//! What of a CSAF document is passed over, and why?

use crate::advisory::listed::Unread;

/// Of the products that a vulnerability names, those of which nothing is kept; and what else of it cannot be read.
#[derive(Default)]
pub(super) struct Passed {
    pub(super) named: usize,
    count: usize,
    /// The first of them, and why.
    first: Option<(String, &'static str)>,
    pub(super) unread: Unread,
}

impl Passed {
    pub(super) fn over(&mut self, product: String, why: &'static str) {
        self.count += 1;
        self.first.get_or_insert((product, why));
    }

    /// What is to be said, a reason each.
    pub(super) fn reasons(self) -> impl Iterator<Item = String> {
        let Self { count, named, .. } = self;
        let products = self
            .first
            .map(|(product, why)| format!("{count} of {named} products passed over; the first {why}: {product:.100}"));
        products.into_iter().chain(self.unread.reason())
    }
}
