//! Every sentence of the trait, against a real server: the platform's keys and the plan's, and servers that misbehave.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::time::Duration;

use async_trait::async_trait;
use axon_examples::fault_proxy::Fault;
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

/// Many tests at the same time can take a while to connect.
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

/// The same over RESP3.
struct Newer;

#[async_trait]
impl RealtimeStore for Newer {
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

/// A server that answers with noise, or not at all.
struct Misbehaving;

#[async_trait]
impl FaultyStore for Misbehaving {
    type Source = RedisRealtime;

    async fn silent() -> RedisRealtime {
        RedisRealtime::new(common::misbehaving::client(Fault::Blackhole).await)
    }

    async fn garbled() -> RedisRealtime {
        RedisRealtime::new(common::misbehaving::client(Fault::Garbage).await)
    }

    async fn cut() -> RedisRealtime {
        RedisRealtime::new(common::misbehaving::client(Fault::Close).await)
    }

    async fn refused() -> RedisRealtime {
        RedisRealtime::new(common::misbehaving::client(Fault::Refuse).await)
    }
}

mod platform {
    axon_metrics::realtime_source_conformance!(super::Platform);
}
mod plan {
    axon_metrics::realtime_source_conformance!(super::Plan);
}
mod newer_protocol {
    axon_metrics::realtime_source_conformance!(super::Newer);
}
mod misbehaving {
    axon_metrics::realtime_server_conformance!(super::Misbehaving);
}
