//! `injection`: hostile texts in all inputs of callers, operators and the platform's stores. The queries of a store then have
//! the shapes of queries for harmless texts, or the text is refused without a query. 500 texts in the gate, 5,000 with
//! `AXON_DRILL`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a drill prints its figures")]

use crate::{platform, proxied_stores::is_drill};
#[path = "injection/payloads.rs"]
mod payloads;
#[path = "injection/request_shapes.rs"]
mod request_shapes;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use axon_dashboard_http::{HttpOptions, router};
use axon_examples::{
    generator::Config,
    recording_proxy::{Protocol, RecordingProxy, StoreRequest},
    stores::Layout,
};
use axon_metrics::{
    ActivityId, Dashboard, DashboardBuilder, EventRule, Lifetimes, Window,
    cache::{CacheEntry, DashboardCache as _},
    source::{BehaviorQuestion, BehaviorSource as _, CatalogSource, QueryScope, RealtimeQuestion, RealtimeSource as _},
    testing::server_url,
};
use axon_metrics_es::{EsBehavior, EsOptions};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger, MySqlOptions};
use axon_metrics_redis::{
    KeyTemplate, RedisCache, RedisCacheOptions, RedisKeys, RedisOptions, RedisRealtime, StockKey,
};
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri},
};
use http_body_util::BodyExt as _;
use payloads::{encoded, loose};
use platform::{Addresses, Platform, patient};
use request_shapes::{shapes, texts};
use serde_json::Value;
use sqlx::mysql::MySqlSslMode;
use tower::ServiceExt as _;

const SQL: &str = "AXON_TEST_MYSQL_URL";
const LONG: Duration = Duration::from_secs(30);

/// A platform with a recording proxy before each store.
struct RecordedPlatform {
    platform: Platform,
    es: RecordingProxy,
    sql: RecordingProxy,
    redis: RecordingProxy,
}

impl RecordedPlatform {
    async fn load() -> Option<Self> {
        let config = Config { events: 2_000, ..Config::default() };
        let platform = Platform::load(Layout::Aug2026, config, SQL, None).await?;
        let at = &platform.addresses;
        let es = RecordingProxy::before(at.elasticsearch, Protocol::Http).await.unwrap();
        let sql = RecordingProxy::before(at.sql, Protocol::MySql).await.unwrap();
        let redis = RecordingProxy::before(at.redis, Protocol::Redis).await.unwrap();
        Some(Self { platform, es, sql, redis })
    }

    fn es_options(&self) -> EsOptions {
        EsOptions::default()
            .with_event_indices([&self.platform.indices.behavior])
            .with_purchase_indices([&self.platform.indices.commerce])
            .with_search_timeout(LONG)
    }

    fn behavior(&self, options: EsOptions) -> EsBehavior {
        let client = axon_examples::stores::elasticsearch::client(&format!("http://{}", self.es.address)).unwrap();
        EsBehavior::with_options(client, options).unwrap()
    }

    fn builder(&self, tables: &MySqlOptions) -> DashboardBuilder<Arc<dyn CatalogSource>> {
        let platform = &self.platform;
        let (elasticsearch, sql, redis) = (self.es.address, self.sql.address, self.redis.address);
        let at = Addresses { elasticsearch, sql, redis };
        // Without TLS, so that the proxy can read statements.
        let server = platform.options(&at).ssl_mode(MySqlSslMode::Disabled);
        let pool = axon_metrics_mysql::pool_options_with(LONG).connect_lazy_with(server);
        let client = redis::Client::open(format!("redis://{redis}/")).unwrap();
        let cache = RedisCacheOptions::default().with_prefix(format!("{}:", platform.database));
        platform
            .builder_over(&at, patient(), pool.clone())
            .catalog(MySqlCatalog::with_options(pool.clone(), tables.clone()))
            .ledger(MySqlLedger::with_options(pool, tables.clone()))
            .shared_cache(RedisCache::with_options(client, cache))
    }

    fn app(&self, dashboard: Dashboard) -> Router {
        let now = self.platform.expected.as_of;
        router(dashboard, HttpOptions::default().with_clock(move || now))
    }

    /// The requests to all stores since the last call.
    fn take_requests(&self) -> Vec<StoreRequest> {
        [&self.es, &self.sql, &self.redis].into_iter().flat_map(RecordingProxy::take).collect()
    }

    /// The shapes of all queries for harmless requests.
    async fn harmless(&self, app: &Router) -> BTreeSet<String> {
        let campaign = &self.platform.catalog.campaigns[0];
        let all = "overview,funnel,comparison,realtime,activities";
        let mut requests = Vec::new();
        for (path, widgets) in [
            (
                format!("campaign/{}", campaign.id),
                &["overview", "funnel", "comparison", "realtime", "activities", all][..],
            ),
            (format!("activity/{}", campaign.activities[0].id), &["overview", "funnel", "comparison", "realtime"]),
        ] {
            let dates = "period=custom&startDate=2024-01-01&endDate=2024-01-31";
            for query in ["", "period=1d", "period=7d", "period=30d", dates] {
                for mode in ["count", "unique"] {
                    for compare in ["", "&compare=previous"] {
                        let query = format!("/api/v1/dashboard/{path}?mode={mode}{compare}&{query}");
                        let each = widgets.iter().map(|widgets| format!("{query}&widgets={widgets}"));
                        for uri in std::iter::once(query.clone()).chain(each) {
                            let uri = uri.replace("&&", "&");
                            let (status, _, body) =
                                get(app, uri.trim_end_matches('&'), &HeaderMap::new()).await.unwrap();
                            assert_eq!(status, StatusCode::OK, "{uri}: {body}");
                        }
                    }
                }
            }
        }
        for path in ["campaigns", "campaigns?phase=running", "definitions"] {
            get(app, &format!("/api/v1/dashboard/{path}"), &HeaderMap::new()).await.unwrap();
        }
        get(app, "/readyz", &HeaderMap::new()).await.unwrap();
        requests.extend(self.take_requests());
        let shapes = shapes(&requests);
        assert!(shapes.iter().any(|shape| shape.contains("_msearch")), "{shapes:#?}");
        assert!(shapes.iter().any(|shape| shape.contains("FROM purchases")), "{shapes:#?}");
        assert!(shapes.contains("GET of 2") && shapes.contains("SCARD of 2"), "{shapes:#?}");
        shapes
    }
}

/// Sends a request. `None` if the text is no valid URI.
async fn get(app: &Router, uri: &str, headers: &HeaderMap) -> Option<(StatusCode, HeaderMap, String)> {
    let mut request = Request::builder().uri(uri.parse::<Uri>().ok()?).body(Body::empty()).unwrap();
    request.headers_mut().clone_from(headers);
    let response = app.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let streams = head.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
    let body = if streams { first_event(body).await } else { body.collect().await.unwrap().to_bytes().to_vec() };
    Some((head.status, head.headers, String::from_utf8(body).unwrap()))
}

/// The first event of a stream.
async fn first_event(mut body: Body) -> Vec<u8> {
    let mut read = Vec::new();
    while !read.ends_with(b"\n\n") {
        read.extend_from_slice(&body.frame().await.unwrap().unwrap().into_data().unwrap());
    }
    read
}

/// The text in all positions of a request's path and query, each with the field's name.
fn addresses(campaign: u32, activity: u32, text: &str) -> Vec<(&'static str, String)> {
    let api = "/api/v1/dashboard";
    let mut uris = Vec::new();
    for (field, value) in [
        ("widgets", ""),
        ("period", ""),
        ("mode", ""),
        ("compare", ""),
        ("startDate", "period=custom&endDate=2024-01-31&"),
        ("endDate", "period=custom&startDate=2024-01-01&"),
        ("zone", ""),
    ] {
        uris.push((field, format!("{api}/campaign/{campaign}?{value}{field}={text}")));
        uris.push((field, format!("{api}/activity/{activity}?{value}{field}={text}")));
        uris.push((field, format!("{api}/campaign/{campaign}/stream?{value}{field}={text}")));
        uris.push((field, format!("{api}/activity/{activity}/stream?{value}{field}={text}")));
    }
    uris.push(("unknown", format!("{api}/campaign/{campaign}?{text}=1")));
    uris.push(("unknown", format!("{api}/campaign/{campaign}?{text}")));
    uris.push(("phase", format!("{api}/campaigns?phase={text}")));
    uris.push(("campaignId", format!("{api}/campaign/{text}")));
    uris.push(("activityId", format!("{api}/activity/{text}")));
    uris.push(("campaignId", format!("{api}/campaign/{text}/stream")));
    uris.push(("activityId", format!("{api}/activity/{text}/stream")));
    uris.push(("path", format!("{api}/campaign/{campaign}/{text}")));
    uris.push(("path", format!("{api}/{text}")));
    uris.push(("path", format!("/{text}")));
    uris
}

const HEADERS: [&str; 16] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cache-control",
    "cookie",
    "forwarded",
    "host",
    "if-none-match",
    "last-event-id",
    "origin",
    "referer",
    "traceparent",
    "user-agent",
    "x-forwarded-for",
    "x-request-id",
];

/// Asserts that the text injected no header.
fn assert_no_injected_header(headers: &HeaderMap, text: &str) {
    for name in ["set-cookie", "x-other", "location"] {
        assert!(!headers.contains_key(name), "{text:?}: {headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_of_a_request_changes_the_shape_of_queries() {
    let Some(recorded) = RecordedPlatform::load().await else { return };
    // Without caches, so that every answer queries the stores.
    let app = || recorded.app(recorded.builder(&MySqlOptions::default()).lifetimes(Lifetimes::none()).build());
    let (campaign, activity) = {
        let campaign = &recorded.platform.catalog.campaigns[0];
        (campaign.id, campaign.activities[0].id)
    };
    let pages = [("headers", ""), ("of streams", "/stream")].map(|(field, stream)| {
        (field, format!("/api/v1/dashboard/campaign/{campaign}{stream}?widgets=overview,realtime"))
    });
    // The queries without a header, by a new dashboard, which reads the catalog and the mappings, too.
    let calm = app();
    for (_, page) in &pages {
        let (status, _, body) = get(&calm, page, &HeaderMap::new()).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{body}");
    }
    drop(calm);
    let harmless = shapes(&recorded.take_requests());
    assert!(harmless.iter().any(|shape| shape.contains("_msearch")), "{harmless:#?}");
    let app = app();
    let texts = payloads::all();
    let mut statuses: BTreeMap<(&str, u16), usize> = BTreeMap::new();
    let (mut requests, mut sent) = (0, 0);
    let drill = is_drill();
    for (index, text) in texts.iter().enumerate() {
        let spellings = BTreeSet::from([encoded(text), loose(text)]);
        let both = if drill { spellings.len() } else { 1 };
        for written in spellings.iter().cycle().skip(index % 2).take(both) {
            for (field, uri) in addresses(campaign, activity, written) {
                let Some((status, headers, body)) = get(&app, &uri, &HeaderMap::new()).await else { continue };
                assert!(status.as_u16() < 500, "{field} {text:?}: {status} {body}");
                assert!(status != StatusCode::OK || field != "zone", "{uri}: the unknown parameter zone is accepted");
                assert_no_injected_header(&headers, text);
                *statuses.entry((field, status.as_u16())).or_default() += 1;
                sent += 1;
            }
        }
        // All headers at once, unless the text is no valid value of a header.
        let value = HeaderValue::from_bytes(text.as_bytes());
        if let Ok(value) = value {
            let named = |name| (HeaderName::from_static(name), value.clone());
            let headers: HeaderMap = HEADERS.map(named).into_iter().collect();
            for (field, page) in &pages {
                let (status, headers, body) = get(&app, page, &headers).await.unwrap();
                assert!(status.as_u16() < 500, "{field} {text:?}: {status} {body}");
                assert_no_injected_header(&headers, text);
                *statuses.entry((*field, status.as_u16())).or_default() += 1;
                sent += 1;
            }
        }
        let new = recorded.take_requests();
        requests += new.len();
        let unknown: Vec<_> = shapes(&new).into_iter().filter(|shape| !harmless.contains(shape)).collect();
        assert!(unknown.is_empty(), "{text:?} leads to {unknown:#?}\nharmless: {harmless:#?}");
    }
    println!("injection: {} texts, {sent} requests, {requests} queries of stores, 0 of an unknown shape", texts.len());
    for ((field, status), count) in &statuses {
        println!("  {field:12} {status} {count:6}");
    }
    // Every field refuses most texts, and some requests are answered.
    for field in ["widgets", "period", "mode", "compare", "startDate", "endDate", "zone", "unknown", "phase"] {
        assert!(statuses[&(field, 400)] > texts.len() * 4 / 5, "{field}: {statuses:?}");
    }
    for (field, _) in &pages {
        assert!(statuses[&(*field, 200)] > texts.len() / 2, "{field}: {statuses:?}");
    }
    assert!(requests > texts.len(), "{requests} queries of stores");
    recorded.platform.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stored_name_changes_the_shape_of_queries() {
    let Some(recorded) = RecordedPlatform::load().await else { return };
    let tables = MySqlOptions::default();
    let harmless = recorded.harmless(&recorded.app(recorded.builder(&tables).build())).await;

    // Campaigns with hostile names, with an activity of a hostile name and kind each.
    let texts = payloads::all();
    let names: Vec<String> = texts.iter().map(|text| text.chars().take(200).collect()).collect();
    let pool = recorded.platform.pool().await;
    let first = 1_000_000_u64;
    for (id, name) in (first..).zip(&names) {
        let campaign = "INSERT INTO campaigns (id, name, start_at, end_at) VALUES (?, ?, '2024-01-01', '2034-01-01')";
        sqlx::query(campaign).bind(id).bind(name).execute(&pool).await.unwrap();
        let activity = "INSERT INTO campaign_activities (id, campaign_id, product_id, name, limit_count, status, \
            start_date, end_date, activity_type, price, quantity) \
            VALUES (?, ?, 1, ?, 100, 'ACTIVE', '2024-01-01', '2034-01-01', ?, 1, 1)";
        sqlx::query(activity).bind(id).bind(id).bind(name).bind(name).execute(&pool).await.unwrap();
    }
    let dashboard = recorded.builder(&tables).build();
    let app = recorded.app(dashboard);
    let (status, _, body) = get(&app, "/api/v1/dashboard/campaigns", &HeaderMap::new()).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{body}");
    let list: Value = serde_json::from_str(&body).unwrap();
    let mut campaigns = BTreeMap::new();
    for campaign in list["campaigns"].as_array().unwrap() {
        campaigns.insert(campaign["campaignId"].as_u64().unwrap(), campaign);
    }
    for (id, name) in (first..).zip(&names) {
        let campaign = campaigns[&id];
        assert_eq!(campaign["name"], **name);
        assert_eq!(campaign["activities"][0]["name"], **name);
    }
    let each = if is_drill() { 1 } else { 10 };
    for (id, name) in (first..).zip(&names).step_by(each) {
        let page = format!("/api/v1/dashboard/campaign/{id}?widgets=overview,comparison,realtime,activities");
        let (status, _, body) = get(&app, &page, &HeaderMap::new()).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{name:?}: {body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["data"]["activities"][0]["name"], **name);
    }
    let requests = recorded.take_requests();
    let unknown: Vec<_> = shapes(&requests).into_iter().filter(|shape| !harmless.contains(shape)).collect();
    assert!(unknown.is_empty(), "{unknown:#?}\nharmless: {harmless:#?}");
    println!("injection: {} stored names, {} queries of stores, 0 of an unknown shape", names.len(), requests.len());
    recorded.platform.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_currency_or_tenant_changes_the_shape_of_queries() {
    let Some(recorded) = RecordedPlatform::load().await else { return };
    let harmless = recorded.harmless(&recorded.app(recorded.builder(&MySqlOptions::default()).build())).await;
    let campaign = recorded.platform.catalog.campaigns[0].id;
    let texts = payloads::all();
    // Each text has a dashboard and connections of its own.
    let each = if is_drill() { 10 } else { 5 };
    let selected: Vec<_> = texts.iter().step_by(each).collect();
    for text in &selected {
        let tables = MySqlOptions::default().with_currency(text.as_str());
        let app = recorded.app(recorded.builder(&tables).tenant(text.as_str()).build());
        let page = format!("/api/v1/dashboard/campaign/{campaign}?widgets=comparison,realtime");
        let (status, _, body) = get(&app, &page, &HeaderMap::new()).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{text:?}: {body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["data"]["comparison"]["currency"], ***text);
        let requests = recorded.take_requests();
        assert!(requests.len() > 3, "{requests:?}");
        let unknown: Vec<_> = shapes(&requests).into_iter().filter(|shape| !harmless.contains(shape)).collect();
        assert!(unknown.is_empty(), "{text:?} leads to {unknown:#?}\nharmless: {harmless:#?}");
    }
    println!("injection: {} currencies and tenants, 0 queries of an unknown shape", selected.len());
    recorded.platform.remove().await;
}

fn question(recorded: &RecordedPlatform, rule: EventRule) -> BehaviorQuestion {
    let as_of = recorded.platform.expected.as_of;
    let activity = recorded.platform.catalog.campaigns[0].activities[0].id;
    let day = Window { from: as_of - Duration::from_secs(86_400), to: as_of };
    BehaviorQuestion::new(QueryScope::new(as_of, [ActivityId(activity.into())], day), LONG).with_steps([rule])
}

#[tokio::test(flavor = "multi_thread")]
async fn any_trigger_is_one_text_of_a_search() {
    let Some(recorded) = RecordedPlatform::load().await else { return };
    let source = recorded.behavior(recorded.es_options());
    // The first question also reads the mappings, and so may a later one.
    source.behavior(&question(&recorded, EventRule::trigger("CLICK"))).await.unwrap();
    let harmless = shapes(&recorded.take_requests());
    assert!(harmless.iter().any(|shape| shape.contains("triggerType:[$]")), "{harmless:?}");
    let payloads = payloads::all();
    for text in &payloads {
        let facts = source.behavior(&question(&recorded, EventRule::trigger(text.as_str()))).await.unwrap();
        let counted = facts.steps.current[0].as_ref().unwrap();
        assert_eq!(counted.value, 0, "{text:?}");
        let requests = recorded.take_requests();
        let unknown: Vec<_> = shapes(&requests).into_iter().filter(|shape| !harmless.contains(shape)).collect();
        assert!(unknown.is_empty(), "{text:?} leads to {unknown:#?}");
        assert!(texts(&requests).contains(text), "{text:?}: {requests:?}");
    }
    println!("injection: {} triggers, each one text of the same search", payloads.len());
    recorded.platform.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_template_is_refused_or_one_text_in_a_search() {
    let Some(recorded) = RecordedPlatform::load().await else { return };
    let requests_with = async |template: &str| {
        let options = recorded.es_options().with_page_templates([template]);
        let client = axon_examples::stores::elasticsearch::client(&format!("http://{}", recorded.es.address)).unwrap();
        let source = EsBehavior::with_options(client, options).ok()?;
        source.behavior(&question(&recorded, EventRule::trigger("CLICK"))).await.unwrap();
        Some(recorded.take_requests())
    };
    let mut harmless = BTreeSet::new();
    for template in ["http://shop/{id}", "http://shop/{id}/*", "*/shop/{id}", "*/shop/{id}/*"] {
        harmless.extend(shapes(&requests_with(template).await.unwrap()));
    }
    let activity = recorded.platform.catalog.campaigns[0].activities[0].id;
    let (mut refused, mut accepted) = (0, 0);
    // Each template has a source of its own, which first reads the mappings.
    let each = if is_drill() { 10 } else { 4 };
    for text in payloads::all().iter().step_by(each) {
        for template in [text.clone(), format!("{text}{{id}}"), format!("http://shop/{{id}}/{text}")] {
            let Some(requests) = requests_with(&template).await else {
                refused += 1;
                continue;
            };
            accepted += 1;
            let unknown: Vec<_> = shapes(&requests).into_iter().filter(|shape| !harmless.contains(shape)).collect();
            assert!(unknown.is_empty(), "{template:?} leads to {unknown:#?}\nharmless: {harmless:#?}");
            let address = template.replace("{id}", &activity.to_string());
            let literal = address.trim_matches('*');
            let escaped = literal.replace('\\', "\\\\").replace('?', "\\?");
            let is_sent = texts(&requests).iter().any(|text| {
                let text = text.trim_matches('*');
                text == literal || text == escaped
            });
            assert!(is_sent, "{template:?}: {requests:?}");
        }
    }
    println!("injection: of page templates {refused} refused, {accepted} one text of a search");
    assert!(refused > 20 && accepted > 20, "{refused} refused, {accepted} accepted");
    recorded.platform.remove().await;
}

#[test]
fn a_hostile_name_of_an_index_is_refused() {
    // `*` in a name is a pattern, and no syntax of a request.
    let plain = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-+*".contains(&byte))
    };
    let client = || axon_examples::stores::elasticsearch::client("http://127.0.0.1:1").unwrap();
    let (mut refused, mut accepted) = (0, Vec::new());
    for text in payloads::all() {
        for options in
            [EsOptions::default().with_event_indices([&text]), EsOptions::default().with_purchase_indices([&text])]
        {
            match EsBehavior::with_options(client(), options) {
                Ok(_) => accepted.push(text.clone()),
                Err(_) => refused += 1,
            }
        }
    }
    println!("injection: {refused} names of indices refused, {} harmless: {accepted:?}", accepted.len());
    assert!(accepted.iter().all(|text| plain(text)) && refused > 20 * accepted.len(), "{accepted:?}");
}

/// A key prefix that no other test uses.
fn unique() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    format!("injection-{now}-{}:", std::process::id())
}

#[tokio::test(flavor = "multi_thread")]
async fn any_redis_key_is_one_argument() {
    let Some(url) = server_url("AXON_TEST_REDIS_URL") else { return };
    let info = redis::Client::open(url.as_str()).unwrap().get_connection_info().clone();
    let server = match info.addr() {
        redis::ConnectionAddr::Tcp(host, port) => format!("{host}:{port}"),
        other => panic!("{other:?}"),
    };
    let recording_proxy = RecordingProxy::before(server.parse().unwrap(), Protocol::Redis).await.unwrap();
    let client = redis::Client::open(format!("redis://{}/", recording_proxy.address)).unwrap();
    let own = unique();
    let sent = || -> Vec<Vec<Vec<u8>>> {
        let words = |requests| if let StoreRequest::Redis(words) = requests { Some(words) } else { None };
        let all = recording_proxy.take().into_iter().filter_map(words);
        // Without the commands of a new connection.
        all.filter(|words| !["PING", "HELLO", "AUTH"].iter().any(|name| words[0] == name.as_bytes())).collect()
    };
    let (mut templates, mut refused) = (0, 0);
    let texts = payloads::all();
    for text in &texts {
        let template = format!("{own}{text}{{activityId}}{text}");
        let Ok(parsed) = template.parse::<KeyTemplate>() else {
            refused += 1;
            continue;
        };
        templates += 1;
        let keys = RedisKeys::new(StockKey::Held(parsed.clone()), parsed);
        let options = RedisOptions::default().with_keys(keys).with_connect_timeout(LONG);
        let source = RedisRealtime::with_options(client.clone(), options);
        let as_of = "2024-11-12T10:30:00Z".parse().unwrap();
        let question = RealtimeQuestion::new(as_of, LONG, [ActivityId(789)]);
        source.realtime(&question).await.unwrap();
        let key = template.replace("{activityId}", "789").into_bytes();
        assert_eq!(sent(), [vec![b"GET".to_vec(), key.clone()], vec![b"SCARD".to_vec(), key]], "{text:?}");
    }
    for text in &texts {
        let prefix = format!("{own}{text}");
        let options = RedisCacheOptions::default().with_prefix(prefix.as_str()).with_connect_timeout(LONG);
        let cache = RedisCache::with_options(client.clone(), options);
        let entry = CacheEntry::new(text, text.as_bytes(), Duration::from_secs(60));
        cache.put(&[entry], LONG).await.unwrap();
        let values = cache.get(std::slice::from_ref(text), LONG).await.unwrap();
        assert_eq!(values, [Some(text.clone().into_bytes())]);
        let key = format!("{prefix}{text}").into_bytes();
        let set = [b"SET".to_vec(), key.clone(), text.clone().into_bytes(), b"PX".to_vec(), b"60000".to_vec()];
        assert_eq!(sent(), [set.to_vec(), vec![b"MGET".to_vec(), key]], "{text:?}");
    }
    println!(
        "injection: of key templates {templates} are one word, {refused} refused; {} prefixes, keys and values are one word",
        texts.len()
    );
    assert!(templates > texts.len() / 2);
}
