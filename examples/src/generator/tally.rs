//! Counts per activity and campaign: steps, distinct subjects, inflow and active users. One byte per
//! subject, scope and step has a bit for each range with an event of the subject.

use std::collections::HashSet;

use super::calendar::{self, HOUR, MINUTE, Ranges, Span};
use super::event::{Event, Trigger};
use super::expected_totals::Load;
use super::scenario::{FIRST_ACTIVITY, FIRST_USER, World};
use super::{ActivityType, Config};

/// Events and subjects of four steps in six ranges (add_ranges [`Ranges::mask`]).
#[derive(Debug, Default, Clone)]
pub(super) struct Steps {
    pub(super) counts: [[u64; 4]; 6],
    pub(super) uniques: [[u64; 4]; 6],
}

/// One activity or campaign.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) steps: Steps,
    pub(super) inflow: [u64; 24],
    pub(super) active: HashSet<u64>,
    users: [Vec<u8>; 4],
    sessions: [Vec<u8>; 4],
}

/// The counters of a run.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) load: Load,
    /// One per activity, then one per campaign.
    pub(super) scopes: Vec<Scope>,
    pub(super) ranges: Ranges,
    /// Start of the first of the 24 hours.
    pub(super) inflow_from: i64,
    pub(super) as_of: i64,
    /// Scopes of each activity, and whether it has a funnel.
    activities: Vec<([usize; 2], bool)>,
    triggers: [u64; Trigger::ALL.len()],
}

impl Tally {
    pub(super) fn new(world: &World, config: &Config) -> Self {
        let now = config.now.timestamp_millis();
        let as_of = now - now.rem_euclid(calendar::SECOND);
        let campaigns = world.catalog.campaigns.len();
        let activity = |(index, stage): (usize, &super::scenario::Stage)| {
            let campaign = world.stages.len() + usize::from(stage.campaign);
            ([index, campaign], stage.kind == ActivityType::FirstComeFirstServe)
        };
        Self {
            load: Load::default(),
            scopes: (0..world.stages.len() + campaigns).map(|_| Scope::default()).collect(),
            ranges: Ranges::new(config.zone, as_of),
            inflow_from: calendar::hour_start(config.zone, as_of) - 23 * HOUR,
            as_of,
            activities: world.stages.iter().enumerate().map(activity).collect(),
            triggers: [0; Trigger::ALL.len()],
        }
    }

    /// Counts a line that does not repeat a document.
    pub(super) fn event(&mut self, event: &Event) {
        if event.is_forged() {
            self.load.forged_purchases += 1;
            return;
        }
        self.load.events += 1;
        self.triggers[event.trigger() as usize] += 1;
        self.load.without_subject += u64::from(event.user_id.is_none() && event.session.is_none());
        let future = event.occurred_at >= self.as_of;
        self.load.future += u64::from(future);
        let Some(id) = event.activity_id else {
            self.load.without_activity += 1;
            return;
        };
        if !future {
            self.scoped(event, (id.get() - FIRST_ACTIVITY) as usize);
        }
    }

    fn scoped(&mut self, event: &Event, activity: usize) {
        let at = event.occurred_at;
        let mask = self.ranges.mask(at);
        let step = event.trigger() as usize;
        let hour = (event.trigger() == Trigger::PageView && at >= self.inflow_from)
            .then(|| usize::try_from((at - self.inflow_from) / HOUR).unwrap_or(0));
        let five_minutes = Span { from: self.as_of - 5 * MINUTE, to: self.as_of };
        let active = five_minutes.contains(at).then(|| subject(event)).flatten();

        let (scopes, funnel) = self.activities[activity];
        for scope in scopes {
            let scope = &mut self.scopes[scope];
            if let Some(visits) = hour.and_then(|hour| scope.inflow.get_mut(hour)) {
                *visits += 1;
            }
            scope.active.extend(active);
            if funnel && step < 4 && mask != 0 {
                scope.step(event, step, mask);
            }
        }
    }

    /// Stored events per trigger type, without types that did not occur.
    pub(super) fn by_trigger(&self) -> impl Iterator<Item = (String, u64)> {
        Trigger::ALL
            .iter()
            .zip(self.triggers)
            .filter(|(_, count)| *count > 0)
            .map(|(trigger, count)| (trigger.as_str().to_owned(), count))
    }
}

impl Scope {
    fn step(&mut self, event: &Event, step: usize, mask: u8) {
        let new = match (event.user_id, event.session) {
            (Some(user), _) => add_ranges(&mut self.users[step], user.get() - FIRST_USER, mask),
            (None, Some(session)) => add_ranges(&mut self.sessions[step], session.number(), mask),
            (None, None) => 0,
        };
        for (bit, (counts, uniques)) in self.steps.counts.iter_mut().zip(&mut self.steps.uniques).enumerate() {
            counts[step] += u64::from(mask >> bit & 1);
            uniques[step] += u64::from(new >> bit & 1);
        }
    }
}

/// Adds the ranges of an event to those of its subject, and returns the new ones.
fn add_ranges(ranges: &mut Vec<u8>, subject: u32, mask: u8) -> u8 {
    let subject = subject as usize;
    if ranges.len() <= subject {
        ranges.resize(subject + 1, 0);
    }
    let new = mask & !ranges[subject];
    ranges[subject] |= mask;
    new
}

/// A unique number of the subject: even for users, odd for sessions.
fn subject(event: &Event) -> Option<u64> {
    match (event.user_id, event.session) {
        (Some(user), _) => Some(u64::from(user.get()) << 1),
        (None, Some(session)) => Some(session.key() << 1 | 1),
        (None, None) => None,
    }
}
