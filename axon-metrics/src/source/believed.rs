//! Whether a value of 0 is believed.

use std::sync::Arc;

use super::{
    coverage::{NothingUsed, Tolerance},
    facts::{Fact, Missing},
};

/// The fact, or [`Missing::NothingUsed`] if its value of 0 cannot be believed.
pub(crate) fn believed<T>(fact: Fact<T>, tolerance: Tolerance) -> Fact<T> {
    let measured = fact?;
    match measured.coverage.denies_zero(tolerance) {
        None => Ok(measured),
        Some(why) => {
            let (source, coverage) = (measured.source, measured.coverage);
            Err(Missing::NothingUsed(Arc::new(NothingUsed { source, why, coverage })))
        }
    }
}
