//! The sources over Redis: live stock and participants, and the shared cache.

use std::time::Duration;

use anyhow::Context as _;
use axon_metrics_redis::{
    RedisAddress, RedisCache, RedisCacheOptions, RedisKeys, RedisOptions, RedisRealtime, StockKey,
};

use super::pem::Pem;
use crate::config::{Config, Secret, StockCounts, Url};

pub(super) fn realtime(settings: &Config) -> anyhow::Result<RedisRealtime> {
    let config = &settings.redis;
    let server = Server::of_stock(settings);
    let stock = config.stock_key.parse().context("redis.stock_key")?;
    let stock = match config.stock_counts {
        StockCounts::Held => StockKey::Held(stock),
        StockCounts::Remaining => StockKey::Remaining(stock),
    };
    let keys = RedisKeys::new(stock, config.members_key.parse().context("redis.members_key")?);
    let options =
        RedisOptions::default().with_keys(keys).with_connect_timeout(Duration::from_millis(config.connect_ms));
    let address = server.address(&config.password)?;
    RedisRealtime::at(&address, options).with_context(|| server.key())
}

/// The cache that several servers share: on a Redis of its own, or on that of the stock.
pub(super) fn cache(settings: &Config) -> anyhow::Result<RedisCache> {
    let (own, stock) = (&settings.cache, &settings.redis);
    let options = RedisCacheOptions::default()
        .with_prefix(own.prefix.as_str())
        .with_connect_timeout(Duration::from_millis(stock.connect_ms));
    let (server, password) = if own.url.is_empty() {
        (Server::of_stock(settings), if own.password.is_empty() { &stock.password } else { &own.password })
    } else {
        (Server::of_cache(settings), &own.password)
    };
    RedisCache::at(&server.address(password)?, options).with_context(|| server.key())
}

/// The settings of one Redis.
struct Server<'a> {
    section: &'static str,
    url: &'a Url,
    sentinel_username: &'a str,
    sentinel_password: &'a Secret,
    ca_file: &'a str,
    client_certificate: &'a str,
    client_key: &'a str,
}

impl<'a> Server<'a> {
    fn of_stock(settings: &'a Config) -> Self {
        let config = &settings.redis;
        Self {
            section: "redis",
            url: &config.url,
            sentinel_username: &config.sentinel_username,
            sentinel_password: &config.sentinel_password,
            ca_file: &config.ca_file,
            client_certificate: &config.client_certificate,
            client_key: &config.client_key,
        }
    }

    fn of_cache(settings: &'a Config) -> Self {
        let config = &settings.cache;
        Self {
            section: "cache",
            url: &config.url,
            sentinel_username: &config.sentinel_username,
            sentinel_password: &config.sentinel_password,
            ca_file: &config.ca_file,
            client_certificate: &config.client_certificate,
            client_key: &config.client_key,
        }
    }

    fn key(&self) -> String {
        format!("{}.url", self.section)
    }

    /// # Errors
    /// A setting is wrong. The error names it, and contains neither addresses nor secrets.
    fn address(&self, password: &Secret) -> anyhow::Result<RedisAddress> {
        let section = self.section;
        let mut address = RedisAddress::parse(self.url.exposed()).with_context(|| self.key())?;
        if !password.is_empty() {
            address = address.with_password(password.exposed());
        }
        let user = (!self.sentinel_username.is_empty()).then_some(self.sentinel_username);
        if !self.sentinel_password.is_empty() {
            address = address.with_sentinel_login(user, self.sentinel_password.exposed());
        } else {
            anyhow::ensure!(user.is_none(), "{section}.sentinel_username needs {section}.sentinel_password");
        }
        let pem = Pem::read(section, self.ca_file, self.client_certificate, self.client_key)?;
        if let Some(authority) = pem.authority {
            address = address.with_authority(authority);
        }
        if let Some((certificate, key)) = pem.client {
            address = address.with_client_certificate(certificate, key);
        }
        Ok(address)
    }
}
