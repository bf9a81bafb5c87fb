//! The mean number of visits and shop orders per minute: by weekday and hour, around openings, and
//! before the start and after the end of a campaign.

use super::calendar::{self, DAY, HOUR, MINUTE, Span};
use super::scenario::{Stage, World};
use chrono_tz::Tz;

/// Relative traffic, Monday to Sunday.
const WEEKDAYS: [f64; 7] = [0.92, 0.90, 0.95, 1.00, 1.12, 1.25, 1.15];
/// Relative traffic by local hour.
const HOURS: [f64; 24] = [
    0.55, 0.32, 0.20, 0.14, 0.12, 0.16, 0.30, 0.55, 0.85, 1.00, 1.10, 1.15, 1.35, 1.20, 1.05, 1.00, 1.02, 1.10, 1.20,
    1.35, 1.60, 1.75, 1.55, 1.00,
];

/// The traffic of each minute of the history.
#[derive(Debug)]
pub(super) struct Traffic {
    start: i64,
    now: i64,
    /// Weekday and hour pattern, by hour since the start.
    pattern: Vec<f64>,
    /// The sum of the pattern from each hour to the end.
    left: Vec<f64>,
    /// For every activity, the sums over the history of its steady and its opening traffic.
    sums: Vec<(f64, f64)>,
    /// The same for every product of the shop.
    wares: Vec<f64>,
}

impl Traffic {
    pub(super) fn new(world: &World, zone: Tz, start: i64, now: i64) -> Self {
        let mut traffic =
            Self { start, now, pattern: Vec::new(), left: Vec::new(), sums: Vec::new(), wares: Vec::new() };
        let mut hour = start;
        while hour < now {
            let (weekday, of_day) = calendar::weekday_and_hour(zone, hour);
            traffic.pattern.push(WEEKDAYS[weekday] * HOURS[of_day]);
            hour += HOUR;
        }
        traffic.left = vec![0.0; traffic.pattern.len() + 1];
        for hour in (0..traffic.pattern.len()).rev() {
            let begin = start + HOUR * i64::try_from(hour).unwrap_or(0);
            let share = minutes(now.min(begin + HOUR) - begin);
            traffic.left[hour] = traffic.left[hour + 1] + traffic.pattern[hour] * share;
        }
        traffic.sums = world.stages.iter().map(|stage| traffic.sum(stage)).collect();
        traffic.wares = (0..world.wares.len())
            .map(|ware| {
                (0..traffic.pattern.len())
                    .map(|hour| start + HOUR * i64::try_from(hour).unwrap_or(0))
                    .map(|at| 60.0 * traffic.pattern(at) * demand(world, ware, at))
                    .sum()
            })
            .collect();
        traffic
    }

    fn sum(&self, stage: &Stage) -> (f64, f64) {
        let mut sums = (0.0, 0.0);
        let mut minute = self.start;
        while minute < self.now {
            sums.0 += self.pattern(minute) * steady(stage, minute);
            sums.1 += opening(stage, minute);
            minute += MINUTE;
        }
        sums
    }

    fn pattern(&self, at: i64) -> f64 {
        let hour = usize::try_from((at - self.start) / HOUR).unwrap_or(0);
        self.pattern.get(hour).copied().unwrap_or(0.0)
    }

    /// The part of the minute before `now`.
    fn share(&self, minute: i64) -> f64 {
        minutes((self.now - minute).min(MINUTE))
    }

    /// Mean number of visits to an activity in the minute.
    pub(super) fn visits(&self, index: usize, stage: &Stage, minute: i64) -> f64 {
        let (steady_sum, opening_sum) = self.sums[index];
        let spike = if opening_sum > 0.0 { stage.spike } else { 0.0 };
        let mut visits = stage.visits * (1.0 - spike) * self.pattern(minute) * steady(stage, minute)
            / steady_sum.max(f64::MIN_POSITIVE);
        if spike > 0.0 {
            visits += stage.visits * spike * opening(stage, minute) / opening_sum;
        }
        visits * self.share(minute)
    }

    /// The share of the shop's remaining visits in the minute.
    pub(super) fn shop_share(&self, minute: i64) -> f64 {
        let hour = usize::try_from((minute - self.start) / HOUR).unwrap_or(0);
        let begin = self.start + HOUR * i64::try_from(hour).unwrap_or(0);
        let passed = self.pattern(minute) * minutes(minute - begin);
        let left = self.left.get(hour).copied().unwrap_or(0.0) - passed;
        let own = self.pattern(minute) * self.share(minute);
        if left > own { own / left } else { 1.0 }
    }

    /// Mean number of shop orders of a product in the minute.
    pub(super) fn orders(&self, world: &World, ware: usize, minute: i64) -> f64 {
        world.wares[ware].orders * self.pattern(minute) * demand(world, ware, minute)
            / self.wares[ware].max(f64::MIN_POSITIVE)
            * self.share(minute)
    }
}

/// Whether the instant is within the crowd of the opening.
pub(super) fn is_opening(stage: &Stage, at: i64) -> bool {
    let crowd = Span { from: stage.start - 2 * MINUTE, to: stage.start + 20 * MINUTE };
    stage.spike > 0.0 && crowd.contains(at)
}

/// The relative traffic of an activity apart from its opening.
fn steady(stage: &Stage, at: i64) -> f64 {
    match at {
        _ if at < stage.start - 2 * DAY => 0.01,
        _ if at < stage.start => 0.12,
        _ if at < stage.end => stage.running,
        _ if at < stage.end + 3 * DAY => 0.05,
        _ => 0.005,
    }
}

/// The relative traffic of the opening: some visitors come before it, most in the first minutes.
fn opening(stage: &Stage, at: i64) -> f64 {
    let since = minutes(at - stage.start);
    match at - stage.start {
        before if before < -5 * MINUTE => 0.0,
        before if before < 0 => 0.25 + (since + 5.0) / 10.0,
        after if after < 4 * HOUR => {
            let decay = 1.0 + since / 5.0;
            1.5 / (decay * decay)
        }
        _ => 0.0,
    }
}

/// The relative sales of a product in the shop: lower during a promotion of it.
fn demand(world: &World, ware: usize, at: i64) -> f64 {
    let promoted =
        world.stages.iter().any(|stage| stage.product == Some(ware) && (stage.start..stage.end).contains(&at));
    if promoted { 0.75 } else { 1.0 }
}

#[expect(clippy::cast_precision_loss, reason = "a few years of milliseconds")]
fn minutes(millis: i64) -> f64 {
    millis as f64 / MINUTE as f64
}
