//! The suite of [`RealtimeSource`]: one test per sentence of its documentation.

use std::time::Duration;

use super::{
    records::SlotRecord,
    stores::{FaultyStore, RealtimeStore},
    world::{self, BUDGET, at, ids, measured, vouched, well_named},
};
use crate::{
    ActivityId, Missing, Reason,
    source::{Fact, Slots},
    source::{RealtimeQuestion, RealtimeSource, SourceError},
};

fn question(activities: &[u64]) -> RealtimeQuestion {
    RealtimeQuestion { as_of: at(0), budget: BUDGET, activities: ids(activities) }
}

fn slots(activity: u64, counter: &'static str, members: &[u64]) -> SlotRecord {
    SlotRecord { activity: ActivityId(activity), counter: Some(counter), members: Some(members.to_vec()) }
}

async fn found<S: RealtimeStore>(held: &[SlotRecord], activities: &[u64]) -> Option<Vec<(ActivityId, Slots)>> {
    let source = S::holding(held).await?;
    Some(source.realtime(&question(activities)).await.expect("an answer").slots)
}

#[track_caller]
fn not_measured<T: std::fmt::Debug>(fact: &Fact<T>, reason: Reason) {
    assert!(matches!(fact, Err(Missing::NotMeasured(why)) if *why == reason), "{fact:?} is not {reason:?}");
}

/// The source's name is lower case, without blanks.
pub async fn the_name_is_lower_case_without_blanks<S: RealtimeStore>() {
    let Some(source) = S::holding(&[]).await else { return };
    well_named(source.name());
}

/// Counter and member count of each activity asked, in that order.
pub async fn each_activity_asked_is_answered_in_that_order<S: RealtimeStore>() {
    let held = [slots(7, "2", &[1, 2]), slots(8, "45", &[5]), slots(9, "1", &[9])];
    let Some(found) = found::<S>(&held, &[9, 7, 8]).await else { return };
    let told: Vec<_> =
        found.iter().map(|(id, slots)| (id.0, measured(&slots.stock), measured(&slots.members))).collect();
    assert_eq!(told, [(9, S::stock(1), 1), (7, S::stock(2), 2), (8, S::stock(45), 1)]);
    assert!(found.iter().all(|(_, slots)| !slots.derived));
}

/// Values are passed on as stored: negative ones and those over the limit, too.
pub async fn values_are_passed_on_as_stored<S: RealtimeStore>() {
    let held = [slots(7, "-3", &[1]), slots(8, "9000000000000", &[1])];
    let Some(found) = found::<S>(&held, &[7, 8]).await else { return };
    let stock: Vec<_> = found.iter().map(|(_, slots)| measured(&slots.stock)).collect();
    assert_eq!(stock, [S::stock(-3), S::stock(9_000_000_000_000)]);
}

/// A key that is not there: `key_missing`, never 0.
pub async fn a_key_that_is_not_there_is_missing<S: RealtimeStore>() {
    let without_members = SlotRecord { members: None, ..slots(7, "2", &[]) };
    let without_counter = SlotRecord { counter: None, ..slots(8, "", &[1, 2]) };
    let Some(found) = found::<S>(&[without_members, without_counter], &[7, 8, 9]).await else { return };
    let [(_, seventh), (_, eighth), (_, ninth)] = &found[..] else { panic!("three activities: {found:?}") };
    assert_eq!(measured(&seventh.stock), S::stock(2));
    not_measured(&seventh.members, Reason::KeyMissing);
    not_measured(&eighth.stock, Reason::KeyMissing);
    assert_eq!(measured(&eighth.members), 2);
    not_measured(&ninth.stock, Reason::KeyMissing);
    not_measured(&ninth.members, Reason::KeyMissing);
}

/// A value that is no integer: `bad_value`; the other figures stand.
pub async fn a_value_that_is_no_integer_is_a_bad_value<S: RealtimeStore>() {
    let held = [slots(7, "many", &[1, 2, 3]), slots(8, "1.5", &[1]), slots(9, "4", &[1])];
    let Some(found) = found::<S>(&held, &[7, 8, 9]).await else { return };
    not_measured(&found[0].1.stock, Reason::BadValue);
    assert_eq!(measured(&found[0].1.members), 3);
    not_measured(&found[1].1.stock, Reason::BadValue);
    assert_eq!(measured(&found[2].1.stock), S::stock(4));
}

/// No activities: an empty answer.
pub async fn no_activities_are_an_empty_answer<S: RealtimeStore>() {
    let Some(found) = found::<S>(&[slots(7, "2", &[1])], &[]).await else { return };
    assert!(found.is_empty(), "{found:?}");
}

/// A thousand activities are one question.
pub async fn a_thousand_activities_are_one_question<S: RealtimeStore>() {
    let held: Vec<_> = (1..=1_000).map(|id| slots(id, "2", &[id, id + 1])).collect();
    let activities: Vec<u64> = (1..=1_000).collect();
    let Some(found) = found::<S>(&held, &activities).await else { return };
    assert_eq!(found.len(), 1_000);
    assert!(found.iter().all(|(_, slots)| measured(&slots.members) == 2));
}

/// Freshness: the time of the read.
pub async fn facts_are_complete_up_to_the_read<S: RealtimeStore>() {
    let Some(source) = S::holding(&[slots(7, "2", &[1, 2])]).await else { return };
    let facts = source.realtime(&question(&[7])).await.expect("an answer");
    vouched(&facts.slots[0].1.stock, source.name());
    vouched(&facts.slots[0].1.members, source.name());
}

/// A probe says that the store answers.
pub async fn a_probe_says_that_the_store_answers<S: RealtimeStore>() {
    let Some(source) = S::holding(&[]).await else { return };
    source.probe(at(0), BUDGET).await.expect("a probe");
}

const SHORT: Duration = Duration::from_millis(400);

/// Unavailable if no answer came within the budget.
pub async fn silence_is_unavailable_within_the_budget<S: FaultyStore>()
where
    S::Source: RealtimeSource,
{
    let source = S::silent().await;
    let question = RealtimeQuestion { budget: SHORT, ..question(&[7]) };
    let asked = world::within(SHORT, source.realtime(&question)).await;
    assert!(matches!(asked, Err(SourceError::Unavailable { .. })), "{asked:?}");
    let probed = world::within(SHORT, source.probe(at(0), SHORT)).await;
    assert!(matches!(probed, Err(SourceError::Unavailable { .. })), "{probed:?}");
}

/// Lost if there was no connection or it broke.
pub async fn a_lost_connection_is_lost<S: FaultyStore>()
where
    S::Source: RealtimeSource,
{
    let source = S::cut().await;
    let question = RealtimeQuestion { budget: SHORT, ..question(&[7]) };
    world::lost(world::within(SHORT, source.realtime(&question)).await.map(|_| ()));
    let source = S::cut().await;
    world::lost(world::within(SHORT, source.probe(at(0), SHORT)).await.map(|_| ()));
}

/// If the source has tried again by itself, it is unavailable.
pub async fn a_refused_connection_is_lost_or_unavailable<S: FaultyStore>()
where
    S::Source: RealtimeSource,
{
    let source = S::refused().await;
    let question = RealtimeQuestion { budget: SHORT, ..question(&[7]) };
    world::lost_or_unavailable(world::within(SHORT, source.realtime(&question)).await.map(|_| ()));
    world::lost_or_unavailable(world::within(SHORT, source.probe(at(0), SHORT)).await.map(|_| ()));
}

/// Malformed if the answer is not what was asked; a stream of nonsense may be a connection that is broken.
pub async fn nonsense_is_an_error_and_no_number<S: FaultyStore>()
where
    S::Source: RealtimeSource,
{
    let source = S::garbled().await;
    let question = RealtimeQuestion { budget: SHORT, ..question(&[7]) };
    world::refused(world::within(SHORT, source.realtime(&question)).await.map(|_| ()));
}

/// Makes a test of every sentence of [`RealtimeSource`](crate::source::RealtimeSource), for a
/// [`RealtimeStore`](crate::testing::RealtimeStore). Needs tokio with `macros` and `rt`.
#[macro_export]
macro_rules! realtime_source_conformance {
    ($store:ty) => {
        $crate::__each_sentence!(realtime, $store:
            the_name_is_lower_case_without_blanks
            each_activity_asked_is_answered_in_that_order
            values_are_passed_on_as_stored
            a_key_that_is_not_there_is_missing
            a_value_that_is_no_integer_is_a_bad_value
            no_activities_are_an_empty_answer
            a_thousand_activities_are_one_question
            facts_are_complete_up_to_the_read
            a_probe_says_that_the_store_answers
        );
    };
}

/// Makes tests of what a [`RealtimeSource`](crate::source::RealtimeSource) over a server says when that server misbehaves
/// ([`FaultyStore`](crate::testing::FaultyStore)).
#[macro_export]
macro_rules! realtime_server_conformance {
    ($store:ty) => {
        $crate::__each_sentence!(realtime, $store:
            silence_is_unavailable_within_the_budget
            a_lost_connection_is_lost
            a_refused_connection_is_lost_or_unavailable
            nonsense_is_an_error_and_no_number
        );
    };
}
