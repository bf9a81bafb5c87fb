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
        deserializer.deserialize_any(Any(PhantomData::<(Self, T)>))
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
        deserializer.deserialize_any(Any(PhantomData::<(Self, T)>))
    }
}

/// What any JSON value becomes.
trait FromAny<'de, T>: Sized {
    /// A value that is no array.
    fn from_field(field: ObjectField<T>) -> Self;
    fn from_array<A: SeqAccess<'de>>(array: A) -> Result<Self, A::Error>;
}

impl<'de, T> FromAny<'de, T> for ObjectField<T> {
    fn from_field(field: ObjectField<T>) -> Self {
        field
    }

    fn from_array<A: SeqAccess<'de>>(mut array: A) -> Result<Self, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::Other)
    }
}

impl<'de, T: Deserialize<'de>> FromAny<'de, T> for Objects<T> {
    fn from_field(field: ObjectField<T>) -> Self {
        Self::One(field)
    }

    fn from_array<A: SeqAccess<'de>>(mut array: A) -> Result<Self, A::Error> {
        let mut objects = Vec::new();
        while let Some(object) = array.next_element()? {
            objects.push(object);
        }
        Ok(Self::Several(objects))
    }
}

struct Any<V, T>(PhantomData<(V, T)>);

impl<'de, V: FromAny<'de, T>, T: Deserialize<'de>> Visitor<'de> for Any<V, T> {
    type Value = V;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|object| V::from_field(ObjectField::Object(object)))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V, A::Error> {
        V::from_array(seq)
    }
    fn visit_unit<E>(self) -> Result<V, E> {
        Ok(V::from_field(ObjectField::Null))
    }
    fn visit_bool<E>(self, _: bool) -> Result<V, E> {
        Ok(V::from_field(ObjectField::Other))
    }
    fn visit_u64<E>(self, _: u64) -> Result<V, E> {
        Ok(V::from_field(ObjectField::Other))
    }
    fn visit_i64<E>(self, _: i64) -> Result<V, E> {
        Ok(V::from_field(ObjectField::Other))
    }
    fn visit_f64<E>(self, _: f64) -> Result<V, E> {
        Ok(V::from_field(ObjectField::Other))
    }
    fn visit_str<E>(self, _: &str) -> Result<V, E> {
        Ok(V::from_field(ObjectField::Other))
    }
}
