//! The ledger: approved entries and purchases. One statement by activity, one by product for a question about sales,
//! one for a question about history.
//! Lives here: sending the statements. Lives in the modules below: the statements, their rows, and the facts.

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

mod expressions;
mod facts;
mod failure_log;
mod ledger_row;
mod newest;
#[cfg(test)]
mod plans;
mod row_group;
#[cfg(test)]
mod stale_schema;
mod standing;
mod statement;
mod store_check;

use facts::StatementResult;
use failure_log::FailureLog;
use ledger_row::LedgerRow;
use standing::Standing;
use statement::Statements;
use store_check::Checks;
pub(crate) use store_check::StoreCheck;

/// A [`LedgerSource`] over MySQL or MariaDB: approved entries from `campaign_activity_entries`, purchases from
/// `purchases`. Clones share all state.
///
/// It only reads. No table or index has to be created.
///
/// - No rows: a measured 0. A table that does not exist is not measured.
/// - Rows that cannot be used are counted in the same scan, and are the coverage of the facts: those of an unknown status,
///   and those without a quantity or with two negative amounts. Orders without a price are orders, without revenue. A row
///   with exactly one negative amount is a refund, and no order.
/// - A clock that is known to be wrong, and a replica that has stopped, are in the coverage, too. They are checked about
///   once a minute, beside the answers.
/// - Errors: a statement that fails, and a right that is missing, cost their own facts, if others are measured.
#[derive(Debug, Clone)]
pub struct MySqlLedger {
    store: Store,
    options: Arc<MySqlOptions>,
    checks: Checks,
    failures: Arc<FailureLog>,
}

impl MySqlLedger {
    /// A ledger in the database of this pool; see [`pool_options`](crate::pool_options). Connects with the first
    /// question.
    pub fn new(pool: MySqlPool) -> Self {
        Self::with_options(pool, MySqlOptions::default())
    }

    /// The same with other options.
    pub fn with_options(pool: MySqlPool, options: MySqlOptions) -> Self {
        let (store, options) = (Store::new(pool), Arc::new(options));
        let checks = Checks::new(store.clone(), Arc::clone(&options));
        Self { store, options, checks, failures: Arc::default() }
    }

    /// Sends all statements of a question at the same time, each on its own connection.
    async fn ask(&self, schema: &Schema, question: &LedgerQuestion, deadline: Instant) -> [StatementResult; 3] {
        let statements = Statements::of(question, schema, &self.options);
        let one = async |statement: Option<String>, query: Query| -> StatementResult {
            match statement {
                None => StatementResult::NotSent,
                Some(statement) => {
                    let rows = match query {
                        // It reads weeks of rows and has a budget of its own, which the session's limit must not cut.
                        Query::History => self.store.ask_beyond_session_limit(schema, &statement, deadline).await,
                        _ => self.store.ask(schema, &statement, deadline).await,
                    };
                    let rows = rows.and_then(|rows| Ok(rows.iter().map(LedgerRow::read).collect::<Result<_, _>>()?));
                    rows.map_or_else(|cause| StatementResult::Failed(cause.during(query)), StatementResult::Rows)
                }
            }
        };
        let (by_activity, by_product, history) = join3(
            one(statements.by_activity, Query::ByActivity),
            one(statements.by_product, Query::ByProduct),
            one(statements.history, Query::History),
        )
        .await;
        [by_activity, by_product, history]
    }
}

/// The deadline of a question: a little before its budget ends, so that the facts of finished statements still arrive.
fn deadline(budget: Duration) -> Instant {
    Instant::now() + budget.mul_f64(0.95)
}

#[async_trait]
impl LedgerSource for MySqlLedger {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self) -> String {
        self.options.ledger_definition()
    }

    async fn ledger(&self, question: &LedgerQuestion) -> Result<LedgerFacts, SourceError> {
        let deadline = deadline(question.budget);
        let probe_error = |cause: Cause| cause.during(Query::Schema);
        let mut schema = self.store.schema(deadline).await.map_err(probe_error)?;
        let mut results = self.ask(&schema, question, deadline).await;
        if results.iter().any(StatementResult::is_schema_mismatch) {
            match self.store.schema_after_mismatch(&schema, deadline).await {
                Ok(current) => {
                    schema = current;
                    results = self.ask(&schema, question, deadline).await;
                }
                // What the other statements measured is not lost with the probe.
                Err(_) if results.iter().any(StatementResult::is_measured) => {}
                Err(cause) => return Err(probe_error(cause).into()),
            }
        }
        let standing = match results.iter().any(StatementResult::is_measured) {
            true => self.checks.standing(&schema, question.scope.as_of, deadline).await,
            false => Standing::default(),
        };
        facts::facts(question, &schema, &self.options, &standing, results, &self.failures)
    }

    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError> {
        let deadline = deadline(budget);
        let schema = self.store.refresh_schema(deadline).await.map_err(|cause| cause.during(Query::Schema))?;
        let check = self.checks.check(&schema, as_of, deadline).await.map_err(|cause| cause.during(Query::Health))?;
        Ok(health::of_ledger(&schema, &self.options, &check, as_of))
    }
}
