//! One line of a file as a record, or what is wrong with it. Pure; every byte comes from outside and is not believed.
//! Lives here: the way from bytes to fields. Lives elsewhere: values (`scalar`), times (`time`), events (`event`), rows
//! of the ledger (`row`).

use std::fmt;

use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use super::{limits::MAX_LINE, report::Fault};

pub(super) mod event;
pub(super) mod row;
pub(super) mod scalar;
pub(super) mod time;

/// The fields of a line. A type that takes every value for every field, so that only a field given twice is an error.
fn fields<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, Fault> {
    if line.len() > MAX_LINE {
        return Err(Fault::TooLong);
    }
    let text = std::str::from_utf8(line).map_err(|_| Fault::NotUtf8)?;
    let fields = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Fault::FieldTwice,
        _ => Fault::NotJson,
    })?;
    match fields {
        Nested::Object(fields) => Ok(fields),
        Nested::Null | Nested::Other => Err(Fault::NotAnObject),
    }
}

/// A value that should be an object.
#[derive(Default)]
enum Nested<T> {
    Object(T),
    #[default]
    Null,
    Other,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Nested<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
            type Value = Nested<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Nested<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Nested::Object)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Nested<T>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Nested::Other)
            }
            fn visit_unit<E>(self) -> Result<Nested<T>, E> {
                Ok(Nested::Null)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Nested<T>, E> {
                Ok(Nested::Other)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Nested<T>, E> {
                Ok(Nested::Other)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Nested<T>, E> {
                Ok(Nested::Other)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Nested<T>, E> {
                Ok(Nested::Other)
            }
            fn visit_str<E>(self, _: &str) -> Result<Nested<T>, E> {
                Ok(Nested::Other)
            }
        }
        deserializer.deserialize_any(Object(std::marker::PhantomData))
    }
}
