//! The ledger: approved entries and purchases, in one statement by activity, one by product where sales are asked, and one
//! for the weeks before where they are.
//! Lives here: asking. Lives in the modules below: the statements, what their rows say, and the facts that follow.

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
    error::{Asking, Cause},
    findings,
    options::MySqlOptions,
    store::{Store, shape::Shape},
};

#[cfg(test)]
mod aged;
mod facts;
mod line;
#[cfg(test)]
mod plans;
mod statement;

use facts::Told;
use line::Line;
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
    async fn ask(&self, shape: &Shape, question: &LedgerQuestion, deadline: Instant) -> [Told; 3] {
        let statements = Statements::of(question, shape, &self.options);
        let one = async |statement: Option<String>, asking: Asking| -> Told {
            match statement {
                None => Told::NotAsked,
                Some(statement) => {
                    let rows = match asking {
                        // It reads weeks of rows, and has a budget of its own: no session's limit was made for it.
                        Asking::History => self.store.ask_at_length(shape, &statement, deadline).await,
                        _ => self.store.ask(shape, &statement, deadline).await,
                    };
                    let lines = rows.and_then(|rows| Ok(rows.iter().map(Line::read).collect::<Result<_, _>>()?));
                    lines.map_or_else(|cause| Told::Failed(cause.in_asking(asking)), Told::Lines)
                }
            }
        };
        let (by_activity, by_product, history) = join3(
            one(statements.by_activity, Asking::Attributed),
            one(statements.by_product, Asking::Products),
            one(statements.history, Asking::History),
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
        let looked = |cause: Cause| cause.in_asking(Asking::Tables);
        let mut shape = self.store.shape(deadline).await.map_err(looked)?;
        let mut told = self.ask(&shape, question, deadline).await;
        if told.iter().any(Told::is_of_tables) {
            shape = self.store.look_after(&shape, deadline).await.map_err(looked)?;
            told = self.ask(&shape, question, deadline).await;
        }
        facts::facts(question, &shape, &self.options, told)
    }

    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError> {
        let deadline = deadline(budget);
        let shape = self.store.look(deadline).await.map_err(|cause| cause.in_asking(Asking::Tables))?;
        let statement = findings::newest(&shape, &self.options, as_of);
        let rows = self.store.ask(&shape, &statement, deadline).await;
        let seen =
            rows.and_then(|rows| findings::Newest::read(&rows)).map_err(|cause| cause.in_asking(Asking::Health))?;
        Ok(findings::of_ledger(&shape, &self.options, &seen))
    }
}
