//! How exact distinct subjects are on a real server: as exact as each answer states.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{sync::Arc, time::Duration};

use axon_metrics::{
    ActivityId, EventRule, Instant, Precision, Window,
    source::{BehaviorQuestion, BehaviorSource as _, Counting, Frame},
};
use common::{Index, Time, holding};
use serde_json::json;

const AS_OF: i64 = 1_731_407_400;

/// Sets of subjects: how many, and which trigger type each set has.
const SETS: [(u64, &str); 8] =
    [(1, "A"), (900, "B"), (1_000, "C"), (5_000, "D"), (5_000, "E"), (12_000, "F"), (20_000, "G"), (44_000, "H")];

#[tokio::test(flavor = "multi_thread")]
async fn distinct_subjects_are_as_exact_as_their_answer_states() {
    let at = |second: i64| Instant::from_timestamp(AS_OF + second, 0).unwrap();
    let mut documents = Vec::new();
    for (seed, (subjects, trigger)) in SETS.iter().enumerate() {
        for subject in 0..*subjects {
            // Ids far apart, as users' are; two of five subjects are sessions.
            let id = (subject + 1 + 100_000 * seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
            let who = if subject % 5 < 3 { json!({"userId": id}) } else { json!({"sessionId": format!("{id:016x}")}) };
            let mut document = json!({
                "triggerType": trigger, "occurredAt": Time::Date.value(at(-60)), "properties": {"activityId": 7},
            });
            document.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
            documents.push(document);
        }
    }
    let Some(source) = holding(vec![Index::of_both("many", Time::Date.mappings(), documents)]).await else { return };
    let question = BehaviorQuestion {
        frame: Arc::new(Frame {
            as_of: at(0),
            activities: vec![ActivityId(7)],
            funnel_activities: vec![ActivityId(7)],
            current: Window { from: at(-3_600), to: at(0) },
            previous: None,
            counting: Counting::Subjects,
            by_activity: false,
        }),
        budget: Duration::from_secs(20),
        steps: SETS.iter().map(|(_, trigger)| EventRule::trigger(*trigger)).collect(),
        inflow: None,
        active: None,
    };
    let facts = source.behavior(&question).await.unwrap();
    for (fact, (subjects, trigger)) in facts.steps.current.iter().zip(SETS) {
        let fact = fact.as_ref().unwrap();
        let Precision::Within { parts_per_million } = fact.precision else { panic!("an estimate says so: {fact:?}") };
        let off = fact.value.abs_diff(subjects);
        assert!(off * 1_000_000 <= subjects * u64::from(parts_per_million), "{trigger}: {fact:?} of {subjects}");
    }
}
