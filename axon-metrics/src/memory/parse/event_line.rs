//! Event lines: a message of the platform, or a line of an Elasticsearch export that contains one. Unknown fields may
//! have any value.

use std::{
    borrow::Cow,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use ahash::HashMap;
use chrono_tz::Tz;
use serde::Deserialize;

use super::{
    activity_ids::{Named, Properties, named},
    fields::{ObjectField, Objects, fields},
    index_names::IndexNames,
    scalar::{Scalar, Values},
    time::record_time,
};
use crate::{
    memory::{
        coverage::{Contents, LostRecord, Owner, reason},
        events::Owners,
        load_report::{Fault, checked_text},
        record_rules::RecordRules,
        subjects::Subject,
    },
    vocabulary::PageTemplate,
};

/// The trigger type that is accepted only from some indices.
const PURCHASE: &str = "PURCHASE";

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    _index: Scalar<'a>,
    #[serde(borrow, default)]
    _id: Scalar<'a>,
    #[serde(borrow, default)]
    _source: ObjectField<Source<'a>>,
    #[serde(borrow, default, rename = "eventId")]
    event_id: Scalar<'a>,
    #[serde(borrow, default, rename = "triggerType")]
    trigger_type: Scalar<'a>,
    #[serde(borrow, default, rename = "occurredAt")]
    occurred_at: Scalar<'a>,
    #[serde(borrow, default, rename = "userId")]
    user_id: Scalar<'a>,
    #[serde(borrow, default, rename = "sessionId")]
    session_id: Scalar<'a>,
    #[serde(borrow, default, rename = "pageUrl")]
    page_url: Scalar<'a>,
    #[serde(borrow, default)]
    properties: Objects<Properties<'a>>,
    #[serde(borrow, default, rename = "properties.activityId")]
    dotted_activity_id: Values<'a>,
    /// The action that stands before the document in a bulk request.
    #[serde(borrow, default)]
    index: ObjectField<Box<Action<'a>>>,
    #[serde(borrow, default)]
    create: ObjectField<Box<Action<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source<'a> {
    #[serde(borrow, default)]
    event_id: Scalar<'a>,
    #[serde(borrow, default)]
    trigger_type: Scalar<'a>,
    #[serde(borrow, default)]
    occurred_at: Scalar<'a>,
    #[serde(borrow, default)]
    user_id: Scalar<'a>,
    #[serde(borrow, default)]
    session_id: Scalar<'a>,
    #[serde(borrow, default)]
    page_url: Scalar<'a>,
    #[serde(borrow, default)]
    properties: Objects<Properties<'a>>,
    #[serde(borrow, default, rename = "properties.activityId")]
    dotted_activity_id: Values<'a>,
}

#[derive(Deserialize)]
struct Action<'a> {
    #[serde(borrow, default)]
    _index: Scalar<'a>,
    #[serde(borrow, default)]
    _id: Scalar<'a>,
}

/// An event of a line.
pub(in crate::memory) struct EventLine {
    /// The index of its kind in the kinds of the block.
    pub(in crate::memory) kind: usize,
    /// Microseconds since 1970.
    pub(in crate::memory) at: i64,
    /// The activities it belongs to; `None` if it belongs to none.
    pub(in crate::memory) owners: Option<Owners>,
    pub(in crate::memory) subject: Subject,
    /// The fingerprint of index and id of an export document; `None` for a plain message.
    pub(in crate::memory) identity: Option<u128>,
    /// Whether its trigger type is accepted from its index.
    pub(in crate::memory) accepted: bool,
}

/// A line that is no valid event.
pub(in crate::memory) struct InvalidEvent {
    pub(in crate::memory) fault: Fault,
    /// What can be read of it all the same.
    pub(in crate::memory) record: LostRecord,
    /// The fingerprint of its document.
    pub(in crate::memory) identity: Option<u128>,
}

impl From<Fault> for Box<InvalidEvent> {
    fn from(fault: Fault) -> Self {
        Self::new(InvalidEvent { fault, record: LostRecord::unknown(reason(fault)), identity: None })
    }
}

/// Reads event lines.
pub(in crate::memory) struct EventReader {
    zone: Tz,
    rules: Arc<RecordRules>,
    purchase_indices: IndexNames,
    pages: Vec<PageTemplate>,
    /// Two random keys for the fingerprints of documents, so that no input can provoke equal ones.
    keys: [RandomState; 2],
}

impl EventReader {
    pub(in crate::memory) fn new(
        zone: Tz,
        rules: Arc<RecordRules>,
        purchase_indices: Vec<String>,
        pages: Vec<PageTemplate>,
    ) -> Self {
        let purchase_indices = IndexNames::new(purchase_indices);
        Self { zone, rules, purchase_indices, pages, keys: [RandomState::new(), RandomState::new()] }
    }

    /// The activities that an event names, and those whose page it happened on; `None` if there are none.
    fn owners(&self, named: Named, page: &Scalar<'_>) -> Option<Owners> {
        match page {
            Scalar::Text(address) if !self.pages.is_empty() => {
                let of_page = self.pages.iter().flat_map(|template| template.activities(address));
                Owners::of(of_page.chain(named.into_ids()).collect())
            }
            _ => match named {
                Named::None => None,
                Named::One(activity) => Some(Owners::One(activity)),
                Named::Several(activities) => Owners::of(activities),
            },
        }
    }

    /// The zone of local times.
    pub(in crate::memory) fn zone(&self) -> Tz {
        self.zone
    }

    /// The event of a line. Its kind is added to the kinds of the block if it is new.
    pub(in crate::memory) fn read(&self, line: &[u8], kinds: &mut BlockKinds) -> Result<EventLine, Box<InvalidEvent>> {
        let line: Line<'_> = fields(line)?;
        let actions = matches!(line._source, ObjectField::Object(_)).then_some([&line.index, &line.create]);
        let (index, id) = document(&line._index, &line._id, actions);
        let event = match line._source {
            ObjectField::Object(source) => source,
            ObjectField::Other => return Err(Fault::Wrong("_source").into()),
            ObjectField::Null => Source {
                event_id: line.event_id,
                trigger_type: line.trigger_type,
                occurred_at: line.occurred_at,
                user_id: line.user_id,
                session_id: line.session_id,
                page_url: line.page_url,
                properties: line.properties,
                dotted_activity_id: line.dotted_activity_id,
            },
        };
        // Every field is read, so that as much as possible is known of an invalid line.
        let trigger = trigger(&event.trigger_type);
        let at = record_time(&event.occurred_at, "occurredAt", self.zone);
        let definition = definition(&event.event_id);
        let named = named(&event.properties, &event.dotted_activity_id);
        let (index, id) = (index.text("_index"), document_id(id));
        let owners = named.map(|named| self.owners(named, &event.page_url));
        let identity = index.ok().flatten().zip(id.as_ref().ok().and_then(Option::as_deref));
        let identity = identity.map(|(index, id)| self.fingerprint(index, id));
        match (trigger, at, definition, owners, index, id) {
            (Ok(trigger), Ok(at), Ok(definition), Ok(owners), Ok(index), Ok(_)) => Ok(EventLine {
                kind: kinds.find_or_add(trigger, definition),
                at,
                owners,
                subject: self.subject(&event.user_id, &event.session_id),
                identity,
                accepted: trigger != PURCHASE || index.is_none_or(|index| self.purchase_indices.contain(index)),
            }),
            (trigger, at, definition, owners, index, id) => {
                let first = trigger.err().or(at.err()).or(definition.err());
                let first = first.or(owners.as_ref().err().copied()).or(index.err()).or(id.err());
                let fault = first.unwrap_or(Fault::NotAnObject);
                let owner = match (owners, trigger) {
                    (Ok(Some(owners)), _) => Owner::Activities(owners),
                    (Ok(None), Ok(_)) => Owner::None,
                    // It may be no event at all, or its fields may have other names.
                    _ => Owner::Unknown,
                };
                let contents = match (trigger, definition) {
                    (Ok(trigger), Ok(definition)) => Contents::Event { trigger: trigger.into(), definition },
                    (Ok(trigger), Err(_)) => Contents::Trigger(trigger.into()),
                    (Err(_), _) => Contents::Unknown,
                };
                let record = LostRecord { reason: reason(fault), owner, contents, at: at.ok() };
                Err(Box::new(InvalidEvent { fault, record, identity }))
            }
        }
    }

    /// The fingerprint of a document of an export.
    fn fingerprint(&self, index: &str, id: &str) -> u128 {
        let [high, low] = self.keys.each_ref().map(|key| u128::from(key.hash_one((index, id))));
        high << 64 | low
    }

    /// The user if the event names one, else the session.
    fn subject(&self, user: &Scalar<'_>, session: &Scalar<'_>) -> Subject {
        const USER: &str = "userId";
        match user {
            Scalar::Null | Scalar::Negative(_) | Scalar::Whole(0) => self.session(session),
            Scalar::Float(number) if *number <= 0.0 => self.session(session),
            Scalar::Text(text) if self.rules.anonymous.has_user(text) => self.session(session),
            Scalar::Text(text) => checked_text(text, USER).map_or_else(Subject::Dropped, Subject::user),
            user => match user.whole(USER) {
                Ok(Some(id)) => Subject::User(id),
                Ok(None) => self.session(session),
                Err(fault) => Subject::Dropped(fault),
            },
        }
    }

    fn session(&self, session: &Scalar<'_>) -> Subject {
        const SESSION: &str = "sessionId";
        match session {
            Scalar::Whole(id) => Subject::session(&id.to_string()),
            session => match session.text(SESSION) {
                Ok(Some(text)) if !self.rules.anonymous.has_session(text) => {
                    checked_text(text, SESSION).map_or_else(Subject::Dropped, Subject::session)
                }
                Ok(_) => Subject::Nobody,
                Err(fault) => Subject::Dropped(fault),
            },
        }
    }
}

fn trigger<'a>(value: &'a Scalar<'_>) -> Result<&'a str, Fault> {
    const FIELD: &str = "triggerType";
    value.text(FIELD)?.ok_or(Fault::Missing(FIELD)).and_then(|trigger| checked_text(trigger, FIELD))
}

/// The id of a document of an export; `None` for a plain message.
fn document_id<'a>(value: &'a Scalar<'_>) -> Result<Option<Cow<'a, str>>, Fault> {
    match value {
        Scalar::Whole(id) => Ok(Some(id.to_string().into())),
        id => Ok(id.text("_id")?.map(Cow::Borrowed)),
    }
}

/// Index and id of a document: those of an export, else those of the action of a bulk request.
fn document<'l, 'a>(
    index: &'l Scalar<'a>,
    id: &'l Scalar<'a>,
    actions: Option<[&'l ObjectField<Box<Action<'a>>>; 2]>,
) -> (&'l Scalar<'a>, &'l Scalar<'a>) {
    let action = actions.into_iter().flatten().find_map(|action| match action {
        ObjectField::Object(action) => Some(action),
        ObjectField::Null | ObjectField::Other => None,
    });
    match (index, action) {
        (Scalar::Null, Some(action)) => (&action._index, &action._id),
        _ => (index, id),
    }
}

/// The tracker definition; `None` for a text that is not a number, which is no fault: no tracker sent it.
fn definition(value: &Scalar<'_>) -> Result<Option<i64>, Fault> {
    const FIELD: &str = "eventId";
    match value {
        Scalar::Negative(number) => Ok(Some(*number)),
        Scalar::Text(text) => Ok(text.parse().ok()),
        value => value.whole(FIELD)?.map(i64::try_from).transpose().map_err(|_| Fault::Wrong(FIELD)),
    }
}

/// The kinds of events in one block of lines, in the order of their first event.
#[derive(Default)]
pub(in crate::memory) struct BlockKinds {
    indices: HashMap<Box<str>, HashMap<Option<i64>, usize>>,
    list: Vec<(Box<str>, Option<i64>)>,
}

impl BlockKinds {
    fn find_or_add(&mut self, trigger: &str, definition: Option<i64>) -> usize {
        if let Some(index) = self.indices.get(trigger).and_then(|indices| indices.get(&definition)) {
            return *index;
        }
        let index = self.list.len();
        self.indices.entry(trigger.into()).or_default().insert(definition, index);
        self.list.push((trigger.into(), definition));
        index
    }

    pub(in crate::memory) fn into_list(self) -> Vec<(Box<str>, Option<i64>)> {
        self.list
    }
}
