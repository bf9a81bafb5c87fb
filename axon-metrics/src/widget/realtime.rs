//! Realtime: current stock and participants, active users of the last five minutes, inflow per clock hour.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    input::{BucketSeries, Compute, Facts, WidgetInput},
    notes::{Notes, value},
};
use crate::{
    source::{Fact, Missing, Reason, SeriesActivities, Slots, Stock},
    vocabulary::{Activity, ActivityId, IdText, Phase, Timestamp, Window, calendar},
    wire::{Warning, WarningCode},
};

/// Current stock and participants, active users and inflow. Null is missing, never 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
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
    /// Events of the first step in each of the last 24 clock hours, the last one in progress; null if not available.
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
#[non_exhaustive]
pub struct ActivityStock {
    /// The activity.
    pub activity_id: ActivityId,
    /// The activity's id as text.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "789"))]
    pub activity_key: IdText<ActivityId>,
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
#[non_exhaustive]
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
#[non_exhaustive]
pub enum BucketState {
    /// Over.
    Complete,
    /// Not over yet.
    InProgress,
}

/// The number of clock hours in the inflow.
const INFLOW_HOURS: usize = 24;
/// How many hours to look back for them: one more than are needed.
const INFLOW_SPAN: i64 = 25;

impl BucketState {
    /// The state of a whole bucket whose data are complete up to `as_of`.
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
        let slot_states: Vec<SlotState> = activities
            .iter()
            .zip(&facts.slots)
            .map(|(activity, (_, slots))| SlotState::of(activity, slots, input.as_of))
            .collect();
        let reads = facts.slots.iter().map(|(_, slots)| read_at(slots));
        for (_, slots) in &facts.slots {
            notes.record("remainingStock", &slots.stock);
            notes.record("participantsTotal", &slots.members);
        }
        let is_activity = input.scope.activity().is_some();
        let remaining = |state: &SlotState| state.remaining.clone();
        let participants = |state: &SlotState| state.participants.clone();
        let remaining_stock = SlotState::sum(&slot_states, remaining, "remainingStock", notes);
        let active_users = notes.figure("activeUsers", &facts.active);
        let none_started = slot_states.iter().all(|state| state.not_started);
        let last_updated = match none_started {
            true => notes.derived_before_start("lastUpdated", oldest(reads)),
            false => notes.derived("lastUpdated", oldest(reads)),
        };
        let limits = total(activities.iter().map(|activity| activity.limit.ok_or(Missing::Unlimited)));
        let initial_stock = limit(notes, "initialStock".to_owned(), limits);
        let participants_total = SlotState::sum(&slot_states, participants, "participantsTotal", notes);
        let inflow = inflow(input, facts, notes);
        let hourly_inflow = notes.derived("hourlyInflow", inflow);
        let activities = (!is_activity).then(|| {
            activities.iter().zip(&slot_states).map(|(activity, slot_state)| slot_state.row(activity, notes)).collect()
        });
        for (activity, slot_state) in input.scope.activities.iter().zip(&slot_states) {
            let prefix = if is_activity { String::new() } else { format!("activities[{}].", activity.id) };
            slot_state.warn_into(notes, &prefix);
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

/// A limit; `None` with a note on the reason. It comes from the catalog, so a known limit does not count as an
/// available figure.
fn limit(notes: &mut Notes, field: String, limit: Result<u64, Missing>) -> Option<u64> {
    match limit {
        Ok(limit) => Some(limit),
        Err(why) => notes.derived(field, Err(why)),
    }
}

/// The visits of each hour; missing as a whole if one hour is missing.
fn inflow(input: &WidgetInput<'_>, facts: &Facts, notes: &mut Notes) -> Result<Vec<InflowBucket>, Missing> {
    let bucket = |(hour, visits): (Window, &Fact<u64>)| {
        notes.record("hourlyInflow", visits);
        let state = BucketState::of(hour, input.as_of);
        Ok(InflowBucket { from: hour.from, to: hour.to, visits: value(visits)?, state })
    };
    let hours = input.visits::<Realtime>(facts).map(bucket).collect::<Result<Vec<_>, _>>()?;
    if hours.is_empty() { Err(Missing::NotSupported) } else { Ok(hours) }
}

/// The clock hour in progress and those before it, oldest first.
fn inflow_hours(as_of: Timestamp, zone: chrono_tz::Tz) -> Vec<Window> {
    let last = calendar::hour(as_of, zone).whole;
    // A clock hour is an hour, or less where clocks change within it.
    let earlier = Window { from: last.from - chrono::Duration::hours(INFLOW_SPAN), to: last.from };
    let hours = calendar::hours(earlier, zone).into_iter().map(|hour| hour.whole).chain([last]);
    let hours: Vec<Window> = hours.collect();
    hours[hours.len().saturating_sub(INFLOW_HOURS)..].to_vec()
}

/// The sum of all parts; missing if one part is missing. The reason is a failed source if there is one, since that may
/// pass; else the first reason. Without parts it is [`Reason::NoActivities`].
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

/// The time of the read of one activity's slots.
fn read_at(slots: &Slots) -> Result<Timestamp, Missing> {
    let stock = slots.stock.as_ref().map(|stock| stock.complete_to);
    stock
        .or_else(|why| slots.members.as_ref().map(|members| members.complete_to).map_err(|_| why))
        .map_err(Clone::clone)
}

/// The oldest of the available instants; a reason only if none is available.
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

/// The stock and participants of one activity, derived from its slots, limit and dates.
pub(super) struct SlotState {
    pub(super) remaining: Result<u64, Missing>,
    participants: Result<u64, Missing>,
    /// Before the start no key is expected.
    not_started: bool,
    /// Their fields are paths inside the activity.
    warnings: Vec<Warning>,
}

impl SlotState {
    pub(super) fn of(activity: &Activity, slots: &Slots, as_of: Timestamp) -> Self {
        let not_started = Phase::at(as_of, activity.start, activity.end) == Phase::NotStarted;
        let (remaining, participants) = (Err(Missing::Unlimited), value(&slots.members));
        let mut slot_state = Self { remaining, participants, not_started, warnings: Vec::new() };
        if slots.derived {
            slot_state.warn(WarningCode::Derived, "stock and participants come from approval events", &[]);
        }
        let key_missing = |missing: &Missing| matches!(missing, Missing::NotMeasured(Reason::KeyMissing));
        let (stock, members) = (value(&slots.stock), value(&slots.members));

        let held = match (&stock, &members) {
            (Err(counter), Err(set)) if key_missing(counter) && key_missing(set) && not_started => {
                slot_state.participants = Ok(0);
                Ok(0)
            }
            (Err(counter), Ok(members)) if key_missing(counter) => {
                // Without a limit there is no remaining stock to be wrong.
                if activity.limit.is_some() {
                    slot_state.drift(None, Some(*members));
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
                // A store may delete a set with its last member, as Redis does.
                Err(set) if key_missing(set) && *counter <= 0 => slot_state.participants = Ok(0),
                _ => {}
            }
            let counted =
                members.as_ref().ok().copied().or_else(|| members.as_ref().is_err_and(key_missing).then_some(0));
            if *counter < 0 || counted.is_some_and(|members| i64::try_from(members) != Ok(*counter)) {
                slot_state.drift(Some(*counter), members.ok());
            }
        }
        slot_state.remaining = match (activity.limit, held) {
            (None, _) => Err(Missing::Unlimited),
            (Some(_), Err(why)) => Err(why),
            (Some(limit), Ok(held)) => {
                let held = u64::try_from(held).unwrap_or(0);
                if held > limit {
                    let numbers = [("limit", i64::try_from(limit).ok()), ("held", i64::try_from(held).ok())];
                    slot_state.warn(WarningCode::Oversold, "more slots are held than the limit allows", &numbers);
                }
                Ok(limit.saturating_sub(held))
            }
        };
        slot_state
    }

    /// The sum of one figure of all activities; `None` with a note on the reason.
    fn sum(states: &[Self], of: impl Fn(&Self) -> Result<u64, Missing>, field: &str, notes: &mut Notes) -> Option<u64> {
        let key_missing = |state: &&Self| matches!(of(state), Err(Missing::NotMeasured(Reason::KeyMissing)));
        let is_expected = states.iter().filter(key_missing).all(|state| state.not_started);
        let sum = total(states.iter().map(&of));
        if is_expected { notes.derived_before_start(field, sum) } else { notes.derived(field, sum) }
    }

    /// A figure of the activity; `None` with a note on the reason.
    pub(super) fn figure(&self, field: String, value: Result<u64, Missing>, notes: &mut Notes) -> Option<u64> {
        if self.not_started { notes.derived_before_start(field, value) } else { notes.derived(field, value) }
    }

    /// Adds the warnings to the notes, with a prefix before the paths of their fields.
    pub(super) fn warn_into(&self, notes: &mut Notes, prefix: &str) {
        for warning in &self.warnings {
            let field = warning.field.as_ref().map(|field| format!("{prefix}{field}"));
            notes.warn(Warning { field, ..warning.clone() });
        }
    }

    fn drift(&mut self, counter: Option<i64>, members: Option<u64>) {
        let numbers = [("counter", counter), ("members", members.and_then(|members| i64::try_from(members).ok()))];
        self.warn(WarningCode::CounterDrift, "the slot counter and the number of members differ", &numbers);
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
            activity_key: IdText(activity.id),
            remaining_stock: self.figure(field("remainingStock"), self.remaining.clone(), notes),
            initial_stock: limit(notes, field("initialStock"), activity.limit.ok_or(Missing::Unlimited)),
            participants_total: self.figure(field("participantsTotal"), self.participants.clone(), notes),
        }
    }
}
