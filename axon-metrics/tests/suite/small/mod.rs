//! Short constructors of the plan's campaign 123 with activity 789, of its records, and of answers about it.

#![allow(dead_code, reason = "each test uses only a part")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axon_metrics::{
    ActivityId, Dashboard, DashboardAnswer, DashboardBuilder, DashboardRequest, MemoryStore, ProductId, SourceError,
    Timestamp,
    catalog::{Activity, ActivityKind, Campaign, Catalog},
    facts::{BehaviorFacts, RealtimeFacts},
    memory::{Event, Purchase},
    source::{BehaviorQuestion, BehaviorSource, CatalogSource, Probe, RealtimeQuestion, RealtimeSource},
    widget::WarningCode,
};

pub(crate) const CAMPAIGN: u64 = 123;
pub(crate) const ACTIVITY: u64 = 789;
pub(crate) const PRODUCT: u64 = 456;
/// 19:30 in Seoul, on a Tuesday.
pub(crate) const NOW: &str = "2024-11-12T10:30:00Z";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| panic!("{text} is no instant"))
}

/// A first-come-first-served activity with 100 slots, from 2024-11-06 to 2024-11-20 in Seoul.
pub(crate) fn activity(id: u64) -> Activity {
    activity_of(id, "FIRST_COME_FIRST_SERVE")
}

/// The same of another kind.
pub(crate) fn activity_of(id: u64, kind: &str) -> Activity {
    Activity::new(id, format!("activity {id}"), ActivityKind::from(kind.to_owned()))
        .with_start(at("2024-11-05T15:00:00Z"))
        .with_end(at("2024-11-19T15:00:00Z"))
        .with_limit(100)
        .with_product(ProductId(PRODUCT))
}

/// A catalog of one campaign with these activities, and the dates of the first one.
pub(crate) fn catalog(activities: impl IntoIterator<Item = Activity>) -> Catalog {
    let mut campaign = Campaign::new(CAMPAIGN, "campaign", activities);
    if let Some(first) = campaign.activities.first() {
        (campaign.start, campaign.end) = (first.start, first.end);
    }
    Catalog::new("KRW", vec![campaign]).expect("unique ids")
}

/// A store with only the campaign of activity 789.
pub(crate) fn store() -> MemoryStore {
    MemoryStore::new(catalog([activity(ACTIVITY)]))
}

/// An event of a user on activity 789; user 0 is no subject.
pub(crate) fn event(trigger: &str, user: u64, when: &str) -> Event {
    Event {
        trigger: trigger.into(),
        definition: None,
        at: at(when),
        activity: ActivityId(ACTIVITY),
        user: (user > 0).then_some(user),
        session: None,
    }
}

/// A confirmed purchase of one unit of product 456 for 29900, in the shop.
pub(crate) fn shop(id: u64, when: &str) -> Purchase {
    Purchase {
        id,
        user: id,
        product: Some(ProductId(PRODUCT)),
        activity: None,
        price: 29_900.into(),
        quantity: 1,
        status: "CONFIRMED".into(),
        at: at(when),
    }
}

/// The same purchase, attributed to activity 789.
pub(crate) fn sale(id: u64, when: &str) -> Purchase {
    Purchase { activity: Some(ActivityId(ACTIVITY)), ..shop(id, when) }
}

pub(crate) fn builder(store: &MemoryStore) -> DashboardBuilder<Arc<dyn CatalogSource>> {
    let store = store.clone();
    let builder = Dashboard::builder().catalog(store.clone()).behavior(store.clone());
    builder.ledger(store.clone()).realtime(store).lifetimes(axon_metrics::Lifetimes::none())
}

pub(crate) async fn answer(store: &MemoryStore, request: DashboardRequest) -> DashboardAnswer {
    ask(builder(store).build(), request).await
}

pub(crate) async fn ask(dashboard: Dashboard, request: DashboardRequest) -> DashboardAnswer {
    dashboard.answer(&request, at(NOW)).await.expect("an answer")
}

pub(crate) fn campaign() -> DashboardRequest {
    DashboardRequest::campaign(CAMPAIGN)
}

/// The four values of the funnel.
pub(crate) fn values(answer: &DashboardAnswer) -> Vec<Option<u64>> {
    answer.data.funnel.iter().flat_map(|funnel| &funnel.steps).map(|step| step.value).collect()
}

/// The four rates of the funnel, as text.
pub(crate) fn rates(answer: &DashboardAnswer) -> Vec<Option<String>> {
    let steps = answer.data.funnel.iter().flat_map(|funnel| &funnel.steps);
    steps.map(|step| step.rate.map(|rate| rate.to_string())).collect()
}

/// The codes of a widget's warnings, each with its figure.
pub(crate) fn warnings(answer: &DashboardAnswer, widget: axon_metrics::Widget) -> Vec<(WarningCode, String)> {
    let all = answer.widgets[&widget].warnings.iter();
    all.map(|warning| (warning.code, warning.field.clone().unwrap_or_default())).collect()
}

/// The reason and detail of a missing figure, as on the wire.
pub(crate) fn why(answer: &DashboardAnswer, widget: axon_metrics::Widget, field: &str) -> String {
    let missing = answer.widgets[&widget].missing.iter().find(|missing| missing.field == field);
    let missing = missing.unwrap_or_else(|| panic!("{field} is not missing"));
    let reason = serde_json::to_value(missing.reason).expect("a code");
    let detail = missing.detail.as_ref().map(|detail| format!(" {detail}"));
    format!("{}{}", reason.as_str().unwrap_or_default(), detail.unwrap_or_default())
}

/// A store that does not answer.
#[derive(Debug)]
pub(crate) struct Down(pub(crate) &'static str);

impl Down {
    fn error(&self) -> SourceError {
        SourceError::Unavailable { source_name: self.0.into(), source: "connection refused".into() }
    }
}

#[async_trait]
impl BehaviorSource for Down {
    fn name(&self) -> &'static str {
        self.0
    }
    async fn behavior(&self, _: &BehaviorQuestion) -> Result<BehaviorFacts, SourceError> {
        Err(self.error())
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Err(self.error())
    }
}

#[async_trait]
impl RealtimeSource for Down {
    fn name(&self) -> &'static str {
        self.0
    }
    async fn realtime(&self, _: &RealtimeQuestion) -> Result<RealtimeFacts, SourceError> {
        Err(self.error())
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Err(self.error())
    }
}
