//! The sources of a dashboard, one row each: who answers which question, and how all of them are asked at the same time.
//! Each is asked in a task of its own, so that one that fails, hangs, panics or lies costs only the facts it owns.

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

/// What stands behind a dashboard.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) facts: FactSources,
    /// The ledger's weeks before promotions.
    pub(crate) baseline: Option<BaselineCache>,
    pub(crate) guards: Guards,
    /// Every source that is connected, the catalog's included.
    pub(crate) connected: Connected,
}

/// Every source that is connected, whatever it owns.
pub(crate) type Connected = PerSource<Option<Arc<dyn AnySource>>>;

/// A source, whatever it owns.
#[async_trait]
pub(crate) trait AnySource: Send + Sync {
    fn name(&self) -> &'static str;
    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError>;
}

/// A source behind its trait.
struct Behind<S: ?Sized>(Arc<S>);

macro_rules! any_source {
    ($source:ident) => {
        #[async_trait]
        impl AnySource for Behind<dyn $source> {
            fn name(&self) -> &'static str {
                self.0.name()
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
        /// The sources of facts. One that is absent costs the facts it would own.
        #[derive(Clone, Default)]
        pub(crate) struct FactSources { $($(#[$doc])* pub(crate) $name: Option<Arc<dyn $source>>),* }

        /// What is asked of each; `None` where nothing is needed of it.
        #[derive(Debug, Default)]
        pub(crate) struct Questions { $(pub(crate) $name: Option<$question>),* }

        /// The questions under way.
        pub(crate) struct Calls { $($name: Option<Call<$facts>>),* }

        /// What each said, or why it said nothing.
        pub(crate) struct Replies { $(pub(crate) $name: CallResult<$facts>),* }

        $(any_source!($source);)*

        impl FactSources {
            /// Every source that is connected, with the catalog's.
            pub(crate) fn connected(&self, catalog: &Arc<dyn CatalogSource>) -> Connected {
                let mut connected = Connected::default();
                connected[SourceKind::Catalog] = Some(Arc::new(Behind(Arc::clone(catalog))));
                $(if let Some(source) = &self.$name {
                    connected[SourceKind::$kind] = Some(Arc::new(Behind(Arc::clone(source))));
                })*
                connected
            }

            /// Puts all questions at the same time, each within its own budget.
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

            /// The replies when nobody waited for the sources: each that would be asked did not answer.
            pub(crate) fn unanswered(
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
            /// Waits for all of them; `absent` is why there is nothing where nobody was asked.
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
    /// What visitors did.
    behavior: Behavior, BehaviorSource, BehaviorQuestion => BehaviorFacts;
    /// What the business recorded.
    ledger: Ledger, LedgerSource, LedgerQuestion => LedgerFacts;
    /// What is true this second.
    realtime: Realtime, RealtimeSource, RealtimeQuestion => RealtimeFacts;
}
