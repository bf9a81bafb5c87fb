//! The generator's events in each layout of the platform give the same figures as in the embedded store.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::{
    io::{self, Cursor},
    time::Duration,
};

use axon_examples::{
    generator::{self, Config, MessageWriter, Plan, Sink},
    stores::{
        Layout,
        elasticsearch::{self as store, EventLoader, Indices, WriteCounts},
    },
};
use axon_metrics::{
    ActivityId, Catalog, EventRule, Fact, MemoryStore, Missing, Precision, Reason, Timestamp, Window,
    facts::BehaviorFacts,
    source::{BehaviorQuestion, BehaviorSource, Cells, Counting, Grid, QueryScope, Series, SeriesActivities},
    testing::server_url,
};
use axon_metrics_es::{EsBehavior, EsOptions};
use chrono::TimeDelta;

/// Writes each event to the server, and as a line of an export for the embedded store.
struct Tee {
    loader: EventLoader,
    plain: Indices,
    writer: MessageWriter,
    lines: Vec<u8>,
    times: Vec<i64>,
}

impl Sink for Tee {
    fn event(&mut self, event: &generator::Event) -> io::Result<()> {
        self.times.push(event.occurred_at);
        let head = format!(r#"{{"_index":"{}","_id":"{}","_source":"#, self.plain.of(event), event.document);
        self.lines.extend_from_slice(head.as_bytes());
        self.writer.message(&mut self.lines, event);
        self.lines.extend_from_slice(b"}\n");
        self.loader.event(event)
    }
    fn catalog(&mut self, _: &generator::Catalog) -> io::Result<()> {
        Ok(())
    }
    fn entry(&mut self, _: &generator::Entry) -> io::Result<()> {
        Ok(())
    }
    fn purchase(&mut self, _: &generator::Purchase) -> io::Result<()> {
        Ok(())
    }
    fn realtime(&mut self, _: &[generator::Slot]) -> io::Result<()> {
        Ok(())
    }
}

struct Stores {
    source: common::OwnedSource,
    memory: MemoryStore,
    campaigns: Vec<Vec<ActivityId>>,
    /// The times of all events, in milliseconds, sorted.
    times: Vec<i64>,
    now: Timestamp,
    write_counts: WriteCounts,
}

async fn stores(layout: Layout) -> Option<Stores> {
    let url = server_url(common::SERVER)?;
    let client = store::client(&url).unwrap();
    let config = Config { events: 12_000, days: 42, export: true, seed: 7, ..Config::default() };
    let plan = Plan::new(config.clone()).unwrap();
    let plain = Indices::new(layout);
    let indices = plain.clone().prefixed(&common::unique(""));
    store::create(&client, layout, &indices).await.unwrap();
    let names: Vec<String> = indices.names().map(String::from).collect();
    let options =
        EsOptions::default().with_event_indices([&indices.behavior]).with_purchase_indices([&indices.commerce]);
    let source = EsBehavior::with_options(client.clone(), options).unwrap();
    let source = common::OwnedSource::new(source, names, client.clone(), url);

    let loader = EventLoader::start(&client, layout, &indices, &config, |_| {});
    let mut tee = Tee { loader, plain, writer: MessageWriter::new(&config), lines: Vec::new(), times: Vec::new() };
    let campaigns = plan
        .catalog()
        .campaigns
        .iter()
        .map(|campaign| campaign.activities.iter().map(|activity| ActivityId(activity.id.into())).collect());
    let campaigns = campaigns.collect();
    let generation = tokio::task::spawn_blocking(move || {
        plan.generate(&mut tee, |_| {}).unwrap();
        tee
    });
    let mut tee = generation.await.unwrap();
    let write_counts = tee.loader.finish().await.unwrap();
    let memory = MemoryStore::new(Catalog::default());
    memory.append_lines("events", Cursor::new(tee.lines)).unwrap();
    tee.times.sort_unstable();
    Some(Stores { source, memory, campaigns, times: tee.times, now: config.now, write_counts })
}

impl Stores {
    /// The first instant at or after `from` with no event within this many seconds.
    fn quiet(&self, from: Timestamp, seconds: i64) -> Timestamp {
        let mut at = from.timestamp();
        loop {
            let index = self.times.partition_point(|time| *time < (at - seconds) * 1_000);
            match self.times.get(index) {
                Some(time) if *time <= (at + seconds) * 1_000 => at = time.div_euclid(1_000) + 1 + seconds,
                _ => return Timestamp::from_timestamp(at, 0).unwrap(),
            }
        }
    }

    /// Questions of each campaign and of all, by events and by subjects, over two windows. No event lies within `quiet`
    /// seconds of a bound, so that a coarse encoding moves none across it.
    fn questions(&self, quiet: i64) -> Vec<BehaviorQuestion> {
        let bound = |days: i64| self.quiet(self.now - TimeDelta::days(days), quiet);
        let as_of = if quiet == 0 { self.now } else { bound(1) };
        let (current, previous) = (Window { from: bound(8), to: as_of }, Window { from: bound(16), to: bound(9) });
        let hour = Timestamp::from_timestamp(as_of.timestamp().div_euclid(3_600) * 3_600, 0).unwrap();
        let hours: Vec<Window> = (0..24)
            .rev()
            .map(|back| {
                let from = hour - TimeDelta::hours(back);
                Window { from, to: (from + TimeDelta::hours(1)).min(as_of) }
            })
            .collect();
        let question = |activities: &Vec<ActivityId>, counting| {
            let scope = QueryScope::new(as_of, activities.clone(), current)
                .with_previous(previous)
                .with_counting(counting)
                .with_by_activity(true);
            let cells = Cells::Grid(Grid { from: hours[0].from, step: TimeDelta::hours(1), cells: hours.len() });
            BehaviorQuestion::new(scope, Duration::from_secs(20))
                .with_steps(["PAGE_VIEW", "CLICK", "APPROVED", "PURCHASE"].map(EventRule::trigger))
                .with_series([Series::new(EventRule::trigger("PAGE_VIEW"), SeriesActivities::All, cells)])
                .with_active(Window { from: as_of - TimeDelta::minutes(5), to: as_of })
        };
        let all = self.campaigns.concat();
        let scopes = self.campaigns.iter().chain([&all]);
        scopes
            .flat_map(|scope| [Counting::Events, Counting::Subjects].map(|counting| question(scope, counting)))
            .collect()
    }

    /// The facts of the source and those of the embedded store.
    async fn facts(&self, question: &BehaviorQuestion) -> (BehaviorFacts, BehaviorFacts) {
        (self.source.behavior(question).await.unwrap(), self.memory.behavior(question).await.unwrap())
    }
}

/// Checks that a figure is right within its stated precision.
fn check_figure(figure: &Fact<u64>, exact: &Fact<u64>) {
    let (figure, exact) = (figure.as_ref().unwrap(), exact.as_ref().unwrap());
    let allowed = match figure.precision {
        Precision::Exact => 0,
        Precision::Within { parts_per_million } => exact.value * u64::from(parts_per_million) / 1_000_000,
        other => panic!("{other:?}"),
    };
    assert!(figure.value.abs_diff(exact.value) <= allowed, "{figure:?} instead of {exact:?}");
    assert!(!figure.partial);
}

fn check_steps(facts: &BehaviorFacts, exact: &BehaviorFacts) {
    let all = |facts: &BehaviorFacts| {
        let per_activity = facts.steps.by_activity.iter().flat_map(|(_, counts)| counts.clone());
        let steps = facts.steps.current.iter().chain(&facts.steps.previous).cloned();
        steps.chain(per_activity.collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let (figures, exact) = (all(facts), all(exact));
    assert_eq!(figures.len(), exact.len());
    figures.iter().zip(&exact).for_each(|(figure, exact)| check_figure(figure, exact));
}

fn check_missing<T: std::fmt::Debug>(fact: &Fact<T>, reason: Reason) {
    assert!(matches!(fact, Err(Missing::NotMeasured(actual)) if *actual == reason), "{fact:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamically_mapped_events_equal_those_of_the_embedded_store() {
    for layout in [Layout::Dec2025, Layout::Plan] {
        let Some(stores) = stores(layout).await else { return };
        assert_eq!(stores.write_counts.rejected, 0);
        for question in stores.questions(130) {
            let (facts, exact) = stores.facts(&question).await;
            check_steps(&facts, &exact);
            check_missing(&facts.active.unwrap(), Reason::TimeResolution);
            assert_eq!(facts.series[0].clone().unwrap().time_step, Some(Duration::from_secs(128)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_mapped_by_the_template_equal_those_of_the_embedded_store() {
    let Some(stores) = stores(Layout::Aug2026).await else { return };
    assert!(stores.write_counts.rejected > 0, "the template does not accept logins");
    let mut questions = stores.questions(0);
    // Purchases are mapped dynamically, with float times, so they are compared at quiet bounds only.
    questions.iter_mut().for_each(|question| drop(question.steps.pop()));
    for question in questions.iter().chain(&stores.questions(130)) {
        let (facts, exact) = stores.facts(question).await;
        check_steps(&facts, &exact);
        assert_eq!(facts.series[0].clone().unwrap().value, exact.series[0].clone().unwrap().value);
        check_missing(&facts.active.unwrap(), Reason::TimeResolution);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_rejected_every_document_is_not_measured() {
    let Some(stores) = stores(Layout::Rejected).await else { return };
    assert!(stores.write_counts.rejected > 10_000, "{:?}", stores.write_counts);
    for question in stores.questions(130) {
        let (facts, exact) = stores.facts(&question).await;
        facts.steps.current[..3].iter().for_each(|fact| check_missing(fact, Reason::NoRecords));
        check_figure(&facts.steps.current[3], &exact.steps.current[3]);
        check_missing(&facts.series[0], Reason::NoRecords);
        check_missing(&facts.active.unwrap(), Reason::NoRecords);
    }
}
