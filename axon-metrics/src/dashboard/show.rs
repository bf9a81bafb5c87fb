//! What is shown of a widget: what was found, or the last whole one where figures were lost, and for how long.

use std::{sync::Arc, time::Duration};

use super::{
    Inner,
    find::Found,
    load::NOT_AGAIN,
    question::{Part, Question, Unit},
};
use crate::{
    Timestamp, Widget,
    cache::{entry::Finished, lifetimes::later},
    observe::{self, CacheLevel, CacheOutcome},
};

/// A widget to show.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) widget: Widget,
    pub(super) finished: Arc<Finished>,
    /// What was lost, where an older one is shown instead.
    pub(super) lost: Option<Arc<Finished>>,
    /// An older one, since a source failed or the load was refused.
    pub(super) stale: bool,
    pub(super) fresh_until: Timestamp,
    pub(super) usable_until: Timestamp,
}

/// The widgets of a unit.
/// # Errors
/// When to ask again, if its load was refused and no older widget can be shown.
pub(super) fn show(inner: &Inner, question: &Question, unit: &Unit, found: Found) -> Result<Vec<Shown>, Duration> {
    let show = Show { inner, question, unit };
    let parts = unit.parts.iter();
    Ok(match found {
        Found::Fresh(finished) => {
            parts.zip(finished).map(|(part, one)| show.whole(part, one, CacheOutcome::Hit)).collect()
        }
        Found::Usable(finished) => {
            parts.zip(finished).map(|(part, one)| show.whole(part, one, CacheOutcome::Refreshing)).collect()
        }
        Found::Loaded(finished) => parts.zip(finished).map(|(part, one)| show.loaded(part, one)).collect(),
        Found::Refused { retry_after } => {
            let shown = parts.map(|part| show.last_whole(part, None, later(question.now, NOT_AGAIN)));
            shown.collect::<Option<_>>().ok_or(retry_after)?
        }
    })
}

struct Show<'a> {
    inner: &'a Inner,
    question: &'a Question,
    unit: &'a Unit,
}

impl Show<'_> {
    fn whole(&self, part: &Part, finished: Arc<Finished>, outcome: CacheOutcome) -> Shown {
        observe::cache(CacheLevel::Widget, outcome);
        let life = self.question.life(self.inner, self.unit, part.widget, &finished);
        let (fresh_until, usable_until) = if self.inner.settings.lifetimes.keep_nothing() {
            (self.question.now, self.question.now)
        } else {
            (life.fresh_until, life.usable_until)
        };
        Shown { widget: part.widget, finished, lost: None, stale: false, fresh_until, usable_until }
    }

    fn loaded(&self, part: &Part, finished: Arc<Finished>) -> Shown {
        let Some(until) = finished.not_whole_until else { return self.whole(part, finished, CacheOutcome::Miss) };
        let lost = finished.lost_figures().then_some(&finished);
        if let Some(stale) = lost.and_then(|lost| self.last_whole(part, Some(lost), until)) {
            return stale;
        }
        observe::cache(CacheLevel::Widget, CacheOutcome::Miss);
        let until = if self.inner.settings.lifetimes.keep_nothing() { self.question.now } else { until };
        Shown { widget: part.widget, finished, lost: None, stale: false, fresh_until: until, usable_until: until }
    }

    /// The last whole widget, if it may still be shown.
    fn last_whole(&self, part: &Part, lost: Option<&Arc<Finished>>, until: Timestamp) -> Option<Shown> {
        if self.inner.settings.lifetimes.keep_nothing() {
            return None;
        }
        let Question { as_of, now, .. } = *self.question;
        let whole = self.inner.kept.whole(&part.key).filter(|whole| whole.as_of <= as_of)?;
        let life = self.question.life(self.inner, self.unit, part.widget, &whole);
        if life.stale_until <= now {
            return None;
        }
        observe::cache(CacheLevel::Widget, CacheOutcome::Stale);
        let until = until.min(life.stale_until);
        Some(Shown {
            widget: part.widget,
            finished: whole,
            lost: lost.cloned(),
            stale: true,
            fresh_until: until,
            usable_until: until,
        })
    }
}
