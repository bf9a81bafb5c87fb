//! What the suites share: the day they play on, short forms of frames and records, and how facts are read.

use std::{fmt::Debug, sync::Arc, time::Duration};

use super::records::EventRecord;
use crate::{
    ActivityId, Timestamp,
    source::{Counting, QueryScope, SourceError},
    source::{Fact, Measured},
    vocabulary::Window,
};

/// Long enough for a server that is busy with the other tests.
pub(super) const BUDGET: Duration = Duration::from_secs(20);
/// 2024-11-12T10:30:00Z, the instant all answers are made for.
pub(super) const AS_OF: i64 = 1_731_407_400;
pub(super) const HOUR: i64 = 3_600;
pub(super) const DAY: i64 = 24 * HOUR;

/// An instant by its distance from the answers' instant.
#[track_caller]
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(AS_OF + seconds, 0).expect("an instant of this century")
}

/// The window between two distances from the answers' instant.
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

/// An event of activity 7.
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

/// The fact's value; a test that expects one fails without.
#[track_caller]
pub(super) fn measured<T: Clone + Debug>(fact: &Fact<T>) -> T {
    whole(fact).value.clone()
}

/// The fact as measured, from a whole answer.
#[track_caller]
pub(super) fn whole<T: Debug>(fact: &Fact<T>) -> &Measured<T> {
    match fact {
        Ok(measured) => {
            assert!(!measured.partial, "only a part answered: {measured:?}");
            measured
        }
        Err(why) => panic!("not measured: {why:?}"),
    }
}

#[track_caller]
pub(super) fn values(facts: &[Fact<u64>]) -> Vec<u64> {
    facts.iter().map(measured).collect()
}

/// Tells whether a fact says who measured it, and that it knows no future.
#[track_caller]
pub(super) fn vouched<T: Debug>(fact: &Fact<T>, name: &str) {
    let measured = whole(fact);
    assert_eq!(&*measured.source, name, "a fact names its source");
    assert!(measured.complete_to <= at(0), "complete up to {} as of {}", measured.complete_to, at(0));
    assert!(measured.complete_to > at(-HOUR), "complete up to {} only, as of {}", measured.complete_to, at(0));
}

#[track_caller]
pub(super) fn well_named(name: &str) {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    assert!(!name.is_empty() && name.bytes().all(fits), "{name:?} is not lower case without blanks");
}

/// What comes of a question, which must not take much longer than its budget.
pub(super) async fn within<T>(budget: Duration, asked: impl Future<Output = T>) -> T {
    let slack = Duration::from_millis(300);
    tokio::time::timeout(budget + slack, asked).await.expect("an answer or an error within the budget")
}

/// Nonsense gives an error: either the answer or the connection is what is wrong.
#[track_caller]
pub(super) fn refused(asked: Result<(), SourceError>) {
    let refused = |error: &SourceError| {
        matches!(error, SourceError::Malformed { .. } | SourceError::Unavailable { .. } | SourceError::Lost { .. })
    };
    assert!(asked.as_ref().is_err_and(refused), "{asked:?}");
}

#[track_caller]
pub(super) fn lost(asked: Result<(), SourceError>) {
    assert!(matches!(asked, Err(SourceError::Lost { .. })), "{asked:?}");
}

#[track_caller]
pub(super) fn lost_or_unavailable(asked: Result<(), SourceError>) {
    assert!(matches!(asked, Err(SourceError::Lost { .. } | SourceError::Unavailable { .. })), "{asked:?}");
}
