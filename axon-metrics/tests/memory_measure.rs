//! How fast the embedded store is, and how large. Prints; asserts only that the numbers are right.
//! Run: `cargo test --release -p axon-metrics --test memory_measure -- --ignored --nocapture --test-threads 1`

use std::{
    fmt::Write,
    future::Future,
    io::Cursor,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant as Clock},
};

use axon_metrics::{
    ActivityId, EventRule, Files, Instant, MemoryStore, Window,
    memory::Event,
    source::{BehaviorQuestion, BehaviorSource, Counting, Frame, InflowQuestion, RealtimeQuestion, RealtimeSource},
};

const FROM: i64 = 1_772_000_000;
const TRIGGERS: [&str; 8] =
    ["PAGE_VIEW", "PAGE_VIEW", "PAGE_VIEW", "PAGE_VIEW", "PAGE_VIEW", "CLICK", "CLICK", "APPROVED"];

/// Numbers that look random and are always the same.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^= mixed >> 27;
    mixed.wrapping_mul(0x94d0_49bb_1331_11eb) >> 20
}

fn seconds(event: u64, events: u64) -> f64 {
    // Thirty days, nearly in order.
    let second = event * 30 * 86_400 / events + mixed(event) % 5;
    f64::from(u32::try_from(second).expect("small"))
}

fn lines(events: u64, users: u64) -> String {
    let mut lines = String::new();
    for event in 0..events {
        let dice = mixed(event);
        let at = f64::from(u32::try_from(FROM).expect("small")) + seconds(event, events);
        let trigger = TRIGGERS[usize::try_from(dice % 8).expect("small")];
        let activity = 70 + dice / 8 % 8;
        let user = mixed(dice) % users;
        let who = if dice.is_multiple_of(3) {
            format!(r#""userId":null,"sessionId":"0b6e2a5e-5d1c-4c52-9f0e-{user:012x}""#)
        } else {
            format!(r#""userId":{user},"sessionId":null"#)
        };
        writeln!(
            lines,
            r#"{{"eventId":41,"eventName":"detail_view","triggerType":"{trigger}","occurredAt":{:.9}E9,{who},"pageUrl":"http://shop.example/campaign-activity/{activity}/detail","referrer":"","userAgent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64)","properties":{{"activityId":{activity},"campaignId":9}}}}"#,
            at / 1e9
        )
        .expect("written");
    }
    lines
}

fn wait<T>(answer: impl Future<Output = T>) -> T {
    match pin!(answer).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the store does not wait"),
    }
}

fn at(second: i64) -> Instant {
    Instant::from_timestamp(FROM + second, 0).expect("an instant")
}

/// Processor time of all threads so far, in hundredths of a second; says more than the clock on a busy machine. Linux alone.
fn processor() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// The median of some runs.
fn timed<T>(runs: usize, mut run: impl FnMut() -> T) -> (Duration, T) {
    let mut times = Vec::new();
    let mut result = None;
    for _ in 0..runs {
        let began = Clock::now();
        result = Some(run());
        times.push(began.elapsed());
    }
    times.sort_unstable();
    (times[runs / 2], result.expect("at least one run"))
}

#[test]
#[ignore = "a measurement"]
fn loading() {
    const EVENTS: u64 = 3_000_000;
    let text = Arc::new(lines(EVENTS, 500_000));
    let megabytes = text.len() / 1_000_000;
    let before = processor();
    let (took, store) = timed(3, || {
        let reader = Cursor::new(Shared(Arc::clone(&text)));
        MemoryStore::load(Files::new().events_from("events", reader)).expect("a store")
    });
    assert_eq!(store.report(at(0)).events.kept, EVENTS);
    if let Some((before, after)) = before.zip(processor()) {
        eprintln!("load: {} ns of processor time per event", (after - before) * 10_000_000 / (3 * EVENTS));
    }
    eprintln!(
        "load: {EVENTS} events, {megabytes} MB in {took:?}: {} events/s, {} MB/s, {} bytes of memory per event",
        u128::from(EVENTS) * 1000 / took.as_millis(),
        megabytes as u128 * 1000 / took.as_millis(),
        store.memory_bytes() as u64 / EVENTS,
    );
}

struct Shared(Arc<String>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[test]
#[ignore = "a measurement"]
fn questions_over_ten_million_events() {
    const EVENTS: u64 = 10_000_000;
    const USERS: u64 = 1_000_000;
    let store = MemoryStore::load(Files::new()).expect("a store");
    let event = |event: u64| {
        let dice = mixed(event);
        Event {
            trigger: TRIGGERS[usize::try_from(dice % 8).expect("small")].into(),
            definition: Some(41),
            at: at(i64::try_from(event * 30 * 86_400 / EVENTS + dice % 5).expect("small")),
            activity: ActivityId(70 + dice / 8 % 8),
            user: Some(mixed(dice) % USERS),
            session: None,
        }
    };
    let began = Clock::now();
    for batch in 0..1000 {
        store.append_events((batch * EVENTS / 1000..(batch + 1) * EVENTS / 1000).map(event));
    }
    let took = began.elapsed();
    eprintln!(
        "append: {EVENTS} events in 1000 batches in {took:?}: {} events/s, {} bytes of memory per event",
        u128::from(EVENTS) * 1000 / took.as_millis(),
        store.memory_bytes() as u64 / EVENTS,
    );
    let (took, ()) = timed(1001, || store.append_events([event(EVENTS)]));
    eprintln!("append: one event in {took:?} (median of 1001)");

    let activities: Vec<ActivityId> = (70..78).map(ActivityId).collect();
    let as_of = at(30 * 86_400);
    let ask = |counting, days: i64, inflow: bool| {
        let hours = (0..24).map(|hour| Window {
            from: at((hour - 24) * 3600 + 30 * 86_400),
            to: at((hour - 23) * 3600 + 30 * 86_400),
        });
        let current = Window { from: at((30 - days) * 86_400), to: as_of };
        let frame = Frame {
            as_of,
            activities: activities.clone(),
            funnel_activities: activities.clone(),
            current,
            previous: None,
            counting,
            by_activity: false,
        };
        BehaviorQuestion {
            frame: Arc::new(frame),
            budget: Duration::from_secs(1),
            steps: ["PAGE_VIEW", "CLICK", "APPROVED", "PURCHASE"].map(EventRule::trigger).to_vec(),
            inflow: inflow.then(|| InflowQuestion { rule: EventRule::trigger("PAGE_VIEW"), hours: hours.collect() }),
            active: inflow.then(|| Window { from: as_of - chrono::Duration::minutes(5), to: as_of }),
        }
    };
    for (name, counting, days) in [
        ("count", Counting::Events, 30),
        ("count", Counting::Events, 7),
        ("unique", Counting::Subjects, 30),
        ("unique", Counting::Subjects, 7),
        ("unique", Counting::Subjects, 1),
    ] {
        for inflow in [false, true] {
            let question = ask(counting, days, inflow);
            let (took, facts) = timed(21, || wait(store.behavior(&question)).expect("an answer"));
            let counts: Vec<u64> =
                facts.steps.current.iter().map(|fact| fact.as_ref().expect("measured").value).collect();
            let with = if inflow { " with inflow and active" } else { "" };
            eprintln!("{name} of four steps over {days} days of 10 M events{with}: {took:?} {counts:?}");
        }
    }
    let question = RealtimeQuestion { as_of, budget: Duration::from_secs(1), activities };
    let (took, _) = timed(21, || wait(store.realtime(&question)).expect("an answer"));
    eprintln!("slots of eight activities derived from 10 M events: {took:?}");
}
