//! Reads the two files that are one JSON document each: the catalog and the realtime file. The first fault is an error
//! with its position.

use std::{collections::HashMap, sync::Arc};

use chrono_tz::Tz;
use serde::Deserialize;

use super::{
    files::LoadError,
    load_report::Fault,
    parse::{decimal::Decimal, ledger_line::money, scalar::Scalar, time::time},
    slots::{ActivitySlots, SlotFigure},
    time_log::instant,
};
use crate::{
    ActivityId, CampaignId, Catalog, ProductId, Reason, Timestamp,
    vocabulary::{Activity, ActivityKind, Campaign},
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
#[serde(rename_all = "camelCase", expecting = "the slots of an activity")]
struct SlotsEntry<'a> {
    #[serde(borrow)]
    activity_id: Scalar<'a>,
    #[serde(borrow, default)]
    counter: Scalar<'a>,
    #[serde(borrow, default)]
    members: Option<Vec<Scalar<'a>>>,
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

/// The slots of a realtime file, by activity.
pub(super) fn realtime(file: &Arc<str>, bytes: &[u8]) -> Result<HashMap<ActivityId, ActivitySlots>, LoadError> {
    let document: Vec<SlotsEntry<'_>> = read(file, bytes)?;
    let mut slots = HashMap::with_capacity(document.len());
    for (index, entry) in document.into_iter().enumerate() {
        const ID: &str = "activityId";
        let invalid = |fault| invalid_value(file, format!("[{index}]"), fault);
        let id = entry.activity_id.id(ID).and_then(|id| id.ok_or(Fault::Missing(ID))).map_err(invalid)?;
        let members = entry.members.ok_or(Reason::KeyMissing).and_then(|members| {
            let ids = members.iter().map(|member| member.whole("members").ok().flatten());
            ids.collect::<Option<_>>().ok_or(Reason::BadValue)
        });
        if slots.insert(ActivityId(id), ActivitySlots { counter: counter(&entry.counter), members }).is_some() {
            return Err(invalid(Fault::Twice(ID)));
        }
    }
    Ok(slots)
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
