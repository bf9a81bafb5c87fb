//! The seam: what a store must answer so that the dashboard can be computed from it.
//! Lives here: the source traits, their questions, their errors. Lives elsewhere: what is answered (`facts`), who asks (`gather`).
//!
//! Traits are cut by the meaning of a fact, not by a store: one store may implement several. Each method takes a whole
//! question and answers it whole, so that an adapter can do it in one round trip.

use std::{io, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{
    ActivityId, ProductId, Timestamp,
    catalog::Catalog,
    definitions::{EventRule, LedgerStep},
    facts::{BehaviorFacts, LedgerFacts, RealtimeFacts},
    period::Window,
};

/// The cause of a source's failure, kept for the log and never shown to a caller.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a source could not answer. One variant per thing a caller does differently.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Down or too slow. Asking again later may work.
    #[error("{source_name} did not answer")]
    Unavailable {
        /// The store's name.
        source_name: Arc<str>,
        /// What happened.
        source: BoxError,
    },
    /// The connection could not be made, or broke before the answer: nothing is known to be wrong with the question. Asked
    /// once more.
    #[error("the connection to {source_name} was lost")]
    Lost {
        /// The store's name.
        source_name: Arc<str>,
        /// What happened.
        source: BoxError,
    },
    /// Answered that it is too busy. Asking again at once makes it worse.
    #[error("{source_name} is overloaded")]
    Overloaded {
        /// The store's name.
        source_name: Arc<str>,
    },
    /// Answered, but not with what the trait promises. Asking again will not help.
    #[error("{source_name} sent something else than {expected}")]
    Malformed {
        /// The store's name.
        source_name: Arc<str>,
        /// What was asked for.
        expected: &'static str,
        /// What was wrong with it.
        source: BoxError,
    },
    /// Refused: credentials or rights. An operator must act.
    #[error("{source_name} refused: {missing}")]
    Denied {
        /// The store's name.
        source_name: Arc<str>,
        /// The right that is missing. Shown to callers: no secret, no address.
        missing: String,
    },
}

impl SourceError {
    /// The name of the store that failed.
    pub fn source_name(&self) -> &Arc<str> {
        match self {
            Self::Unavailable { source_name, .. }
            | Self::Lost { source_name, .. }
            | Self::Overloaded { source_name }
            | Self::Malformed { source_name, .. }
            | Self::Denied { source_name, .. } => source_name,
        }
    }
}

/// Whether an I/O error says that a connection could not be made or broke, which makes a question that met it
/// [`Lost`](SourceError::Lost). A time-out does not: the store may be at work on the question still.
pub fn connection_lost(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, NotConnected, UnexpectedEof,
    };
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionRefused | ConnectionReset | NotConnected | UnexpectedEof)
}

/// How a source counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counting {
    /// Records.
    Events,
    /// Distinct subjects: the user where the record names one, else the session; a record with neither has no subject.
    Subjects,
}

/// What all questions of one request share; made once, after the catalog has spoken.
#[derive(Debug, Clone)]
pub struct QueryScope {
    /// The one instant the answer is made for. Records at or after it are not used.
    pub as_of: Timestamp,
    /// All activities of the scope.
    pub activities: Vec<ActivityId>,
    /// Those whose type has a funnel: steps are counted over their union.
    pub funnel_activities: Vec<ActivityId>,
    /// The window asked for, cut at `as_of`; may be empty.
    pub current: Window,
    /// The window to compare with.
    pub previous: Option<Window>,
    /// What a step's count is made of.
    pub counting: Counting,
    /// Ask for records of the current window for each funnel activity apart, too (records, whatever `counting` says).
    pub by_activity: bool,
}

/// What visitors did.
#[derive(Debug, Clone)]
pub struct BehaviorQuestion {
    /// Scope, windows and counting.
    pub scope: Arc<QueryScope>,
    /// The time the answer may take.
    pub budget: Duration,
    /// The steps to count over the scope's funnel activities; may be empty.
    pub steps: Vec<EventRule>,
    /// Count these events of all the scope's activities per hour.
    pub inflow: Option<InflowQuestion>,
    /// Count distinct subjects of all the scope's activities with any event in this window.
    pub active: Option<Window>,
}

/// Events per hour.
#[derive(Debug, Clone)]
pub struct InflowQuestion {
    /// What is counted.
    pub rule: EventRule,
    /// The hours, oldest first and without gaps; the last may be cut at the scope's `as_of`, or be empty.
    pub hours: Vec<Window>,
}

/// What the business recorded.
#[derive(Debug, Clone)]
pub struct LedgerQuestion {
    /// Scope, windows and counting.
    pub scope: Arc<QueryScope>,
    /// The time the answer may take.
    pub budget: Duration,
    /// The steps to count over the scope's funnel activities; may be empty.
    pub steps: Vec<LedgerStep>,
    /// Sum sales, too.
    pub sales: Option<SalesQuestion>,
    /// Sum regular purchases over time, too. It reads weeks of rows, so it is asked in a question of its own, now and then.
    pub history: Option<HistoryQuestion>,
}

/// Sales of the scope's activities and of the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesQuestion {
    /// The products of the scope; may be empty.
    pub products: Vec<ProductId>,
    /// The asked range inside the promotion, up to `as_of`; may be empty.
    pub window: Window,
}

/// Regular purchases, summed in buckets of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuestion {
    /// The products, each once; may be empty.
    pub products: Vec<ProductId>,
    /// When; starts with a clock hour of the business zone.
    pub window: Window,
    /// How long a bucket is: an hour, or less where the zone's clocks were moved by less in the window. The n-th bucket is
    /// `[window.from + n · bucket, window.from + (n + 1) · bucket)`.
    pub bucket: Duration,
}

/// What is true this second.
#[derive(Debug, Clone)]
pub struct RealtimeQuestion {
    /// The instant the answer is made for.
    pub as_of: Timestamp,
    /// The time the answer may take.
    pub budget: Duration,
    /// The activities whose slots are asked for.
    pub activities: Vec<ActivityId>,
}

/// What a source found out about its store; for health and the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probe {
    /// When the newest record before the instant asked for occurred, where the store can tell.
    pub newest: Option<Timestamp>,
    /// What was probed, as name and finding (`"occurredAt"`, `"date"`). No ids of users, no secrets.
    pub findings: Vec<(String, String)>,
}

/// What exists: campaigns with their activities, limits, dates and products.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait CatalogSource: Send + Sync + 'static {
    /// The store's name in answers, logs and metrics: lower case, without blanks (`"mysql"`).
    fn name(&self) -> &'static str;

    /// Every campaign with its activities. It is small, and kept by the caller for some seconds.
    /// - No campaigns: an empty catalog.
    /// - Freshness: as of the call.
    /// # Errors
    /// [`Unavailable`](SourceError::Unavailable) if no answer came within the budget,
    /// [`Lost`](SourceError::Lost) if there was no connection or it broke; if the source has tried again by itself,
    /// [`Unavailable`](SourceError::Unavailable),
    /// [`Malformed`](SourceError::Malformed) if what the store holds is no catalog.
    async fn catalog(&self, budget: Duration) -> Result<Catalog, SourceError>;

    /// Whether the store answers, and what it can tell as of an instant: its newest record is one before `as_of`.
    /// # Errors
    /// As the question's.
    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError>;
}

/// What visitors did, counted.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait BehaviorSource: Send + Sync + 'static {
    /// The store's name in answers, logs and metrics: lower case, without blanks (`"elasticsearch"`).
    fn name(&self) -> &'static str;

    /// Step counts, inflow and active subjects, all from the same round trip.
    /// - Unit: events in [`Counting::Events`], distinct recorded subjects in [`Counting::Subjects`].
    /// - Scope: an event belongs to the activity it names; a step counts over the union of the funnel activities, so
    ///   distinct subjects of several activities are not a sum.
    /// - Window: `[from, to)` on the time the event occurred. Events at or after the scope's `as_of` are not used.
    /// - One count per step and window, in the order asked.
    /// - No events: a measured 0. No activities, or an empty window: a measured 0. Nothing to read them from:
    ///   [`NotMeasured`](crate::Missing::NotMeasured), never 0.
    /// - Freshness: each fact says how far it is complete.
    /// # Errors
    /// [`Unavailable`](SourceError::Unavailable) if no answer came within the budget,
    /// [`Lost`](SourceError::Lost) if there was no connection or it broke; if the source has tried again by itself,
    /// [`Unavailable`](SourceError::Unavailable),
    /// [`Malformed`](SourceError::Malformed) if the answer is not what was asked.
    async fn behavior(&self, question: &BehaviorQuestion) -> Result<BehaviorFacts, SourceError>;

    /// Whether the store answers, and what it can tell as of an instant: its newest record is one before `as_of`.
    /// # Errors
    /// As the question's.
    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError>;
}

/// What the business recorded: approved entries and purchases.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait LedgerSource: Send + Sync + 'static {
    /// The store's name in answers, logs and metrics: lower case, without blanks (`"mysql"`).
    fn name(&self) -> &'static str;

    /// Step counts, sales and history; each only where it is asked for, and history alone, too.
    /// - Unit: rows in [`Counting::Events`], distinct users in [`Counting::Subjects`]; money exact.
    /// - Window: `[from, to)`; entries by the time they were created, purchases by the time of purchase.
    /// - Status: approved entries; confirmed purchases. Cancelled and refunded ones stand beside, or are `None` where
    ///   the store has no status.
    /// - Promotion: purchases attributed to the scope's activities, whatever they sell. Regular: purchases of the
    ///   question's products attributed to no activity. Others: purchases of those products attributed to other activities.
    /// - No rows: a measured 0. No products: regular and others, or the history, are
    ///   [`NotMeasured`](crate::Missing::NotMeasured) with [`NoProducts`](crate::Reason::NoProducts).
    /// - History: confirmed regular purchases of its products in the buckets asked for, those without any left out; how far
    ///   back the ledger reaches, of any product. It may take long: a limit of the store's own that is shorter than the
    ///   question's budget must not end it.
    /// - Freshness: complete up to the time of the read.
    /// # Errors
    /// [`Unavailable`](SourceError::Unavailable) if no answer came within the budget,
    /// [`Lost`](SourceError::Lost) if there was no connection or it broke; if the source has tried again by itself,
    /// [`Unavailable`](SourceError::Unavailable),
    /// [`Malformed`](SourceError::Malformed) if the answer is not what was asked.
    async fn ledger(&self, question: &LedgerQuestion) -> Result<LedgerFacts, SourceError>;

    /// Whether the store answers, and what it can tell as of an instant: its newest record is one before `as_of`.
    /// # Errors
    /// As the question's.
    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError>;
}

/// What is true this second: slots held and those who hold them.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RealtimeSource: Send + Sync + 'static {
    /// The store's name in answers, logs and metrics: lower case, without blanks (`"redis"`).
    fn name(&self) -> &'static str;

    /// Counter and member count of each activity asked, in that order.
    /// - Unit: slots; members. Values are passed on as stored: negative ones and those over the limit, too.
    /// - A key that is not there: [`KeyMissing`](crate::Reason::KeyMissing), never 0. A value that is no integer:
    ///   [`BadValue`](crate::Reason::BadValue).
    /// - Freshness: the time of the read.
    /// # Errors
    /// [`Unavailable`](SourceError::Unavailable) if no answer came within the budget,
    /// [`Lost`](SourceError::Lost) if there was no connection or it broke; if the source has tried again by itself,
    /// [`Unavailable`](SourceError::Unavailable),
    /// [`Malformed`](SourceError::Malformed) if the answer is not what was asked.
    async fn realtime(&self, question: &RealtimeQuestion) -> Result<RealtimeFacts, SourceError>;

    /// Whether the store answers, and what it can tell as of an instant: its newest record is one before `as_of`.
    /// # Errors
    /// As the question's.
    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError>;
}
