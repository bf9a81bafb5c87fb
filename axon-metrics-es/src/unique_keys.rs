//! A JSON object whose keys are unique. An ordinary map silently drops all values of a repeated key but the last; this
//! type rejects the object.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

/// The members of the object, by key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UniqueKeys<V>(pub(crate) BTreeMap<String, V>);

impl<V> Default for UniqueKeys<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for UniqueKeys<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(PhantomData))
    }
}

struct Members<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for Members<V> {
    type Value = UniqueKeys<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object without duplicate keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<UniqueKeys<V>, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((key, value)) = object.next_entry()? {
            if members.insert(key, value).is_some() {
                return Err(A::Error::custom("duplicate key"));
            }
        }
        Ok(UniqueKeys(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<UniqueKeys<UniqueKeys<u8>>> {
        serde_json::from_str(text).ok()
    }

    #[test]
    fn a_duplicate_key_is_rejected_at_any_depth() {
        assert_eq!(read(r#"{"a":{"x":1},"a":{"x":1}}"#), None);
        assert_eq!(read(r#"{"a":{"x":1,"y":2,"x":1}}"#), None);
        assert_eq!(read(r#"{"a":{"x":1},"\u0061":{"x":1}}"#), None, "the same key, escaped");
    }

    #[test]
    fn all_distinct_keys_are_read() {
        let UniqueKeys(members) = read(r#"{"b":{"x":1},"a":{"x":2,"y":3},"A":{}}"#).unwrap();
        let sizes: Vec<_> = members.iter().map(|(key, UniqueKeys(inner))| (key.as_str(), inner.len())).collect();
        assert_eq!(sizes, [("A", 0), ("a", 2), ("b", 1)]);
    }

    #[test]
    fn a_value_that_is_no_object_is_rejected() {
        for text in ["[]", "null", "1", r#"{"a":[1]}"#] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
