//! How many questions a store is asked at once, so that one that hangs holds no more than its share.

/// How many questions of each kind are asked at once. What is asked above that waits within its time, or is not asked.
///
/// Of a store with a pool of connections: no more than the pool has. The ledger takes two for a question about sales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// Readings of the catalog. Defaults to 2.
    pub catalog: usize,
    /// Questions about what visitors did. Defaults to 8.
    pub behavior: usize,
    /// Questions about what the business recorded. Defaults to 5.
    pub ledger: usize,
    /// Questions about what is true this second. Defaults to 32.
    pub realtime: usize,
    /// Questions about what the business recorded in the weeks before a promotion. Defaults to 2.
    pub history: usize,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self { catalog: 2, behavior: 8, ledger: 5, realtime: 32, history: 2 }
    }
}

impl Concurrency {
    /// Others for the catalog. Defaults to 2.
    #[must_use]
    pub fn with_catalog(self, catalog: usize) -> Self {
        Self { catalog, ..self }
    }

    /// Others for what visitors did. Defaults to 8.
    #[must_use]
    pub fn with_behavior(self, behavior: usize) -> Self {
        Self { behavior, ..self }
    }

    /// Others for what the business recorded. Defaults to 5.
    #[must_use]
    pub fn with_ledger(self, ledger: usize) -> Self {
        Self { ledger, ..self }
    }

    /// Others for what is true this second. Defaults to 32.
    #[must_use]
    pub fn with_realtime(self, realtime: usize) -> Self {
        Self { realtime, ..self }
    }

    /// Others for the weeks before a promotion. Defaults to 2.
    #[must_use]
    pub fn with_history(self, history: usize) -> Self {
        Self { history, ..self }
    }
}
