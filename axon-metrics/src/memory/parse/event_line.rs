//! Event lines: a message of the platform, or a line of an Elasticsearch export that contains one. Unknown fields may
//! have any value.

use std::hash::{BuildHasher, RandomState};

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
        events::Owners,
        load_report::{Fault, checked_text},
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

/// Reads event lines.
pub(in crate::memory) struct EventReader {
    zone: Tz,
    purchase_indices: IndexNames,
    pages: Vec<PageTemplate>,
    /// Two random keys for the fingerprints of documents, so that no input can provoke equal ones.
    keys: [RandomState; 2],
}

impl EventReader {
    pub(in crate::memory) fn new(zone: Tz, purchase_indices: Vec<String>, pages: Vec<PageTemplate>) -> Self {
        let purchase_indices = IndexNames::new(purchase_indices);
        Self { zone, purchase_indices, pages, keys: [RandomState::new(), RandomState::new()] }
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
    pub(in crate::memory) fn read(&self, line: &[u8], kinds: &mut BlockKinds) -> Result<EventLine, Fault> {
        let line: Line<'_> = fields(line)?;
        let actions = matches!(line._source, ObjectField::Object(_)).then_some([&line.index, &line.create]);
        let (index, id) = document(&line._index, &line._id, actions);
        let event = match line._source {
            ObjectField::Object(source) => source,
            ObjectField::Other => return Err(Fault::Wrong("_source")),
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
        let trigger = event.trigger_type.text("triggerType")?.ok_or(Fault::Missing("triggerType"))?;
        let trigger = checked_text(trigger, "triggerType")?;
        let at = record_time(&event.occurred_at, "occurredAt", self.zone)?;
        let definition = definition(&event.event_id)?;
        let subject = subject(&event.user_id, &event.session_id)?;
        let named = named(&event.properties, &event.dotted_activity_id)?;
        let index = index.text("_index")?;
        let id = match id {
            Scalar::Whole(id) => Some(id.to_string()),
            id => id.text("_id")?.map(str::to_owned),
        };
        let fingerprint = |index: &str, id: &str| {
            let [high, low] = self.keys.each_ref().map(|key| u128::from(key.hash_one((index, id))));
            high << 64 | low
        };
        Ok(EventLine {
            kind: kinds.find_or_add(trigger, definition),
            at,
            owners: self.owners(named, &event.page_url),
            subject,
            identity: index.zip(id).map(|(index, id)| fingerprint(index, &id)),
            accepted: trigger != PURCHASE || index.is_none_or(|index| self.purchase_indices.contain(index)),
        })
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

/// The user if there is one, else the session.
fn subject(user: &Scalar<'_>, session: &Scalar<'_>) -> Result<Subject, Fault> {
    const SESSION: &str = "sessionId";
    const USER: &str = "userId";
    let of_session = match session {
        Scalar::Whole(id) => Subject::session(&id.to_string()),
        session => match session.text(SESSION)? {
            Some(text) => Subject::session(checked_text(text, SESSION)?),
            None => Subject::Nobody,
        },
    };
    match user {
        Scalar::Null => Ok(of_session),
        Scalar::Text(text) if text.is_empty() => Ok(of_session),
        Scalar::Text(text) => checked_text(text, USER).map(Subject::user),
        Scalar::Negative(id) => Ok(Subject::user(&id.to_string())),
        user => user.whole(USER).map(|id| id.map_or(of_session, Subject::User)),
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
