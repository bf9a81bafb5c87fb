//! Load on servers that answer, refuse, stall and stream.

use std::{net::SocketAddr, time::Duration};

use axon_metrics::testing::server;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep, sleep_until},
};

use super::{Plan, Report, Target};

const ANSWER: &str = "HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: 2\r\n\r\n{}";

/// The next request; `None` after the client has disconnected.
async fn request(client: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(client.read_u8().await.ok()?);
    }
    String::from_utf8(text).ok()
}

fn target(address: SocketAddr, path: &str) -> Target {
    format!("http://{address}{path}").parse().unwrap()
}

async fn run(plan: Plan) -> Report {
    plan.run(|_| {}).await.unwrap()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A server that answers at once, except during a stall of one second that begins half a second after its start.
async fn stalling() -> SocketAddr {
    let start = Instant::now();
    server::start(move |mut client| async move {
        let stalls = start + millis(500)..start + millis(1_500);
        while request(&mut client).await.is_some() {
            if stalls.contains(&Instant::now()) {
                sleep_until(stalls.end).await;
            }
            client.write_all(ANSWER.as_bytes()).await.unwrap();
        }
    })
    .await
}

#[tokio::test]
async fn a_stall_counts_as_latency_of_every_request_that_was_due() {
    // A client that waits for each answer would send one request in that second, and count one slow answer of hundreds. At 200
    // a second, 200 requests are due in it, and wait half a second on average.
    let address = stalling().await;
    let report =
        run(Plan::new([target(address, "/")]).with_rate(200.0).with_connections(1).with_duration(millis(2_000))).await;
    let served = &report.by_status[&200];
    assert_eq!((report.started, served.count), (400, 400), "{report}");
    // Half of the requests are due in that second; a tenth wait for more than four fifths of it.
    assert!(report.latency.p90 > 500.0 && report.latency.p99 > 800.0, "{report}");
}

#[tokio::test]
async fn the_latency_of_a_viewer_starts_when_its_poll_was_due() {
    let address = stalling().await;
    let plan = Plan::new([target(address, "/")]).with_viewers(1, millis(10)).with_duration(millis(2_000));
    let report = run(plan).await;
    assert!(report.started > 150, "{report}");
    assert!(report.latency.p90 > 500.0, "{report}");
}

#[tokio::test]
async fn requests_keep_their_rate_and_share_connections() {
    let connections = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = std::sync::Arc::clone(&connections);
    let address = server::start(move |mut client| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        async move {
            while request(&mut client).await.is_some() {
                client.write_all(ANSWER.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let plan = Plan::new([target(address, "/")]).with_rate(100.0).with_connections(8).with_duration(millis(1_000));
    let report = run(plan.with_warm_up(millis(500))).await;
    assert_eq!((report.started, report.failures(), report.bytes), (50, 0, 100), "{report}");
    assert!((0.4..0.7).contains(&report.seconds), "{report}");
    assert!((1..=8).contains(&connections.load(std::sync::atomic::Ordering::Relaxed)));
}

#[tokio::test]
async fn a_conditional_poll_is_answered_with_304() {
    let address = server::start(|mut client| async move {
        while let Some(request) = request(&mut client).await {
            let known = request.contains("if-none-match: \"a\"\r\n");
            let answer = if known { "HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n" } else { ANSWER };
            client.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    let plan = Plan::new([target(address, "/")]).with_viewers(2, millis(20)).with_duration(millis(400));
    let report = run(plan.with_conditional(true)).await;
    assert_eq!(report.by_status[&200].count, 2, "{report}");
    assert!(report.by_status[&304].count > 10, "{report}");
}

#[tokio::test]
async fn failures_are_counted_by_kind() {
    let address = server::start(|mut client| async move {
        let request = request(&mut client).await.unwrap();
        match request.split(' ').nth(1).unwrap() {
            "/busy" => client.write_all(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n").await.unwrap(),
            "/cut" => client.write_all(&ANSWER.as_bytes()[..ANSWER.len() - 1]).await.unwrap(),
            "/garbage" => client.write_all(b"\x00\x01\n").await.unwrap(),
            "/reset" => client.set_zero_linger().unwrap(),
            _ => sleep(Duration::from_secs(60)).await,
        }
    })
    .await;
    let unreachable = server::refused().await;
    let paths = ["/busy", "/cut", "/garbage", "/reset", "/silent"];
    let targets = paths.iter().map(|path| target(address, path)).chain([target(unreachable, "/")]);
    let plan = Plan::new(targets).with_rate(200.0).with_duration(millis(500)).with_timeout(millis(300));
    let report = run(plan).await;
    let kinds: Vec<_> = report.errors.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["closed", "malformed", "refused", "reset", "timeout"], "{report}");
    assert!(report.by_status[&503].count > 0);
    assert_eq!((report.failures(), report.started), (100, 100));
    assert!((300.0..2_000.0).contains(&report.latency.max), "{report}");
}

/// Streams an event every 50 ms; its data is two seconds old.
async fn stream(mut client: TcpStream) {
    request(&mut client).await;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    loop {
        let as_of = chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now()) - chrono::TimeDelta::seconds(2);
        let event = format!(
            "retry: 10\nevent: update\ndata: {{\"widgets\":{{\"funnel\":{{\"asOf\":\"{}\"}}}}}}\n\n",
            as_of.to_rfc3339()
        );
        if client.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await.is_err() {
            return;
        }
        sleep(millis(50)).await;
    }
}

#[tokio::test]
async fn streams_are_timed_and_the_age_of_their_data_is_measured() {
    let address = server::start(stream).await;
    let plan = Plan::new([target(address, "/stream")]).with_streams(20, millis(200)).with_duration(millis(1_000));
    let report = run(plan).await;
    let streams = report.streams.as_ref().unwrap();
    assert_eq!((streams.opened, streams.most_open, streams.first_event.count), (20, 20, 20), "{report}");
    assert!(streams.all_after_ms.unwrap() >= 190.0, "{report}");
    assert!(streams.events["update"] > 100, "{report}");
    assert!(streams.gap.p50 >= 40.0, "{report}");
    assert!((1_950.0..4_000.0).contains(&streams.age.p50), "{report}");
    assert_eq!(report.failures(), 0, "{report}");
}

#[tokio::test]
async fn a_silent_stream_shows_as_its_longest_gap() {
    let address = server::start(|mut client| async move {
        request(&mut client).await;
        let event = "data: x\n\n";
        let text = format!("HTTP/1.1 200 OK\r\n\r\n{event}");
        client.write_all(text.as_bytes()).await.unwrap();
        sleep(millis(100)).await;
        client.write_all(event.as_bytes()).await.unwrap();
        sleep(Duration::from_secs(60)).await;
    })
    .await;
    let report =
        run(Plan::new([target(address, "/stream")]).with_streams(1, Duration::ZERO).with_duration(millis(1_000))).await;
    let gap = report.streams.as_ref().unwrap().gap;
    assert!(gap.count == 2 && gap.max > 600.0, "{report}");
}

#[tokio::test]
async fn a_stream_that_ends_is_reopened_after_the_server_s_delay() {
    let address = server::start(|mut client| async move {
        request(&mut client).await;
        let text = "HTTP/1.1 200 OK\r\n\r\nretry: 50\nevent: end\ndata: {\"reason\":\"shutdown\"}\n\n";
        client.write_all(text.as_bytes()).await.unwrap();
    })
    .await;
    let report =
        run(Plan::new([target(address, "/stream")]).with_streams(1, Duration::ZERO).with_duration(millis(500))).await;
    let ended = report.streams.as_ref().unwrap().ended["shutdown"];
    assert!((3..=10).contains(&ended), "{report}");
    assert_eq!(report.failures(), 0, "{report}");
}

#[tokio::test]
async fn a_refused_stream_is_retried_after_its_retry_after_header() {
    let address = server::start(|mut client| async move {
        request(&mut client).await;
        let text = "HTTP/1.1 503 Full\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";
        client.write_all(text.as_bytes()).await.unwrap();
    })
    .await;
    let report =
        run(Plan::new([target(address, "/stream")]).with_streams(3, Duration::ZERO).with_duration(millis(700))).await;
    assert_eq!(report.streams.as_ref().unwrap().refused[&503], 3, "{report}");
    assert_eq!(report.failures(), 3);
}

#[tokio::test]
async fn the_end_of_unread_streams_is_measured() {
    let address = server::start(|mut client| async move {
        request(&mut client).await;
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\ndata: x\n\n").await.unwrap();
        sleep(millis(300)).await;
        client.set_zero_linger().unwrap();
    })
    .await;
    let report = run(Plan::new([target(address, "/stream")]).with_stalled(5).with_duration(millis(1_000))).await;
    let streams = report.streams.as_ref().unwrap();
    assert_eq!((streams.stalled, streams.evicted.count), (5, 5), "{report}");
    assert!(streams.evicted.max < 1_000.0, "{report}");
}

#[tokio::test]
async fn a_report_survives_a_round_trip_through_json() {
    let address = server::start(stream).await;
    let plan = Plan::new([target(address, "/stream")]).with_streams(2, Duration::ZERO).with_duration(millis(300));
    let report = run(plan).await;
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap().to_string(), report.to_string());
}

#[tokio::test]
async fn targets_without_any_use_are_refused() {
    let [page, streamed] = ["/", "/stream"].map(|path| target(SocketAddr::from(([127, 0, 0, 1], 1)), path));
    for plan in [
        Plan::new([page.clone()]),
        Plan::new([page.clone()]).with_streams(1, Duration::ZERO),
        Plan::new([streamed.clone()]).with_rate(1.0),
        Plan::new([page, streamed]).with_rate(1.0),
    ] {
        assert!(plan.run(|_| {}).await.is_err(), "{plan:?}");
    }
}
