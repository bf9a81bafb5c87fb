//! A custom source: a store that the library has no adapter for, as the source of stock.
//! `docs/adapter-guide.md` walks through this file.
//!
//! Run: `cargo run -p axon-examples --example custom_source`
//! You should see: the stock of one activity from the inventory service, the reason why the stock of another one is missing,
//! and, after the service has gone down, that it does not answer, with the reason in the log.

#![expect(clippy::print_stdout, reason = "an example prints to its user")]

use std::{
    collections::HashMap,
    io::{self, IsTerminal as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axon_metrics::{
    ActivityId, AnswerError, Dashboard, DashboardRequest, Measured, MemoryStore, Missing, Reason, SourceError,
    Timestamp, Widget,
    answer::SourceStatus,
    catalog::{Activity, ActivityKind, Campaign, Catalog},
    facts::{RealtimeFacts, Slots, Stock},
    source::{Probe, RealtimeQuestion, RealtimeSource, connection_lost},
};

/// A client of an inventory service: here a map, in reality a connection.
#[derive(Clone)]
struct Inventory {
    left: Arc<HashMap<ActivityId, i64>>,
    /// Whether the connection is lost.
    down: Arc<AtomicBool>,
}

/// The private error of the client. It names the question, and is converted once into a [`SourceError`], whose variants say what a
/// caller can do next.
#[derive(Debug, thiserror::Error)]
#[error("asking for the stock of {activities} activities")]
struct AskStock {
    activities: usize,
    source: io::Error,
}

impl From<AskStock> for SourceError {
    fn from(error: AskStock) -> Self {
        // Both variants are only for errors that a retry can cure. After a lost connection the library retries at once.
        match connection_lost(error.source.kind()) {
            true => Self::Lost { source_name: NAME.into(), source: error.into() },
            false => Self::Unavailable { source_name: NAME.into(), source: error.into() },
        }
    }
}

const NAME: &str = "inventory";

impl Inventory {
    /// One call for all activities: a source answers a whole question in one round trip.
    async fn stock_of(&self, activities: &[ActivityId]) -> Result<Vec<Option<i64>>, AskStock> {
        if self.down.load(Ordering::Relaxed) {
            return Err(AskStock { activities: activities.len(), source: io::ErrorKind::ConnectionRefused.into() });
        }
        Ok(activities.iter().map(|id| self.left.get(id).copied()).collect())
    }
}

#[async_trait]
impl RealtimeSource for Inventory {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn realtime(&self, question: &RealtimeQuestion) -> Result<RealtimeFacts, SourceError> {
        let left = self.stock_of(&question.activities).await?;
        let measured = |left: i64| Measured::exact(Stock::Remaining(left), NAME, question.as_of);
        let slots = |left: Option<i64>| {
            // An unknown stock is missing with a reason, never 0.
            let stock = left.map(measured).ok_or(Missing::NotMeasured(Reason::KeyMissing));
            Slots::new(stock, Err(Missing::NotSupported))
        };
        Ok(RealtimeFacts::new(question.activities.iter().copied().zip(left.into_iter().map(slots)).collect()))
    }

    async fn probe(&self, _as_of: Timestamp, _budget: Duration) -> Result<Probe, SourceError> {
        self.stock_of(&[]).await?;
        Ok(Probe::default().with_findings([("activities", self.left.len().to_string())]))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let colour = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .init();
    let now: Timestamp = "2024-11-12T10:30:00Z".parse()?;
    let activity = |id: u64| {
        Activity::new(id, format!("Activity {id}"), ActivityKind::FirstComeFirstServe)
            .with_start(now - chrono::Duration::days(1))
            .with_limit(100)
    };
    let campaign = Campaign::new(123, "Spring", [activity(789), activity(790)]);
    let catalog = MemoryStore::new(Catalog::new("KRW", vec![campaign])?);
    let inventory = Inventory { left: Arc::new(HashMap::from([(ActivityId(789), 55)])), down: Arc::default() };

    let dashboard = Dashboard::builder().catalog(catalog).realtime(inventory.clone()).build();
    for (id, down) in [(789, false), (790, false), (789, true)] {
        inventory.down.store(down, Ordering::Relaxed);
        let request = DashboardRequest::activity(id).widgets([Widget::Realtime]);
        let service = if down { "the service is down" } else { "the service answers" };
        let answer = match dashboard.answer(&request, now).await {
            Ok(answer) => answer,
            // The error names the source that did not answer. Its cause is only in the log.
            Err(AnswerError::Unavailable { sources }) => {
                let silent = sources.iter().find(|source| source.status == SourceStatus::Unavailable);
                println!("{service}: activity {id}: no answer from {}", silent.map_or("anyone", |source| &source.name));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let stock = answer.data.realtime.and_then(|realtime| realtime.remaining_stock);
        let stock = stock.map_or("unknown".to_owned(), |stock| stock.to_string());
        println!("{service}: activity {id}: remaining stock {stock}");
        for missing in &answer.widgets[&Widget::Realtime].missing {
            let detail = missing.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
            println!("  {} is missing: {}{detail}", missing.field, missing.message);
        }
    }
    Ok(())
}
