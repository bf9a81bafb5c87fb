//! The suite of [`RealtimeSource`]: one test per sentence of its documentation.

use std::time::Duration;

use super::{
    records::SlotRecord,
    server,
    stores::{FaultyStore, RealtimeStore},
    world::{self, BUDGET, assert_provenance, assert_valid_name, at, ids, measured},
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

async fn ask<S: RealtimeStore>(records: &[SlotRecord], activities: &[u64]) -> Option<Vec<(ActivityId, Slots)>> {
    let source = S::holding(records).await?;
    Some(source.realtime(&question(activities)).await.expect("an answer").slots)
}

#[track_caller]
fn not_measured<T: std::fmt::Debug>(fact: &Fact<T>, reason: Reason) {
    assert!(
        matches!(fact, Err(Missing::NotMeasured(why)) if *why == reason),
        "{fact:?} is not missing with {reason:?}"
    );
}

/// The name of the source is lower case, without blanks.
pub async fn the_name_is_lower_case_without_blanks<S: RealtimeStore>() {
    let Some(source) = S::holding(&[]).await else { return };
    assert_valid_name(source.name());
}

/// Counter and member count of each activity of the question, in that order.
pub async fn each_activity_asked_is_answered_in_that_order<S: RealtimeStore>() {
    let records = [slots(7, "2", &[1, 2]), slots(8, "45", &[5]), slots(9, "1", &[9])];
    let Some(answer) = ask::<S>(&records, &[9, 7, 8]).await else { return };
    let values: Vec<_> =
        answer.iter().map(|(id, slots)| (id.0, measured(&slots.stock), measured(&slots.members))).collect();
    assert_eq!(values, [(9, S::stock(1), 1), (7, S::stock(2), 2), (8, S::stock(45), 1)]);
    assert!(answer.iter().all(|(_, slots)| !slots.derived));
}

/// Values are returned as stored, even if negative or over the limit.
pub async fn values_are_passed_on_as_stored<S: RealtimeStore>() {
    let records = [slots(7, "-3", &[1]), slots(8, "9000000000000", &[1])];
    let Some(answer) = ask::<S>(&records, &[7, 8]).await else { return };
    let stock: Vec<_> = answer.iter().map(|(_, slots)| measured(&slots.stock)).collect();
    assert_eq!(stock, [S::stock(-3), S::stock(9_000_000_000_000)]);
}

/// A missing key: `key_missing`, never 0.
pub async fn a_key_that_is_not_there_is_missing<S: RealtimeStore>() {
    let without_members = SlotRecord { members: None, ..slots(7, "2", &[]) };
    let without_counter = SlotRecord { counter: None, ..slots(8, "", &[1, 2]) };
    let Some(answer) = ask::<S>(&[without_members, without_counter], &[7, 8, 9]).await else { return };
    let [(_, seventh), (_, eighth), (_, ninth)] = &answer[..] else { panic!("three activities: {answer:?}") };
    assert_eq!(measured(&seventh.stock), S::stock(2));
    not_measured(&seventh.members, Reason::KeyMissing);
    not_measured(&eighth.stock, Reason::KeyMissing);
    assert_eq!(measured(&eighth.members), 2);
    not_measured(&ninth.stock, Reason::KeyMissing);
    not_measured(&ninth.members, Reason::KeyMissing);
}

/// A value that is not an integer: `bad_value`. The other figures are not affected.
pub async fn a_value_that_is_no_integer_is_a_bad_value<S: RealtimeStore>() {
    let records = [slots(7, "many", &[1, 2, 3]), slots(8, "1.5", &[1]), slots(9, "4", &[1])];
    let Some(answer) = ask::<S>(&records, &[7, 8, 9]).await else { return };
    not_measured(&answer[0].1.stock, Reason::BadValue);
    assert_eq!(measured(&answer[0].1.members), 3);
    not_measured(&answer[1].1.stock, Reason::BadValue);
    assert_eq!(measured(&answer[2].1.stock), S::stock(4));
}

/// No activities: an empty answer.
pub async fn no_activities_are_an_empty_answer<S: RealtimeStore>() {
    let Some(answer) = ask::<S>(&[slots(7, "2", &[1])], &[]).await else { return };
    assert!(answer.is_empty(), "{answer:?}");
}

/// A thousand activities can be in one question.
pub async fn a_thousand_activities_are_one_question<S: RealtimeStore>() {
    let records: Vec<_> = (1..=1_000).map(|id| slots(id, "2", &[id, id + 1])).collect();
    let activities: Vec<u64> = (1..=1_000).collect();
    let Some(answer) = ask::<S>(&records, &activities).await else { return };
    assert_eq!(answer.len(), 1_000);
    assert!(answer.iter().all(|(_, slots)| measured(&slots.members) == 2));
}

/// Freshness: the time of the read.
pub async fn facts_are_complete_up_to_the_read<S: RealtimeStore>() {
    let Some(source) = S::holding(&[slots(7, "2", &[1, 2])]).await else { return };
    let facts = source.realtime(&question(&[7])).await.expect("an answer");
    assert_provenance(&facts.slots[0].1.stock, source.name());
    assert_provenance(&facts.slots[0].1.members, source.name());
}

/// A probe succeeds if the store answers.
pub async fn a_probe_says_that_the_store_answers<S: RealtimeStore>() {
    let Some(source) = S::holding(&[]).await else { return };
    source.probe(at(0), BUDGET).await.expect("a probe");
}

/// The budget of questions to faulty servers.
const SHORT: Duration = Duration::from_millis(400);

/// Unavailable: no answer came within the budget.
pub async fn silence_is_unavailable_within_the_budget<S: FaultyStore>()
where
    S::Source: RealtimeSource,
{
    let source = S::at(server::silent().await);
    let question = RealtimeQuestion { budget: SHORT, ..question(&[7]) };
    let answer = world::within(SHORT, source.realtime(&question)).await;
    assert!(matches!(answer, Err(SourceError::Unavailable { .. })), "{answer:?}");
    let probe = world::within(SHORT, source.probe(at(0), SHORT)).await;
    assert!(matches!(probe, Err(SourceError::Unavailable { .. })), "{probe:?}");
}

/// A broken connection is lost.
pub async fn a_lost_connection_is_lost<S: FaultyStore>()
where
    S::Source: RealtimeSource,
{
    let source = S::at(server::cut().await);
    let question = RealtimeQuestion { budget: SHORT, ..question(&[7]) };
    world::assert_lost(world::within(SHORT, source.realtime(&question)).await.map(|_| ()));
    let source = S::at(server::cut().await);
    world::assert_lost(world::within(SHORT, source.probe(at(0), SHORT)).await.map(|_| ()));
}

/// A refused connection is lost; after a retry of the source itself it is unavailable.
pub async fn a_refused_connection_is_lost_or_unavailable<S: FaultyStore>()
where
    S::Source: RealtimeSource,
{
    let source = S::at(server::refused().await);
    let question = RealtimeQuestion { budget: SHORT, ..question(&[7]) };
    world::assert_lost_or_unavailable(world::within(SHORT, source.realtime(&question)).await.map(|_| ()));
    world::assert_lost_or_unavailable(world::within(SHORT, source.probe(at(0), SHORT)).await.map(|_| ()));
}

/// A garbled reply is an error of the answer or of the connection, never a number.
pub async fn nonsense_is_an_error_and_no_number<S: FaultyStore>()
where
    S::Source: RealtimeSource,
{
    let source = S::at(server::garbled(S::GARBAGE).await);
    let question = RealtimeQuestion { budget: SHORT, ..question(&[7]) };
    world::assert_garbled(world::within(SHORT, source.realtime(&question)).await.map(|_| ()));
}

/// Generates a test of every sentence of [`RealtimeSource`](crate::source::RealtimeSource), for a
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

/// Generates tests of a [`RealtimeSource`](crate::source::RealtimeSource) over a server that misbehaves
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
