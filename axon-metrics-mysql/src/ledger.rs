//! The ledger: approved entries and purchases, in one statement by activity, one by product where sales are asked, and one
//! for the weeks before where they are.
//! Lives here: asking. Lives in the modules below: the statements, their rows, and the facts that follow.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axon_metrics::{
    Timestamp,
    facts::LedgerFacts,
    source::{LedgerQuestion, LedgerSource, Probe, SourceError},
};
use futures_util::future::join3;
use sqlx::MySqlPool;
use tokio::time::Instant;

use crate::{
    NAME,
    error::{Cause, Query},
    health,
    options::MySqlOptions,
    store::{Store, schema::Schema},
};

mod facts;
mod ledger_row;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod stale_schema;
mod statement;

use facts::StatementResult;
use ledger_row::LedgerRow;
use statement::Statements;

/// What the business recorded: approved entries and purchases, from `campaign_activity_entries` and `purchases`.
/// Clones share everything.
///
/// Nothing is written, and nothing has to be created. Sums that a row with a negative or missing price or quantity would
/// take part in are [`BadValue`](axon_metrics::Reason::BadValue), and not a number that may be too small.
#[derive(Debug, Clone)]
pub struct MySqlLedger {
    store: Store,
    options: Arc<MySqlOptions>,
}

impl MySqlLedger {
    /// The ledger in the database of this pool; [`pool_options`](crate::pool_options) makes a good one. Nothing is asked
    /// before the first question.
    pub fn new(pool: MySqlPool) -> Self {
        Self::with_options(pool, MySqlOptions::default())
    }

    /// The same, read as the options say.
    pub fn with_options(pool: MySqlPool, options: MySqlOptions) -> Self {
        Self { store: Store::new(pool), options: Arc::new(options) }
    }

    /// What there is to ask, all at once, on a connection each.
    async fn ask(&self, schema: &Schema, question: &LedgerQuestion, deadline: Instant) -> [StatementResult; 3] {
        let statements = Statements::of(question, schema, &self.options);
        let one = async |statement: Option<String>, query: Query| -> StatementResult {
            match statement {
                None => StatementResult::NotAsked,
                Some(statement) => {
                    let rows = match query {
                        // It reads weeks of rows, and has a budget of its own: no session's limit was made for it.
                        Query::History => self.store.ask_at_length(schema, &statement, deadline).await,
                        _ => self.store.ask(schema, &statement, deadline).await,
                    };
                    let rows = rows.and_then(|rows| Ok(rows.iter().map(LedgerRow::read).collect::<Result<_, _>>()?));
                    rows.map_or_else(|cause| StatementResult::Failed(cause.during(query)), StatementResult::Rows)
                }
            }
        };
        let (by_activity, by_product, history) = join3(
            one(statements.by_activity, Query::Attributed),
            one(statements.by_product, Query::Products),
            one(statements.history, Query::History),
        )
        .await;
        [by_activity, by_product, history]
    }
}

/// When to stop: a little before the caller does, so that what is known by then still arrives.
fn deadline(budget: Duration) -> Instant {
    Instant::now() + budget.mul_f64(0.95)
}

#[async_trait]
impl LedgerSource for MySqlLedger {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn ledger(&self, question: &LedgerQuestion) -> Result<LedgerFacts, SourceError> {
        let deadline = deadline(question.budget);
        let probe_error = |cause: Cause| cause.during(Query::Tables);
        let mut schema = self.store.schema(deadline).await.map_err(probe_error)?;
        let mut results = self.ask(&schema, question, deadline).await;
        if results.iter().any(StatementResult::is_schema_mismatch) {
            schema = self.store.schema_after_mismatch(&schema, deadline).await.map_err(probe_error)?;
            results = self.ask(&schema, question, deadline).await;
        }
        facts::facts(question, &schema, &self.options, results)
    }

    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError> {
        let deadline = deadline(budget);
        let schema = self.store.refresh_schema(deadline).await.map_err(|cause| cause.during(Query::Tables))?;
        let statement = health::newest(&schema, &self.options, as_of);
        let rows = self.store.ask(&schema, &statement, deadline).await;
        let newest =
            rows.and_then(|rows| health::NewestTimes::read(&rows)).map_err(|cause| cause.during(Query::Health))?;
        Ok(health::of_ledger(&schema, &self.options, &newest))
    }
}
