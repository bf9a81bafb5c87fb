//! Reads the two files that are one JSON document each: the catalog and the realtime file. In the catalog the first fault
//! is an error with its position. An invalid value of the realtime file costs only the activity it is of.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use chrono_tz::Tz;
use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{
    files::LoadError,
    load_report::Fault,
    parse::{decimal::Decimal, fields::ObjectField, ledger_line::money, scalar::Scalar, time::time},
    slots::{ActivitySlots, SlotFigure},
    time_log::instant,
};
use crate::{
    ActivityId, CampaignId, Catalog, ProductId, Reason, Timestamp,
    vocabulary::{Activity, ActivityKind, AnonymousUsers, Campaign},
};

#[derive(Deserialize)]
#[serde(expecting = "an object with currency and campaigns")]
struct CatalogFile<'a> {
    currency: String,
    #[serde(borrow)]
    campaigns: Vec<CampaignEntry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a campaign")]
struct CampaignEntry<'a> {
    #[serde(borrow)]
    id: Scalar<'a>,
    name: String,
    #[serde(borrow, default)]
    start_at: Scalar<'a>,
    #[serde(borrow, default)]
    end_at: Scalar<'a>,
    #[serde(borrow, default)]
    budget: Decimal<'a>,
    #[serde(borrow, default)]
    activities: Vec<ActivityEntry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an activity")]
struct ActivityEntry<'a> {
    #[serde(borrow)]
    id: Scalar<'a>,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow, default)]
    start_at: Scalar<'a>,
    #[serde(borrow, default)]
    end_at: Scalar<'a>,
    #[serde(borrow, default)]
    limit_count: Scalar<'a>,
    #[serde(borrow, default)]
    product_id: Scalar<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SlotsEntry<'a> {
    #[serde(borrow, default)]
    activity_id: Scalar<'a>,
    #[serde(borrow, default)]
    counter: Scalar<'a>,
    #[serde(borrow, default)]
    members: Members<'a>,
}

/// A value that should be a list of users.
#[derive(Default)]
enum Members<'a> {
    #[default]
    Null,
    List(Vec<Scalar<'a>>),
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = seq.next_element()? {
                    members.push(member);
                }
                Ok(Members::List(members))
            }
            fn visit_unit<E>(self) -> Result<Members<'de>, E> {
                Ok(Members::Null)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Members::Other)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Members<'de>, E> {
                Ok(Members::Other)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Members<'de>, E> {
                Ok(Members::Other)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Members<'de>, E> {
                Ok(Members::Other)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Members<'de>, E> {
                Ok(Members::Other)
            }
            fn visit_str<E>(self, _: &str) -> Result<Members<'de>, E> {
                Ok(Members::Other)
            }
        }
        deserializer.deserialize_any(List)
    }
}

/// The catalog of a file. Local times are in `zone`.
pub(super) fn catalog(file: &Arc<str>, bytes: &[u8], zone: Tz) -> Result<Catalog, LoadError> {
    let document: CatalogFile<'_> = read(file, bytes)?;
    let mut campaigns = Vec::with_capacity(document.campaigns.len());
    for (index, entry) in document.campaigns.into_iter().enumerate() {
        let path = format!("campaigns[{index}]");
        let mut activities = Vec::with_capacity(entry.activities.len());
        for (index, activity) in entry.activities.iter().enumerate() {
            let invalid = |fault| invalid_value(file, format!("{path}.activities[{index}]"), fault);
            activities.push(activity.read(zone).map_err(invalid)?);
        }
        campaigns.push(entry.read(activities, zone).map_err(|fault| invalid_value(file, path, fault))?);
    }
    Catalog::new(document.currency, campaigns).map_err(|source| LoadError::NoCatalog { file: Arc::clone(file), source })
}

impl CampaignEntry<'_> {
    fn read(self, activities: Vec<Activity>, zone: Tz) -> Result<Campaign, Fault> {
        Ok(Campaign {
            id: CampaignId(self.id.id("id")?.ok_or(Fault::Missing("id"))?),
            name: self.name,
            start: date(&self.start_at, "startAt", zone)?,
            end: date(&self.end_at, "endAt", zone)?,
            budget: money(&self.budget, "budget")?,
            activities,
        })
    }
}

impl ActivityEntry<'_> {
    fn read(&self, zone: Tz) -> Result<Activity, Fault> {
        Ok(Activity {
            id: ActivityId(self.id.id("id")?.ok_or(Fault::Missing("id"))?),
            name: self.name.clone(),
            kind: ActivityKind::from(self.kind.clone()),
            start: date(&self.start_at, "startAt", zone)?,
            end: date(&self.end_at, "endAt", zone)?,
            limit: self.limit_count.whole("limitCount")?,
            product: self.product_id.id("productId")?.map(ProductId),
        })
    }
}

fn date(value: &Scalar<'_>, field: &'static str, zone: Tz) -> Result<Option<Timestamp>, Fault> {
    match value {
        Scalar::Null => Ok(None),
        value => time(value, field, zone).map(|micros| Some(instant(micros))),
    }
}

/// The contents of a realtime file.
#[derive(Default)]
pub(super) struct RealtimeFile {
    pub(super) slots: HashMap<ActivityId, ActivitySlots>,
    /// The invalid values, each with the index of its entry in the file, from 0.
    pub(super) invalid: Vec<(u64, Fault)>,
}

/// The slots of a realtime file, by activity. A figure with an invalid value is [`Reason::BadValue`], and so are both
/// figures of an activity that is listed twice.
pub(super) fn realtime(file: &Arc<str>, bytes: &[u8], anonymous: &AnonymousUsers) -> Result<RealtimeFile, LoadError> {
    let document: Vec<ObjectField<SlotsEntry<'_>>> = read(file, bytes)?;
    let mut realtime = RealtimeFile::default();
    for (index, entry) in (0..).zip(document) {
        if let Err(fault) = realtime.add(index, entry, anonymous) {
            realtime.invalid.push((index, fault));
        }
    }
    Ok(realtime)
}

impl RealtimeFile {
    /// Adds an entry. A fault costs the whole entry.
    fn add(&mut self, index: u64, entry: ObjectField<SlotsEntry<'_>>, anonymous: &AnonymousUsers) -> Result<(), Fault> {
        const ID: &str = "activityId";
        let ObjectField::Object(entry) = entry else { return Err(Fault::NotAnObject) };
        let activity = ActivityId(entry.activity_id.id(ID)?.ok_or(Fault::Missing(ID))?);
        let slots = ActivitySlots { counter: counter(&entry.counter), members: entry.members.users(anonymous) };
        if slots.counter == Err(Reason::BadValue) {
            self.invalid.push((index, Fault::Wrong("counter")));
        }
        if slots.members == Err(Reason::BadValue) {
            self.invalid.push((index, Fault::Wrong("members")));
        }
        let bad = || ActivitySlots { counter: Err(Reason::BadValue), members: Err(Reason::BadValue) };
        match self.slots.insert(activity, slots) {
            None => Ok(()),
            Some(_) => {
                self.slots.insert(activity, bad());
                Err(Fault::Twice(ID))
            }
        }
    }
}

impl Members<'_> {
    /// The users who hold a slot, without members that name nobody; [`Reason::KeyMissing`], or [`Reason::BadValue`] if one of
    /// them is no id.
    fn users(&self, anonymous: &AnonymousUsers) -> SlotFigure<HashSet<u64>> {
        let is_somebody = |member: &&Scalar<'_>| match member {
            Scalar::Null | Scalar::Negative(_) | Scalar::Whole(0) => false,
            Scalar::Text(text) => !anonymous.has_user(text),
            _ => true,
        };
        let user = |member: &Scalar<'_>| member.whole("members").ok().flatten();
        match self {
            Self::Null => Err(Reason::KeyMissing),
            Self::List(members) => {
                members.iter().filter(is_somebody).map(user).collect::<Option<_>>().ok_or(Reason::BadValue)
            }
            Self::Other => Err(Reason::BadValue),
        }
    }
}

/// A counter as Redis stores it: an integer, [`Reason::KeyMissing`] or [`Reason::BadValue`].
fn counter(value: &Scalar<'_>) -> SlotFigure<i64> {
    let bad = Err(Reason::BadValue);
    match value {
        Scalar::Null => Err(Reason::KeyMissing),
        Scalar::Whole(number) => i64::try_from(*number).or(bad),
        Scalar::Negative(number) => Ok(*number),
        Scalar::Text(text) => text.parse().or(bad),
        Scalar::Float(_) | Scalar::Other => bad,
    }
}

fn invalid_value(file: &Arc<str>, path: String, fault: Fault) -> LoadError {
    LoadError::Value { file: Arc::clone(file), path, what: fault }
}

fn read<'a, T: Deserialize<'a>>(file: &Arc<str>, bytes: &'a [u8]) -> Result<T, LoadError> {
    serde_json::from_slice(bytes).map_err(|error| LoadError::Document {
        file: Arc::clone(file),
        line: error.line(),
        column: error.column(),
        what: without_value(&error),
    })
}

/// The error message without the invalid value, which may be personal data.
fn without_value(error: &serde_json::Error) -> String {
    if !error.is_data() {
        return if error.is_eof() { "the file ends too early".to_owned() } else { "not JSON".to_owned() };
    }
    let message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&position).unwrap_or(&message);
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => message.to_owned(),
    }
}
