//! Fault proxies before the stores of a platform, and the server binary over them.

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
pub(crate) struct ProxiedStores {
    pub(crate) proxies: [FaultProxy; 3],
}

impl ProxiedStores {
    /// Starts the proxies with these latencies in milliseconds.
    pub(crate) async fn of(platform: &Platform, latencies: [u64; 3]) -> Self {
        let Addresses { elasticsearch, sql, redis } = platform.addresses;
        let proxy = async |upstream| FaultProxy::start(upstream).await.unwrap();
        let stores = Self { proxies: [proxy(elasticsearch).await, proxy(sql).await, proxy(redis).await] };
        stores.set(latencies);
        stores
    }

    /// Sets latencies in milliseconds, and ends all faults.
    pub(crate) fn set(&self, latencies: [u64; 3]) {
        for (proxy, millis) in self.proxies.iter().zip(latencies) {
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

/// The server's settings for a platform at these addresses, and further settings.
pub(crate) fn settings(platform: &Platform, at: &Addresses, further: &[(&str, &str)]) -> Vec<(String, String)> {
    let profile = if platform.layout == Layout::Plan { "plan" } else { "platform" };
    let basic = [
        ("profile", profile.to_owned()),
        ("elasticsearch.url", format!("http://{}", at.elasticsearch)),
        ("elasticsearch.event_indices", platform.indices.behavior.clone()),
        ("elasticsearch.purchase_indices", platform.indices.commerce.clone()),
        ("mysql.url", format!("mysql://root@{}/{}", at.sql, platform.database)),
        ("redis.url", format!("redis://{}/0", at.redis)),
        ("redis.stock_key", platform.keys.counter().to_owned()),
        ("redis.members_key", platform.keys.members().to_owned()),
    ];
    let basic = basic.into_iter().map(|(key, value)| (key.to_owned(), value));
    basic.chain(further.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))).collect()
}

/// Starts the server with these settings.
pub(crate) fn serve(arguments: &[&str], settings: &[(String, String)]) -> crate::server::Server {
    let settings: Vec<_> = settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    crate::server::Server::with_settings(arguments, &settings)
}
