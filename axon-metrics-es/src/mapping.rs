//! The mapping of the indices: which fields hold what, and in which form.
//! Lives here: the forms, and how they follow from the mapped types. Lives elsewhere: asking for the types (`probe`), when it is
//! asked (`mapping_cache`), queries over the fields (`query`).
//!
//! A field that no record ever had is not mapped. A trigger type and a time are in every event: an index with records and
//! without these cannot be read. The same holds for one without any activity's id: whether no record has one, or the mapping
//! leaves them out (`dynamic: false`), cannot be told. The others may be in none (the platform's sessions often are): they are
//! read by the name that they would get, which finds nothing.

use crate::times::Times;

/// A field that can be matched and counted exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    /// Whether any record has it.
    pub(crate) mapped: bool,
}

/// What a field's values are to a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    Decimal,
    Text,
}

/// The name of a field, and of the keyword beside it that a dynamic mapping makes for texts.
pub(crate) struct FieldNames {
    pub(crate) plain: &'static str,
    pub(crate) keyword: &'static str,
    /// The form of the values where the mapping does not say.
    usual: Form,
}

macro_rules! names {
    ($($name:ident = $plain:literal: $form:ident;)*) => {
        $(pub(crate) const $name: FieldNames =
            FieldNames { plain: $plain, keyword: concat!($plain, ".keyword"), usual: Form::$form };)*
        /// All fields that are asked about by name and keyword.
        pub(crate) const FIELD_NAMES: [&FieldNames; [$($plain),*].len()] = [$(&$name),*];
    };
}

names! {
    TRIGGER = "triggerType": Text;
    ACTIVITY = "properties.activityId": Whole;
    USER = "userId": Whole;
    SESSION = "sessionId": Text;
    DEFINITION = "eventId": Whole;
    PAGE = "pageUrl": Text;
}

/// The object that the activity's id lies in.
pub(crate) const PROPERTIES: &str = "properties";

impl FieldNames {
    /// The field as it can be used with these mapped types; `None` if it is mapped in a form that cannot be used.
    pub(crate) fn field(&self, plain: Option<&str>, keyword: Option<&str>) -> Option<Field> {
        let field = |name, form| Some(Field { name, form, mapped: true });
        match plain {
            None | Some("unmapped") => {
                let name = if self.usual == Form::Text { self.keyword } else { self.plain };
                Some(Field { name, form: self.usual, mapped: false })
            }
            Some("long" | "integer" | "short" | "byte") => field(self.plain, Form::Whole),
            Some("double") => field(self.plain, Form::Decimal),
            Some("keyword" | "constant_keyword" | "wildcard") => field(self.plain, Form::Text),
            Some("text" | "match_only_text") if keyword == Some("keyword") => field(self.keyword, Form::Text),
            Some(_) => None,
        }
    }
}

/// The fields of an index that holds records. `None`: the field is mapped in a form that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexFields {
    pub(crate) trigger: Field,
    pub(crate) activity: Field,
    pub(crate) times: Times,
    pub(crate) user: Option<Field>,
    pub(crate) session: Option<Field>,
    pub(crate) definition: Option<Field>,
    pub(crate) page: Option<Field>,
}

/// What a probe found of one index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexMapping {
    pub(crate) name: String,
    /// Events but purchases are read from it.
    pub(crate) events: bool,
    /// Purchases are read from it.
    pub(crate) purchases: bool,
    pub(crate) state: IndexState,
}

/// Whether an index can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IndexState {
    Missing,
    Empty,
    /// It has records, and no activity's id can be found in any: there is none, or they are not indexed.
    NoActivityIds,
    /// It has records, but their fields cannot be read.
    Unreadable(&'static str),
    Readable {
        fields: IndexFields,
        records: u64,
        /// Records whose times are in another unit than most.
        others: u64,
        shards: u64,
    },
}

/// What a probe found of all indices, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mappings {
    pub(crate) indices: Vec<IndexMapping>,
}

impl Mappings {
    /// Whether it is unlikely to change. An index that is missing or empty, or whose records name no activity yet, may change at
    /// any moment.
    pub(crate) fn is_settled(&self) -> bool {
        self.indices.iter().all(|index| match &index.state {
            IndexState::Missing | IndexState::Empty | IndexState::NoActivityIds | IndexState::Unreadable(_) => false,
            IndexState::Readable { fields, .. } => fields.activity.mapped,
        })
    }

    /// For health and the log.
    pub(crate) fn findings(&self) -> Vec<(String, String)> {
        let mut findings = Vec::new();
        for index in &self.indices {
            let name = &index.name;
            let mut found = |what: &str, finding: String| findings.push((format!("{name}{what}"), finding));
            match &index.state {
                IndexState::Missing => found("", "no such index".to_owned()),
                IndexState::Empty => found("", "no records".to_owned()),
                IndexState::NoActivityIds => found("", "no record in which an activity's id can be found".to_owned()),
                IndexState::Unreadable(why) => found("", format!("cannot be read: {why}")),
                IndexState::Readable { fields, records, others, .. } => {
                    found(".records", records.to_string());
                    found(".occurredAt", fields.times.most.finding().to_owned());
                    if *others > 0 {
                        found(".occurredAt.otherUnits", format!("{others} records, each read in its own"));
                    }
                    found(".triggerType", fields.trigger.finding());
                    found(".activityId", fields.activity.finding());
                    for (what, field) in [(".userId", fields.user), (".sessionId", fields.session)] {
                        found(what, field.map_or_else(|| "cannot be counted".to_owned(), Field::finding));
                    }
                }
            }
        }
        findings
    }
}

impl Field {
    fn finding(self) -> String {
        match (self.mapped, self.form) {
            (false, _) => "in no record".to_owned(),
            (true, Form::Whole) => "whole number".to_owned(),
            (true, Form::Decimal) => "double".to_owned(),
            (true, Form::Text) if self.name.ends_with(".keyword") => "text with keyword".to_owned(),
            (true, Form::Text) => "keyword".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_by_the_keyword_beside_it() {
        let field = TRIGGER.field(Some("text"), Some("keyword")).unwrap();
        assert_eq!((field.name, field.form), ("triggerType.keyword", Form::Text));
        assert_eq!(TRIGGER.field(Some("text"), None), None);
        assert_eq!(TRIGGER.field(Some("keyword"), None).unwrap().name, "triggerType");
    }

    #[test]
    fn a_field_that_no_record_has_is_read_by_the_name_it_would_get() {
        let session = SESSION.field(None, None).unwrap();
        assert_eq!((session.name, session.mapped), ("sessionId.keyword", false));
        assert_eq!(USER.field(Some("unmapped"), Some("unmapped")).unwrap().name, "userId");
    }

    #[test]
    fn numbers_that_lose_digits_are_not_used_as_ids() {
        for form in ["float", "half_float", "scaled_float", "unsigned_long", "boolean", "flattened", "object"] {
            assert_eq!(USER.field(Some(form), None), None, "{form}");
        }
    }
}
