//! Small worlds: a catalog, what happened in it, and one question. Built from random numbers by `build`, handed to the
//! store under test by `deliver`, and answered a second time, record by record, by `expect`.

use std::fmt;

use axon_metrics::Timestamp;
use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat};
use chrono_tz::Tz;

mod build;
mod clock;
mod days;
mod deliver;
mod exact;
mod expect;
mod sales;
mod stock;

pub(crate) use build::world;
pub(crate) use deliver::dashboard;
pub(crate) use expect::expected;

/// An instant, as milliseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct At(pub(crate) i64);

impl At {
    pub(crate) fn instant(self) -> Timestamp {
        DateTime::from_timestamp_millis(self.0).expect("an instant within the calendar")
    }
}

impl fmt::Debug for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.instant().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) zone: Tz,
    pub(crate) now: At,
    pub(crate) question: Question,
    pub(crate) approvals_from_entries: bool,
    pub(crate) purchases_from_ledger: bool,
    /// Visits are counted of this tracker definition only.
    pub(crate) definition: Option<i64>,
    pub(crate) baseline_weeks: u32,
    pub(crate) campaigns: Vec<Campaign>,
    pub(crate) events: Vec<Event>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) purchases: Vec<Purchase>,
    pub(crate) slots: Slots,
    /// Decides in which order records are appended.
    pub(crate) shuffle: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    /// An activity of campaign 123, or the whole campaign.
    pub(crate) activity: Option<u64>,
    pub(crate) unique: bool,
    pub(crate) compare: bool,
    pub(crate) period: PeriodChoice,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum PeriodChoice {
    LastDays(u32),
    Custom(Bound, Bound),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    Day(NaiveDate),
    Local(NaiveDateTime),
    At(At),
}

#[derive(Debug, Clone)]
pub(crate) struct Campaign {
    pub(crate) id: u64,
    pub(crate) start: Option<At>,
    pub(crate) end: Option<At>,
    pub(crate) activities: Vec<Activity>,
}

#[derive(Debug, Clone)]
pub(crate) struct Activity {
    pub(crate) id: u64,
    pub(crate) kind: &'static str,
    pub(crate) start: Option<At>,
    pub(crate) end: Option<At>,
    pub(crate) limit: Option<u64>,
    pub(crate) product: Option<u64>,
}

impl Activity {
    pub(crate) fn has_funnel(&self) -> bool {
        self.kind == "FIRST_COME_FIRST_SERVE"
    }
}

/// How a record reaches the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    /// Appended with this batch.
    Batch(u8),
    /// A line of a file, its time written in this shape.
    Line(u8),
    /// A line of a stream that is read later.
    Stream(u8),
    /// Lines of an Elasticsearch export that are one document of this index, as often as this. For rows: a line.
    Document(&'static str, u8),
}

#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) trigger: &'static str,
    pub(crate) definition: Option<i64>,
    pub(crate) at: At,
    pub(crate) activity: Option<u64>,
    pub(crate) user: Option<u64>,
    pub(crate) session: Option<&'static str>,
    /// How often it happened; appended ones only.
    pub(crate) times: usize,
    pub(crate) via: Via,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) activity: u64,
    pub(crate) user: u64,
    pub(crate) status: &'static str,
    pub(crate) at: At,
    /// Status and time of an earlier version of the row.
    pub(crate) was: Option<(&'static str, At)>,
    pub(crate) via: Via,
}

#[derive(Debug, Clone)]
pub(crate) struct Purchase {
    pub(crate) user: u64,
    pub(crate) product: u64,
    pub(crate) activity: Option<u64>,
    pub(crate) cents: i64,
    pub(crate) quantity: u32,
    pub(crate) status: &'static str,
    pub(crate) at: At,
    /// Status and time of an earlier version of the row.
    pub(crate) was: Option<(&'static str, At)>,
    pub(crate) via: Via,
}

/// Where slots come from.
#[derive(Debug, Clone)]
pub(crate) enum Slots {
    /// Approvals.
    Derived,
    /// The realtime file.
    File(Vec<SlotLine>),
    /// One after the other: activity, user, and whether it was taken (or released). Of none, they are derived.
    Appended(Vec<(u64, u64, bool)>),
}

/// A line of the realtime file.
#[derive(Debug, Clone)]
pub(crate) struct SlotLine {
    pub(crate) activity: u64,
    pub(crate) counter: Option<i64>,
    pub(crate) members: Option<Vec<u64>>,
}

impl World {
    /// The instant of the answer: now, floored to the second.
    pub(crate) fn as_of(&self) -> At {
        At(self.now.0.div_euclid(1000) * 1000)
    }

    /// The activities asked about.
    pub(crate) fn scope(&self) -> Vec<&Activity> {
        let wanted = |activity: &&Activity| self.question.activity.is_none_or(|id| id == activity.id);
        self.campaigns[0].activities.iter().filter(wanted).collect()
    }
}
