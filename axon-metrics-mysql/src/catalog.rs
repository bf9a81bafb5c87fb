//! The catalog: campaigns with their activities, by one statement.
//! Lives here: the statement. Lives elsewhere: turning its rows into a catalog (`rows`), the cache of the catalog (the
//! core).

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axon_metrics::{
    Catalog, Timestamp,
    source::{CatalogSource, Probe, SourceError},
};
use sqlx::MySqlPool;
use tokio::time::Instant;

use crate::{
    NAME,
    error::{Cause, Query},
    health,
    options::MySqlOptions,
    store::{Store, schema::Schema},
};

mod rows;

use rows::CatalogRows;

/// A [`CatalogSource`] over MySQL or MariaDB: campaigns with their activities, limits, dates and products, from
/// `campaigns` and `campaign_activities`. Clones share all state.
///
/// - Campaigns of every status are listed, drafts and ended ones too, as in the embedded store.
/// - A negative limit is read as 0, since the platform admits nobody in either case. NULL is no limit.
/// - A date of `0000-00-00` is no date. A day without a time begins and ends with that day.
/// - Activities of a missing campaign are not listed. Nor are rows with an invalid id (0 or negative). A value that cannot
///   be read costs its field alone: a name is then empty, another field is none. A health report counts such rows, and
///   names their places.
/// - No rows: an empty catalog. A missing table is an error.
#[derive(Debug, Clone)]
pub struct MySqlCatalog {
    store: Store,
    options: Arc<MySqlOptions>,
}

impl MySqlCatalog {
    /// A catalog in the database of this pool; see [`pool_options`](crate::pool_options). Connects with the first
    /// question.
    pub fn new(pool: MySqlPool) -> Self {
        Self::with_options(pool, MySqlOptions::default())
    }

    /// The same with other options.
    pub fn with_options(pool: MySqlPool, options: MySqlOptions) -> Self {
        Self { store: Store::new(pool), options: Arc::new(options) }
    }

    async fn read(&self, schema: &Schema, deadline: Instant) -> Result<CatalogRows, Cause> {
        CatalogRows::read(&self.store.ask(schema, STATEMENT, deadline).await?, schema, &self.options)
    }
}

#[async_trait]
impl CatalogSource for MySqlCatalog {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self) -> String {
        self.options.catalog_definition()
    }

    async fn catalog(&self, budget: Duration) -> Result<Catalog, SourceError> {
        let deadline = Instant::now() + budget;
        let schema = self.store.schema(deadline).await.map_err(|cause| cause.during(Query::Schema))?;
        let rows = self.read(&schema, deadline).await;
        Ok(rows.map_err(|cause| cause.during(Query::Catalog))?.catalog)
    }

    async fn probe(&self, _: Timestamp, budget: Duration) -> Result<Probe, SourceError> {
        let deadline = Instant::now() + budget;
        let schema = self.store.refresh_schema(deadline).await.map_err(|cause| cause.during(Query::Schema))?;
        let rows = self.read(&schema, deadline).await.map_err(|cause| cause.during(Query::Catalog))?;
        Ok(health::of_catalog(&schema, &self.options, &rows.catalog).with_losses(rows.losses()))
    }
}

/// Reads both tables as a whole: they are small. The casts give text whether a column is a text or an enumeration, and a
/// date that is none (`2025-02-31`) as it is stored, whatever the mode of the session.
pub(crate) const STATEMENT: &str = "SELECT c.id, c.name, CAST(c.start_at AS CHAR), CAST(c.end_at AS CHAR), c.budget, \
    a.id, a.name, CAST(a.activity_type AS CHAR), CAST(a.start_date AS CHAR), CAST(a.end_date AS CHAR), a.limit_count, \
    a.product_id FROM campaigns AS c LEFT JOIN campaign_activities AS a ON a.campaign_id = c.id ORDER BY c.id, a.id";
