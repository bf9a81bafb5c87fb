//! The text form of a precision on the wire: `exact`, `within 0.05 %`.

use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::source::Precision;

const EXACT: &str = "exact";
/// A percentage in parts per million has this many decimals.
const DECIMALS: u32 = 4;

impl Serialize for Precision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Exact => serializer.serialize_str(EXACT),
            Self::Within { parts_per_million } => {
                let percent = Decimal::new(parts_per_million.into(), DECIMALS).normalize();
                serializer.collect_str(&format_args!("within {percent} %"))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Precision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        read(&text).ok_or_else(|| {
            D::Error::custom(format_args!("{text:?} is not a precision such as `exact` or `within 0.05 %`"))
        })
    }
}

fn read(text: &str) -> Option<Precision> {
    if text == EXACT {
        return Some(Precision::Exact);
    }
    let percent: Decimal = text.strip_prefix("within ")?.strip_suffix(" %")?.parse().ok()?;
    let parts = percent.checked_mul(Decimal::from(10_u32.pow(DECIMALS)))?;
    let parts_per_million = parts.is_integer().then(|| parts.to_u32()).flatten()?;
    Some(Precision::Within { parts_per_million })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn within(parts_per_million: u32) -> Precision {
        Precision::Within { parts_per_million }
    }

    #[test]
    fn a_precision_deserializes_to_itself() {
        for (precision, text) in [
            (Precision::Exact, "exact"),
            (within(500), "within 0.05 %"),
            (within(10_000), "within 1 %"),
            (within(1_000_000), "within 100 %"),
            (within(1), "within 0.0001 %"),
            (within(0), "within 0 %"),
            (within(u32::MAX), "within 429496.7295 %"),
        ] {
            let json = serde_json::to_value(precision).unwrap();
            assert_eq!(json, text);
            assert_eq!(serde_json::from_value::<Precision>(json).unwrap(), precision);
        }
    }

    #[test]
    fn a_text_that_is_not_a_precision_is_refused() {
        for text in ["", "Exact", "within", "within  %", "within -1 %", "within 0.00001 %", "within 429496.7296 %"] {
            assert!(serde_json::from_value::<Precision>(text.into()).is_err(), "{text}");
        }
    }
}
