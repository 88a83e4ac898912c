//! What of a CSAF document is passed over, and why?

/// Of the products that a vulnerability names, those of which nothing is kept.
#[derive(Default)]
pub(super) struct Passed {
    pub(super) named: usize,
    count: usize,
    /// The first of them, and why.
    first: Option<(String, &'static str)>,
}

impl Passed {
    pub(super) fn over(&mut self, product: String, why: &'static str) {
        self.count += 1;
        self.first.get_or_insert((product, why));
    }

    pub(super) fn reason(&self) -> Option<String> {
        let (product, why) = self.first.as_ref()?;
        let Self { count, named, .. } = self;
        Some(format!("{count} of {named} products passed over; the first {why}: {product:.100}"))
    }
}
