//! The core's conformance suite, over indices with each time encoding.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::{net::SocketAddr, time::Duration};

use async_trait::async_trait;
use axon_examples::stores::elasticsearch::client;
use axon_metrics::testing::{AbsentStore, BehaviorStore, EventRecord, FaultyStore};
use axon_metrics_es::EsBehavior;
use common::{Index, OwnedSource, Time, cases::template_with, document, platform, platform_of};
use serde_json::{Value, json};

macro_rules! stores {
    ($($name:ident: $time:expr, step $step:literal s;)*) => { $(
        struct $name;

        #[async_trait]
        impl BehaviorStore for $name {
            type Source = OwnedSource;
            const TIME_STEP: Duration = Duration::from_secs($step);
            const TELLS_ACTIVE: bool = $step == 0;

            async fn holding(events: &[EventRecord]) -> Option<OwnedSource> {
                platform(events, $time).await
            }
        }
    )* };
}

stores! {
    FloatSeconds: Time::Float, step 128 s;
    Template: Time::Date, step 0 s;
    DoubleSeconds: Time::Double, step 0 s;
    WholeMillis: Time::Millis, step 0 s;
    MillisReadAsSeconds: Time::Late, step 0 s;
}

/// Users as texts, in a field of keywords.
struct TextUsers;

#[async_trait]
impl BehaviorStore for TextUsers {
    type Source = OwnedSource;
    const TIME_STEP: Duration = Duration::ZERO;
    const TELLS_ACTIVE: bool = true;

    async fn holding(events: &[EventRecord]) -> Option<OwnedSource> {
        let mappings = template_with("/properties/userId", json!({"type": "keyword"}));
        let with_text = |event: &EventRecord| {
            let mut document = document(event, Time::Date);
            document["userId"] = event.user.map_or(Value::Null, |user| json!(user.to_string()));
            document
        };
        platform_of(events, &mappings, with_text).await
    }
}

struct FaultyServer;

impl FaultyStore for FaultyServer {
    type Source = EsBehavior;
    const GARBAGE: &'static [u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 24\r\n\r\n\x00\xff<html>{{[1,2,\"oops\" ,,";

    fn at(server: SocketAddr) -> EsBehavior {
        EsBehavior::new(client(&format!("http://{server}")).unwrap())
    }
}

#[async_trait]
impl AbsentStore for FaultyServer {
    type Source = OwnedSource;

    async fn absent() -> Option<OwnedSource> {
        let missing =
            [Index::of_events("behavior", Value::Null, vec![]), Index::of_purchases("commerce", Value::Null, vec![])];
        common::source_over(missing.into()).await
    }
}

mod float_seconds {
    axon_metrics::behavior_source_conformance!(super::FloatSeconds);
    axon_metrics::behavior_coverage_conformance!(super::FloatSeconds);
}
mod template {
    axon_metrics::behavior_source_conformance!(super::Template);
    axon_metrics::behavior_coverage_conformance!(super::Template);
}
mod double_seconds {
    axon_metrics::behavior_source_conformance!(super::DoubleSeconds);
    axon_metrics::behavior_coverage_conformance!(super::DoubleSeconds);
}
mod whole_millis {
    axon_metrics::behavior_source_conformance!(super::WholeMillis);
    axon_metrics::behavior_coverage_conformance!(super::WholeMillis);
}
mod millis_read_as_seconds {
    axon_metrics::behavior_source_conformance!(super::MillisReadAsSeconds);
    axon_metrics::behavior_coverage_conformance!(super::MillisReadAsSeconds);
}
mod text_users {
    axon_metrics::behavior_coverage_conformance!(super::TextUsers);
}
mod no_index {
    axon_metrics::behavior_server_conformance!(super::FaultyServer);
}
