//! The fields of an index that can be queried.

use crate::times::Times;

/// A field that can be matched and counted exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    /// Whether any record has it.
    pub(crate) mapped: bool,
}

/// The form of a field's values in queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    Decimal,
    Text,
}

/// The fields of an index with records. `None`: the field is mapped in a form that cannot be queried.
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

impl Field {
    /// How it is called in findings.
    pub(crate) fn finding(self) -> String {
        match (self.mapped, self.form) {
            (false, _) => "in no record".to_owned(),
            (true, Form::Whole) => "whole number".to_owned(),
            (true, Form::Decimal) => "double".to_owned(),
            (true, Form::Text) if self.name.ends_with(".keyword") => "text with keyword".to_owned(),
            (true, Form::Text) => "keyword".to_owned(),
        }
    }
}
