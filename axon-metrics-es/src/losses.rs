//! The records of an index that cannot be used, as a probe counts them. Pure.
//! Lives here: the searches that count them, and how they are reported. Lives elsewhere: the records of one scope and
//! window (`plan`), which a question counts only where a probe has found any.
//!
//! An index without losses costs no search: the counts that every probe makes anyway show that there are none.

use axon_metrics::{
    Timestamp, Window,
    facts::LeftOutReason::{self, FieldDropped, Future, NoActivity, NoSubject, NoTime, NotBelieved, TimeOutOfRange},
    source::StoreLoss,
};
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::{
    fields::{Field, IndexFields},
    time_encoding, times,
    wall_clock::WallClock,
};

/// How far a record's time may lie after now. Clocks differ.
pub(crate) const MAX_SKEW: TimeDelta = TimeDelta::minutes(5);

/// The field in which Elasticsearch lists the fields of a document that it has ignored.
pub(crate) const IGNORED: &str = "_ignored";

/// A field whose loss makes a record unusable for some figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LossyField {
    Trigger,
    Activity,
    User,
    Session,
    Definition,
    Page,
}

impl LossyField {
    pub(crate) const ALL: [Self; 6] =
        [Self::Trigger, Self::Activity, Self::User, Self::Session, Self::Definition, Self::Page];

    /// The field in an index; `None` where it is not used.
    pub(crate) fn of(self, fields: &IndexFields) -> Option<Field> {
        let field = match self {
            Self::Trigger => Some(fields.trigger),
            Self::Activity => Some(fields.activity),
            Self::User => fields.user,
            Self::Session => fields.session,
            Self::Definition => fields.definition,
            Self::Page => fields.page,
        };
        field.filter(|field| field.mapped)
    }

    /// Why a record without it is left out.
    pub(crate) fn reason(self) -> LeftOutReason {
        match self {
            Self::Trigger | Self::Definition => FieldDropped,
            Self::Activity | Self::Page => NoActivity,
            Self::User | Self::Session => NoSubject,
        }
    }
}

/// The records of an index that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Losses {
    /// Without a time.
    pub(crate) no_time: u64,
    /// With a time before 2001 or after 2286.
    pub(crate) out_of_range: u64,
    /// Later than the tolerated skew after the probe.
    pub(crate) future: u64,
    /// Records of which a field was ignored, by [`LossyField::ALL`].
    pub(crate) ignored_by_field: [u64; 6],
    /// Purchases in an index that is not one of purchases.
    pub(crate) purchases: u64,
    /// The newest time; `None` if it is not known.
    pub(crate) newest: Option<Timestamp>,
    /// How many hours the newest records lie in the future, if so many do that their times must be local ones.
    pub(crate) hours_ahead: Option<u32>,
    /// Counts are missing. Those of single fields are then upper bounds.
    pub(crate) uncounted: Suspicion,
    /// What the cheap counts say of all of them.
    pub(crate) suspects: Suspects,
}

/// Records that may be unusable, by the cheap counts of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Suspects {
    /// Without a usable time.
    pub(crate) without_time: u64,
    /// With any ignored field.
    pub(crate) ignored: u64,
}

impl Suspects {
    pub(crate) fn any(self) -> bool {
        self != Self::default()
    }
}

/// What the cheap counts of a probe leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Suspicion {
    /// Records may lack a field, or a usable time.
    pub(crate) fixed: bool,
    /// Records may lie in the future.
    pub(crate) moving: bool,
}

impl Losses {
    /// At most as many as are suspected, and not counted yet. `moving`: some may lie in the future.
    pub(crate) fn at_most(suspects: Suspects, moving: bool) -> Self {
        let Suspects { without_time, ignored } = suspects;
        Self {
            no_time: without_time,
            out_of_range: without_time,
            ignored_by_field: [ignored; 6],
            uncounted: Suspicion { fixed: suspects.any(), moving },
            suspects,
            ..Self::default()
        }
    }

    /// Takes the counts that do not depend on the instant from an earlier probe.
    pub(crate) fn copy_fixed(&mut self, counted: &Self) {
        (self.no_time, self.out_of_range) = (counted.no_time, counted.out_of_range);
        self.ignored_by_field = counted.ignored_by_field;
        self.uncounted.fixed = false;
    }

    pub(crate) fn ignored(&self, field: LossyField) -> u64 {
        let all = LossyField::ALL.iter().zip(self.ignored_by_field);
        all.filter(|(one, _)| **one == field).map(|(_, count)| count).sum()
    }

    /// Whether a record may lie later than the tolerated skew after an instant.
    pub(crate) fn may_lie_after(&self, at: Timestamp) -> bool {
        self.future > 0 || self.uncounted.moving || self.newest.is_some_and(|newest| newest >= at + MAX_SKEW)
    }

    /// Adds those of another index.
    pub(crate) fn add(&mut self, other: &Self) {
        let sum = |one: &mut u64, more: u64| *one = one.saturating_add(more);
        sum(&mut self.no_time, other.no_time);
        sum(&mut self.out_of_range, other.out_of_range);
        sum(&mut self.future, other.future);
        sum(&mut self.purchases, other.purchases);
        self.ignored_by_field.iter_mut().zip(other.ignored_by_field).for_each(|(one, more)| sum(one, more));
        self.uncounted.fixed |= other.uncounted.fixed;
        self.uncounted.moving |= other.uncounted.moving;
        self.newest = self.newest.max(other.newest);
        self.hours_ahead = self.hours_ahead.max(other.hours_ahead);
    }

    /// The numbers of left-out records by reason, with the field that each is about.
    fn by_field(&self, fields: &IndexFields) -> Vec<(LeftOutReason, &'static str, u64)> {
        let time = time_encoding::FIELD;
        let mut counts = vec![(Future, time, self.future), (NotBelieved, fields.trigger.name, self.purchases)];
        if !self.uncounted.fixed {
            counts.extend([(NoTime, time, self.no_time), (TimeOutOfRange, time, self.out_of_range)]);
        }
        for field in LossyField::ALL.into_iter().filter(|_| !self.uncounted.fixed) {
            let name = field.of(fields).map_or("", |field| field.name);
            counts.push((field.reason(), name, self.ignored(field)));
        }
        counts.retain(|(_, _, count)| *count > 0);
        counts
    }
}

/// The counts of [`fixed_filters`]: those that do not depend on the instant.
pub(crate) fn fixed_filters(fields: &IndexFields, pages: bool) -> Vec<Value> {
    let exists = |field: &str| json!({"exists": {"field": field}});
    let (event, time) = (exists(fields.trigger.name), exists(time_encoding::FIELD));
    let mut filters = vec![
        json!({"bool": {"filter": [event], "must_not": [time]}}),
        json!({"bool": {"filter": [event, time], "must_not": [fields.times.plausible()]}}),
    ];
    filters.extend(LossyField::ALL.map(|field| match field.of(fields) {
        Some(_) if field == LossyField::Page && !pages => json!({"match_none": {}}),
        Some(field) => json!({"term": {IGNORED: field.name}}),
        None => json!({"match_none": {}}),
    }));
    filters
}

/// The offsets, in hours, by which local times can lie ahead of UTC.
const OFFSETS: std::ops::RangeInclusive<u32> = 1..=14;

/// The counts that depend on the instant: records in the future, those up to each of [`OFFSETS`] ahead, and those of the
/// same time before.
pub(crate) fn moving_filters(fields: &IndexFields, as_of: Timestamp, clock: WallClock) -> Vec<Value> {
    let within = |from: Timestamp, to: Timestamp| fields.times.within(clock.window(Window { from, to }), false);
    let hours = |hours: u32| TimeDelta::hours(hours.into());
    let mut filters = vec![within(as_of + MAX_SKEW, times::last())];
    filters.extend(OFFSETS.map(|offset| within(as_of + NEAR, as_of + NEAR + hours(offset))));
    filters.extend(OFFSETS.map(|offset| within(as_of - hours(offset), as_of + NEAR)));
    filters
}

/// Nearer to now than this is no matter of a zone: the offsets of two zones differ by at least as much.
const NEAR: TimeDelta = TimeDelta::minutes(15);

impl Losses {
    /// Reads the counts of [`fixed_filters`]. Counts of another form change nothing.
    pub(crate) fn read_fixed(&mut self, counts: &[u64]) {
        let [no_time, out_of_range, ignored @ ..] = counts else { return };
        let Ok(ignored) = ignored.try_into() else { return };
        (self.no_time, self.out_of_range, self.ignored_by_field) = (*no_time, *out_of_range, ignored);
        self.uncounted.fixed = false;
    }

    /// Reads the counts of [`moving_filters`]. Counts of another form change nothing.
    pub(crate) fn read_moving(&mut self, counts: &[u64]) {
        let [future, rest @ ..] = counts else { return };
        if rest.len() != 2 * OFFSETS.count() {
            return;
        }
        let (ahead, before) = rest.split_at(OFFSETS.count());
        (self.future, self.hours_ahead) = (*future, hours_ahead(ahead, before));
        self.uncounted.moving = false;
    }
}

/// How many hours the records lie ahead if their times are local ones; `None` if they are not. A clock that is wrong, or
/// a forged time, moves a few records; a zone moves all, so that about as many lie ahead as in the same time before.
fn hours_ahead(ahead: &[u64], before: &[u64]) -> Option<u32> {
    let all = ahead.last().copied().unwrap_or(0);
    let index = ahead.iter().position(|count| *count == all)?;
    let offset = OFFSETS.clone().nth(index)?;
    let before = before.get(index).copied().unwrap_or(0);
    (offset >= MIN_OFFSET && all >= MIN_AHEAD && all.saturating_mul(10) >= before).then_some(offset)
}

/// Hours. What lies less far ahead is said to be in the future, and nothing about its zone.
const MIN_OFFSET: u32 = 2;
/// Records. Fewer prove nothing.
const MIN_AHEAD: u64 = 3;

/// An index of a report: its name, its fields, its records and its losses.
pub(crate) type Reported<'a> = (&'a str, &'a IndexFields, u64, &'a Losses);

/// The losses of all indices, one entry per reason.
pub(crate) fn report<'a>(indices: impl Iterator<Item = Reported<'a>> + Clone) -> Vec<StoreLoss> {
    let all = indices.clone().fold(0_u64, |sum, (_, _, records, _)| sum.saturating_add(records));
    let mut losses = Vec::new();
    for (reason, what, advice) in REPORTS {
        let (mut records, mut examples) = (0_u64, Vec::new());
        for (index, fields, _, losses) in indices.clone() {
            for (_, field, count) in losses.by_field(fields).into_iter().filter(|(one, _, _)| *one == reason) {
                records = records.saturating_add(count);
                examples.push(format!("index {index}, field {field}: {count}"));
            }
        }
        if records > 0 {
            losses.push(StoreLoss::new(reason, what, records, all).with_examples(examples).with_advice(advice));
        }
    }
    losses
}

/// Each reason, what its records are, and what to do.
const REPORTS: [(LeftOutReason, &str, &str); 7] = [
    (
        NoTime,
        "events",
        "Write occurredAt in a form that the mapping reads (ISO 8601, or whole milliseconds), and index these records \
         again; ignore_malformed hides such records from every search.",
    ),
    (TimeOutOfRange, "events", "Times before 2001 or after 2286 are read in no unit: correct what writes them."),
    (Future, "events", "Correct the clocks of what writes these records, or the zone of its times."),
    (
        NoActivity,
        "events",
        "Write properties.activityId as a whole number, and index these records again; ignore_malformed and \
         ignore_above hide such values from every search.",
    ),
    (
        NoSubject,
        "events",
        "Write userId and sessionId in the form of the mapping, or raise its ignore_above; these records count as \
         events, and not as people.",
    ),
    (FieldDropped, "events", "Write the field in the form of the mapping, or raise its ignore_above."),
    (
        NotBelieved,
        "purchases",
        "PURCHASE events are accepted from the purchase indices alone: add the index to them if what writes into it \
         can be trusted.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// As many records in each hour, ahead up to `ahead` hours.
    fn steady(ahead: usize, per_hour: u64) -> Option<u32> {
        let up_to = |hours: usize| (1..=14_u64).map(move |offset| per_hour * offset.min(hours as u64));
        hours_ahead(&up_to(ahead).collect::<Vec<_>>(), &up_to(14).collect::<Vec<_>>())
    }

    #[test]
    fn local_times_lie_ahead_by_the_offset_of_their_zone() {
        assert_eq!(steady(9, 100), Some(9));
        assert_eq!(steady(2, 3), Some(2));
        // All of a small store.
        assert_eq!(hours_ahead(&[[0; 7].as_slice(), &[21; 7]].concat(), &[0; 14]), Some(8));
    }

    #[test]
    fn a_few_records_ahead_are_not_local_times() {
        assert_eq!(steady(0, 100), None);
        assert_eq!(steady(1, 100), None, "an hour is said to be the future alone");
        assert_eq!(hours_ahead(&[2; 14], &[0; 14]), None);
        let few: Vec<u64> = (1..=14).map(|offset| if offset < 9 { 0 } else { 5 }).collect();
        assert_eq!(hours_ahead(&few, &[1_000; 14]), None);
    }

    #[test]
    fn counts_of_another_form_leave_upper_bounds() {
        let suspects = Suspects { without_time: 7, ignored: 9 };
        let mut losses = Losses::at_most(suspects, true);
        losses.read_fixed(&[1; 7]);
        losses.read_fixed(&[]);
        losses.read_moving(&[1; 28]);
        assert_eq!(losses, Losses::at_most(suspects, true));
        losses.read_fixed(&[1, 2, 3, 4, 5, 6, 7, 8]);
        losses.read_moving(&[1; 29]);
        assert_eq!((losses.no_time, losses.ignored(LossyField::Trigger), losses.ignored(LossyField::Page)), (1, 3, 8));
        assert_eq!((losses.future, losses.uncounted), (1, Suspicion::default()));
    }
}
