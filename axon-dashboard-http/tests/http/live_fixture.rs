//! A fixture that changes: its clock runs with tokio's, and a test changes its stock, empties its catalog, or makes sources fail.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use axon_dashboard_http::{HttpOptions, router};
use axon_metrics::{
    Catalog, Dashboard, Lifetimes, Measured, SourceError, Timestamp,
    facts::{BehaviorFacts, RealtimeFacts, Stock},
    source::{BehaviorQuestion, BehaviorSource, CatalogSource, Probe, RealtimeQuestion, RealtimeSource},
};
use axum::Router;
use tokio::time::Instant;

use crate::fixture::{Failure, Fixture, Trouble, now};

/// Clones share everything.
#[derive(Clone)]
pub(crate) struct LiveFixture(Arc<State>);

struct State {
    fixture: Fixture,
    starts_at: Timestamp,
    began: Instant,
    lifetimes: Lifetimes,
    held: AtomicU32,
    loads: AtomicUsize,
    empty: AtomicBool,
    down: AtomicBool,
    set_back: AtomicU32,
}

impl LiveFixture {
    pub(crate) fn new() -> Self {
        Self::starting_at(now())
    }

    /// A fixture whose clock starts at this instant.
    pub(crate) fn starting_at(starts_at: Timestamp) -> Self {
        Self::of(Fixture::new(Trouble::default()), starts_at, Lifetimes::default())
    }

    /// A fixture without stale answers: a failure is not covered by the answer before it.
    pub(crate) fn without_stale() -> Self {
        let lifetimes = Lifetimes::default().with_stale(Duration::ZERO);
        Self::of(Fixture::new(Trouble::default()), now(), lifetimes)
    }

    pub(crate) fn of(fixture: Fixture, starts_at: Timestamp, lifetimes: Lifetimes) -> Self {
        let state = State {
            fixture,
            starts_at,
            began: Instant::now(),
            lifetimes,
            held: AtomicU32::new(45),
            loads: AtomicUsize::new(0),
            empty: AtomicBool::new(false),
            down: AtomicBool::new(false),
            set_back: AtomicU32::new(0),
        };
        Self(Arc::new(state))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.starts_at + self.0.began.elapsed() - Duration::from_secs(self.0.set_back.load(Relaxed).into())
    }

    /// Sets the clock back by this number of seconds.
    pub(crate) fn set_back(&self, seconds: u32) {
        self.0.set_back.store(seconds, Relaxed);
    }

    pub(crate) fn router(&self, options: HttpOptions) -> Router {
        let live = self.clone();
        let dashboard = Dashboard::builder()
            .catalog(self.clone())
            .behavior(self.clone())
            .ledger(self.0.fixture.clone())
            .realtime(self.clone())
            .lifetimes(self.0.lifetimes)
            .build();
        router(dashboard, options.with_clock(move || live.now()))
    }

    pub(crate) fn app(&self) -> Router {
        self.router(HttpOptions::default())
    }

    /// Sets how many of the 100 slots are held.
    pub(crate) fn hold(&self, slots: u32) {
        self.0.held.store(slots, Relaxed);
    }

    /// How often the realtime source was asked.
    pub(crate) fn loads(&self) -> usize {
        self.0.loads.load(Relaxed)
    }

    /// Empties the catalog.
    pub(crate) fn empty_catalog(&self) {
        self.0.empty.store(true, Relaxed);
    }

    /// Sets whether the sources of the realtime widget fail.
    pub(crate) fn fail(&self, down: bool) {
        self.0.down.store(down, Relaxed);
    }

    fn fixture(&self) -> Fixture {
        let down = self.0.down.load(Relaxed);
        let trouble = Trouble { realtime: down, behavior: down.then_some(Failure::Down), ..Trouble::default() };
        Fixture { trouble, ..self.0.fixture.clone() }
    }
}

#[async_trait]
impl CatalogSource for LiveFixture {
    fn name(&self) -> &'static str {
        "mysql"
    }
    async fn catalog(&self, budget: Duration) -> Result<Catalog, SourceError> {
        if self.0.empty.load(Relaxed) {
            return Ok(Catalog::new("KRW", Vec::new()).expect("a catalog"));
        }
        self.0.fixture.catalog(budget).await
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}

#[async_trait]
impl BehaviorSource for LiveFixture {
    fn name(&self) -> &'static str {
        "elasticsearch"
    }
    async fn behavior(&self, question: &BehaviorQuestion) -> Result<BehaviorFacts, SourceError> {
        self.fixture().behavior(question).await
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}

#[async_trait]
impl RealtimeSource for LiveFixture {
    fn name(&self) -> &'static str {
        "redis"
    }
    async fn realtime(&self, question: &RealtimeQuestion) -> Result<RealtimeFacts, SourceError> {
        self.0.loads.fetch_add(1, Relaxed);
        let held = self.0.held.load(Relaxed);
        let mut facts = self.fixture().realtime(question).await?;
        for (_, slots) in &mut facts.slots {
            slots.stock = Ok(Measured::exact(Stock::Held(held.into()), "redis", question.as_of));
            slots.members = Ok(Measured::exact(held.into(), "redis", question.as_of));
        }
        Ok(facts)
    }
    async fn probe(&self, _: Timestamp, _: Duration) -> Result<Probe, SourceError> {
        Ok(Probe::default())
    }
}
