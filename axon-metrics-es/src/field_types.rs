//! The mapped types of the fields of indices, as `_field_caps` lists them.

use std::collections::{BTreeMap, btree_map::Entry};

use serde::Deserialize;

use crate::{
    error::Fault,
    reply,
    time_encoding::{self, TimeStorage},
    unique_keys::UniqueKeys,
};

/// The type of each field in each index.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldTypes(BTreeMap<String, TypesOfIndex>);

/// The type of each field of one index. A field may be listed as unmapped.
pub(crate) type TypesOfIndex = BTreeMap<String, String>;

impl FieldTypes {
    /// # Errors
    /// [`Fault::Form`] if the reply has another form or a duplicate key. [`Fault::Wrong`] if it contradicts itself.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Capabilities {
            indices: Vec<String>,
            #[serde(default)]
            fields: UniqueKeys<UniqueKeys<Capability>>,
        }
        #[derive(Deserialize)]
        struct Capability {
            r#type: String,
            /// None: all of the reply.
            indices: Option<Vec<String>>,
        }
        let reply: Capabilities = reply::parse(body, "fields")?;
        let mut by_index: BTreeMap<String, TypesOfIndex> =
            reply.indices.iter().map(|index| (index.clone(), TypesOfIndex::new())).collect();
        for (field, types) in reply.fields.0 {
            for Capability { r#type, indices } in types.0.into_values() {
                for index in indices.as_ref().unwrap_or(&reply.indices) {
                    let Some(types) = by_index.get_mut(index) else { continue };
                    match types.entry(field.clone()) {
                        Entry::Vacant(entry) => entry.insert(r#type.clone()),
                        Entry::Occupied(_) => {
                            return Err(Fault::Wrong("the reply gives a field two types in one index"));
                        }
                    };
                }
            }
        }
        Ok(Self(by_index))
    }

    /// The names of all indices, sorted.
    pub(crate) fn indices(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn has(&self, index: &str) -> bool {
        self.0.contains_key(index)
    }

    /// The types of an index; none if it is not listed.
    pub(crate) fn of_index(&self, index: &str) -> TypesOfIndex {
        self.0.get(index).cloned().unwrap_or_default()
    }

    /// Adds the indices of another reply.
    pub(crate) fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// The type of a field; `None` if it is not mapped.
pub(crate) fn type_of<'a>(types: &'a TypesOfIndex, field: &str) -> Option<&'a str> {
    types.get(field).map(String::as_str).filter(|kind| *kind != "unmapped")
}

/// How times are stored; `None` in a form that cannot be searched.
pub(crate) fn time_storage(types: &TypesOfIndex) -> Option<TimeStorage> {
    match type_of(types, time_encoding::FIELD)? {
        "date" => Some(TimeStorage::Date),
        "date_nanos" => Some(TimeStorage::DateNanos),
        "long" => Some(TimeStorage::Whole),
        "double" => Some(TimeStorage::Double),
        "float" => Some(TimeStorage::Float),
        _ => None,
    }
}
