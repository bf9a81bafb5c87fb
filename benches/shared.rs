//! The cost of an answer whose widgets another process has cached in Redis, with nothing cached in the server's own process.
//! Opponent: a bare axum handler that sends the same bytes. Both on real sockets; measured is the processor time of the server's
//! one thread per request, and the number of round trips to Redis per answer.
//!
//! Needs a Redis in `AXON_TEST_REDIS_URL`. The keys have a unique prefix and are removed at the end.

use std::{
    error::Error,
    io::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use axon_benches::{
    client::{CONNECTIONS, Connection},
    events, is_trial, require, store, verdict,
};
use axon_dashboard_http::{HttpOptions, router};
use axon_examples::fault_proxy::FaultProxy;
use axon_metrics::{Dashboard, MemoryStore, Timestamp, testing::server_url};
use axon_metrics_redis::{RedisCache, RedisCacheOptions};
use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, Response, header::CONTENT_TYPE},
    routing::get,
};
use http_body_util::BodyExt as _;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// The least ratio of the bare handler's cost to the answer's. It is known to be missed, so missing it is no error:
/// `benches/README.md` says what takes the time.
const BAR: f64 = 0.60;
type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let Some(url) = server_url("AXON_TEST_REDIS_URL") else { return Ok(()) };
    let (rounds, requests) = if is_trial() { (1, 64) } else { (11, 4_096) };
    let (store, now) = store(events(20_000));
    let client = redis::Client::open(url)?;
    let prefix = format!("bench-{}:", std::process::id());
    let shared = Setup { store, now, prefix: prefix.clone(), client: client.clone() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let result = runtime.block_on(measure(&shared, rounds, requests));
    let mut connection = client.get_connection()?;
    let keys: Vec<String> = redis::cmd("KEYS").arg(format!("{prefix}*")).query(&mut connection)?;
    for chunk in keys.chunks(1_000) {
        redis::cmd("DEL").arg(chunk).exec(&mut connection)?;
    }
    result
}

/// What all dashboards of this bench share.
struct Setup {
    store: MemoryStore,
    now: Timestamp,
    prefix: String,
    client: redis::Client,
}

impl Setup {
    /// A router with an empty cache of its own.
    fn router(&self, client: &redis::Client) -> Router {
        let options = RedisCacheOptions::default().with_prefix(self.prefix.as_str());
        let cache = RedisCache::with_options(client.clone(), options.with_connect_timeout(Duration::from_secs(5)));
        let dashboard = Dashboard::builder()
            .catalog(self.store.clone())
            .behavior(self.store.clone())
            .ledger(self.store.clone())
            .realtime(self.store.clone())
            .shared_cache(cache)
            .build();
        let now = self.now;
        // The clock does not advance, so that cached widgets stay fresh.
        router(dashboard, HttpOptions::default().with_clock(move || now))
    }
}

/// `count` questions, each of a different past range.
fn paths(now: Timestamp, count: usize) -> Vec<String> {
    let last = now.date_naive();
    let day = |back: usize| last - chrono::Days::new(back as u64);
    let ranges = (5..390_usize).flat_map(|end| (0..100_usize).map(move |more| (end + more, end)));
    let path = |(from, to): (usize, usize)| {
        let (from, to) = (day(from), day(to));
        format!(
            "/api/v1/dashboard/campaign/123?widgets=overview,funnel,comparison&period=custom&startDate={from}&endDate={to}"
        )
    };
    ranges.map(path).take(count).collect()
}

async fn body(app: &Router, path: &str) -> Result<Bytes, Failure> {
    let response = app.clone().oneshot(Request::get(path).body(Body::empty())?).await?;
    if !response.status().is_success() {
        return Err(format!("{path}: {}", response.status()).into());
    }
    Ok(response.into_body().collect().await?.to_bytes())
}

async fn measure(shared: &Setup, rounds: usize, requests: usize) -> Result<(), Failure> {
    let paths = paths(shared.now, requests);
    // Another process loads everything.
    let other = shared.router(&shared.client);
    let mut bytes = Bytes::new();
    for path in &paths {
        bytes = body(&other, path).await?;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let trips = trips(shared, &paths[..paths.len().min(200)]).await?;

    let server = Server::start(bytes.clone())?;
    let mut costs = Vec::new();
    let bare = vec!["/bare".to_owned(); requests];
    // The first round warms up.
    for round in 0..=rounds {
        server.serve(shared.router(&shared.client));
        // Connects to Redis, and loads the catalog.
        server.run(&["/api/v1/dashboard/campaigns".to_owned(), paths[0].clone()]).await?;
        let (one, two) = match round % 2 {
            0 => (server.run(&bare).await?, server.run(&paths[1..]).await?),
            _ => {
                let cached = server.run(&paths[1..]).await?;
                (server.run(&bare).await?, cached)
            }
        };
        if round > 0 {
            costs.push((one, two));
        }
    }
    let median = |of: &dyn Fn(&(f64, f64)) -> f64| {
        let mut figures: Vec<f64> = costs.iter().map(of).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let ratio = median(&|(bare, cached)| bare / cached);
    let mut out = std::io::stdout();
    writeln!(
        out,
        "shared: processor time of the server per request, medians of {} rounds, {} bytes",
        rounds,
        bytes.len()
    )?;
    writeln!(out, "  opponent: bare handler, the same bytes  {:>7.2} us", median(&|costs| costs.0) / 1e3)?;
    let one_trip = (trips - 1.0).abs() < f64::EPSILON;
    writeln!(
        out,
        "  all widgets read from Redis             {:>7.2} us   {:.1} % of bare   bar: at least {:.0} %, {}",
        median(&|costs| costs.1) / 1e3,
        ratio * 100.0,
        BAR * 100.0,
        verdict(ratio >= BAR)
    )?;
    writeln!(out, "  round trips to Redis per request        {trips:>7.2}      bar: exactly 1, {}", verdict(one_trip))?;
    Ok(require(one_trip)?)
}

/// The mean number of round trips to Redis for an answer whose widgets are cached there.
async fn trips(shared: &Setup, paths: &[String]) -> Result<f64, Failure> {
    let info = shared.client.get_connection_info().clone();
    let redis::ConnectionAddr::Tcp(host, port) = info.addr() else {
        return Err("AXON_TEST_REDIS_URL must be a TCP address without TLS".into());
    };
    let upstream = tokio::net::lookup_host((host.as_str(), *port))
        .await?
        .next()
        .ok_or("the host of AXON_TEST_REDIS_URL has no address")?;
    let proxy = FaultProxy::start(upstream).await?;
    let address = redis::ConnectionAddr::Tcp(proxy.address().ip().to_string(), proxy.address().port());
    let app = shared.router(&redis::Client::open(info.set_addr(address))?);
    body(&app, &paths[0]).await?;
    proxy.reset_counts();
    for path in &paths[1..] {
        body(&app, path).await?;
    }
    Ok(proxy.counts().round_trips as f64 / (paths.len() - 1) as f64)
}

/// A server on a thread of its own, whose processor time is measured.
struct Server {
    address: std::net::SocketAddr,
    thread: u64,
    app: Arc<Mutex<Router>>,
}

impl Server {
    fn start(bytes: Bytes) -> Result<Self, Failure> {
        let app = Arc::new(Mutex::new(Router::new()));
        let current = Arc::clone(&app);
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
                let thread = std::fs::read_link("/proc/thread-self")?;
                let thread = thread.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
                sender.send((listener.local_addr()?, thread.unwrap_or_default()))?;
                let json = move || async { ([(CONTENT_TYPE, "application/json")], bytes) };
                let fallback = move |request: Request<Body>| {
                    let app = current.lock().map(|app| app.clone()).unwrap_or_default();
                    async move {
                        let Ok(response) = app.oneshot(request).await;
                        let response: Response<Body> = response;
                        response
                    }
                };
                let app = Router::new().route("/bare", get(json)).fallback(fallback);
                axum::serve(listener, app).await?;
                Ok::<_, Failure>(())
            })
        });
        let (address, thread) = receiver.recv()?;
        Ok(Self { address, thread, app })
    }

    fn serve(&self, app: Router) {
        if let Ok(mut current) = self.app.lock() {
            *current = app;
        }
    }

    /// Nanoseconds of the thread's processor time per request; the requests are sent over many connections concurrently.
    async fn run(&self, paths: &[String]) -> Result<f64, Failure> {
        let mut tasks = JoinSet::new();
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS.min(paths.len()) {
            connections.push(Connection::open(&self.address.to_string()).await?);
        }
        let before = self.processor_time()?;
        let lanes = connections.len();
        for (lane, mut connection) in connections.into_iter().enumerate() {
            let own: Vec<String> = paths.iter().skip(lane).step_by(lanes).cloned().collect();
            tasks.spawn(async move { connection.ask_all(&own).await });
        }
        while let Some(result) = tasks.join_next().await {
            result??;
        }
        Ok((self.processor_time()? - before) as f64 / paths.len() as f64)
    }

    fn processor_time(&self) -> Result<u64, Failure> {
        let text = std::fs::read_to_string(format!("/proc/self/task/{}/schedstat", self.thread))?;
        Ok(text.split(' ').next().unwrap_or_default().parse()?)
    }
}
