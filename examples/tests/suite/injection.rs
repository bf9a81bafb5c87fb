//! `injection`: hostile texts in everything that a caller may send and everything that an operator or the platform may have
//! written down. What is asked of a store then has the shape of what is asked for harmless texts, or nothing is asked and
//! the text is refused. 500 texts in the gate, 5,000 with `AXON_DRILL`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a drill prints its figures")]

use crate::{far::is_drill, platform};
#[path = "injection/payloads.rs"]
mod payloads;
#[path = "injection/wire.rs"]
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use axon_dashboard_http::{HttpOptions, router};
use axon_examples::{generator::Config, stores::Layout};
use axon_metrics::{
    ActivityId, Dashboard, DashboardBuilder, EventRule, Lifetimes, Window,
    cache::{CacheEntry, DashboardCache as _},
    source::{
        BehaviorQuestion, BehaviorSource as _, CatalogSource, Counting, QueryScope, RealtimeQuestion,
        RealtimeSource as _,
    },
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
use serde_json::Value;
use sqlx::mysql::MySqlSslMode;
use tower::ServiceExt as _;
use wire::{Speech, StoreRequest, Wire, shapes, texts};

const SQL: &str = "AXON_TEST_MYSQL_URL";
const LONG: Duration = Duration::from_secs(30);

/// A platform, and what is asked of each of its stores.
struct WatchedPlatform {
    platform: Platform,
    es: Wire,
    sql: Wire,
    redis: Wire,
}

impl WatchedPlatform {
    async fn load() -> Option<Self> {
        let config = Config { events: 2_000, ..Config::default() };
        let platform = Platform::load(Layout::Aug2026, config, SQL, None).await?;
        let at = &platform.addresses;
        let es = Wire::before(at.elasticsearch, Speech::Http).await;
        let sql = Wire::before(at.sql, Speech::MySql).await;
        let redis = Wire::before(at.redis, Speech::Redis).await;
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
        // In plain text, so that statements can be read.
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

    /// What was asked of all stores since this was last called.
    fn asked(&self) -> Vec<StoreRequest> {
        [&self.es, &self.sql, &self.redis].into_iter().flat_map(Wire::take).collect()
    }

    /// The shapes of everything that is asked for harmless requests.
    async fn harmless(&self, app: &Router) -> BTreeSet<String> {
        let campaign = &self.platform.catalog.campaigns[0];
        let all = "overview,funnel,comparison,realtime,activities";
        let mut asked = Vec::new();
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
        asked.extend(self.asked());
        let shapes = shapes(&asked);
        assert!(shapes.iter().any(|shape| shape.contains("_msearch")), "{shapes:#?}");
        assert!(shapes.iter().any(|shape| shape.contains("FROM purchases")), "{shapes:#?}");
        assert!(shapes.contains("GET of 2") && shapes.contains("SCARD of 2"), "{shapes:#?}");
        shapes
    }
}

/// A request; `None` if the address is none that could be sent.
async fn get(app: &Router, uri: &str, headers: &HeaderMap) -> Option<(StatusCode, HeaderMap, String)> {
    let mut request = Request::builder().uri(uri.parse::<Uri>().ok()?).body(Body::empty()).unwrap();
    request.headers_mut().clone_from(headers);
    let response = app.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let streams = head.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
    let body = if streams { first_event(body).await } else { body.collect().await.unwrap().to_bytes().to_vec() };
    Some((head.status, head.headers, String::from_utf8(body).unwrap()))
}

/// The beginning of what does not end by itself.
async fn first_event(mut body: Body) -> Vec<u8> {
    let mut read = Vec::new();
    while !read.ends_with(b"\n\n") {
        read.extend_from_slice(&body.frame().await.unwrap().unwrap().into_data().unwrap());
    }
    read
}

/// Every place of a request's address, with a text in it.
fn addresses(campaign: u32, activity: u32, text: &str) -> Vec<(&'static str, String)> {
    let api = "/api/v1/dashboard";
    let mut found = Vec::new();
    for (field, value) in [
        ("widgets", ""),
        ("period", ""),
        ("mode", ""),
        ("compare", ""),
        ("startDate", "period=custom&endDate=2024-01-31&"),
        ("endDate", "period=custom&startDate=2024-01-01&"),
        ("zone", ""),
    ] {
        found.push((field, format!("{api}/campaign/{campaign}?{value}{field}={text}")));
        found.push((field, format!("{api}/activity/{activity}?{value}{field}={text}")));
        found.push((field, format!("{api}/campaign/{campaign}/stream?{value}{field}={text}")));
        found.push((field, format!("{api}/activity/{activity}/stream?{value}{field}={text}")));
    }
    found.push(("unknown", format!("{api}/campaign/{campaign}?{text}=1")));
    found.push(("unknown", format!("{api}/campaign/{campaign}?{text}")));
    found.push(("phase", format!("{api}/campaigns?phase={text}")));
    found.push(("campaignId", format!("{api}/campaign/{text}")));
    found.push(("activityId", format!("{api}/activity/{text}")));
    found.push(("campaignId", format!("{api}/campaign/{text}/stream")));
    found.push(("activityId", format!("{api}/activity/{text}/stream")));
    found.push(("path", format!("{api}/campaign/{campaign}/{text}")));
    found.push(("path", format!("{api}/{text}")));
    found.push(("path", format!("/{text}")));
    found
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

/// No header of an answer comes from a text that was sent.
fn headers_are_our_own(headers: &HeaderMap, text: &str) {
    for name in ["set-cookie", "x-other", "location"] {
        assert!(!headers.contains_key(name), "{text:?}: {headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_sent_changes_what_is_asked_of_a_store() {
    let Some(watched) = WatchedPlatform::load().await else { return };
    // Nothing is kept, so that whoever is answered asks the stores.
    let app = || watched.app(watched.builder(&MySqlOptions::default()).lifetimes(Lifetimes::none()).build());
    let (campaign, activity) = {
        let campaign = &watched.platform.catalog.campaigns[0];
        (campaign.id, campaign.activities[0].id)
    };
    let pages = [("headers", ""), ("of streams", "/stream")].map(|(field, stream)| {
        (field, format!("/api/v1/dashboard/campaign/{campaign}{stream}?widgets=overview,realtime"))
    });
    // What these are without a header, by a dashboard that knows nothing yet: the catalog and the indices are looked at, too.
    let calm = app();
    for (_, page) in &pages {
        let (status, _, body) = get(&calm, page, &HeaderMap::new()).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{body}");
    }
    drop(calm);
    let harmless = shapes(&watched.asked());
    assert!(harmless.iter().any(|shape| shape.contains("_msearch")), "{harmless:#?}");
    let app = app();
    let texts = payloads::all();
    let mut statuses: BTreeMap<(&str, u16), usize> = BTreeMap::new();
    let (mut asked, mut sent) = (0, 0);
    let drill = is_drill();
    for (index, text) in texts.iter().enumerate() {
        let spellings = BTreeSet::from([encoded(text), loose(text)]);
        let both = if drill { spellings.len() } else { 1 };
        for written in spellings.iter().cycle().skip(index % 2).take(both) {
            for (field, uri) in addresses(campaign, activity, written) {
                let Some((status, headers, body)) = get(&app, &uri, &HeaderMap::new()).await else { continue };
                assert!(status.as_u16() < 500, "{field} {text:?}: {status} {body}");
                assert!(status != StatusCode::OK || field != "zone", "{uri} is no parameter");
                headers_are_our_own(&headers, text);
                *statuses.entry((field, status.as_u16())).or_default() += 1;
                sent += 1;
            }
        }
        // All headers at once; those that no server lets through are not sent.
        let value = HeaderValue::from_bytes(text.as_bytes());
        if let Ok(value) = value {
            let named = |name| (HeaderName::from_static(name), value.clone());
            let headers: HeaderMap = HEADERS.map(named).into_iter().collect();
            for (field, page) in &pages {
                let (status, headers, body) = get(&app, page, &headers).await.unwrap();
                assert!(status.as_u16() < 500, "{field} {text:?}: {status} {body}");
                headers_are_our_own(&headers, text);
                *statuses.entry((*field, status.as_u16())).or_default() += 1;
                sent += 1;
            }
        }
        let new = watched.asked();
        asked += new.len();
        let strange: Vec<_> = shapes(&new).into_iter().filter(|shape| !harmless.contains(shape)).collect();
        assert!(strange.is_empty(), "{text:?} leads to {strange:#?}\nharmless: {harmless:#?}");
    }
    println!("injection: {} texts, {sent} requests, {asked} questions to stores, 0 of a strange shape", texts.len());
    for ((field, status), count) in &statuses {
        println!("  {field:12} {status} {count:6}");
    }
    // Every field was refused at least in most cases, and some requests got through.
    for field in ["widgets", "period", "mode", "compare", "startDate", "endDate", "zone", "unknown", "phase"] {
        assert!(statuses[&(field, 400)] > texts.len() * 4 / 5, "{field}: {statuses:?}");
    }
    for (field, _) in &pages {
        assert!(statuses[&(*field, 200)] > texts.len() / 2, "{field}: {statuses:?}");
    }
    assert!(asked > texts.len(), "{asked} questions to stores");
    watched.platform.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stored_name_changes_what_is_asked_of_a_store() {
    let Some(watched) = WatchedPlatform::load().await else { return };
    let tables = MySqlOptions::default();
    let harmless = watched.harmless(&watched.app(watched.builder(&tables).build())).await;

    // Campaigns with hostile names, with an activity of a hostile name and kind each.
    let texts = payloads::all();
    let names: Vec<String> = texts.iter().map(|text| text.chars().take(200).collect()).collect();
    let pool = watched.platform.pool().await;
    let first = 1_000_000_u64;
    for (id, name) in (first..).zip(&names) {
        let campaign = "INSERT INTO campaigns (id, name, start_at, end_at) VALUES (?, ?, '2024-01-01', '2034-01-01')";
        sqlx::query(campaign).bind(id).bind(name).execute(&pool).await.unwrap();
        let activity = "INSERT INTO campaign_activities (id, campaign_id, product_id, name, limit_count, status, \
            start_date, end_date, activity_type, price, quantity) \
            VALUES (?, ?, 1, ?, 100, 'ACTIVE', '2024-01-01', '2034-01-01', ?, 1, 1)";
        sqlx::query(activity).bind(id).bind(id).bind(name).bind(name).execute(&pool).await.unwrap();
    }
    let dashboard = watched.builder(&tables).build();
    let app = watched.app(dashboard);
    let (status, _, body) = get(&app, "/api/v1/dashboard/campaigns", &HeaderMap::new()).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{body}");
    let list: Value = serde_json::from_str(&body).unwrap();
    let mut told = BTreeMap::new();
    for campaign in list["campaigns"].as_array().unwrap() {
        told.insert(campaign["campaignId"].as_u64().unwrap(), campaign);
    }
    for (id, name) in (first..).zip(&names) {
        let campaign = told[&id];
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
    let asked = watched.asked();
    let strange: Vec<_> = shapes(&asked).into_iter().filter(|shape| !harmless.contains(shape)).collect();
    assert!(strange.is_empty(), "{strange:#?}\nharmless: {harmless:#?}");
    println!("injection: {} stored names, {} questions to stores, 0 of a strange shape", names.len(), asked.len());
    watched.platform.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_currency_and_no_tenant_changes_what_is_asked_of_a_store() {
    let Some(watched) = WatchedPlatform::load().await else { return };
    let harmless = watched.harmless(&watched.app(watched.builder(&MySqlOptions::default()).build())).await;
    let campaign = watched.platform.catalog.campaigns[0].id;
    let texts = payloads::all();
    // Each is a dashboard of its own with connections of its own.
    let each = if is_drill() { 10 } else { 5 };
    let some: Vec<_> = texts.iter().step_by(each).collect();
    for text in &some {
        let tables = MySqlOptions::default().with_currency(text.as_str());
        let app = watched.app(watched.builder(&tables).tenant(text.as_str()).build());
        let page = format!("/api/v1/dashboard/campaign/{campaign}?widgets=comparison,realtime");
        let (status, _, body) = get(&app, &page, &HeaderMap::new()).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{text:?}: {body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["data"]["comparison"]["currency"], ***text);
        let asked = watched.asked();
        assert!(asked.len() > 3, "{asked:?}");
        let strange: Vec<_> = shapes(&asked).into_iter().filter(|shape| !harmless.contains(shape)).collect();
        assert!(strange.is_empty(), "{text:?} leads to {strange:#?}\nharmless: {harmless:#?}");
    }
    println!("injection: {} currencies and tenants, 0 questions of a strange shape", some.len());
    watched.platform.remove().await;
}

fn question(watched: &WatchedPlatform, rule: EventRule) -> BehaviorQuestion {
    let as_of = watched.platform.expected.as_of;
    let activity = watched.platform.catalog.campaigns[0].activities[0].id;
    BehaviorQuestion {
        scope: Arc::new(QueryScope {
            as_of,
            activities: vec![ActivityId(activity.into())],
            funnel_activities: vec![ActivityId(activity.into())],
            current: Window { from: as_of - Duration::from_secs(86_400), to: as_of },
            previous: None,
            counting: Counting::Events,
            by_activity: false,
        }),
        budget: LONG,
        series: Vec::new(),
        active: None,
        steps: vec![rule],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_is_one_text_in_a_search_whatever_it_is() {
    let Some(watched) = WatchedPlatform::load().await else { return };
    let source = watched.behavior(watched.es_options());
    // The first question looks at the indices as well, and so may any later one.
    source.behavior(&question(&watched, EventRule::trigger("CLICK"))).await.unwrap();
    let harmless = shapes(&watched.asked());
    assert!(harmless.iter().any(|shape| shape.contains("triggerType:[$]")), "{harmless:?}");
    let payloads = payloads::all();
    for text in &payloads {
        let facts = source.behavior(&question(&watched, EventRule::trigger(text.as_str()))).await.unwrap();
        let counted = facts.steps.current[0].as_ref().unwrap();
        assert_eq!(counted.value, 0, "{text:?}");
        let asked = watched.asked();
        let strange: Vec<_> = shapes(&asked).into_iter().filter(|shape| !harmless.contains(shape)).collect();
        assert!(strange.is_empty(), "{text:?} leads to {strange:#?}");
        assert!(texts(&asked).contains(text), "{text:?}: {asked:?}");
    }
    println!("injection: {} triggers, each one text of the same search", payloads.len());
    watched.platform.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_template_is_refused_or_one_text_in_a_search() {
    let Some(watched) = WatchedPlatform::load().await else { return };
    let asked_with = async |template: &str| {
        let options = watched.es_options().with_page_templates([template]);
        let client = axon_examples::stores::elasticsearch::client(&format!("http://{}", watched.es.address)).unwrap();
        let source = EsBehavior::with_options(client, options).ok()?;
        source.behavior(&question(&watched, EventRule::trigger("CLICK"))).await.unwrap();
        Some(watched.asked())
    };
    let mut harmless = BTreeSet::new();
    for template in ["http://shop/{id}", "http://shop/{id}/*", "*/shop/{id}", "*/shop/{id}/*"] {
        harmless.extend(shapes(&asked_with(template).await.unwrap()));
    }
    let activity = watched.platform.catalog.campaigns[0].activities[0].id;
    let (mut refused, mut taken) = (0, 0);
    // Each is a source of its own, which looks at the indices first.
    let each = if is_drill() { 10 } else { 4 };
    for text in payloads::all().iter().step_by(each) {
        for template in [text.clone(), format!("{text}{{id}}"), format!("http://shop/{{id}}/{text}")] {
            let Some(asked) = asked_with(&template).await else {
                refused += 1;
                continue;
            };
            taken += 1;
            let strange: Vec<_> = shapes(&asked).into_iter().filter(|shape| !harmless.contains(shape)).collect();
            assert!(strange.is_empty(), "{template:?} leads to {strange:#?}\nharmless: {harmless:#?}");
            let address = template.replace("{id}", &activity.to_string());
            let literal = address.trim_matches('*');
            let escaped = literal.replace('\\', "\\\\").replace('?', "\\?");
            let found = texts(&asked).iter().any(|text| {
                let text = text.trim_matches('*');
                text == literal || text == escaped
            });
            assert!(found, "{template:?}: {asked:?}");
        }
    }
    println!("injection: of page templates {refused} refused, {taken} one text of a search");
    assert!(refused > 20 && taken > 20, "{refused} refused, {taken} taken");
    watched.platform.remove().await;
}

#[test]
fn a_hostile_name_of_an_index_is_refused() {
    let plain = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-+".contains(&byte))
    };
    let client = || axon_examples::stores::elasticsearch::client("http://127.0.0.1:1").unwrap();
    let (mut refused, mut taken) = (0, Vec::new());
    for text in payloads::all() {
        for options in
            [EsOptions::default().with_event_indices([&text]), EsOptions::default().with_purchase_indices([&text])]
        {
            match EsBehavior::with_options(client(), options) {
                Ok(_) => taken.push(text.clone()),
                Err(_) => refused += 1,
            }
        }
    }
    println!("injection: {refused} names of indices refused, {} harmless: {taken:?}", taken.len());
    assert!(taken.iter().all(|text| plain(text)) && refused > 20 * taken.len(), "{taken:?}");
}

/// A word that nobody else has.
fn unique() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    format!("injection-{now}-{}:", std::process::id())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_redis_is_one_word_whatever_it_is() {
    let Some(url) = server_url("AXON_TEST_REDIS_URL") else { return };
    let info = redis::Client::open(url.as_str()).unwrap().get_connection_info().clone();
    let server = match info.addr() {
        redis::ConnectionAddr::Tcp(host, port) => format!("{host}:{port}"),
        other => panic!("{other:?}"),
    };
    let wire = Wire::before(server.parse().unwrap(), Speech::Redis).await;
    let client = redis::Client::open(format!("redis://{}/", wire.address)).unwrap();
    let own = unique();
    let sent = || -> Vec<Vec<Vec<u8>>> {
        let words = |asked| if let StoreRequest::Redis(words) = asked { Some(words) } else { None };
        let all = wire.take().into_iter().filter_map(words);
        // Beside what a new connection begins with.
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
        let keys = RedisKeys { stock: StockKey::Held(parsed.clone()), members: parsed };
        let options = RedisOptions::default().with_keys(keys).with_connect_timeout(LONG);
        let source = RedisRealtime::with_options(client.clone(), options);
        let as_of = "2024-11-12T10:30:00Z".parse().unwrap();
        let question = RealtimeQuestion { as_of, budget: LONG, activities: vec![ActivityId(789)] };
        source.realtime(&question).await.unwrap();
        let key = template.replace("{activityId}", "789").into_bytes();
        assert_eq!(sent(), [vec![b"GET".to_vec(), key.clone()], vec![b"SCARD".to_vec(), key]], "{text:?}");
    }
    for text in &texts {
        let prefix = format!("{own}{text}");
        let options = RedisCacheOptions::default().with_prefix(prefix.as_str()).with_connect_timeout(LONG);
        let cache = RedisCache::with_options(client.clone(), options);
        let entry = CacheEntry { key: text.clone(), value: text.clone().into_bytes(), ttl: Duration::from_secs(60) };
        cache.put(&[entry], LONG).await.unwrap();
        let found = cache.get(std::slice::from_ref(text), LONG).await.unwrap();
        assert_eq!(found, [Some(text.clone().into_bytes())]);
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
