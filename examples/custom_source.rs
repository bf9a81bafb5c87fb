//! A source of one's own: a store that the library has no adapter for, as the source of stock.
//! `docs/adapter-guide.md` walks through this file.
//!
//! Run: `cargo run --example custom_source`
//! You should see: the stock and participants of an activity as the inventory service tells them, and the reason why the
//! stock of another one is missing.

#![expect(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use axon_metrics::{
    ActivityId, CampaignId, Dashboard, DashboardRequest, Instant, Measured, MemoryStore, Missing, Reason, SourceError,
    Widget,
    catalog::{Activity, ActivityKind, Campaign, Catalog},
    facts::{RealtimeFacts, Slots, Stock},
    source::{Probe, RealtimeQuestion, RealtimeSource},
};

/// A client of an inventory service: here a map, in reality a connection.
#[derive(Clone)]
struct Inventory {
    left: Arc<HashMap<ActivityId, i64>>,
}

/// What can go wrong with it. Private, and names the question; converted once into what a caller does next.
#[derive(Debug, thiserror::Error)]
#[error("asking for the stock of {activities} activities")]
struct AskStock {
    activities: usize,
    source: std::io::Error,
}

impl From<AskStock> for SourceError {
    fn from(error: AskStock) -> Self {
        // Only what asking again can cure is `Unavailable`.
        Self::Unavailable { source_name: NAME.into(), source: error.into() }
    }
}

const NAME: &str = "inventory";

impl Inventory {
    /// One call for all activities: a source answers a whole question in one round trip.
    async fn stock_of(&self, activities: &[ActivityId]) -> Result<Vec<Option<i64>>, AskStock> {
        if activities.is_empty() {
            let source = std::io::Error::other("nothing to ask");
            return Err(AskStock { activities: 0, source });
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
        let slots = |left: Option<i64>| Slots {
            // What is not there is missing with its reason, and never 0.
            stock: left.map(measured).ok_or(Missing::NotMeasured(Reason::KeyMissing)),
            members: Err(Missing::NotSupported),
            derived: false,
        };
        Ok(RealtimeFacts { slots: question.activities.iter().copied().zip(left.into_iter().map(slots)).collect() })
    }

    async fn probe(&self, _as_of: Instant, _budget: Duration) -> Result<Probe, SourceError> {
        Ok(Probe { newest: None, findings: vec![("activities".into(), self.left.len().to_string())] })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let now: Instant = "2024-11-12T10:30:00Z".parse()?;
    let activity = |id: u64| Activity {
        id: ActivityId(id),
        name: format!("Activity {id}"),
        kind: ActivityKind::FirstComeFirstServe,
        start: Some(now - chrono::Duration::days(1)),
        end: None,
        limit: Some(100),
        product: None,
    };
    let activities = vec![activity(789), activity(790)];
    let campaign =
        Campaign { id: CampaignId(123), name: "Spring".into(), start: None, end: None, budget: None, activities };
    let catalog = MemoryStore::new(Catalog::new("KRW", vec![campaign])?);
    let inventory = Inventory { left: Arc::new(HashMap::from([(ActivityId(789), 55)])) };

    let dashboard = Dashboard::builder().catalog(catalog).realtime(inventory).build();
    for id in [789, 790] {
        let request = DashboardRequest::activity(id).widgets([Widget::Realtime]);
        let answer = dashboard.answer(&request, now).await?;
        let stock = answer.data.realtime.and_then(|realtime| realtime.remaining_stock);
        println!("activity {id}: remaining stock {stock:?}");
        for missing in &answer.widgets[&Widget::Realtime].missing {
            println!(
                "  {} is missing: {:?} {}",
                missing.field,
                missing.reason,
                missing.detail.as_deref().unwrap_or("")
            );
        }
    }
    Ok(())
}
