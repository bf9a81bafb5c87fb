//! Realtime: stock and participants of this second, who was active in the last five minutes, inflow per hour.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    input::{BucketSeries, Compute, Facts, WidgetInput},
    notes::{Notes, value},
};
use crate::{
    source::{Fact, Missing, Reason, SeriesActivities, Slots, Stock},
    vocabulary::{Activity, ActivityId, Phase, Timestamp, Window, calendar},
    wire::{Warning, WarningCode},
};

/// What is true this second. Null is missing, never 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Realtime {
    /// Limit less slots held, within 0 and the limit; for a campaign the sum.
    pub remaining_stock: Option<u64>,
    /// Distinct subjects with any event in the last five minutes.
    pub active_users: Option<u64>,
    /// The instant of the stock read.
    pub last_updated: Option<DateTime<Utc>>,
    /// The limit; for a campaign the sum.
    pub initial_stock: Option<u64>,
    /// Everyone who holds a slot; for a campaign the sum, a person in two activities counts twice.
    pub participants_total: Option<u64>,
    /// Events of the first step per clock hour, 24 in all, the last in progress; null when they could not be had.
    pub hourly_inflow: Option<Vec<InflowBucket>>,
    /// The activities one by one; only for a campaign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub activities: Option<Vec<ActivityStock>>,
}

/// Stock of one activity of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ActivityStock {
    /// The activity.
    pub activity_id: ActivityId,
    /// Limit less slots held.
    pub remaining_stock: Option<u64>,
    /// The limit.
    pub initial_stock: Option<u64>,
    /// Everyone who holds a slot.
    pub participants_total: Option<u64>,
}

/// Events of one clock hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InflowBucket {
    /// The hour's first instant.
    pub from: DateTime<Utc>,
    /// The first instant after the hour.
    pub to: DateTime<Utc>,
    /// Events of the funnel's first step; those until now while the hour is in progress.
    pub visits: u64,
    /// Whether the hour is over.
    pub state: BucketState,
}

/// Whether a bucket can still grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BucketState {
    /// Over.
    Complete,
    /// Not over yet.
    InProgress,
}

const INFLOW_HOURS: usize = 24;

impl BucketState {
    /// The state at an instant of a bucket that is asked for as a whole.
    pub(super) fn of(bucket: Window, as_of: Timestamp) -> Self {
        if bucket.to <= as_of { Self::Complete } else { Self::InProgress }
    }
}

impl Compute for Realtime {
    fn series(input: &WidgetInput<'_>) -> Option<BucketSeries> {
        let buckets = inflow_hours(input.as_of, input.zone);
        Some(BucketSeries::of::<Self>(buckets, SeriesActivities::All))
    }

    fn compute(input: &WidgetInput<'_>, facts: &Facts, notes: &mut Notes) -> Self {
        let activities = input.scope.activities;
        let standings: Vec<Standing> = activities
            .iter()
            .zip(&facts.slots)
            .map(|(activity, (_, slots))| Standing::of(activity, slots, input.as_of))
            .collect();
        let reads = facts.slots.iter().map(|(_, slots)| read_at(slots));
        for (_, slots) in &facts.slots {
            notes.look_at(&slots.stock);
            notes.look_at(&slots.members);
        }
        let single = input.scope.activity().is_some();
        let remaining_stock = notes.derived("remainingStock", total(standings.iter().map(|one| one.remaining.clone())));
        let active_users = notes.figure("activeUsers", &facts.active);
        let last_updated = notes.derived("lastUpdated", oldest(reads));
        let limits = total(activities.iter().map(|activity| activity.limit.ok_or(Missing::Unlimited)));
        let initial_stock = limit(notes, "initialStock".to_owned(), limits);
        let participants_total =
            notes.derived("participantsTotal", total(standings.iter().map(|one| one.participants.clone())));
        let hours = inflow(input, facts, notes);
        let hourly_inflow = notes.derived("hourlyInflow", hours);
        let activities = (!single).then(|| {
            activities.iter().zip(&standings).map(|(activity, standing)| standing.row(activity, notes)).collect()
        });
        for (activity, standing) in input.scope.activities.iter().zip(&standings) {
            let prefix = if single { String::new() } else { format!("activities[{}].", activity.id) };
            standing.warn_into(notes, &prefix);
        }
        Self {
            remaining_stock,
            active_users,
            last_updated,
            initial_stock,
            participants_total,
            hourly_inflow,
            activities,
        }
    }
}

/// A limit, or null and why. It is the catalog's: that it is known says nothing of the sources, so it counts for no status.
fn limit(notes: &mut Notes, field: String, limit: Result<u64, Missing>) -> Option<u64> {
    match limit {
        Ok(limit) => Some(limit),
        Err(why) => notes.derived(field, Err(why)),
    }
}

/// The visits of each hour; missing as a whole if those of one hour are.
fn inflow(input: &WidgetInput<'_>, facts: &Facts, notes: &mut Notes) -> Result<Vec<InflowBucket>, Missing> {
    let bucket = |(hour, visits): (Window, &Fact<u64>)| {
        notes.look_at(visits);
        let state = BucketState::of(hour, input.as_of);
        Ok(InflowBucket { from: hour.from, to: hour.to, visits: value(visits)?, state })
    };
    let hours = input.visits::<Realtime>(facts).map(bucket).collect::<Result<Vec<_>, _>>()?;
    if hours.is_empty() { Err(Missing::NotSupported) } else { Ok(hours) }
}

/// The clock hour in progress and those before it, oldest first.
fn inflow_hours(as_of: Timestamp, zone: chrono_tz::Tz) -> Vec<Window> {
    let last = calendar::hour(as_of, zone).whole;
    let earlier = Window { from: last.from - chrono::Duration::days(2), to: last.from };
    let hours = calendar::hours(earlier, zone).into_iter().map(|hour| hour.whole).chain([last]);
    let hours: Vec<Window> = hours.collect();
    hours[hours.len().saturating_sub(INFLOW_HOURS)..].to_vec()
}

/// A sum that is missing if one part is. A failure is named before other reasons, since it may pass.
fn total(parts: impl Iterator<Item = Result<u64, Missing>>) -> Result<u64, Missing> {
    let mut sum = Err(Missing::NotMeasured(Reason::NoActivities));
    for part in parts {
        sum = match (sum, part) {
            (_, Err(why @ Missing::Unavailable(_))) => Err(why),
            (Err(Missing::NotMeasured(Reason::NoActivities)), part) => part,
            (Ok(sum), Ok(part)) => Ok(sum.saturating_add(part)),
            (Ok(_), Err(why)) | (Err(why), _) => Err(why),
        };
    }
    sum
}

/// When the slots of one activity were read.
fn read_at(slots: &Slots) -> Result<Timestamp, Missing> {
    let stock = slots.stock.as_ref().map(|stock| stock.complete_to);
    stock
        .or_else(|why| slots.members.as_ref().map(|members| members.complete_to).map_err(|_| why))
        .map_err(Clone::clone)
}

/// The oldest instant that is there; a failure only if there is none.
fn oldest(instants: impl Iterator<Item = Result<Timestamp, Missing>>) -> Result<Timestamp, Missing> {
    let mut oldest = Err(Missing::NotMeasured(Reason::NoActivities));
    for instant in instants {
        oldest = match (oldest, instant) {
            (Ok(oldest), Ok(instant)) => Ok(instant.min(oldest)),
            (Ok(oldest), Err(_)) => Ok(oldest),
            (Err(_), instant) => instant,
        };
    }
    oldest
}

/// What the slots of one activity mean, given its limit and dates.
pub(super) struct Standing {
    pub(super) remaining: Result<u64, Missing>,
    participants: Result<u64, Missing>,
    /// Each as said of the activity alone.
    warnings: Vec<Warning>,
}

impl Standing {
    pub(super) fn of(activity: &Activity, slots: &Slots, as_of: Timestamp) -> Self {
        let mut standing =
            Self { remaining: Err(Missing::Unlimited), participants: value(&slots.members), warnings: Vec::new() };
        if slots.derived {
            standing.warn(WarningCode::Derived, "stock and participants come from approval events", &[]);
        }
        let absent = |missing: &Missing| matches!(missing, Missing::NotMeasured(Reason::KeyMissing));
        let (stock, members) = (value(&slots.stock), value(&slots.members));
        let not_started = Phase::at(as_of, activity.start, activity.end) == Phase::NotStarted;

        let held = match (&stock, &members) {
            (Err(counter), Err(set)) if absent(counter) && absent(set) && not_started => {
                standing.participants = Ok(0);
                Ok(0)
            }
            (Err(counter), Ok(members)) if absent(counter) => {
                // What is left cannot be counted where there is no limit.
                if activity.limit.is_some() {
                    standing.drift(None, Some(*members));
                }
                Ok(i64::try_from(*members).unwrap_or(i64::MAX))
            }
            (Err(why), _) => Err(why.clone()),
            (Ok(Stock::Held(held)), _) => Ok(*held),
            (Ok(Stock::Remaining(left)), _) => match activity.limit {
                Some(limit) => Ok(i64::try_from(limit).unwrap_or(i64::MAX).saturating_sub(*left)),
                None => Err(Missing::Unlimited),
            },
        };
        if let Ok(counter) = stock.as_ref().and(held.as_ref()) {
            match &members {
                // A set that loses its last member is gone from its store.
                Err(set) if absent(set) && *counter <= 0 => standing.participants = Ok(0),
                _ => {}
            }
            let counted = members.as_ref().ok().copied().or_else(|| members.as_ref().is_err_and(absent).then_some(0));
            if *counter < 0 || counted.is_some_and(|members| i64::try_from(members) != Ok(*counter)) {
                standing.drift(Some(*counter), members.ok());
            }
        }
        standing.remaining = match (activity.limit, held) {
            (None, _) => Err(Missing::Unlimited),
            (Some(_), Err(why)) => Err(why),
            (Some(limit), Ok(held)) => {
                let held = u64::try_from(held).unwrap_or(0);
                if held > limit {
                    let numbers = [("limit", i64::try_from(limit).ok()), ("held", i64::try_from(held).ok())];
                    standing.warn(WarningCode::Oversold, "more slots are held than there are", &numbers);
                }
                Ok(limit.saturating_sub(held))
            }
        };
        standing
    }

    /// Hands the warnings on, their figures' paths under a prefix.
    pub(super) fn warn_into(&self, notes: &mut Notes, prefix: &str) {
        for warning in &self.warnings {
            let field = warning.field.as_ref().map(|field| format!("{prefix}{field}"));
            notes.warn(Warning { field, ..warning.clone() });
        }
    }

    fn drift(&mut self, counter: Option<i64>, members: Option<u64>) {
        let numbers = [("counter", counter), ("members", members.and_then(|members| i64::try_from(members).ok()))];
        self.warn(WarningCode::CounterDrift, "the counter and the members differ", &numbers);
    }

    fn warn(&mut self, code: WarningCode, message: &str, numbers: &[(&str, Option<i64>)]) {
        let mut warning = Warning::new(code, message).about("remainingStock");
        for (name, number) in numbers {
            warning = warning.with(name, *number);
        }
        self.warnings.push(warning);
    }

    fn row(&self, activity: &Activity, notes: &mut Notes) -> ActivityStock {
        let field = |name: &str| format!("activities[{}].{name}", activity.id);
        ActivityStock {
            activity_id: activity.id,
            remaining_stock: notes.derived(field("remainingStock"), self.remaining.clone()),
            initial_stock: limit(notes, field("initialStock"), activity.limit.ok_or(Missing::Unlimited)),
            participants_total: notes.derived(field("participantsTotal"), self.participants.clone()),
        }
    }
}
