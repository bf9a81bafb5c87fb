//! Decimal numbers, read from their own text: a float in between would not be exact.

use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Money, memory::load_report::Fault};

/// A field with a decimal number, or with any other value.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(in crate::memory) struct Decimal<'a>(#[serde(borrow)] Option<&'a RawValue>);

impl Decimal<'_> {
    /// The amount of money, from a number or a text; `None` if absent or empty. An amount with more digits than [`Money`]
    /// has is wrong, and not rounded.
    pub(in crate::memory) fn money(&self, field: &'static str) -> Result<Option<Money>, Fault> {
        let Some(value) = self.0.filter(|value| value.get() != r#""""#) else { return Ok(None) };
        let money = if value.get().starts_with('"') {
            serde_json::from_str::<String>(value.get()).ok().and_then(|text| exact(&text))
        } else {
            exact(value.get())
        };
        money.map(Some).ok_or(Fault::Wrong(field))
    }

    /// The whole number, from a number or a text; `None` if absent or empty. `2.0` is whole.
    pub(in crate::memory) fn whole(&self, field: &'static str) -> Result<Option<i64>, Fault> {
        let Some(number) = self.money(field)? else { return Ok(None) };
        number.is_integer().then(|| number.to_i64()).flatten().map(Some).ok_or(Fault::Wrong(field))
    }
}

/// The number with exactly this text: `-5`, `19.99`, `1e3`. `None` for another text, and for more digits than a decimal
/// has.
fn exact(text: &str) -> Option<Money> {
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    // Zeros at the end of a fraction are kept if they fit, and change nothing.
    let short = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    let number = Money::from_str_exact(digits).or_else(|_| Money::from_str_exact(short)).ok()?;
    shifted(number, exponent)
}

/// The number with its decimal point moved to the right.
fn shifted(number: Money, places: i64) -> Option<Money> {
    if places == 0 || number.is_zero() {
        return Some(number);
    }
    let number = number.normalize();
    let scale = i64::from(number.scale()).checked_sub(places)?;
    let (factor, scale) = if scale < 0 { (scale.checked_neg()?, 0) } else { (0, scale) };
    let factor = 10_i128.checked_pow(u32::try_from(factor).ok()?)?;
    let mut digits = number.mantissa().checked_mul(factor)?;
    let mut scale = u32::try_from(scale).ok()?;
    while scale > Money::MAX_SCALE && digits % 10 == 0 {
        digits /= 10;
        scale -= 1;
    }
    Money::try_from_i128_with_scale(digits, scale).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(json: &str) -> Result<Option<String>, Fault> {
        let value: Decimal<'_> = serde_json::from_str(json).expect("a value");
        Ok(value.money("price")?.map(|money| money.to_string()))
    }

    fn whole(json: &str) -> Result<Option<i64>, Fault> {
        serde_json::from_str::<Decimal<'_>>(json).expect("a value").whole("quantity")
    }

    #[test]
    fn a_number_is_exact_however_it_is_written() {
        for (json, expected) in [
            ("19.99", "19.99"),
            ("12900.00", "12900.00"),
            ("\"12900.00\"", "12900.00"),
            ("\"12\\u002e5\"", "12.5"),
            ("1e3", "1000"),
            ("1.5E+1", "15"),
            ("1999e-2", "19.99"),
            ("-5.00", "-5.00"),
            ("-0", "0"),
            ("0.1", "0.1"),
            ("0e99999999999", "0"),
            ("18446744073709551616", "18446744073709551616"),
            ("0.10000000000000000000000000000000000000", "0.1"),
            ("79228162514264337593543950335", "79228162514264337593543950335"),
            ("1.0000000000000000000000000000e28", "10000000000000000000000000000"),
        ] {
            assert_eq!(money(json), Ok(Some(expected.to_owned())), "{json}");
        }
        for json in ["null", "\"\""] {
            assert_eq!(money(json), Ok(None), "{json}");
        }
    }

    #[test]
    fn a_number_that_would_be_rounded_is_wrong_and_so_is_what_is_no_number() {
        for json in [
            "0.12345678901234567890123456789",
            "79228162514264337593543950336",
            "79228162514264337593543950340000",
            "1e29",
            "1e-29",
            "1e99999999999999999999",
            "\" 1\"",
            "\"1,000\"",
            "\"1_000\"",
            "\"+1\"",
            "\".5\"",
            "\"5.\"",
            "\"1e\"",
            "\"NaN\"",
            "true",
            "[1]",
            "{}",
        ] {
            assert_eq!(money(json), Err(Fault::Wrong("price")), "{json}");
        }
    }

    #[test]
    fn a_quantity_is_whole() {
        for json in ["2", "2.0", "2.000", "\"2\"", "20e-1", "0.2e1"] {
            assert_eq!(whole(json), Ok(Some(2)), "{json}");
        }
        assert_eq!(whole("-2.0"), Ok(Some(-2)));
        for json in ["null", "\"\""] {
            assert_eq!(whole(json), Ok(None), "{json}");
        }
        for json in ["2.5", "9223372036854775808", "\"two\"", "[]"] {
            assert_eq!(whole(json), Err(Fault::Wrong("quantity")), "{json}");
        }
    }

    proptest! {
        #[test]
        fn every_decimal_is_read_as_it_is_printed(digits in any::<i64>(), scale in 0_u32..=28) {
            let number = Money::new(digits, scale);
            prop_assert_eq!(money(&number.to_string()), Ok(Some(number.to_string())));
        }

        #[test]
        fn no_text_causes_a_panic(text in "[0-9eE.+-]{0,60}") {
            let _ = exact(&text);
        }
    }
}
