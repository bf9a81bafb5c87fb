//! Exact percentages of counts: integer fractions, rounded once, half-up. Pure; never divides by zero.

use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{Missing, vocabulary::gcd};

/// An exact decimal that is printed as a number without trailing zeros: 100, 45.9, 3.65.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = f64))]
pub struct Exact(Decimal);

impl Exact {
    /// This decimal.
    pub fn new(value: Decimal) -> Self {
        Self(value.normalize())
    }

    /// Its value.
    pub fn value(self) -> Decimal {
        self.0
    }

    fn scaled(digits: i128, decimals: u32) -> Result<Self, Missing> {
        Decimal::try_from_i128_with_scale(digits, decimals).map(Self::new).map_err(|_| Missing::TooLarge)
    }
}

impl std::fmt::Display for Exact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.0.is_integer().then(|| self.0.to_i64()).flatten(), self.0.to_f64()) {
            (Some(whole), _) => serializer.serialize_i64(whole),
            (None, Some(real)) => serializer.serialize_f64(real),
            (None, None) => Err(serde::ser::Error::custom("the decimal has no JSON number")),
        }
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let text = number.to_string();
        let value = Decimal::from_scientific(&text).or_else(|_| text.parse());
        value.map(Self::new).map_err(|_| D::Error::custom("the number is beyond the range of a decimal"))
    }
}

/// `part` of `whole` in percent with `decimals` decimals. More than 100 is possible, since each store counts
/// independently. 100 is returned only if both are equal, and 0 only if `part` is 0: otherwise the nearest other value
/// is returned.
/// ```
/// # use axon_metrics::rate::percent;
/// assert_eq!(percent(567, 1234, 1).unwrap().to_string(), "45.9");
/// assert_eq!(percent(45, 1234, 2).unwrap().to_string(), "3.65");
/// assert_eq!(percent(9999, 10000, 1).unwrap().to_string(), "99.9");
/// assert!(percent(1, 0, 1).is_err());
/// ```
/// # Errors
/// [`Missing::ZeroDenominator`] if `whole` is 0, [`Missing::TooLarge`] beyond what a decimal holds.
pub fn percent(part: u64, whole: u64, decimals: u32) -> Result<Exact, Missing> {
    if whole == 0 {
        return Err(Missing::ZeroDenominator);
    }
    let hundred = 100 * 10_i128.pow(decimals);
    let rounded = half_up(i128::from(part) * hundred, i128::from(whole)).ok_or(Missing::TooLarge)?;
    let adjusted = match rounded {
        0 if part > 0 => 1,
        digits if digits == hundred && part < whole => hundred - 1,
        digits if digits == hundred && part > whole => hundred + 1,
        digits => digits,
    };
    Exact::scaled(adjusted, decimals)
}

/// Each step in percent of the step before it, with one decimal. The first step is 100.
/// An empty first step and a step after an empty one have no rate: [`Missing::ZeroDenominator`]. Empty for no steps.
/// ```
/// # use axon_metrics::rate::step_rates;
/// let rates: Vec<String> = step_rates(&[1234, 567, 123, 45]).into_iter().map(|rate| rate.unwrap().to_string()).collect();
/// assert_eq!(rates, ["100", "45.9", "21.7", "36.6"]);
/// assert!(step_rates(&[0, 5])[1].is_err());
/// ```
pub fn step_rates(counts: &[u64]) -> Vec<Result<Exact, Missing>> {
    let before = counts.first().into_iter().chain(counts);
    counts.iter().zip(before).map(|(count, before)| percent(*count, *before, 1)).collect()
}

/// A non-negative fraction of counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fraction {
    pub(crate) part: u64,
    pub(crate) whole: u64,
}

impl From<u64> for Fraction {
    fn from(count: u64) -> Self {
        Self { part: count, whole: 1 }
    }
}

/// The change from `previous` to `current` in percent of `previous`, with one decimal. Computed from unrounded values;
/// a tie is rounded away from zero.
/// # Errors
/// [`Missing::ZeroDenominator`] if `previous` is 0, or either has the denominator 0. [`Missing::TooLarge`] on overflow.
pub(crate) fn change(current: Fraction, previous: Fraction) -> Result<Exact, Missing> {
    if previous.part == 0 || previous.whole == 0 || current.whole == 0 {
        return Err(Missing::ZeroDenominator);
    }
    let (current, previous) = (current.reduce(), previous.reduce());
    let now = i128::from(current.part).checked_mul(i128::from(previous.whole)).ok_or(Missing::TooLarge)?;
    let before = i128::from(previous.part).checked_mul(i128::from(current.whole)).ok_or(Missing::TooLarge)?;
    let permille = (now - before).checked_mul(1000).and_then(|difference| half_up(difference, before));
    Exact::scaled(permille.ok_or(Missing::TooLarge)?, 1)
}

impl Fraction {
    fn reduce(self) -> Self {
        let divisor = gcd(i128::from(self.part), i128::from(self.whole)).max(1);
        let divide = |value: u64| u64::try_from(i128::from(value) / divisor).unwrap_or(value);
        Self { part: divide(self.part), whole: divide(self.whole) }
    }
}

/// `numerator / denominator` rounded to a whole number, ties away from zero. `None` on overflow or division by zero.
pub(crate) fn half_up(numerator: i128, denominator: i128) -> Option<i128> {
    let doubled = numerator.checked_abs()?.checked_mul(2)?;
    let magnitude = doubled.checked_add(denominator)?.checked_div(denominator.checked_mul(2)?)?;
    Some(magnitude * numerator.signum())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(part: u64, whole: u64, decimals: u32) -> String {
        percent(part, whole, decimals).map_or_else(|why| format!("{why:?}"), |rate| rate.to_string())
    }
    fn change_text(current: u64, previous: u64) -> String {
        change(current.into(), previous.into()).map_or_else(|why| format!("{why:?}"), |rate| rate.to_string())
    }

    #[test]
    fn the_plans_campaign_has_the_plans_rates() {
        assert_eq!(
            [text(567, 1234, 1), text(123, 567, 1), text(45, 123, 1), text(45, 1234, 2)],
            ["45.9", "21.7", "36.6", "3.65"]
        );
        assert_eq!([text(123, 1234, 1), text(45, 1234, 1)], ["10", "3.6"]);
    }

    #[test]
    fn a_tie_is_rounded_up_and_only_once() {
        assert_eq!(text(1, 16, 1), "6.3"); // 6.25
        assert_eq!(text(1, 2000, 1), "0.1"); // 0.05
        assert_eq!(text(49_449, 1_000_000, 1), "4.9"); // 4.9449: rounding 4.95 again would give 5
    }

    #[test]
    fn only_equal_counts_are_100_percent_and_only_0_is_0_percent() {
        assert_eq!([text(9_999, 10_000, 1), text(10_001, 10_000, 1), text(1, 100_000, 1)], ["99.9", "100.1", "0.1"]);
        assert_eq!(
            [text(99_999, 100_000, 2), text(100_001, 100_000, 2), text(1, 1_000_000, 2)],
            ["99.99", "100.01", "0.01"]
        );
        assert_eq!(
            [text(7, 7, 1), text(0, 7, 1), text(0, 0, 1), text(3, 0, 1)],
            ["100", "0", "ZeroDenominator", "ZeroDenominator"]
        );
    }

    #[test]
    fn a_change_is_signed_and_undefined_from_zero() {
        assert_eq!(
            [change_text(1234, 1100), change_text(90, 100), change_text(0, 5), change_text(5, 0), change_text(5, 5)],
            ["12.2", "-10", "-100", "ZeroDenominator", "0"]
        );
        let rate = |part, whole| Fraction { part, whole };
        assert_eq!(change(rate(45, 1234), rate(40, 1100)).unwrap().to_string(), "0.3");
    }

    #[test]
    fn numbers_are_printed_without_trailing_zeros_and_read_back() {
        for (part, whole, json) in [(5, 5, "100"), (567, 1234, "45.9"), (0, 3, "0")] {
            let rate = percent(part, whole, 1).unwrap();
            assert_eq!(serde_json::to_string(&rate).unwrap(), json);
            assert_eq!(serde_json::from_str::<Exact>(json).unwrap(), rate);
        }
    }

    proptest! {
        #[test]
        fn a_rate_is_within_half_a_unit_of_the_fraction(part in any::<u64>(), whole in 1..u64::MAX, decimals in 1..3_u32) {
            let rate = percent(part, whole, decimals).unwrap().value();
            let unit = Decimal::new(1, decimals);
            let scaled = (rate / unit).to_i128().unwrap();
            let hundred = 100 * 10_i128.pow(decimals);
            let error = (scaled * i128::from(whole) - i128::from(part) * hundred).abs() * 2;
            let is_adjusted = part != whole && (scaled - hundred).abs() == 1 || part > 0 && scaled == 1;
            prop_assert!(error <= i128::from(whole) || is_adjusted, "{part}/{whole} = {rate}");
        }

        #[test]
        fn a_rate_never_decreases_with_its_part(part in 0..u64::MAX, whole in 1..u64::MAX) {
            prop_assert!(percent(part, whole, 1).unwrap() <= percent(part + 1, whole, 1).unwrap());
        }
    }
}
