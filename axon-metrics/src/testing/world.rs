//! Shared parts of the suites: the instant of all answers, constructors of scopes and records, and assertions on facts.

use std::{fmt::Debug, sync::Arc, time::Duration};

use super::records::EventRecord;
use crate::{
    ActivityId, Timestamp,
    source::{Counting, QueryScope, SourceError},
    source::{Fact, Measured},
    vocabulary::Window,
};

/// The budget of a question. Long enough for a server that is busy with other tests.
pub(super) const BUDGET: Duration = Duration::from_secs(20);
/// The instant of all answers, 2024-11-12T10:30:00Z, in seconds since 1970.
pub(super) const AS_OF: i64 = 1_731_407_400;
pub(super) const HOUR: i64 = 3_600;
pub(super) const DAY: i64 = 24 * HOUR;

/// The instant this many seconds after [`AS_OF`].
#[track_caller]
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(AS_OF + seconds, 0).expect("an instant of this century")
}

/// The window between two offsets from [`AS_OF`], in seconds.
pub(super) fn window(from: i64, to: i64) -> Window {
    Window { from: at(from), to: at(to) }
}

pub(super) fn ids(ids: &[u64]) -> Vec<ActivityId> {
    ids.iter().copied().map(ActivityId).collect()
}

/// A scope over activities that all have a funnel.
pub(super) fn scope(activities: &[u64], current: Window, counting: Counting) -> QueryScope {
    QueryScope {
        as_of: at(0),
        activities: ids(activities),
        funnel_activities: ids(activities),
        current,
        previous: None,
        counting,
        by_activity: false,
    }
}

pub(super) fn shared(scope: QueryScope) -> Arc<QueryScope> {
    Arc::new(scope)
}

/// An event of activity 7, this many seconds after [`AS_OF`].
pub(super) fn event(trigger: &'static str, seconds: i64, user: u64) -> EventRecord {
    EventRecord {
        trigger,
        definition: Some(1),
        at: at(seconds),
        activity: Some(ActivityId(7)),
        user: Some(user),
        session: None,
        forged: false,
    }
}

impl EventRecord {
    pub(super) fn of(mut self, activity: u64) -> Self {
        self.activity = Some(ActivityId(activity));
        self
    }

    pub(super) fn anonymous(mut self, session: Option<&'static str>) -> Self {
        (self.user, self.session) = (None, session);
        self
    }
}

/// The value of a fact. Fails the test if the fact is missing or partial.
#[track_caller]
pub(super) fn measured<T: Clone + Debug>(fact: &Fact<T>) -> T {
    measurement(fact).value.clone()
}

/// The measurement of a fact. Fails the test if the fact is missing or partial.
#[track_caller]
pub(super) fn measurement<T: Debug>(fact: &Fact<T>) -> &Measured<T> {
    match fact {
        Ok(measured) => {
            assert!(!measured.partial, "the answer is partial: {measured:?}");
            measured
        }
        Err(why) => panic!("the fact is missing: {why:?}"),
    }
}

#[track_caller]
pub(super) fn values(facts: &[Fact<u64>]) -> Vec<u64> {
    facts.iter().map(measured).collect()
}

/// Asserts that a fact names its source, and is complete up to an instant within the hour before [`AS_OF`].
#[track_caller]
pub(super) fn assert_provenance<T: Debug>(fact: &Fact<T>, name: &str) {
    let measured = measurement(fact);
    assert_eq!(&*measured.source, name, "the fact does not name its source");
    let complete_to = measured.complete_to;
    assert!(complete_to <= at(0), "complete up to {complete_to}, which is after {}", at(0));
    assert!(complete_to > at(-HOUR), "complete only up to {complete_to}, at {}", at(0));
}

/// Asserts that the name of a source is lower case, without blanks.
#[track_caller]
pub(super) fn assert_valid_name(name: &str) {
    let is_valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    assert!(!name.is_empty() && name.bytes().all(is_valid), "the name {name:?} is not lower case without blanks");
}

/// Awaits the answer to a question. Fails the test if it takes much longer than the budget.
pub(super) async fn within<T>(budget: Duration, answer: impl Future<Output = T>) -> T {
    let slack = Duration::from_millis(300);
    tokio::time::timeout(budget + slack, answer).await.expect("an answer or an error within the budget")
}

/// Asserts that a garbled reply is an error: of the answer, or of the connection.
#[track_caller]
pub(super) fn assert_garbled(answer: Result<(), SourceError>) {
    let is_expected = |error: &SourceError| {
        matches!(error, SourceError::Malformed { .. } | SourceError::Unavailable { .. } | SourceError::Lost { .. })
    };
    assert!(answer.as_ref().is_err_and(is_expected), "{answer:?}");
}

#[track_caller]
pub(super) fn assert_lost(answer: Result<(), SourceError>) {
    assert!(matches!(answer, Err(SourceError::Lost { .. })), "{answer:?}");
}

#[track_caller]
pub(super) fn assert_lost_or_unavailable(answer: Result<(), SourceError>) {
    assert!(matches!(answer, Err(SourceError::Lost { .. } | SourceError::Unavailable { .. })), "{answer:?}");
}
