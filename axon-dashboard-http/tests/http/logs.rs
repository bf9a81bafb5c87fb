//! The log: one line per request, and no text of a caller.

use std::{
    io::Write,
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use axum::{Router, body::Body, http::Request};
use serde_json::Value;
use tracing::instrument::WithSubscriber;

use crate::{
    fixture::{CAMPAIGN, Failure, Fixture, Trouble, app, get, send},
    live_fixture::LiveFixture,
};

/// A log in memory, of every level and target.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The subscriber of one future. It needs a global subscriber, which writes nowhere: without one, `tracing` disables
    /// callsites that a thread of another test reaches first, since that thread has no subscriber.
    fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
        static GLOBAL: Once = Once::new();
        GLOBAL.call_once(|| {
            tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(std::io::sink).init();
        });
        let log = self.clone();
        tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
            .with_writer(move || log.clone())
            .finish()
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic").clone()).expect("UTF-8")
    }

    fn access(&self) -> Vec<Value> {
        let lines = self.text();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.filter(|line| line["target"] == "axon_dashboard_http::access").collect()
    }
}

async fn line_of(app: &Router, path: &str) -> Value {
    let log = Log::default();
    get(app, path).with_subscriber(log.subscriber()).await;
    let lines = log.access();
    assert_eq!(lines.len(), 1, "{path}: {lines:?}");
    lines[0].clone()
}

#[tokio::test(start_paused = true)]
async fn each_request_is_one_line_with_its_route() {
    let app = Router::new().nest("/m", app());
    // 404 in a build without the page; a route all the same.
    let root = get(&app, "/m").await.status.as_u16();
    for (path, route, status) in [
        (format!("/m{CAMPAIGN}"), "/m/api/v1/dashboard/campaign/{campaignId}", 200),
        (format!("/m{CAMPAIGN}?x=1"), "/m/api/v1/dashboard/campaign/{campaignId}", 400),
        ("/m/livez".to_owned(), "/m/livez", 200),
        ("/m".to_owned(), "/m", root),
        ("/m/nowhere".to_owned(), "none", 404),
    ] {
        let line = line_of(&app, &path).await;
        let fields = &line["fields"];
        assert_eq!((&line["level"], &fields["method"]), (&"INFO".into(), &"GET".into()), "{path}");
        assert_eq!((&fields["route"], &fields["status"]), (&route.into(), &status.into()), "{path}");
        assert_eq!(fields["request_id"], "test-1");
        assert!(fields["duration_ms"].is_number() && fields["bytes"].as_u64() > Some(0), "{fields}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_server_is_a_warning() {
    let app = Fixture::new(Trouble { catalog: true, ..Trouble::default() }).router();
    let line = line_of(&app, CAMPAIGN).await;
    assert_eq!((&line["level"], &line["fields"]["status"]), (&"WARN".into(), &503.into()));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_went_away_is_logged_with_499() {
    let app = Fixture::new(Trouble { behavior: Some(Failure::Hang), ..Trouble::default() }).router();
    let log = Log::default();
    let asked =
        async { tokio::time::timeout(std::time::Duration::from_millis(100), get(&app, CAMPAIGN)).await.is_err() };
    assert!(asked.with_subscriber(log.subscriber()).await);
    let lines = log.access();
    assert_eq!((lines.len(), &lines[0]["fields"]["status"]), (1, &499.into()));
}

#[tokio::test(start_paused = true)]
async fn a_sources_failure_is_logged_with_the_requests_id() {
    let app = Fixture::new(Trouble { realtime: true, ..Trouble::default() }).router();
    let log = Log::default();
    get(&app, CAMPAIGN).with_subscriber(log.subscriber()).await;
    let text = log.text();
    let line = text.lines().find(|line| line.contains("redis did not answer")).expect("the failure");
    assert!(line.contains("test-1"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_in_the_background_is_logged_with_the_id_of_its_request() {
    let (live, log) = (LiveFixture::new(), Log::default());
    let app = live.app();
    let asked = async {
        get(&app, CAMPAIGN).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        live.fail(true);
        let request = Request::builder().uri(CAMPAIGN).header("X-Request-Id", "refresh-1");
        let stale = send(&app, request.body(Body::empty()).expect("a request")).await;
        assert_eq!(stale.header("cache-status"), "axon-metrics; hit; detail=refreshing");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    asked.with_subscriber(log.subscriber()).await;
    let text = log.text();
    let line = text.lines().find(|line| line.contains("redis did not answer")).expect("the failure");
    assert!(line.contains("refresh-1"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn each_request_is_a_span_that_is_closed_for_cached_answers_too() {
    let app = app();
    for cached in [false, true] {
        let log = Log::default();
        get(&app, CAMPAIGN).with_subscriber(log.subscriber()).await;
        let text = log.text();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let own = lines.filter(|line| line["target"] == "axon_dashboard_http" && line["span"]["name"] == "request");
        let own: Vec<Value> = own.filter(|line| line["span"]["request_id"] == "test-1").collect();
        let times = |what: &str| own.iter().filter(|line| line["fields"]["message"] == what).count();
        assert_eq!((times("new"), times("close")), (1, 1), "cached: {cached}: {text}");
        assert_eq!(text.contains("elasticsearch"), !cached, "cached: {cached}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_text_of_a_caller_is_logged() {
    const MARK: &str = "user-4711";
    let app = Fixture::new(Trouble { realtime: true, ..Trouble::default() }).router();
    let log = Log::default();
    let paths = [
        format!("{CAMPAIGN}?widgets={MARK}&startDate={MARK}&mode={MARK}&{MARK}=1&userId={MARK}"),
        format!("{CAMPAIGN}?sessionId={MARK}"),
        format!("/api/v1/dashboard/campaign/{MARK}?period={MARK}"),
        format!("/api/v1/dashboard/activity/{MARK}"),
        format!("/api/v1/dashboard/campaigns?phase={MARK}"),
        format!("/{MARK}?{MARK}"),
        format!("/?{MARK}={MARK}"),
        format!("/readyz?{MARK}={MARK}"),
        CAMPAIGN.to_owned(),
    ];
    for path in &paths {
        for method in ["GET", "HEAD", "POST", MARK] {
            let mut request = Request::builder().method(method).uri(path).header("X-Request-Id", format!("{MARK} "));
            for header in ["Cookie", "Authorization", "User-Agent", "Referer", "X-Forwarded-For", "X-User-Id"] {
                request = request.header(header, MARK);
            }
            let request = request.header("X-Request-Id", format!("{MARK}!")).body(Body::from(MARK)).expect("a request");
            send(&app, request).with_subscriber(log.subscriber()).await;
        }
    }
    assert_eq!(log.access().len(), paths.len() * 4);
    let text = log.text();
    assert!(!text.contains(MARK), "{:?}", text.lines().find(|line| line.contains(MARK)));
}

#[tokio::test(start_paused = true)]
async fn a_problem_repeats_no_value_of_the_caller() {
    const MARK: &str = "user-4711";
    let query =
        ["widgets", "period", "startDate", "endDate", "mode", "compare", "userId"].map(|name| format!("{name}={MARK}"));
    for path in
        [format!("{CAMPAIGN}?{}", query.join("&")), format!("/api/v1/dashboard/campaign/{MARK}"), format!("/{MARK}")]
    {
        let reply = get(&app(), &path).await;
        assert!(!reply.body.contains(MARK), "{}", reply.body);
    }
}
