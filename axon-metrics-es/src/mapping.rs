//! The mapping of the indices: their fields, and the form of each field.
//! Lives here: the forms, and how they follow from the mapped types. Lives elsewhere: probing the types (`probe`), the
//! time to live of the mapping (`mapping_cache`), queries over the fields (`query`).
//!
//! - A field that no record ever had is not mapped.
//! - Every event has a trigger type and a time. An index with records that does not map both is unreadable.
//! - An index that does not map activity ids is not read either: perhaps no record has one, perhaps the mapping
//!   excludes them (`dynamic: false`).
//! - Any other field may be in no record (often sessions). It is queried by the name that it would get, which finds
//!   nothing.

use axon_metrics::{Timestamp, source::StoreLoss};

pub(crate) use crate::fields::{Field, Form, IndexFields};
use crate::{
    error::{Block, Fault},
    losses::{self, Losses, Suspicion},
    names::is_pattern,
};

/// The name of a field, and of the keyword subfield that a dynamic mapping adds to texts.
pub(crate) struct FieldNames {
    pub(crate) plain: &'static str,
    pub(crate) keyword: &'static str,
    /// The form of the values if the field is not mapped.
    usual: Form,
}

macro_rules! field_names {
    ($($name:ident = $plain:literal: $form:ident;)*) => {
        $(pub(crate) const $name: FieldNames =
            FieldNames { plain: $plain, keyword: concat!($plain, ".keyword"), usual: Form::$form };)*
        /// All fields that are probed by name and keyword.
        pub(crate) const FIELD_NAMES: [&FieldNames; [$($plain),*].len()] = [$(&$name),*];
    };
}

field_names! {
    TRIGGER = "triggerType": Text;
    ACTIVITY = "properties.activityId": Whole;
    USER = "userId": Whole;
    SESSION = "sessionId": Text;
    DEFINITION = "eventId": Whole;
    PAGE = "pageUrl": Text;
}

/// The object that contains the activity id.
pub(crate) const PROPERTIES: &str = "properties";

impl FieldNames {
    /// The field for these mapped types; `None` if it is mapped in a form that cannot be queried.
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

/// The mapping of indices behind one name that have the same types and hold the same events. Usually it is one index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexMapping {
    /// How it is called in findings.
    pub(crate) label: String,
    /// The configured name, by which it is searched.
    pub(crate) name: String,
    /// The indices; none if the name means nothing that can be read.
    pub(crate) indices: Vec<String>,
    /// Is read for all events but purchases.
    pub(crate) events: bool,
    /// Is read for purchases.
    pub(crate) purchases: bool,
    pub(crate) state: IndexState,
}

/// Whether an index can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a probe has few, and nearly all are readable")]
pub(crate) enum IndexState {
    Missing,
    /// It is closed or blocked.
    Blocked(Block),
    /// The user may not read it. The text names the privileges.
    Denied(String),
    Empty,
    /// It has records, but activity ids are not mapped: there are none, or they are not indexed.
    NoActivityIds,
    /// It has records, but a field is mapped in a form that cannot be queried. The text says which.
    Unreadable(&'static str),
    Readable {
        fields: IndexFields,
        records: u64,
        /// Records whose times are in another unit than those of most records.
        others: u64,
        losses: Losses,
    },
}

/// A configured name that can be searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SearchName {
    pub(crate) name: String,
    /// All indices behind it.
    pub(crate) indices: Vec<String>,
    /// Their primary shards.
    pub(crate) shards: u64,
}

/// The mappings of all indices, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mappings {
    pub(crate) indices: Vec<IndexMapping>,
    pub(crate) names: Vec<SearchName>,
    /// The instant of the probe.
    pub(crate) checked_at: Timestamp,
}

impl Mappings {
    /// Whether it is unlikely to change soon. An index that is missing, empty, unreadable or without activity ids may
    /// change at any moment.
    pub(crate) fn is_settled(&self) -> bool {
        self.indices.iter().all(|index| match &index.state {
            IndexState::Readable { fields, .. } => fields.activity.mapped,
            _ => false,
        })
    }

    /// The fault if no configured name can be read, since all are closed, blocked or forbidden.
    pub(crate) fn fault(&self) -> Option<Fault> {
        let faults: Option<Vec<Fault>> = self.indices.iter().map(IndexMapping::fault).collect();
        faults?.into_iter().next()
    }

    /// The findings of a health report, as names and texts.
    pub(crate) fn findings(&self) -> Vec<(String, String)> {
        let mut findings = Vec::new();
        for index in &self.indices {
            let label = &index.label;
            let mut add = |what: &str, finding: String| findings.push((format!("{label}{what}"), finding));
            match &index.state {
                IndexState::Missing => add("", "no such index".to_owned()),
                IndexState::Blocked(block) => add("", format!("cannot be read: {block}")),
                IndexState::Denied(privileges) => {
                    add("", format!("cannot be read: a privilege is MISSING: {privileges}"))
                }
                IndexState::Empty => add("", "no records".to_owned()),
                IndexState::NoActivityIds => add("", "no record with an indexed activity id".to_owned()),
                IndexState::Unreadable(why) => add("", format!("cannot be read: {why}")),
                IndexState::Readable { fields, records, others, losses } => {
                    if index.indices.iter().any(|one| one != &index.name) {
                        add(".indices", listed(&index.indices));
                    }
                    add(".records", records.to_string());
                    add(".occurredAt", fields.times.most.finding().to_owned());
                    if *others > 0 {
                        add(".occurredAt.otherUnits", format!("{others} records, each read in its own unit"));
                    }
                    if losses.uncounted != Suspicion::default() {
                        add(".losses", "not counted: the server was too slow".to_owned());
                    }
                    if let Some(hours) = losses.hours_ahead {
                        add(".occurredAt.zone", ahead(hours));
                    }
                    add(".triggerType", fields.trigger.finding());
                    add(".activityId", fields.activity.finding());
                    for (what, field) in [(".userId", fields.user), (".sessionId", fields.session)] {
                        add(
                            what,
                            field.map_or_else(|| "cannot be counted: unsupported type".to_owned(), Field::finding),
                        );
                    }
                }
            }
        }
        findings
    }

    /// The newest time of the indices whose newest time is known, and before an instant.
    pub(crate) fn newest_before(&self, at: Timestamp) -> Option<Timestamp> {
        let newest = self.indices.iter().filter_map(|index| match &index.state {
            IndexState::Readable { losses, .. } => losses.newest,
            _ => None,
        });
        newest.filter(|newest| *newest < at).max()
    }

    /// What makes figures missing or wrong, each as a sentence that says what to do.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.indices.iter().filter_map(IndexMapping::problem).collect()
    }

    /// The records that cannot be used.
    pub(crate) fn losses(&self) -> Vec<StoreLoss> {
        losses::report(self.indices.iter().filter_map(|index| match &index.state {
            IndexState::Readable { fields, records, losses, .. } => Some((&index.label[..], fields, *records, losses)),
            _ => None,
        }))
    }
}

/// The first names of a list.
fn listed(indices: &[String]) -> String {
    const SHOWN: usize = 5;
    let first = indices.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match indices.len().checked_sub(SHOWN) {
        None | Some(0) => first,
        Some(more) => format!("{first} and {more} more"),
    }
}

/// The finding on times that lie ahead.
fn ahead(hours: u32) -> String {
    format!("WRONG: the newest records would lie {hours} h in the future, as local times do that are stored as UTC")
}

impl IndexMapping {
    /// Why it cannot be read, if that is a matter of the server and not of what it holds.
    pub(crate) fn fault(&self) -> Option<Fault> {
        match &self.state {
            IndexState::Denied(_) => self.problem().map(Fault::Denied),
            IndexState::Blocked(_) => self.problem().map(Fault::Index),
            _ => None,
        }
    }

    /// What is wrong with it, and what to do.
    fn problem(&self) -> Option<String> {
        let Self { name, label, .. } = self;
        let remove = "or take it out of the configured indices";
        Some(match &self.state {
            IndexState::Missing if is_pattern(name) => format!(
                "no index matches {name}, or the user may read none that does: correct the pattern, or grant the index \
                 privilege read"
            ),
            IndexState::Missing => format!(
                "there is no index, alias or data stream named {name}: create it, or correct the name among the \
                 configured indices"
            ),
            IndexState::Blocked(Block::Closed) => {
                format!("an index is closed: {name}: open it (POST /{name}/_open), {remove}")
            }
            IndexState::Blocked(Block::Reading) => format!(
                "an index is blocked for reading: {name}: remove the block (index.blocks.read, or the one that the \
                 server's settings name), {remove}"
            ),
            IndexState::Denied(privileges) => {
                format!("{name} may not be read: grant the index privilege read on it (missing: {privileges})")
            }
            IndexState::Empty => format!("{label} has no records: check what writes into it"),
            IndexState::NoActivityIds => format!(
                "{label} has no record with an activity id that can be searched: map properties.activityId as long, and \
                 index the records again"
            ),
            IndexState::Unreadable(why) => {
                format!("{label} cannot be read: {why}: correct the mapping, and index the records again")
            }
            IndexState::Readable { losses: Losses { hours_ahead: Some(hours), .. }, .. } => format!(
                "occurredAt of {label} is {}: write times with their offset, or set the zone of the writer \
                 (elasticsearch.occurred_at_zone; an offset {hours} h larger would fit)",
                ahead(*hours)
            ),
            IndexState::Readable { .. } => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_queried_by_its_keyword_subfield() {
        let field = TRIGGER.field(Some("text"), Some("keyword")).unwrap();
        assert_eq!((field.name, field.form), ("triggerType.keyword", Form::Text));
        assert_eq!(TRIGGER.field(Some("text"), None), None);
        assert_eq!(TRIGGER.field(Some("keyword"), None).unwrap().name, "triggerType");
    }

    #[test]
    fn an_unmapped_field_is_queried_by_the_name_it_would_get() {
        let session = SESSION.field(None, None).unwrap();
        assert_eq!((session.name, session.mapped), ("sessionId.keyword", false));
        assert_eq!(USER.field(Some("unmapped"), Some("unmapped")).unwrap().name, "userId");
    }

    #[test]
    fn types_that_lose_digits_are_not_used_as_ids() {
        for form in ["float", "half_float", "scaled_float", "unsigned_long", "boolean", "flattened", "object"] {
            assert_eq!(USER.field(Some(form), None), None, "{form}");
        }
    }
}
