//! One store at a time breaks in front of a running dashboard: refused, hung, slow, garbled, killed while it answers.
//! (Killed: its connections end and its port is closed, as the kernel does for a process that died.) The other widgets stay, the failure is named, nothing is another number, the answer comes in time, and all is well again
//! within two seconds after the store is.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/platform.rs"]
mod platform;

use std::time::{Duration, Instant};

use axon_examples::{
    fault_proxy::{Fault, FaultProxy},
    generator::Config,
    stores::Layout,
};
use axon_metrics::{
    Budgets, Dashboard, DashboardRequest, Widget,
    answer::{DashboardAnswer, SourceStatus, WidgetStatus},
    widget::MissingReason,
};
use platform::{Addresses, Platform};

/// How much later than its deadline an answer may come on a busy machine.
const GRACE: Duration = Duration::from_millis(150);
const HEALED: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Store {
    Elasticsearch,
    Sql,
    Redis,
}

impl Store {
    fn name(self) -> &'static str {
        match self {
            Self::Elasticsearch => "elasticsearch",
            Self::Sql => "mysql",
            Self::Redis => "redis",
        }
    }

    /// The widgets that lose figures when it is away.
    fn costs(self) -> &'static [Widget] {
        match self {
            Self::Elasticsearch => &[Widget::Overview, Widget::Funnel, Widget::Realtime, Widget::Activities],
            Self::Sql => &[Widget::Comparison],
            Self::Redis => &[Widget::Realtime, Widget::Activities],
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Breaks {
    Refused,
    Hung,
    Slow,
    Garbled,
    KilledMidRequest,
}

const WIDGETS: [Widget; 5] =
    [Widget::Overview, Widget::Funnel, Widget::Comparison, Widget::Realtime, Widget::Activities];

struct Drill {
    platform: Platform,
    dashboard: Dashboard,
    request: DashboardRequest,
    proxies: [FaultProxy; 3],
    budgets: Budgets,
}

impl Drill {
    async fn start(sql: &str) -> Option<Self> {
        let config = Config { events: 2_000, campaigns: 1, ..Config::default() };
        let platform = Platform::load(Layout::Aug2026, config, sql, None).await?;
        let Addresses { elasticsearch, sql, redis } = platform.addresses;
        let proxy = async |upstream| FaultProxy::start(upstream).await.unwrap();
        let proxies = [proxy(elasticsearch).await, proxy(sql).await, proxy(redis).await];
        let [elasticsearch, sql, redis] = [&proxies[0], &proxies[1], &proxies[2]].map(FaultProxy::address);
        let budgets = Budgets::default();
        let dashboard = platform.dashboard(&Addresses { elasticsearch, sql, redis }, budgets);
        let campaign = u64::from(platform.catalog.campaigns[0].id);
        let request = DashboardRequest::campaign(campaign).widgets(WIDGETS).compare_previous();
        Some(Self { platform, dashboard, request, proxies, budgets })
    }

    fn proxy(&self, store: Store) -> &FaultProxy {
        &self.proxies[store as usize]
    }

    async fn answer(&self) -> DashboardAnswer {
        self.dashboard.answer(&self.request, self.platform.expected.as_of).await.unwrap()
    }

    /// The first answer that lacks nothing, and the time until it came.
    async fn whole(&self, patience: Duration) -> (DashboardAnswer, Duration) {
        let began = Instant::now();
        loop {
            let answer = self.answer().await;
            if answer.widgets.values().all(|state| state.status == WidgetStatus::Fresh) {
                return (answer, began.elapsed());
            }
            let states: Vec<_> = answer.sources.iter().map(|source| (&source.name, source.status)).collect();
            assert!(began.elapsed() < patience, "not whole after {patience:?}: {states:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn broken_answer(&self, store: Store, breaks: Breaks) -> DashboardAnswer {
        let proxy = self.proxy(store);
        match breaks {
            Breaks::Refused => proxy.set(Fault::Refuse),
            Breaks::Hung => proxy.set(Fault::Blackhole),
            Breaks::Slow => proxy.set(Fault::Latency(Duration::from_secs(3))),
            Breaks::Garbled => proxy.set(Fault::Garbage),
            Breaks::KilledMidRequest => {
                proxy.set(Fault::Latency(Duration::from_millis(100)));
                let killer = async {
                    tokio::time::sleep(Duration::from_millis(40)).await;
                    proxy.set(Fault::Refuse);
                };
                return tokio::join!(self.answer(), killer).0;
            }
        }
        self.answer().await
    }
}

/// Every number of the answer that is there is the one of the whole answer.
fn nothing_is_another_number(broken: &serde_json::Value, whole: &serde_json::Value, path: &str) {
    use serde_json::Value;
    match (broken, whole) {
        (Value::Null, _) => {}
        (Value::Object(broken), Value::Object(whole)) => {
            for (key, value) in broken {
                nothing_is_another_number(value, &whole[key], &format!("{path}.{key}"));
            }
        }
        (Value::Array(broken), Value::Array(whole)) if broken.len() == whole.len() => {
            for (index, (broken, whole)) in broken.iter().zip(whole).enumerate() {
                nothing_is_another_number(broken, whole, &format!("{path}[{index}]"));
            }
        }
        (broken, whole) => assert_eq!(broken, whole, "{path}"),
    }
}

async fn drill(sql: &str, store: Store, breaks: Breaks) {
    let Some(drill) = Drill::start(sql).await else { return };
    let (whole, _) = drill.whole(Duration::from_secs(20)).await;

    // Twice: a connection that was good when the store broke, and one that is to be made.
    for round in ["first", "second"] {
        let began = Instant::now();
        let broken = drill.broken_answer(store, breaks).await;
        let took = began.elapsed();
        let what = format!("{store:?} {breaks:?}, {round} answer");
        assert!(took <= drill.budgets.answer + GRACE, "{what}: {took:?}");
        nothing_is_another_number(
            &serde_json::to_value(&broken.data).unwrap(),
            &serde_json::to_value(&whole.data).unwrap(),
            &what,
        );
        for widget in WIDGETS {
            let state = &broken.widgets[&widget];
            if store.costs().contains(&widget) {
                let lost = state.missing.iter().filter(|missing| missing.reason == MissingReason::Unavailable);
                let named = lost.filter(|missing| missing.source.as_deref() == Some(store.name())).count();
                assert!(named > 0, "{what}: {widget:?} does not name {}: {:?}", store.name(), state.missing);
                assert_ne!(state.status, WidgetStatus::Fresh, "{what}: {widget:?}");
            } else {
                assert_eq!(state.status, WidgetStatus::Fresh, "{what}: {widget:?} {:?}", state.missing);
            }
        }
        let failed = broken.sources.iter().filter(|source| source.status == SourceStatus::Unavailable);
        let failed: Vec<_> = failed.map(|source| source.name.as_str()).collect();
        assert_eq!(failed, [store.name()], "{what}");
    }

    drill.proxy(store).set(Fault::None);
    let (healed, after) = drill.whole(HEALED).await;
    assert_eq!(healed.data, whole.data);
    assert!(after <= HEALED, "{store:?} {breaks:?}: well again after {after:?}");
    drill.platform.remove().await;
}

macro_rules! drills {
    ($($store:ident on $server:literal: $($name:ident = $breaks:ident),*;)*) => {
        $($(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                drill($server, Store::$store, Breaks::$breaks).await;
            }
        )*)*
    };
}

drills! {
    Elasticsearch on "AXON_TEST_MARIADB_URL":
        elasticsearch_refused = Refused, elasticsearch_hung = Hung, elasticsearch_slow = Slow,
        elasticsearch_garbled = Garbled, elasticsearch_killed_mid_request = KilledMidRequest;
    Sql on "AXON_TEST_MYSQL_URL":
        mysql_refused = Refused, mysql_hung = Hung, mysql_slow = Slow,
        mysql_garbled = Garbled, mysql_killed_mid_request = KilledMidRequest;
    Sql on "AXON_TEST_MARIADB_URL":
        mariadb_refused = Refused, mariadb_hung = Hung, mariadb_slow = Slow,
        mariadb_garbled = Garbled, mariadb_killed_mid_request = KilledMidRequest;
    Redis on "AXON_TEST_MARIADB_URL":
        redis_refused = Refused, redis_hung = Hung, redis_slow = Slow,
        redis_garbled = Garbled, redis_killed_mid_request = KilledMidRequest;
}
