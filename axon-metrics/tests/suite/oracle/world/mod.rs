//! Small worlds: a catalog, records, and one question. `build` makes a world from random numbers, `deliver` loads it
//! into the store under test, and `expect` computes the expected answer record by record.

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
    /// Only visits of this tracker definition count; `None` for all.
    pub(crate) definition: Option<i64>,
    pub(crate) baseline_weeks: u32,
    pub(crate) campaigns: Vec<Campaign>,
    pub(crate) events: Vec<Event>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) purchases: Vec<Purchase>,
    pub(crate) slots: Slots,
    /// The seed of the order in which records are appended.
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
    /// A line of a file, with its time in this format.
    Line(u8),
    /// A line of a stream that is read later, with its time in this format.
    Stream(u8),
    /// One document of this index in an Elasticsearch export, repeated on this many lines. For rows: a line.
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
    /// How often it is appended; 1 for lines.
    pub(crate) times: usize,
    pub(crate) via: Via,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) activity: u64,
    pub(crate) user: u64,
    pub(crate) status: &'static str,
    pub(crate) at: At,
    /// The status and time of an older version of the row, if there is one.
    pub(crate) was: Option<(&'static str, At)>,
    pub(crate) via: Via,
}

#[derive(Debug, Clone)]
pub(crate) struct Purchase {
    pub(crate) user: u64,
    pub(crate) product: u64,
    pub(crate) activity: Option<u64>,
    /// The price; negative for a refund.
    pub(crate) cents: i64,
    pub(crate) quantity: u32,
    pub(crate) status: &'static str,
    pub(crate) at: At,
    /// The status and time of an older version of the row, if there is one.
    pub(crate) was: Option<(&'static str, At)>,
    pub(crate) via: Via,
}

impl Purchase {
    /// Whether it is an order that counts.
    pub(crate) fn is_order(&self) -> bool {
        self.status == "CONFIRMED" && self.cents >= 0
    }

    /// Whether it gives money back: it has a negative price, and is not reversed.
    pub(crate) fn is_refund(&self) -> bool {
        self.status == "CONFIRMED" && self.cents < 0
    }
}

/// The source of slots.
#[derive(Debug, Clone)]
pub(crate) enum Slots {
    /// Derived from approvals.
    Derived,
    /// The realtime file.
    File(Vec<SlotLine>),
    /// Appended changes: activity, user, and whether the slot was taken, else released. Derived if there are none.
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

    /// The activities of the question.
    pub(crate) fn scope(&self) -> Vec<&Activity> {
        let in_scope = |activity: &&Activity| self.question.activity.is_none_or(|id| id == activity.id);
        self.campaigns[0].activities.iter().filter(in_scope).collect()
    }
}
