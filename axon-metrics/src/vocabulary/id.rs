//! Identifiers of what the catalog lists: campaigns, activities, products.
//! Lives here: the newtypes, their text form, and that form on the wire. Users and sessions have no newtype on purpose: they
//! never leave a source.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// The largest id a store can hold: a signed 64-bit column.
pub const MAX_ID: u64 = i64::MAX as u64;

/// The error for a text that is not an id. Ids are the decimal numbers 1 to 9223372036854775807, without sign or blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is a number from 1 to {MAX_ID}")]
pub struct NotAnId;

fn parse(text: &str) -> Result<u64, NotAnId> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotAnId);
    }
    let id = text.parse().map_err(|_| NotAnId)?;
    if is_valid(id) { Ok(id) } else { Err(NotAnId) }
}

pub(crate) fn is_valid(id: u64) -> bool {
    (1..=MAX_ID).contains(&id)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 9_223_372_036_854_775_807_u64))]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl From<u64> for $name {
            fn from(id: u64) -> Self {
                Self(id)
            }
        }
        /// Digits only. Anything else, 0, and a number beyond [`MAX_ID`] is [`NotAnId`].
        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                parse(text).map(Self)
            }
        }
    )* };
}

ids! {
    /// A campaign of the catalog.
    CampaignId
    /// An activity of a campaign: what visitors take part in, and what every record names.
    ActivityId
    /// A product that an activity, or the shop, sells.
    ProductId
}

/// An id as text on the wire (`"123"`): the key of a campaign, an activity or a product. For readers whose numbers are not
/// exact beyond 2^53, such as those of JavaScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdText<I>(pub I);

impl<I: fmt::Display> fmt::Display for IdText<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<I: fmt::Display> Serialize for IdText<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Reads what was written: any number of 64 bits, as the id beside it.
impl<'de, I: From<u64>> Deserialize<'de> for IdText<I> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?.parse::<u64>();
        id.map(|id| Self(id.into())).map_err(|_| D::Error::custom("a key must be an id in a string"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_as_text_is_exact_in_both_directions() {
        let key = IdText(CampaignId(1_726_275_868_403_174_403));
        let json = serde_json::to_string(&key).expect("JSON");
        assert_eq!(json, "\"1726275868403174403\"");
        assert_eq!(serde_json::from_str::<IdText<CampaignId>>(&json).expect("a key"), key);
        for wrong in ["1", "\"\"", "\"a\"", "\"-1\"", "null"] {
            assert!(serde_json::from_str::<IdText<CampaignId>>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_id_is_a_positive_number_of_a_signed_64_bit_column() {
        assert_eq!("123".parse(), Ok(CampaignId(123)));
        assert_eq!("9223372036854775807".parse(), Ok(CampaignId(MAX_ID)));
        for wrong in
            ["", "0", "-1", "+1", " 1", "1 ", "1.0", "abc", "9223372036854775808", "99999999999999999999", "１"]
        {
            assert_eq!(wrong.parse::<CampaignId>(), Err(NotAnId), "{wrong:?}");
        }
    }
}
