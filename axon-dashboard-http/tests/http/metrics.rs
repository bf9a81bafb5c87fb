//! The metrics of the router, and the path `/metrics`.

use axon_dashboard_http::HttpOptions;

use crate::{
    fixture::{app, get},
    live_fixture::LiveFixture,
};

#[tokio::test(start_paused = true)]
async fn metrics_are_the_text_of_the_host_or_not_found() {
    let reply = get(&app(), "/metrics").await;
    assert_eq!((reply.status.as_u16(), reply.body.as_str()), (200, "# TYPE up gauge\nup 1\n"));
    assert_eq!(reply.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(reply.header("cache-control"), "no-store");
    let none = get(&LiveFixture::new().app(), "/metrics").await;
    assert_eq!((none.status.as_u16(), &none.json()["code"]), (404, &"not_found".into()));
}

#[tokio::test(start_paused = true)]
async fn metrics_are_served_however_busy_the_server_is() {
    let options = HttpOptions::default().with_max_concurrent(0).with_metrics(String::new);
    assert_eq!(get(&LiveFixture::new().router(options), "/metrics").await.status, 200);
}

#[cfg(feature = "metrics")]
mod recorder {
    use std::time::Duration;

    use axum::Router;
    use metrics_exporter_prometheus::PrometheusBuilder;

    use crate::{
        fixture::{CAMPAIGN, get},
        live_fixture::LiveFixture,
        stream::Stream,
    };

    /// The text of a recorder after the work.
    fn metrics_after(work: impl AsyncFnOnce(Router)) -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        metrics::with_local_recorder(&recorder, || {
            axon_dashboard_http::describe_metrics();
            runtime.block_on(async { work(LiveFixture::new().app()).await });
        });
        recorder.handle().render()
    }

    #[test]
    fn requests_are_counted_by_route_and_status_and_no_id_is_a_label() {
        let text = metrics_after(async |app| {
            let nested = Router::new().nest("/m", app);
            for path in [CAMPAIGN, CAMPAIGN, "/api/v1/dashboard/campaign/999", "/nowhere"] {
                get(&nested, &format!("/m{path}")).await;
            }
        });
        let route = "route=\"/m/api/v1/dashboard/campaign/{campaignId}\"";
        for line in [
            format!("axon_http_requests_total{{{route},status=\"200\"}} 2"),
            format!("axon_http_requests_total{{{route},status=\"404\"}} 1"),
            "axon_http_requests_total{route=\"none\",status=\"404\"} 1".to_owned(),
            format!("axon_http_request_duration_seconds_count{{{route}}} 3"),
            "axon_cache_lookups_total{level=\"answer\",outcome=\"hit\"} 1".to_owned(),
        ] {
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("123") && !text.contains("/999"), "{text}");
    }

    #[test]
    fn streams_are_counted_while_they_are_open_and_by_their_ends() {
        let text = metrics_after(async |app| {
            let mut one = Stream::open(&app, &format!("{CAMPAIGN}/stream")).await;
            one.next().await;
            let two = Stream::open(&app, &format!("{CAMPAIGN}/stream?period=1d")).await;
            drop(two);
            tokio::time::sleep(Duration::from_secs(6)).await;
            one.next().await;
            // Open for longer than the recorder.
            std::mem::forget(one);
        });
        for line in [
            "axon_streams 1",
            "axon_stream_samplers 1",
            "axon_stream_ended_total{reason=\"gone\"} 1",
            "axon_stream_events_total{event=\"update\"} 1",
            "axon_stream_events_total{event=\"heartbeat\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
