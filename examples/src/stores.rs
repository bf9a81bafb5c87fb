//! Real stores, laid out and filled as the platform would have done it.
//! Lives here: the layouts. Lives in the modules below: what each means to one kind of store.

pub mod elasticsearch;

/// How a platform's stores are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// December 2025: all indices mapped by their first document, times as float seconds.
    Dec2025,
    /// August 2026: the behaviour index by its template with ISO times, purchases mapped by their first document.
    Aug2026,
    /// The plan's: one index for all events, mapped by its first document.
    Plan,
    /// August 2026 with a pipeline that was not repaired: the template rejects every document.
    Rejected,
}
