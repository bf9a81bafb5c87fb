//! A platform whose stores are far away, or break, and the server binary over it.

#![allow(dead_code, unused_imports, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "drill.rs"]
mod drill;

use std::time::Duration;

use axon_examples::{
    fault_proxy::{Fault, FaultProxy},
    stores::Layout,
};

pub(crate) use self::drill::is_drill;
use crate::platform::{Addresses, Platform};

/// Proxies before Elasticsearch, the database and Redis.
#[derive(Debug)]
pub(crate) struct Far {
    pub(crate) proxies: [FaultProxy; 3],
}

impl Far {
    /// Each store so many milliseconds away.
    pub(crate) async fn of(platform: &Platform, distances: [u64; 3]) -> Self {
        let Addresses { elasticsearch, sql, redis } = platform.addresses;
        let proxy = async |upstream| FaultProxy::start(upstream).await.unwrap();
        let far = Self { proxies: [proxy(elasticsearch).await, proxy(sql).await, proxy(redis).await] };
        far.set(distances);
        far
    }

    /// Sets distances, and ends all faults.
    pub(crate) fn set(&self, distances: [u64; 3]) {
        for (proxy, millis) in self.proxies.iter().zip(distances) {
            proxy.set(if millis == 0 { Fault::None } else { Fault::Latency(Duration::from_millis(millis)) });
        }
    }

    pub(crate) fn addresses(&self) -> Addresses {
        let [elasticsearch, sql, redis] =
            [&self.proxies[0], &self.proxies[1], &self.proxies[2]].map(FaultProxy::address);
        Addresses { elasticsearch, sql, redis }
    }

    /// Round trips to each store so far.
    pub(crate) fn trips(&self) -> [u64; 3] {
        [&self.proxies[0], &self.proxies[1], &self.proxies[2]].map(|proxy| proxy.counts().round_trips)
    }
}

/// The server's settings for a platform at these addresses, and those beside them.
pub(crate) fn settings(platform: &Platform, at: &Addresses, beside: &[(&str, &str)]) -> Vec<(String, String)> {
    let profile = if platform.layout == Layout::Plan { "plan" } else { "platform" };
    let own = [
        ("profile", profile.to_owned()),
        ("elasticsearch.url", format!("http://{}", at.elasticsearch)),
        ("elasticsearch.event_indices", platform.indices.behavior.clone()),
        ("elasticsearch.purchase_indices", platform.indices.commerce.clone()),
        ("mysql.url", format!("mysql://root@{}/{}", at.sql, platform.database)),
        ("redis.url", format!("redis://{}/0", at.redis)),
        ("redis.stock_key", platform.keys.counter().to_owned()),
        ("redis.members_key", platform.keys.members().to_owned()),
    ];
    let own = own.into_iter().map(|(key, value)| (key.to_owned(), value));
    own.chain(beside.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))).collect()
}

/// Starts the server with them.
pub(crate) fn serve(arguments: &[&str], settings: &[(String, String)]) -> crate::server::Server {
    let settings: Vec<_> = settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    crate::server::Server::with_settings(arguments, &settings)
}
