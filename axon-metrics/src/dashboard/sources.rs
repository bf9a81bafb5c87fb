//! The sources of a dashboard, one row each: which question each one answers, and how all of them are asked at the same
//! time. Each call runs in a task of its own, so that a source that fails, hangs, panics or sends invalid facts loses
//! only its facts.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{
    call::{Budgets, Call, CallResult, Guards, SourceReport, ask, settle},
    keep::BaselineCache,
    source::{
        BehaviorFacts, BehaviorQuestion, BehaviorSource, CatalogSource, LedgerFacts, LedgerQuestion, LedgerSource,
        Missing, PerSource, Probe, QuestionKind, RealtimeFacts, RealtimeQuestion, RealtimeSource, SourceError,
        SourceKind, check,
    },
    vocabulary::Timestamp,
};

/// All sources of a dashboard, with their guards.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) facts: FactSources,
    /// The weeks before promotions, from the ledger; `None` without a ledger.
    pub(crate) baseline: Option<BaselineCache>,
    pub(crate) guards: Guards,
    /// Every source that is connected, the catalog's included.
    pub(crate) connected: Connected,
}

/// Every connected source by its kind.
pub(crate) type Connected = PerSource<Option<Arc<dyn AnySource>>>;

/// A source of any kind.
#[async_trait]
pub(crate) trait AnySource: Send + Sync {
    fn name(&self) -> &'static str;
    fn definition(&self) -> String;
    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError>;
}

/// Adapts a source of one kind to [`AnySource`].
struct SourceAdapter<S: ?Sized>(Arc<S>);

macro_rules! any_source {
    ($source:ident) => {
        #[async_trait]
        impl AnySource for SourceAdapter<dyn $source> {
            fn name(&self) -> &'static str {
                self.0.name()
            }
            fn definition(&self) -> String {
                self.0.definition()
            }

            async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError> {
                self.0.probe(as_of, budget).await
            }
        }
    };
}
any_source!(CatalogSource);

macro_rules! fact_sources {
    ($($(#[$doc:meta])* $name:ident: $kind:ident, $source:ident, $question:ident => $facts:ident;)*) => {
        /// The sources of facts; `None` for one that is not connected, whose facts are then missing.
        #[derive(Clone, Default)]
        pub(crate) struct FactSources { $($(#[$doc])* pub(crate) $name: Option<Arc<dyn $source>>),* }

        /// The question to each source; `None` if no widget needs its facts.
        #[derive(Debug, Default)]
        pub(crate) struct Questions { $(pub(crate) $name: Option<$question>),* }

        /// The calls in progress.
        pub(crate) struct Calls { $($name: Option<Call<$facts>>),* }

        /// The facts of each source, or why there are none.
        pub(crate) struct Replies { $(pub(crate) $name: CallResult<$facts>),* }

        $(any_source!($source);)*

        impl FactSources {
            /// Every source that is connected, with the catalog's.
            pub(crate) fn connected(&self, catalog: &Arc<dyn CatalogSource>) -> Connected {
                let mut connected = Connected::default();
                connected[SourceKind::Catalog] = Some(Arc::new(SourceAdapter(Arc::clone(catalog))));
                $(if let Some(source) = &self.$name {
                    connected[SourceKind::$kind] = Some(Arc::new(SourceAdapter(Arc::clone(source))));
                })*
                connected
            }

            /// Starts all questions at the same time, each within its own budget.
            pub(crate) fn ask(&self, guards: &Guards, questions: Questions) -> Calls {
                Calls { $(
                    $name: self.$name.clone().zip(questions.$name).map(|(source, question)| {
                        let guard = &guards[QuestionKind::$kind];
                        ask(guard, question.budget, move |budget| {
                            let (source, question) = (Arc::clone(&source), $question { budget, ..question.clone() });
                            async move {
                                let facts = source.$name(&question).await?;
                                check::$name(facts, &question, source.name())
                            }
                        })
                    })
                ),* }
            }

            /// The replies if no source answers within its budget. Nothing is asked.
            pub(crate) fn time_out(
                &self,
                guards: &Guards,
                budgets: &Budgets,
                questions: &Questions,
                absent: &Missing,
                reports: &mut Vec<SourceReport>,
            ) -> Replies {
                Replies { $(
                    $name: Err(if self.$name.is_some() && questions.$name.is_some() {
                        let kind = QuestionKind::$kind;
                        let (guard, budget) = (&guards[kind], budgets.of(kind));
                        reports.push(SourceReport::new(guard.name, kind.source(), budget).failed());
                        Missing::Unavailable(Arc::new(guard.timed_out(budget)))
                    } else {
                        absent.clone()
                    })
                ),* }
            }
        }

        impl Calls {
            /// Waits for all calls. A source that was not asked gives `absent`.
            pub(crate) async fn settle(self, absent: &Missing, reports: &mut Vec<SourceReport>) -> Replies {
                Replies { $(
                    $name: match self.$name {
                        None => Err(absent.clone()),
                        Some(call) => {
                            let (result, report) = settle(call).await;
                            reports.push(report);
                            result
                        }
                    }
                ),* }
            }
        }
    };
}

fact_sources! {
    /// Actions of visitors.
    behavior: Behavior, BehaviorSource, BehaviorQuestion => BehaviorFacts;
    /// Records of the business: entries and purchases.
    ledger: Ledger, LedgerSource, LedgerQuestion => LedgerFacts;
    /// Current stock.
    realtime: Realtime, RealtimeSource, RealtimeQuestion => RealtimeFacts;
}
