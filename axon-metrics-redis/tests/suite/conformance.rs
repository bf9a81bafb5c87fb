//! The core's conformance suite: a real server with the platform's keys and with the plan's, and servers that
//! misbehave.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::{net::SocketAddr, time::Duration};

use async_trait::async_trait;
use axon_metrics::{
    facts::Stock,
    testing::{FaultyStore, RealtimeStore, SlotRecord},
};
use axon_metrics_redis::{RedisKeys, RedisOptions, RedisRealtime};

use common::{Data, add, set};

async fn fill(data: &mut Data, keys: &RedisKeys, slots: &[SlotRecord]) {
    let mut pipeline = redis::pipe();
    for slot in slots {
        if let Some(counter) = slot.counter {
            set(&mut pipeline, &keys.stock.template().key(slot.activity), counter);
        }
        add(&mut pipeline, &keys.members.key(slot.activity), slot.members.iter().flatten().copied());
    }
    if !pipeline.is_empty() {
        pipeline.exec_async(&mut data.admin).await.unwrap();
    }
}

/// Options with a long connect timeout, since many tests connect at the same time.
fn patient(keys: RedisKeys) -> RedisOptions {
    RedisOptions::default().with_keys(keys).with_connect_timeout(Duration::from_secs(5))
}

async fn holding(slots: &[SlotRecord], keys: fn(&Data) -> RedisKeys) -> Option<RedisRealtime> {
    let mut data = Data::new().await?;
    let keys = keys(&data);
    fill(&mut data, &keys, slots).await;
    Some(RedisRealtime::with_options(data.client, patient(keys)))
}

struct Platform;

#[async_trait]
impl RealtimeStore for Platform {
    type Source = RedisRealtime;

    fn stock(counter: i64) -> Stock {
        Stock::Held(counter)
    }

    async fn holding(slots: &[SlotRecord]) -> Option<RedisRealtime> {
        holding(slots, Data::keys).await
    }
}

struct Plan;

#[async_trait]
impl RealtimeStore for Plan {
    type Source = RedisRealtime;

    fn stock(counter: i64) -> Stock {
        Stock::Remaining(counter)
    }

    async fn holding(slots: &[SlotRecord]) -> Option<RedisRealtime> {
        holding(slots, Data::plan_keys).await
    }
}

/// The platform's keys over RESP3.
struct Resp3;

#[async_trait]
impl RealtimeStore for Resp3 {
    type Source = RedisRealtime;

    fn stock(counter: i64) -> Stock {
        Stock::Held(counter)
    }

    async fn holding(slots: &[SlotRecord]) -> Option<RedisRealtime> {
        let mut data = Data::new().await?;
        let keys = data.keys();
        fill(&mut data, &keys, slots).await;
        let info = data.client.get_connection_info().clone();
        let settings = info.redis_settings().clone().set_protocol(redis::ProtocolVersion::RESP3);
        let client = redis::Client::open(info.set_redis_settings(settings)).unwrap();
        Some(RedisRealtime::with_options(client, patient(keys)))
    }
}

/// Servers that misbehave.
struct FaultyServer;

impl FaultyStore for FaultyServer {
    type Source = RedisRealtime;

    fn at(server: SocketAddr) -> RedisRealtime {
        RedisRealtime::new(redis::Client::open(format!("redis://{server}")).unwrap())
    }
}

mod platform {
    axon_metrics::realtime_source_conformance!(super::Platform);
}
mod plan {
    axon_metrics::realtime_source_conformance!(super::Plan);
}
mod resp3 {
    axon_metrics::realtime_source_conformance!(super::Resp3);
}
mod faulty_server {
    axon_metrics::realtime_server_conformance!(super::FaultyServer);
}
