//! The value of a field, and its conversion to ids and texts. Any JSON value deserializes to a [`Scalar`].

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::{memory::load_report::Fault, vocabulary::id};

/// A value of a field.
#[derive(Default)]
pub(in crate::memory) enum Scalar<'a> {
    /// Absent, or null.
    #[default]
    Null,
    /// A whole number that is not negative.
    Whole(u64),
    Negative(i64),
    Float(f64),
    Text(Cow<'a, str>),
    /// A boolean, an array or an object.
    Other,
}

impl<'a> Scalar<'a> {
    /// The whole number, from a number or a text of digits; `None` if absent or empty.
    pub(in crate::memory) fn whole(&self, field: &'static str) -> Result<Option<u64>, Fault> {
        match self {
            Self::Null => Ok(None),
            Self::Whole(number) => Ok(Some(*number)),
            Self::Float(number) => whole(*number).map(Some).ok_or(Fault::Wrong(field)),
            Self::Text(text) if text.is_empty() => Ok(None),
            Self::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map(Some).map_err(|_| Fault::Wrong(field))
            }
            Self::Text(_) | Self::Negative(_) | Self::Other => Err(Fault::Wrong(field)),
        }
    }

    /// The id; `None` if absent or empty.
    pub(in crate::memory) fn id(&self, field: &'static str) -> Result<Option<u64>, Fault> {
        match self.whole(field)? {
            Some(number) if !id::is_valid(number) => Err(Fault::Wrong(field)),
            number => Ok(number),
        }
    }

    /// The text; `None` if absent or empty.
    pub(in crate::memory) fn text(&self, field: &'static str) -> Result<Option<&str>, Fault> {
        match self {
            Self::Null => Ok(None),
            Self::Text(text) if text.is_empty() => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            _ => Err(Fault::Wrong(field)),
        }
    }
}

/// The whole number of a float; `None` if it has a fraction, is negative, or is too large to be exact.
fn whole(number: f64) -> Option<u64> {
    /// 2^53: up to here every whole number is a float.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    (number.fract() == 0.0 && (0.0..=EXACT).contains(&number)).then_some(number as u64)
}

/// The key of the map as which `serde_json` gives a number, if some crate in the build enables its
/// `arbitrary_precision`.
const NUMBER: &str = "$serde_json::private::Number";

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(PhantomData::<Scalar<'de>>))
    }
}

/// A value, or several in an array, as Elasticsearch takes them. An array in an array is a part of it.
pub(in crate::memory) enum Values<'a> {
    One(Scalar<'a>),
    Several(Vec<Values<'a>>),
}

impl Default for Values<'_> {
    fn default() -> Self {
        Self::One(Scalar::Null)
    }
}

impl<'a> Values<'a> {
    /// Calls `take` with each value.
    pub(in crate::memory) fn each<E>(&self, take: &mut impl FnMut(&Scalar<'a>) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::One(value) => take(value),
            Self::Several(values) => values.iter().try_for_each(|value| value.each(take)),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Values<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(PhantomData::<Values<'de>>))
    }
}

/// What any JSON value becomes.
trait FromAny<'de>: Sized {
    fn from_scalar(value: Scalar<'de>) -> Self;
    fn from_array<A: SeqAccess<'de>>(array: A) -> Result<Self, A::Error>;
}

impl<'de> FromAny<'de> for Scalar<'de> {
    fn from_scalar(value: Scalar<'de>) -> Self {
        value
    }

    fn from_array<A: SeqAccess<'de>>(mut array: A) -> Result<Self, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::Other)
    }
}

impl<'de> FromAny<'de> for Values<'de> {
    fn from_scalar(value: Scalar<'de>) -> Self {
        Self::One(value)
    }

    fn from_array<A: SeqAccess<'de>>(mut array: A) -> Result<Self, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = array.next_element()? {
            values.push(value);
        }
        Ok(Self::Several(values))
    }
}

struct Any<T>(PhantomData<T>);

impl<'de, T: FromAny<'de>> Visitor<'de> for Any<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::from_scalar(Scalar::Null))
    }
    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::from_scalar(Scalar::Other))
    }
    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::from_scalar(Scalar::Whole(number)))
    }
    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(T::from_scalar(u64::try_from(number).map_or(Scalar::Negative(number), Scalar::Whole)))
    }
    fn visit_f64<E>(self, number: f64) -> Result<T, E> {
        Ok(T::from_scalar(Scalar::Float(number)))
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<T, E> {
        Ok(T::from_scalar(Scalar::Text(Cow::Borrowed(text))))
    }
    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::from_scalar(Scalar::Text(Cow::Owned(text.to_owned()))))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<T, A::Error> {
        T::from_array(seq)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut value = Scalar::Other;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == NUMBER {
                value = number(&map.next_value::<Cow<'de, str>>()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(T::from_scalar(value))
    }
}

/// A number from its digits.
fn number(text: &str) -> Scalar<'static> {
    if let Ok(number) = text.parse() {
        Scalar::Whole(number)
    } else if let Ok(number) = text.parse() {
        Scalar::Negative(number)
    } else {
        text.parse().map_or(Scalar::Other, Scalar::Float)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Scalar<'_> {
        serde_json::from_str(json).expect("a value")
    }

    #[test]
    fn a_whole_number_may_be_written_as_a_number_a_float_or_digits() {
        for json in ["77", "77.0", "7.7E1", "\"77\"", r#"{"$serde_json::private::Number":"77"}"#] {
            assert_eq!(read(json).id("id"), Ok(Some(77)), "{json}");
        }
        assert_eq!(read("18446744073709551615").whole("id"), Ok(Some(u64::MAX)));
        for json in ["null", "\"\""] {
            assert_eq!(read(json).id("id"), Ok(None), "{json}");
        }
    }

    #[test]
    fn a_value_that_is_not_a_number_is_wrong_and_not_guessed() {
        for json in
            ["7.5", "-1", "true", "[1]", "{}", "\"7.0\"", "\" 7\"", "\"+7\"", "1e300", "\"99999999999999999999\""]
        {
            assert_eq!(read(json).whole("id"), Err(Fault::Wrong("id")), "{json}");
        }
        for json in ["0", "9223372036854775808", "\"0\""] {
            assert_eq!(read(json).id("id"), Err(Fault::Wrong("id")), "{json}");
        }
    }

    #[test]
    fn deep_nesting_is_skipped_without_recursion() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(matches!(read(&deep), Scalar::Other));
    }
}
