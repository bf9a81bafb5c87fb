//! Trend: the visits of each calendar day of the range.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{
    input::{BucketSeries, Compute, Facts, WidgetInput},
    notes::{Notes, value},
    realtime::BucketState,
};
use crate::{
    source::{Fact, SeriesActivities},
    vocabulary::{Window, calendar},
};

/// Visits over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Trend {
    /// How long a bucket is.
    pub interval: TrendInterval,
    /// The days of the range in the business zone, oldest first.
    pub buckets: Vec<TrendBucket>,
}

/// How long a bucket of a trend is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TrendInterval {
    /// A calendar day of the business zone: 24 hours, or more or less if the clocks change.
    Day,
}

/// One day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct TrendBucket {
    /// Its first instant in the range.
    pub from: DateTime<Utc>,
    /// The first instant after it, or after the range.
    pub to: DateTime<Utc>,
    /// Its calendar date in the business zone.
    pub date: NaiveDate,
    /// Whether it is over, and whole.
    pub state: TrendState,
    /// Events of the funnel's first step; those until now while it is in progress. Null is missing, never 0.
    pub visits: Option<u64>,
}

/// Whether a bucket of a trend is over, and whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TrendState {
    /// Over, and entirely in the range.
    Complete,
    /// Not over yet, or the source is not complete up to its end.
    InProgress,
    /// Over, and only partly in the range.
    Cut,
}

impl Compute for Trend {
    /// The days yet to come are buckets, too.
    const SHOWS_WHOLE_RANGE: bool = true;

    fn series(input: &WidgetInput<'_>) -> Option<BucketSeries> {
        let buckets = calendar::days(input.range, input.zone);
        Some(BucketSeries::of::<Self>(buckets, SeriesActivities::WithFunnel))
    }

    fn compute(input: &WidgetInput<'_>, facts: &Facts, notes: &mut Notes) -> Self {
        let bucket = |(index, (day, visits)): (usize, (Window, &Fact<u64>))| {
            let complete_to = visits.as_ref().map_or(input.as_of, |measured| measured.complete_to);
            let in_progress = BucketState::of(day, complete_to) == BucketState::InProgress;
            TrendBucket {
                from: day.from,
                to: day.to,
                date: calendar::date(day.from, input.zone),
                state: match in_progress {
                    true => TrendState::InProgress,
                    false if is_whole(day, input.zone) => TrendState::Complete,
                    false => TrendState::Cut,
                },
                visits: {
                    // What was left out is known of all days together.
                    notes.record("buckets", visits);
                    notes.derived(format!("buckets[{index}].visits"), value(visits))
                },
            }
        };
        Self { interval: TrendInterval::Day, buckets: input.visits::<Self>(facts).enumerate().map(bucket).collect() }
    }
}

/// Whether a window is a calendar day from its beginning to its end.
fn is_whole(day: Window, zone: chrono_tz::Tz) -> bool {
    let date = calendar::date(day.from, zone);
    let next = date.succ_opt().and_then(|next| calendar::start_of_day(next, zone));
    calendar::start_of_day(date, zone) == Some(day.from) && next == Some(day.to)
}
