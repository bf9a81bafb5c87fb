//! The activities that an event names: as a field of an object, with a dotted name, or as several values. Elasticsearch
//! indexes all of these forms alike.

use serde::Deserialize;

use super::{
    fields::{ObjectField, Objects},
    scalar::{Scalar, Values},
};
use crate::{ActivityId, memory::load_report::Fault};

/// The name of the field, and its name in errors.
const FIELD: &str = "properties.activityId";

/// The object that names activities.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::memory) struct Properties<'a> {
    #[serde(borrow, default)]
    activity_id: Values<'a>,
}

/// The activities that an event names.
pub(in crate::memory) enum Named {
    None,
    One(ActivityId),
    /// May name one twice.
    Several(Vec<ActivityId>),
}

impl Named {
    fn add(&mut self, id: ActivityId) {
        match self {
            Self::None => *self = Self::One(id),
            Self::One(first) => *self = Self::Several(vec![*first, id]),
            Self::Several(ids) => ids.push(id),
        }
    }

    pub(in crate::memory) fn into_ids(self) -> Vec<ActivityId> {
        match self {
            Self::None => Vec::new(),
            Self::One(id) => vec![id],
            Self::Several(ids) => ids,
        }
    }
}

/// The activities that the object and the field with a dotted name give together.
/// # Errors
/// If one of the values is no id.
pub(in crate::memory) fn named(properties: &Objects<Properties<'_>>, dotted: &Values<'_>) -> Result<Named, Fault> {
    let mut named = Named::None;
    let mut add = |value: &Scalar<'_>| -> Result<(), Fault> {
        if let Some(id) = value.id(FIELD)? {
            named.add(ActivityId(id));
        }
        Ok(())
    };
    let mut add_object = |properties: &ObjectField<Properties<'_>>| match properties {
        ObjectField::Object(properties) => properties.activity_id.each(&mut add),
        ObjectField::Null => Ok(()),
        ObjectField::Other => Err(Fault::Wrong("properties")),
    };
    match properties {
        Objects::One(properties) => add_object(properties)?,
        Objects::Several(objects) => objects.iter().try_for_each(add_object)?,
    }
    dotted.each(&mut add)?;
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow, default)]
        properties: Objects<Properties<'a>>,
        #[serde(borrow, default, rename = "properties.activityId")]
        dotted: Values<'a>,
    }

    fn read(fields: &str) -> Result<Vec<u64>, Fault> {
        let text = format!("{{{fields}}}");
        let event: Event<'_> = serde_json::from_str(&text).expect("JSON");
        Ok(named(&event.properties, &event.dotted)?.into_ids().into_iter().map(|id| id.0).collect())
    }

    #[test]
    fn an_activity_is_named_by_an_object_or_by_a_dotted_name() {
        for fields in [
            r#""properties":{"activityId":77}"#,
            r#""properties":{"activityId":"77","other":[{}]}"#,
            r#""properties.activityId":77"#,
            r#""properties.activityId":"77","properties":{"campaignId":9}"#,
            r#""properties.activityId":[77.0],"properties":null"#,
            r#""properties":[{"activityId":null},{"activityId":77},{}]"#,
            r#""properties":{"activityId":[null,[77]]}"#,
        ] {
            assert_eq!(read(fields), Ok(vec![77]), "{fields}");
        }
        for fields in ["", r#""properties":{}"#, r#""properties":[]"#, r#""properties.activityId":[]"#] {
            assert_eq!(read(fields), Ok(vec![]), "{fields}");
        }
    }

    #[test]
    fn all_values_of_both_forms_name_activities() {
        assert_eq!(read(r#""properties":{"activityId":[77,78]}"#), Ok(vec![77, 78]));
        assert_eq!(read(r#""properties":{"activityId":77},"properties.activityId":78"#), Ok(vec![77, 78]));
        assert_eq!(read(r#""properties.activityId":77,"properties":{"activityId":77}"#), Ok(vec![77, 77]));
        assert_eq!(read(r#""properties":[{"activityId":77},{"activityId":[78,79]}]"#), Ok(vec![77, 78, 79]));
    }

    #[test]
    fn one_value_that_is_no_id_makes_the_event_wrong() {
        for fields in [
            r#""properties":{"activityId":[77,"x"]}"#,
            r#""properties":{"activityId":[77,{"id":78}]}"#,
            r#""properties":{"activityId":77},"properties.activityId":0"#,
            r#""properties.activityId":{"id":77}"#,
        ] {
            assert_eq!(read(fields), Err(Fault::Wrong(FIELD)), "{fields}");
        }
        for fields in [r#""properties":"activityId""#, r#""properties":[{"activityId":77},78]"#, r#""properties":7"#] {
            assert_eq!(read(fields), Err(Fault::Wrong("properties")), "{fields}");
        }
    }
}
