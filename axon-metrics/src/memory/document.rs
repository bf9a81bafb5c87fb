//! The two files that are one JSON document each: the catalog and the realtime file. A fault in one is an error with its place.

use std::{collections::HashMap, sync::Arc};

use chrono_tz::Tz;
use serde::Deserialize;

use super::{
    files::LoadError,
    load_report::Fault,
    parse::{ledger_line::money, scalar::Scalar, time::time},
    slots::{Holders, SlotFigure},
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
    budget: Scalar<'a>,
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

/// The catalog in a file; local times are of the zone.
pub(super) fn catalog(file: &Arc<str>, bytes: &[u8], zone: Tz) -> Result<Catalog, LoadError> {
    let document: CatalogFile<'_> = read(file, bytes)?;
    let mut campaigns = Vec::with_capacity(document.campaigns.len());
    for (place, entry) in document.campaigns.into_iter().enumerate() {
        let path = format!("campaigns[{place}]");
        let mut activities = Vec::with_capacity(entry.activities.len());
        for (place, activity) in entry.activities.iter().enumerate() {
            let read = activity.read(zone);
            activities.push(read.map_err(|what| value(file, format!("{path}.activities[{place}]"), what))?);
        }
        campaigns.push(entry.read(activities, zone).map_err(|what| value(file, path, what))?);
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

/// The slots in a realtime file.
pub(super) fn realtime(file: &Arc<str>, bytes: &[u8]) -> Result<HashMap<ActivityId, Holders>, LoadError> {
    let document: Vec<SlotsEntry<'_>> = read(file, bytes)?;
    let mut slots = HashMap::with_capacity(document.len());
    for (place, entry) in document.into_iter().enumerate() {
        const ID: &str = "activityId";
        let wrong = |what| value(file, format!("[{place}]"), what);
        let id = entry.activity_id.id(ID).and_then(|id| id.ok_or(Fault::Missing(ID))).map_err(wrong)?;
        let members = entry.members.ok_or(Reason::KeyMissing).and_then(|members| {
            let ids = members.iter().map(|member| member.whole("members").ok().flatten());
            ids.collect::<Option<_>>().ok_or(Reason::BadValue)
        });
        if slots.insert(ActivityId(id), Holders { counter: counter(&entry.counter), members }).is_some() {
            return Err(wrong(Fault::Twice(ID)));
        }
    }
    Ok(slots)
}

/// A counter as Redis would hold it: whole, or no counter.
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

fn value(file: &Arc<str>, path: String, what: Fault) -> LoadError {
    LoadError::Value { file: Arc::clone(file), path, what }
}

fn read<'a, T: Deserialize<'a>>(file: &Arc<str>, bytes: &'a [u8]) -> Result<T, LoadError> {
    serde_json::from_slice(bytes).map_err(|error| LoadError::Document {
        file: Arc::clone(file),
        line: error.line(),
        column: error.column(),
        what: without_value(&error),
    })
}

/// What is wrong, without the value that is: it may be anyone's.
fn without_value(error: &serde_json::Error) -> String {
    if !error.is_data() {
        return if error.is_eof() { "the file ends too early".to_owned() } else { "not JSON".to_owned() };
    }
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&place).unwrap_or(&message);
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => message.to_owned(),
    }
}
