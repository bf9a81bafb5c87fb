//! How exact distinct subjects are on a real server: as exact as each answer states. With `AXON_DRILL=1` in a thousand sets of
//! each of three seeds, of up to 500,000 subjects, with figures; else in twenty smaller ones.

#![allow(clippy::print_stdout, reason = "a drill prints its figures")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::{sync::Arc, time::Duration};

use axon_metrics::{
    ActivityId, EventRule, Measured, Precision, Timestamp, Window,
    source::{BehaviorQuestion, BehaviorSource as _, Counting, QueryScope},
};
use axon_metrics_es::EsOptions;
use common::{Index, Time, holding, holding_with, write};
use serde_json::{Value, json};

const AS_OF: i64 = 1_731_407_400;

/// Sets of subjects: how many, and which trigger type each set has.
const SETS: [(u64, &str); 8] =
    [(1, "A"), (900, "B"), (1_000, "C"), (5_000, "D"), (5_000, "E"), (12_000, "F"), (20_000, "G"), (44_000, "H")];

fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(AS_OF + second, 0).unwrap()
}

/// An event of one of many. Ids are far apart, as users' are; two of five subjects are sessions.
fn document(subject: u64, trigger: &str, activity: u64) -> Value {
    let id = (subject + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
    let (who, id) = if subject % 5 < 3 { ("userId", json!(id)) } else { ("sessionId", json!(format!("{id:016x}"))) };
    json!({
        "triggerType": trigger, "occurredAt": Time::Date.value(at(-60)), "properties": {"activityId": activity}, who: id,
    })
}

fn question(activities: Vec<ActivityId>, triggers: impl IntoIterator<Item = &'static str>) -> BehaviorQuestion {
    BehaviorQuestion {
        scope: Arc::new(QueryScope {
            as_of: at(0),
            activities: activities.clone(),
            funnel_activities: activities,
            current: Window { from: at(-3_600), to: at(0) },
            previous: None,
            counting: Counting::Subjects,
            by_activity: false,
        }),
        budget: Duration::from_secs(20),
        steps: triggers.into_iter().map(EventRule::trigger).collect(),
        series: Vec::new(),
        active: None,
    }
}

/// By how many a figure is off, and by how many it says it may be.
fn off(fact: &Measured<u64>, subjects: u64) -> (u64, u64) {
    assert!(!fact.partial, "{fact:?}");
    let Precision::Within { parts_per_million } = fact.precision else { panic!("an estimate says so: {fact:?}") };
    (fact.value.abs_diff(subjects), (subjects * u64::from(parts_per_million) / 1_000_000).max(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn distinct_subjects_are_as_exact_as_their_answer_states() {
    let sets = SETS.iter().zip(0..);
    let set = |((subjects, trigger), seed): (&(u64, &'static str), u64)| {
        let (subjects, trigger) = (*subjects, *trigger);
        (0..subjects).map(move |subject| document(subject + 100_000 * seed, trigger, 7))
    };
    let documents = sets.flat_map(set).collect();
    let Some(source) = holding(vec![Index::of_both("many", Time::Date.mappings(), documents)]).await else { return };
    let question = question(vec![ActivityId(7)], SETS.map(|(_, trigger)| trigger));
    let facts = source.behavior(&question).await.unwrap();
    for (fact, (subjects, trigger)) in facts.steps.current.iter().zip(SETS) {
        let fact = fact.as_ref().unwrap();
        let (off, allowed) = off(fact, subjects);
        assert!(off <= allowed, "{trigger}: {fact:?} of {subjects}");
    }
}

/// Random numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        usize::try_from((mixed ^ mixed >> 27) % bound as u64).unwrap()
    }
}

/// Subjects, each of one activity of between 250 and 4,000, so that any union of activities is a set of a known size.
struct Crowd {
    /// How many each activity has.
    sizes: Vec<u64>,
    random: Random,
}

impl Crowd {
    fn of(subjects: u64, seed: u64) -> Self {
        let mut sizes: Vec<u64> = Vec::new();
        while sizes.iter().sum::<u64>() < subjects {
            sizes.push(250 << (sizes.len() % 5));
        }
        Self { sizes, random: Random(seed) }
    }

    fn documents(&self, seed: u64) -> impl Iterator<Item = Value> {
        let activities = self.sizes.iter().zip(1..).flat_map(|(size, id)| (0..*size).map(move |_| id));
        activities.zip(seed << 32..).map(|(activity, subject)| document(subject, "PAGE_VIEW", activity))
    }

    /// Some activities with as many subjects as asked for, or a few less.
    fn some(&mut self, subjects: u64) -> (Vec<ActivityId>, u64) {
        let mut left: Vec<usize> = (0..self.sizes.len()).collect();
        let (mut chosen, mut sum) = (Vec::new(), 0);
        while !left.is_empty() && sum + 250 <= subjects {
            let next = left.swap_remove(self.random.below(left.len()));
            if sum + self.sizes[next] <= subjects {
                sum += self.sizes[next];
                chosen.push(ActivityId(next as u64 + 1));
            }
        }
        (chosen, sum)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stated_holds_in_nearly_all_sets() {
    let drill = std::env::var_os("AXON_DRILL").is_some();
    // Sets of 1,000 up to 500,000, or to 30,000.
    let (seeds, subjects, sets, growth) = if drill { (3, 1_000_000, 1_000, 624) } else { (1, 60_000, 20, 19_600) };
    // As many small sets as large ones: each is larger than the one before by so many in 100,000.
    let sizes = std::iter::successors(Some(1_000_000), |size| Some(size + size * growth / 100_000));
    let sizes: Vec<u64> = sizes.map(|thousandths: u64| thousandths / 1_000).take(sets).collect();
    // Of sets up to 40,000, and of larger ones: how many, in how many it holds, and the worst share by which one is off.
    let mut found = [(0, 0, 0.0_f64); 2];
    for seed in 1..=seeds {
        let mut crowd = Crowd::of(subjects, seed);
        let first = vec![Index::of_both("crowd", Time::Date.mappings(), vec![document(0, "SCROLL", 0)])];
        // A server that is busy shall not stop searching.
        let patient = |options: EsOptions| options.with_search_timeout(Duration::from_secs(20));
        let Some(source) = holding_with(first, patient).await else { return };
        let mut documents = crowd.documents(seed);
        loop {
            let some: Vec<_> = documents.by_ref().take(20_000).collect();
            if some.is_empty() {
                break;
            }
            write(&source.client, &source.indices[0], &some).await;
        }
        drop(documents);
        for size in &sizes {
            let (activities, subjects) = crowd.some(*size);
            let facts = source.behavior(&question(activities, ["PAGE_VIEW"])).await.unwrap();
            let (off, allowed) = off(facts.steps.current[0].as_ref().unwrap(), subjects);
            if off > allowed {
                println!("of {subjects} off by {off}, more than {allowed}");
            }
            let (sets, held, worst) = &mut found[usize::from(subjects > 40_000)];
            let share = if off > 1 { off as f64 / subjects as f64 } else { 0.0 };
            (*sets, *held, *worst) = (*sets + 1, *held + u32::from(off <= allowed), worst.max(share));
        }
    }
    for (what, (sets, held, worst)) in ["up to 40,000", "of more"].iter().zip(found) {
        println!("{what}: as stated in {held} of {sets} sets, off by at most one or {:.4} %", worst * 100.0);
    }
    let [small, large] = found;
    let (held, sets) = (small.1 + large.1, small.0 + large.0);
    assert!(held * 1_000 >= sets * 999, "in {held} of {sets} sets");
}
