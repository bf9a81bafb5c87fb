//! The time of an answer over ten million events in the embedded store, widget by widget.
//! Opponent, on the same events in the same run: a plain loop over all records with a hash set per step, the simplest
//! implementation.

use std::{collections::HashSet, hint::black_box};

use axon_benches::{dashboard, events, plan, store};
use axon_examples::generator::{Event, MemorySink, Trigger};
use axon_metrics::{DashboardRequest, Mode, Period, Widget};
use criterion::{Criterion, criterion_group, criterion_main};

const CAMPAIGN: u64 = 123;

fn answers(criterion: &mut Criterion) {
    let size = events(10_000_000);
    let (store, now) = store(size);
    let dashboard = dashboard(&store);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mut group = criterion.benchmark_group(format!("answer over {size} events"));
    group.sample_size(20);
    let mut ask = |name: String, request: DashboardRequest| {
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(dashboard.answer(black_box(&request), now)).expect("an answer"));
        });
    };
    for mode in [Mode::Count, Mode::Unique] {
        for widget in Widget::ALL {
            let request = DashboardRequest::campaign(CAMPAIGN).widgets([widget]).period(Period::Last30Days).mode(mode);
            ask(format!("{} {}, 30 days", mode.code(), widget.name()), request);
        }
        let page = DashboardRequest::campaign(CAMPAIGN).widgets(Widget::ALL).mode(mode).compare_previous();
        ask(format!("{} all widgets, 7 days compared with the 7 before", mode.code()), page);
    }
    group.finish();
    drop(store);
    opponent(criterion, size, now.timestamp_millis());
}

/// The funnel of the last 30 days by a loop over all records.
fn opponent(criterion: &mut Criterion, size: u64, now: i64) {
    let plan = plan(size);
    let mut sink = MemorySink::default();
    plan.generate(&mut sink, |_| {}).expect("generated");
    let campaign = plan.catalog().campaigns.iter().find(|campaign| u64::from(campaign.id) == CAMPAIGN);
    let activities: HashSet<u32> =
        campaign.iter().flat_map(|campaign| &campaign.activities).map(|one| one.id).collect();
    let steps = [Trigger::PageView, Trigger::Click, Trigger::Approved, Trigger::Purchase];
    let from = now - 30 * 24 * 3_600_000;
    let matches = |event: &&Event| {
        (from..now).contains(&event.occurred_at) && event.activity_id.is_some_and(|id| activities.contains(&id.get()))
    };
    let mut group = criterion.benchmark_group(format!("opponent over {size} events"));
    group.sample_size(10);
    group.bench_function("count funnel by a plain loop, 30 days", |bencher| {
        bencher.iter(|| {
            let mut counts = [0_u64; 4];
            for event in sink.events.iter().filter(matches) {
                if let Some(step) = steps.iter().position(|step| *step == event.trigger()) {
                    counts[step] += 1;
                }
            }
            counts
        });
    });
    group.bench_function("unique funnel by a plain loop, 30 days", |bencher| {
        bencher.iter(|| {
            let mut subjects: [HashSet<(bool, u64)>; 4] = Default::default();
            for event in sink.events.iter().filter(matches) {
                let user = event.user_id.map(|user| (true, u64::from(user.get())));
                let subject = user.or_else(|| event.session.map(|session| (false, session.uuid()[0])));
                let step = steps.iter().position(|step| *step == event.trigger());
                if let (Some(step), Some(subject)) = (step, subject) {
                    subjects[step].insert(subject);
                }
            }
            subjects.map(|set| set.len())
        });
    });
    group.finish();
}

criterion_group!(benches, answers);
criterion_main!(benches);
