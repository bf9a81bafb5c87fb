//! The dashboard over the configured stores. It connects lazily: a store that is down at the start of the server is asked again by
//! each question.

mod elasticsearch;
mod pem;
mod redis;

use anyhow::{Context as _, ensure};
use axon_metrics::{Dashboard, QuestionKind};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger, TlsPem};
use sqlx::mysql::MySqlPool;

use self::pem::Pem;
use crate::config::{Config, Shared};

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
        builder = builder.behavior(elasticsearch::behavior(settings)?);
    }
    if !settings.redis.url.is_empty() {
        builder = builder.realtime(redis::realtime(settings)?);
    }
    if settings.cache.shared == Shared::Redis {
        builder = builder.shared_cache(redis::cache(settings)?);
    }
    Ok(builder.build())
}

fn mysql(settings: &Config) -> anyhow::Result<MySqlPool> {
    let config = &settings.mysql;
    let pem = Pem::read("mysql", &config.ca_file, &config.client_certificate, &config.client_key)?;
    let mut tls = TlsPem::default();
    if let Some(authority) = pem.authority {
        tls = tls.with_authority(authority);
    }
    if let Some((certificate, key)) = pem.client {
        tls = tls.with_client(certificate, key);
    }
    let mut server = axon_metrics_mysql::connect_options_with_tls(config.url.exposed(), &tls)
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
