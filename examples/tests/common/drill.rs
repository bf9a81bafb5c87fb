//! How much of a drill is run.

/// Whether the long form was asked for: `AXON_DRILL=1`.
pub(crate) fn is_drill() -> bool {
    std::env::var_os("AXON_DRILL").is_some()
}
