//! The greatest common divisor.

/// The greatest common divisor; that of 0 and x is x.
pub(crate) fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}
