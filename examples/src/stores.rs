//! Real stores, laid out and filled as the platform would have done it.
//! Lives here: the layouts. Lives in the modules below: what each means to one kind of store.

pub mod sql;

/// How a platform's stores are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// December 2025: purchases have no status.
    Dec2025,
    /// August 2026: purchases have a status, and entries a unique key.
    Aug2026,
    /// The plan's: as December 2025, approvals are read from entries.
    Plan,
    /// August 2026 with a pipeline that was not repaired: the tables are as in August 2026.
    Rejected,
}
