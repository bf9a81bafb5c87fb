//! The dashboard over the configured stores. It connects lazily: a store that is down at the start of the server is asked again by
//! each question.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use axon_metrics::{Dashboard, QuestionKind};
use axon_metrics_es::{EsBehavior, EsOptions};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger};
use axon_metrics_redis::{RedisCache, RedisCacheOptions, RedisKeys, RedisOptions, RedisRealtime, StockKey};
use elasticsearch::{
    auth::Credentials,
    cert::{Certificate, CertificateValidation},
    http::transport::{SingleNodeConnectionPool, TransportBuilder},
};
use redis::IntoConnectionInfo as _;
use sqlx::mysql::MySqlPool;

use crate::config::{Config, Secret, Shared, StockCounts, Url};

/// A dashboard with every store that has an address. Must be called inside a tokio runtime.
/// # Errors
/// A setting is invalid. The error names the setting, and contains neither addresses nor secrets.
pub(crate) fn dashboard(settings: &Config) -> anyhow::Result<Dashboard> {
    ensure!(!settings.mysql.url.is_empty(), "mysql.url is missing: the catalog is in MySQL");
    let pool = mysql(settings)?;
    let tables = settings
        .mysql
        .options()
        .with_purchase_statuses(settings.purchase_status.names())
        .with_entry_statuses(settings.entry_status.names())
        .with_anonymous_users(&settings.anonymous_users);
    let builder = Dashboard::builder()
        .catalog(MySqlCatalog::with_options(pool.clone(), tables.clone()))
        .ledger(MySqlLedger::with_options(pool, tables));
    let mut builder = settings.apply(builder)?;
    if !settings.elasticsearch.url.is_empty() {
        builder = builder.behavior(elasticsearch(settings)?);
    }
    if !settings.redis.url.is_empty() {
        builder = builder.realtime(redis(settings)?);
    }
    if settings.cache.shared == Shared::Redis {
        builder = builder.shared_cache(cache(settings)?);
    }
    Ok(builder.build())
}

fn elasticsearch(settings: &Config) -> anyhow::Result<EsBehavior> {
    let config = &settings.elasticsearch;
    let url = search_url(config.url.exposed()).context("elasticsearch.url is no address such as http://host:9200")?;
    let mut transport = TransportBuilder::new(SingleNodeConnectionPool::new(url)).disable_proxy();
    let password = config.password.exposed();
    ensure!(password.is_empty() || !config.username.is_empty(), "elasticsearch.password needs elasticsearch.username");
    let key = config.api_key.exposed();
    if !key.is_empty() {
        ensure!(
            config.username.is_empty(),
            "elasticsearch.api_key and elasticsearch.username are both set: remove one"
        );
        transport = transport.auth(Credentials::EncodedApiKey(key.to_owned()));
    } else if !config.username.is_empty() {
        transport = transport.auth(Credentials::Basic(config.username.clone(), password.to_owned()));
    }
    if !config.ca_file.is_empty() {
        let pem = std::fs::read(&config.ca_file)
            .with_context(|| format!("elasticsearch.ca_file: cannot read {}", config.ca_file))?;
        let authority = Certificate::from_pem(&pem).context("elasticsearch.ca_file contains no PEM certificate")?;
        transport = transport.cert_validation(CertificateValidation::Full(authority));
    }
    let transport = transport.build().context("elasticsearch")?;

    let lag = Duration::from_millis(config.ingest_lag_ms);
    let options = EsOptions::default()
        .with_event_indices(&config.event_indices)
        .with_purchase_indices(&config.purchase_indices)
        .with_page_templates(&config.page_urls)
        .with_occurred_at_zone(&config.occurred_at_zone)
        .with_anonymous_users(&settings.anonymous_users)
        .with_search_timeout(settings.budgets.0.of(QuestionKind::Behavior) * 7 / 8);
    let options =
        if config.ingest_lag_measured { options.with_measured_ingest_lag(lag) } else { options.with_ingest_lag(lag) };
    EsBehavior::with_options(elasticsearch::Elasticsearch::new(transport), options).context("elasticsearch")
}

/// The address of Elasticsearch. It must have a scheme that is spoken, and no parameter, since none is read. An error repeats
/// nothing of it that may be a secret.
fn search_url(text: &str) -> anyhow::Result<elasticsearch::http::Url> {
    let url = elasticsearch::http::Url::parse(text).map_err(|why| anyhow!("{why}"))?;
    ensure!(["http", "https"].contains(&url.scheme()), "it must begin with http:// or https://");
    if let Some(query) = url.query() {
        let name = query.split(['=', '&']).next().unwrap_or_default();
        // An unescaped password may look like a parameter.
        let is_name =
            !query.contains('@') && name.bytes().all(|byte| byte.is_ascii_alphabetic() || b"-_.".contains(&byte));
        bail!("the parameter {} is not read here; remove it", if is_name { name } else { "(not shown)" });
    }
    ensure!(url.fragment().is_none(), "what stands after # is not read; remove it");
    Ok(url)
}

fn mysql(settings: &Config) -> anyhow::Result<MySqlPool> {
    let config = &settings.mysql;
    let mut server = axon_metrics_mysql::connect_options(config.url.exposed())
        .context("mysql.url is no address such as mysql://user@host:3306/database")?;
    if !config.password.is_empty() {
        server = server.password(config.password.exposed());
    }
    // Catalog and ledger share the pool, so the time-out of its statements is the longer budget of both.
    let budgets = settings.budgets.0;
    let pool =
        axon_metrics_mysql::pool_options_with(budgets.of(QuestionKind::Ledger).max(budgets.of(QuestionKind::Catalog)));
    Ok(pool.max_connections(config.max_connections).connect_lazy_with(server))
}

fn redis(settings: &Config) -> anyhow::Result<RedisRealtime> {
    let config = &settings.redis;
    let client = client(&config.url, &config.password, "redis.url")?;
    let stock = config.stock_key.parse().context("redis.stock_key")?;
    let stock = match config.stock_counts {
        StockCounts::Held => StockKey::Held(stock),
        StockCounts::Remaining => StockKey::Remaining(stock),
    };
    let keys = RedisKeys::new(stock, config.members_key.parse().context("redis.members_key")?);
    let options =
        RedisOptions::default().with_keys(keys).with_connect_timeout(Duration::from_millis(config.connect_ms));
    Ok(RedisRealtime::with_options(client, options))
}

/// The cache that several servers share: on a Redis of its own, or on that of the stock.
fn cache(settings: &Config) -> anyhow::Result<RedisCache> {
    let (own, stock) = (&settings.cache, &settings.redis);
    let client = if own.url.is_empty() {
        let password = if own.password.is_empty() { &stock.password } else { &own.password };
        client(&stock.url, password, "redis.url")?
    } else {
        client(&own.url, &own.password, "cache.url")?
    };
    let options = RedisCacheOptions::default()
        .with_prefix(own.prefix.as_str())
        .with_connect_timeout(Duration::from_millis(stock.connect_ms));
    Ok(RedisCache::with_options(client, options))
}

fn client(url: &Url, password: &Secret, key: &str) -> anyhow::Result<redis::Client> {
    let server = url.exposed().into_connection_info();
    let mut server = server.map_err(|_| anyhow!("{key} is no address such as redis://host:6379/0"))?;
    if !password.is_empty() {
        let login = server.redis_settings().clone().set_password(password.exposed());
        server = server.set_redis_settings(login);
    }
    redis::Client::open(server).map_err(|_| anyhow!("{key} cannot be used"))
}
