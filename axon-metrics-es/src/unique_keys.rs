//! A JSON object each of whose names stands there once. A map as it is usually read keeps the last of two values of one name,
//! and nobody is told that there was another.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

/// The members of such an object, by name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Once<V>(pub(crate) BTreeMap<String, V>);

impl<V> Default for Once<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Once<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(PhantomData))
    }
}

struct Members<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for Members<V> {
    type Value = Once<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object each of whose names stands there once")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Once<V>, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = object.next_entry()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands there twice"));
            }
        }
        Ok(Once(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Once<Once<u8>>> {
        serde_json::from_str(text).ok()
    }

    #[test]
    fn a_name_that_stands_there_twice_is_refused_at_any_depth() {
        assert_eq!(read(r#"{"a":{"x":1},"a":{"x":1}}"#), None);
        assert_eq!(read(r#"{"a":{"x":1,"y":2,"x":1}}"#), None);
        assert_eq!(read(r#"{"a":{"x":1},"\u0061":{"x":1}}"#), None, "written in another way");
    }

    #[test]
    fn names_that_differ_are_all_there() {
        let Once(members) = read(r#"{"b":{"x":1},"a":{"x":2,"y":3},"A":{}}"#).unwrap();
        let found: Vec<_> = members.iter().map(|(name, Once(inner))| (name.as_str(), inner.len())).collect();
        assert_eq!(found, [("A", 0), ("a", 2), ("b", 1)]);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["[]", "null", "1", r#"{"a":[1]}"#] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
