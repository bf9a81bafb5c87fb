//! Finding a request's widgets: kept in process, under way, or to be loaded. Lives elsewhere: what a load does (`load`), and
//! what is shown where one failed (`show`). Lives are judged at the instant passed in; only waiting is measured on the
//! monotonic clock.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::warn;

use super::{
    Freshness, Inner,
    load::{Load, Loaded},
    question::{Question, Unit},
};
use crate::{
    Timestamp,
    cache::entry::Finished,
    flight::{Boarding, Waiting},
};

/// How much longer than its deadline a load is waited for: its sources are given up at that very instant.
const GRACE: Duration = Duration::from_millis(25);

/// For how many of its lives a widget is loaded along with its siblings after somebody asked for it.
const ASKED_FOR: i32 = 20;

/// Looks for the widgets of a question.
pub(super) struct Finder<'a> {
    pub(super) inner: &'a Arc<Inner>,
    pub(super) question: &'a Question,
    pub(super) patience: Freshness,
    pub(super) deadline: Instant,
}

/// A unit's widgets, in their order.
pub(super) enum Found {
    /// Kept, whole, and as good as new.
    Fresh(Vec<Arc<Finished>>),
    /// Kept, whole, and shown while new ones are loaded.
    Usable(Vec<Arc<Finished>>),
    /// Just loaded, whole or not.
    Loaded(Vec<Arc<Finished>>),
    /// Not loaded, since more is asked than can be done in time.
    Refused { retry_after: Duration },
}

/// What to do about a unit.
enum Step {
    Show(Found),
    /// To be shown, and to be loaded behind.
    Refresh(Vec<Arc<Finished>>),
    Load,
}

enum Source {
    Here(Found),
    Waiting(Waiting<Arc<Loaded>>),
}

impl Found {
    /// The latest instant one of them was loaded for.
    pub(super) fn as_of(&self) -> Option<Timestamp> {
        match self {
            Self::Fresh(finished) | Self::Usable(finished) | Self::Loaded(finished) => {
                finished.iter().map(|one| one.as_of).max()
            }
            Self::Refused { .. } => None,
        }
    }
}

impl Finder<'_> {
    /// Each unit's widgets.
    pub(super) async fn find(&self, units: &[Unit]) -> Vec<Found> {
        if self.inner.settings.lifetimes.keep_nothing() {
            // No task of its own: the load is nobody else's, and ends with whoever asked.
            let alone = |unit: &Unit| Unit { siblings: Vec::new(), ..unit.clone() };
            let loaded = self.load(units.iter().map(alone).collect()).run().await;
            return units.iter().map(|unit| self.unpack(unit, Some(&loaded))).collect();
        }
        let mut found = Vec::with_capacity(units.len());
        for (unit, source) in units.iter().zip(self.sources(units)) {
            found.push(match source {
                Source::Here(found) => found,
                Source::Waiting(waiting) => {
                    let loaded = waiting.landed(self.deadline + GRACE).await;
                    self.unpack(unit, loaded.as_deref())
                }
            });
        }
        found
    }

    fn unpack(&self, unit: &Unit, loaded: Option<&Loaded>) -> Found {
        let parts = |loaded: &Loaded| unit.parts.iter().map(|part| loaded.part(&part.key)).collect::<Option<Vec<_>>>();
        match loaded.map(|loaded| (loaded.refused(), parts(loaded))) {
            Some((_, Some(parts))) => Found::Loaded(parts),
            Some((Some(retry_after), None)) => Found::Refused { retry_after },
            _ => {
                warn!("a load ended without a word, or not in time");
                Found::Loaded(parts(&self.load(vec![unit.clone()]).unanswered()).unwrap_or_default())
            }
        }
    }

    /// Where each unit's widgets come from. Starts what has to be loaded, unless it is under way.
    fn sources(&self, units: &[Unit]) -> Vec<Source> {
        let mut steps: Vec<Step> = units.iter().map(|unit| self.look(unit)).collect();
        if steps.iter().all(|step| matches!(step, Step::Show(_))) {
            return steps.into_iter().zip(units).map(|(step, unit)| self.source(step, unit)).collect();
        }
        self.inner.flights.board(|board| {
            // What landed since the first look is kept by now.
            for (step, unit) in steps.iter_mut().zip(units) {
                if !matches!(step, Step::Show(_)) {
                    *step = self.look(unit);
                }
            }
            let under_way: Vec<_> = units.iter().map(|unit| self.under_way(board, unit)).collect();
            let missing = |wanted: fn(&Step) -> bool| {
                let units = steps.iter().zip(units).zip(&under_way);
                let units = units.filter(|((step, _), under_way)| wanted(step) && under_way.is_none());
                units.map(|((_, unit), _)| unit.clone()).collect::<Vec<_>>()
            };
            let (wanted, old) =
                (missing(|step| matches!(step, Step::Load)), missing(|step| matches!(step, Step::Refresh(_))));
            let started = self.start(board, wanted);
            self.start(board, old);
            let mut sources = Vec::with_capacity(units.len());
            for ((step, unit), under_way) in steps.into_iter().zip(units).zip(under_way) {
                sources.push(match (step, under_way.or_else(|| started.clone())) {
                    (Step::Load, Some(waiting)) => Source::Waiting(waiting),
                    (step, _) => self.source(step, unit),
                });
            }
            sources
        })
    }

    fn source(&self, step: Step, unit: &Unit) -> Source {
        Source::Here(match step {
            Step::Show(found) => found,
            Step::Refresh(finished) => Found::Usable(finished),
            Step::Load => self.unpack(unit, None),
        })
    }

    /// The load under way for a unit, made for an instant so near that it is as good as one of its own.
    fn under_way(&self, board: &Boarding<'_, Arc<Loaded>>, unit: &Unit) -> Option<Waiting<Arc<Loaded>>> {
        let near = self.inner.settings.budgets.answer + Duration::from_secs(1);
        board.join(&unit.keys(), |as_of: Timestamp| {
            (self.question.as_of - as_of).abs().to_std().is_ok_and(|by| by <= near)
        })
    }

    /// One load for all these units.
    fn start(&self, board: &mut Boarding<'_, Arc<Loaded>>, units: Vec<Unit>) -> Option<Waiting<Arc<Loaded>>> {
        if units.is_empty() {
            return None;
        }
        let units: Vec<Unit> = units.into_iter().map(|unit| self.with_siblings(unit)).collect();
        let keys = units.iter().flat_map(Unit::all).map(|part| part.key.clone()).collect();
        Some(board.start(keys, self.question.as_of, self.load(units).run()))
    }

    /// A unit with those of its siblings that somebody asks for, too: loaded apart, each would leave the other's answer with
    /// widgets of two loads, and so to be loaded again.
    fn with_siblings(&self, mut unit: Unit) -> Unit {
        let mut siblings = std::mem::take(&mut unit.siblings);
        siblings.retain(|part| {
            let asked = self.inner.kept.asked(&part.key);
            asked.is_some_and(|asked| {
                let life = self.question.life_from(self.inner, &unit, unit.about, part.widget, asked);
                self.question.now < asked + (life.fresh_until - asked) * ASKED_FOR
            })
        });
        Unit { siblings, ..unit }
    }

    fn load(&self, units: Vec<Unit>) -> Load {
        Load { inner: Arc::clone(self.inner), question: self.question.clone(), units, deadline: self.deadline }
    }

    /// What is kept of a unit. All its widgets must be of one load.
    fn look(&self, unit: &Unit) -> Step {
        let Self { inner, question, patience, .. } = self;
        let Question { as_of, now, .. } = **question;
        let known = |finished: &Arc<Finished>| finished.as_of <= as_of;
        let whole: Vec<_> = unit.parts.iter().map(|part| inner.kept.whole(&part.key).filter(known)).collect();
        let failed: Vec<_> = unit
            .parts
            .iter()
            .map(|part| {
                let failed = inner.kept.failed(&part.key).filter(known);
                failed.filter(|failed| failed.not_whole_until.is_some_and(|until| now < until))
            })
            .collect();
        let failed_lately = failed.iter().flatten().max_by_key(|failed| failed.as_of).map(|failed| failed.load);
        if let Some(whole) = of_one_load(whole.iter().cloned()) {
            let lives =
                || unit.parts.iter().zip(&whole).map(|(part, one)| question.life(inner, unit, part.widget, one));
            if lives().all(|life| now < life.fresh_until) {
                return Step::Show(Found::Fresh(whole));
            }
            if *patience == Freshness::AllowStale && lives().all(|life| now < life.usable_until) {
                return if failed_lately.is_some() { Step::Show(Found::Usable(whole)) } else { Step::Refresh(whole) };
            }
        }
        let Some(load) = failed_lately else { return Step::Load };
        let of_it = |finished: &Arc<Finished>| finished.load == load;
        let left = whole.into_iter().zip(failed).map(|(whole, failed)| failed.filter(of_it).or(whole.filter(of_it)));
        match left.collect::<Option<Vec<_>>>() {
            Some(left) => Step::Show(Found::Loaded(left)),
            None => Step::Load,
        }
    }
}

/// All of them, if they are there and from one load.
fn of_one_load(finished: impl Iterator<Item = Option<Arc<Finished>>>) -> Option<Vec<Arc<Finished>>> {
    let all = finished.collect::<Option<Vec<_>>>()?;
    let load = all.first()?.load;
    all.iter().all(|one| one.load == load).then_some(all)
}
