//! The fields of a line, with any values.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use crate::memory::{limits::MAX_LINE, load_report::Fault};

/// The fields of a line. `T` must accept any value in every field, so that the only data error is a repeated field.
pub(super) fn fields<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, Fault> {
    if line.len() > MAX_LINE {
        return Err(Fault::TooLong);
    }
    let text = std::str::from_utf8(line).map_err(|_| Fault::NotUtf8)?;
    let fields = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Fault::FieldTwice,
        _ => Fault::NotJson,
    })?;
    match fields {
        ObjectField::Object(fields) => Ok(fields),
        ObjectField::Null | ObjectField::Other => Err(Fault::NotAnObject),
    }
}

/// A value that should be an object.
#[derive(Default)]
pub(in crate::memory) enum ObjectField<T> {
    Object(T),
    #[default]
    Null,
    Other,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ObjectField<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
            type Value = ObjectField<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ObjectField<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(ObjectField::Object)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ObjectField<T>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(ObjectField::Other)
            }
            fn visit_unit<E>(self) -> Result<ObjectField<T>, E> {
                Ok(ObjectField::Null)
            }
            fn visit_bool<E>(self, _: bool) -> Result<ObjectField<T>, E> {
                Ok(ObjectField::Other)
            }
            fn visit_u64<E>(self, _: u64) -> Result<ObjectField<T>, E> {
                Ok(ObjectField::Other)
            }
            fn visit_i64<E>(self, _: i64) -> Result<ObjectField<T>, E> {
                Ok(ObjectField::Other)
            }
            fn visit_f64<E>(self, _: f64) -> Result<ObjectField<T>, E> {
                Ok(ObjectField::Other)
            }
            fn visit_str<E>(self, _: &str) -> Result<ObjectField<T>, E> {
                Ok(ObjectField::Other)
            }
        }
        deserializer.deserialize_any(Object(PhantomData))
    }
}

/// A value that should be an object, or several objects in an array, as Elasticsearch takes them.
pub(super) enum Objects<T> {
    /// One object, or none.
    One(ObjectField<T>),
    Several(Vec<ObjectField<T>>),
}

impl<T> Default for Objects<T> {
    fn default() -> Self {
        Self::One(ObjectField::Null)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Objects<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
            type Value = Objects<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Objects<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|object| Objects::One(ObjectField::Object(object)))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Objects<T>, A::Error> {
                let mut objects = Vec::new();
                while let Some(object) = seq.next_element()? {
                    objects.push(object);
                }
                Ok(Objects::Several(objects))
            }
            fn visit_unit<E>(self) -> Result<Objects<T>, E> {
                Ok(Objects::default())
            }
            fn visit_bool<E>(self, _: bool) -> Result<Objects<T>, E> {
                Ok(Objects::One(ObjectField::Other))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Objects<T>, E> {
                Ok(Objects::One(ObjectField::Other))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Objects<T>, E> {
                Ok(Objects::One(ObjectField::Other))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Objects<T>, E> {
                Ok(Objects::One(ObjectField::Other))
            }
            fn visit_str<E>(self, _: &str) -> Result<Objects<T>, E> {
                Ok(Objects::One(ObjectField::Other))
            }
        }
        deserializer.deserialize_any(Any(PhantomData))
    }
}
