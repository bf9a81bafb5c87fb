//! The switch between the short form of a drill, for the gate, and the long one.

/// Whether the long form is to run: `AXON_DRILL` is set.
pub(crate) fn is_drill() -> bool {
    std::env::var_os("AXON_DRILL").is_some()
}
