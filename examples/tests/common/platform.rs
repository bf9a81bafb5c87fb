//! A platform's data in real stores, under names of its own, and the dashboard over them, connected as in a server.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axon_examples::{
    generator::{Catalog, Config, ExpectedTotals, Plan},
    stores::{
        Layout,
        elasticsearch::{self, Indices},
        load::{Keep, Progress, SqlTarget, Targets},
        redis::{Keys, Loader},
        sql::Clocks,
    },
};
use axon_metrics::{
    Budgets, Dashboard, DashboardBuilder, LedgerStep, Lifetimes, QuestionKind, Record, StepRules,
    source::CatalogSource, testing::server_url,
};
use axon_metrics_es::{EsBehavior, EsOptions};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger, MySqlOptions};
use axon_metrics_redis::{RedisKeys, RedisOptions, RedisRealtime, StockKey};
use sqlx::{Executor as _, mysql::MySqlConnectOptions};

/// The address of each store.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    pub(crate) elasticsearch: SocketAddr,
    pub(crate) sql: SocketAddr,
    pub(crate) redis: SocketAddr,
}

/// Stores with generated data.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) layout: Layout,
    pub(crate) addresses: Addresses,
    pub(crate) expected: ExpectedTotals,
    pub(crate) catalog: Catalog,
    pub(crate) indices: Indices,
    pub(crate) database: String,
    pub(crate) keys: Keys,
    /// The number of documents that Elasticsearch stored.
    pub(crate) documents: u64,
    targets: Targets,
    sql: MySqlConnectOptions,
}

/// The host and port of a URL.
fn host(url: &str) -> SocketAddr {
    let rest = url.split_once("://").unwrap().1;
    let authority = rest.split(['/', '?']).next().unwrap();
    authority.rsplit('@').next().unwrap().parse().unwrap()
}

/// Budgets long enough for a busy machine.
pub(crate) fn patient() -> Budgets {
    let long = Duration::from_secs(30);
    Budgets::all(long)
}

/// A name that no other test uses.
fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    format!("t{time}x{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The URL of an SQL server. MySQL is not available everywhere: where only MariaDB is configured, it serves the tests of MySQL,
/// so that every layout is tested.
fn sql_url(variable: &str) -> Option<String> {
    const OTHER: &str = "AXON_TEST_MARIADB_URL";
    let named = |variable: &str| std::env::var_os(variable).is_some_and(|url| !url.is_empty());
    let other = variable == "AXON_TEST_MYSQL_URL" && !named(variable) && named(OTHER);
    server_url(if other { OTHER } else { variable })
}

impl Platform {
    /// Generates records and loads them into the servers of the environment; `sql` is the variable of the database's URL.
    /// `None`, with a message that the test is skipped, if a server is missing. `keep` filters the events; `None`: those that every
    /// figure can use.
    pub(crate) async fn load(layout: Layout, config: Config, sql: &str, keep: Option<Keep>) -> Option<Self> {
        Self::load_as(layout, layout, config, sql, keep).await
    }

    /// Like [`load`](Self::load), with events in another layout than the rest.
    pub(crate) async fn load_as(
        events: Layout,
        layout: Layout,
        config: Config,
        sql: &str,
        keep: Option<Keep>,
    ) -> Option<Self> {
        let urls = (server_url("AXON_TEST_ELASTICSEARCH_URL"), sql_url(sql), server_url("AXON_TEST_REDIS_URL"));
        let (Some(es), Some(sql), Some(redis)) = urls else { return None };
        Some(Self::load_into([es, sql, redis], events, layout, config, keep).await)
    }

    /// Like [`load_as`](Self::load_as), into the servers of these URLs: Elasticsearch, the database, Redis.
    pub(crate) async fn load_into(
        [es, sql, redis]: [String; 3],
        events: Layout,
        layout: Layout,
        config: Config,
        keep: Option<Keep>,
    ) -> Self {
        let name = unique();
        // In a small store the few events of the future that the generator makes are more than the tolerance.
        let now = config.now;
        let usable: Keep =
            Arc::new(move |event: &axon_examples::generator::Event| !event.is_forged() && event.occurred() < now);
        let keep = keep.or(Some(usable));
        let plan = Plan::new(Config { export: true, ..config }).unwrap();
        let catalog = plan.catalog().clone();
        let indices = Indices::new(events).prefixed(&format!("axon-test-{name}-"));
        let database = format!("axon_test_{name}");
        let keys = Keys::of(layout).with_prefix(format!("axon-test-{name}:"));
        let targets = Targets {
            elasticsearch: Some((elasticsearch::client(&es).unwrap(), indices.clone())),
            sql: Some(SqlTarget { url: sql.clone(), database: database.clone(), clocks: Clocks::default() }),
            redis: Some((redis::Client::open(redis.as_str()).unwrap(), keys.clone())),
            keep,
        };
        let quiet: Progress = Arc::new(|_, _| {});
        let behavior = Targets { sql: None, redis: None, ..targets.clone() };
        let written = behavior.load(plan.clone(), events, Arc::clone(&quiet)).await.unwrap();
        let rest = Targets { elasticsearch: None, ..targets.clone() };
        let loaded = rest.load(plan, layout, quiet).await.unwrap();
        let addresses = Addresses { elasticsearch: host(&es), sql: host(&sql), redis: host(&redis) };
        let sql = sql.parse::<MySqlConnectOptions>().unwrap().database(&database);
        let (expected, documents) = (loaded.expected, written.documents.unwrap().taken);
        Self { layout, addresses, documents, expected, catalog, indices, database, keys, targets, sql }
    }

    /// The dashboard over the platform's servers, with budgets long enough for a busy machine.
    pub(crate) fn patient_dashboard(&self) -> Dashboard {
        self.dashboard(&self.addresses, patient())
    }

    /// The dashboard over the servers at these addresses. It caches nothing but the weeks before promotions.
    pub(crate) fn dashboard(&self, addresses: &Addresses, budgets: Budgets) -> Dashboard {
        let history = Duration::from_secs(3_600);
        let lifetimes = Lifetimes::none().with_history(history).with_history_stale(history);
        self.builder(addresses, budgets).lifetimes(lifetimes).build()
    }

    /// The builder of a dashboard over the servers at these addresses.
    pub(crate) fn builder(&self, addresses: &Addresses, budgets: Budgets) -> DashboardBuilder<Arc<dyn CatalogSource>> {
        self.builder_over(addresses, budgets, self.pool_at(addresses, budgets))
    }

    /// A connection pool with the adapter's options.
    pub(crate) fn pool_at(&self, addresses: &Addresses, budgets: Budgets) -> sqlx::MySqlPool {
        axon_metrics_mysql::pool_options_with(budgets.of(QuestionKind::Ledger))
            .connect_lazy_with(self.options(addresses))
    }

    /// Like [`builder`](Self::builder), over this connection pool.
    pub(crate) fn builder_over(
        &self,
        addresses: &Addresses,
        budgets: Budgets,
        pool: sqlx::MySqlPool,
    ) -> DashboardBuilder<Arc<dyn CatalogSource>> {
        let client = elasticsearch::client(&format!("http://{}", addresses.elasticsearch)).unwrap();
        let options = EsOptions::default()
            .with_event_indices([&self.indices.behavior])
            .with_purchase_indices([&self.indices.commerce])
            .with_search_timeout(budgets.of(QuestionKind::Behavior) * 7 / 8);
        let behavior = EsBehavior::with_options(client, options).unwrap();
        let stock = self.keys.counter().parse().unwrap();
        let stock = if self.keys.counts_down() { StockKey::Remaining(stock) } else { StockKey::Held(stock) };
        let keys = RedisKeys::new(stock, self.keys.members().parse().unwrap());
        let client = redis::Client::open(format!("redis://{}/", addresses.redis)).unwrap();
        Dashboard::builder()
            .catalog(MySqlCatalog::with_options(pool.clone(), MySqlOptions::default()))
            .behavior(behavior)
            .ledger(MySqlLedger::with_options(pool, MySqlOptions::default()))
            .realtime(RedisRealtime::with_options(client, RedisOptions::default().with_keys(keys)))
            .zone(self.expected.setting.zone.parse().unwrap())
            .step_rules(rules(self.layout))
            .budgets(budgets)
    }

    /// Removes the platform's data from the servers.
    pub(crate) async fn remove(self) {
        let (client, indices) = self.targets.elasticsearch.as_ref().unwrap();
        elasticsearch::drop_all(client, indices).await.unwrap();
        let drop = format!("DROP DATABASE {}", self.database);
        self.pool().await.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(drop))).await.unwrap();
        let (client, keys) = self.targets.redis.as_ref().unwrap();
        Loader::connect(client, keys.clone()).await.unwrap().delete(&self.catalog).await.unwrap();
    }
}

/// The rules of the funnel steps of a layout.
pub(crate) fn rules(layout: Layout) -> StepRules {
    let rules = StepRules::default();
    match layout {
        Layout::Plan => rules.with("approve", Record::Ledger(LedgerStep::ApprovedEntry)).expect("the plan's step"),
        _ => rules,
    }
}

impl Platform {
    /// The options of a connection to the database at these addresses.
    pub(crate) fn options(&self, addresses: &Addresses) -> MySqlConnectOptions {
        self.sql.clone().host(&addresses.sql.ip().to_string()).port(addresses.sql.port())
    }

    /// A connection pool with all rights to the database.
    pub(crate) async fn pool(&self) -> sqlx::MySqlPool {
        sqlx::mysql::MySqlPoolOptions::new().max_connections(1).connect_with(self.sql.clone()).await.unwrap()
    }
}
