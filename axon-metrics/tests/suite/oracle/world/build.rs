//! Builds a world from random numbers. Many instants are at, or a millisecond or a second from, the bounds of ranges,
//! promotions, hours, days and clock changes, where answers change.

use chrono::{Duration, NaiveDate, NaiveTime};
use chrono_tz::{Africa, America, Asia, Australia, Tz};
use proptest::{collection::vec, option, prelude::*};

use super::{
    Activity, At, Bound, Campaign, Entry, Event, PeriodChoice, Purchase, Question, SlotLine, Slots, Via, World,
    clock::{self, DAY, HOUR, MINUTE, SECOND},
    expect::is_accepted,
};

/// Year, month, day.
type Day = (i32, u32, u32);

/// Zones, each with days on which its clocks change, or with any days if they never do.
const ZONES: [(Tz, [Day; 2]); 7] = [
    (Asia::Seoul, [(2024, 11, 12), (2024, 2, 29)]),
    (chrono_tz::UTC, [(2024, 12, 31), (2024, 3, 1)]),
    (America::Los_Angeles, [(2024, 3, 10), (2024, 11, 3)]),
    (America::Santiago, [(2024, 4, 7), (2024, 9, 8)]),
    (Asia::Kathmandu, [(2024, 6, 15), (2024, 1, 1)]),
    (Australia::Lord_Howe, [(2024, 4, 7), (2024, 10, 6)]),
    (Africa::Casablanca, [(2024, 3, 10), (2024, 4, 14)]),
];
const KINDS: [&str; 4] = ["FIRST_COME_FIRST_SERVE", "FIRST_COME_FIRST_SERVE", "COUPON", "GIVEAWAY"];
const TRIGGERS: [&str; 8] = ["PAGE_VIEW", "PAGE_VIEW", "PAGE_VIEW", "CLICK", "CLICK", "APPROVED", "PURCHASE", "SCROLL"];
const INDICES: [&str; 3] = ["axon.event.behavior", "axon.event.commerce", "behavior-events"];
const SESSIONS: [&str; 4] = ["s1", "s2", "s3", "1"];
const ENTRY_STATUS: [&str; 4] = ["APPROVED", "APPROVED", "PENDING", "REJECTED"];
const PURCHASE_STATUS: [&str; 4] = ["CONFIRMED", "CONFIRMED", "CANCELLED", "REFUNDED"];
/// Offsets from a special instant, in milliseconds.
const OFFSETS: [i64; 8] = [0, 0, 0, -1, 1, -SECOND, SECOND, 29 * MINUTE];
/// An activity that the catalog does not list.
const UNKNOWN: u64 = 999;

/// The random numbers of an instant. The first decides whether it is near a special instant or anywhere in a span, the
/// second selects the instant or the position, the third an offset.
type RawTime = (u8, u32, u8);
type RawActivity = (u8, Option<RawTime>, Option<RawTime>, Option<u64>, Option<u64>);
type RawRow = (RawTime, u8, u64, u8, Option<(u8, RawTime)>, u8);

fn time() -> impl Strategy<Value = RawTime> {
    (0..8_u8, any::<u32>(), 0..8_u8)
}

fn activity() -> impl Strategy<Value = RawActivity> {
    (0..4_u8, option::weighted(0.9, time()), option::weighted(0.8, time()), option::weighted(0.8, 0..8_u64), product())
}

fn product() -> impl Strategy<Value = Option<u64>> {
    option::weighted(0.8, 1..4_u64)
}

fn row() -> impl Strategy<Value = RawRow> {
    (time(), 0..8_u8, 1..6_u64, 0..4_u8, option::weighted(0.1, (0..4_u8, time())), 0..8_u8)
}

fn few_or_many<S: Strategy + 'static>(few: usize, many: usize, one: S) -> impl Strategy<Value = Vec<S::Value>> {
    let one = one.boxed();
    prop_oneof![2 => vec(one.clone(), 0..=few), 1 => vec(one, 0..=many)]
}

prop_compose! {
    /// A world with up to 60 events, and its question.
    pub(crate) fn world()(
        setting in (0..7_usize, 0..3_usize, -2..40_i64, time()),
        question in (any::<bool>(), any::<bool>(), any::<bool>(), 0..5_u8, 0..4_usize),
        custom in ((-30..3_i64, 0..4_u8, time()), (-1..25_i64, 0..4_u8, time())),
        rules in (any::<bool>(), any::<bool>(), option::weighted(0.3, 1..3_i64), 1..9_u32),
        dates in vec((option::weighted(0.8, time()), option::weighted(0.8, time())), 2),
        ours in vec(activity(), 0..4),
        theirs in vec(activity(), 0..3),
        events in few_or_many(16, 60, ((0..8_usize, option::of(1..3_i64), time(), 0..8_u8), (0..6_u64, 0..5_usize, 0..8_u8, 1..3_u8))),
        crowd in option::weighted(0.02, (0..3_usize, 0..3_usize, time())),
        entries in vec(row(), 0..8),
        purchases in few_or_many(10, 40, (row(), 1..4_u64, -1..5_i64, 0..4_u32)),
        slots in option::weighted(0.6, vec((option::weighted(0.8, -2..9_i64), option::weighted(0.8, vec(1..9_u64, 0..8))), 3)),
        moves in option::weighted(0.3, vec((0..3_usize, 1..9_u64, option::weighted(0.3, Just(()))), 0..16)),
        files in any::<bool>(),
        shuffle in any::<u64>(),
    ) -> World {
        let (zone, days) = ZONES[setting.0];
        let day = days.get(setting.1).map_or_else(
            || NaiveDate::from_yo_opt(2024, 1 + u32::try_from(setting.2 + 2).unwrap() * 8).unwrap(),
            |&(year, month, day)| NaiveDate::from_ymd_opt(year, month, day).unwrap(),
        );
        let midnight = clock::start_of_day(day + Duration::days(setting.2 / 2), zone);
        let now = match setting.3 {
            (0, _, off) => At(midnight.0 + OFFSETS[usize::from(off)]),
            (1, hours, off) => At(midnight.0 + i64::from(hours % 48) * HOUR / 2 + OFFSETS[usize::from(off)]),
            (_, millis, _) => At(midnight.0 + i64::from(millis) % DAY),
        };
        let mut world = World {
            zone,
            now,
            question: Question {
                activity: None,
                unique: question.0,
                compare: question.1,
                period: period(question.3, custom, now, zone),
            },
            approvals_from_entries: rules.0,
            purchases_from_ledger: rules.1,
            definition: rules.2,
            baseline_weeks: rules.3,
            campaigns: Vec::new(),
            events: Vec::new(),
            entries: Vec::new(),
            purchases: Vec::new(),
            slots: Slots::Derived,
            shuffle,
        };
        let mut times = Times::new(&world);
        world.campaigns = vec![
            campaign(123, dates[0], &ours, 1, &times),
            campaign(124, dates[1], &theirs, 11, &times),
        ];
        world.question.activity =
            world.campaigns[0].activities.get(question.4).filter(|_| question.2).map(|activity| activity.id);
        times.add_promotion(&world);

        let known: Vec<u64> = world.campaigns.iter().flat_map(|one| &one.activities).map(|one| one.id).collect();
        let activity_of = |index: u8| known.get(usize::from(index)).copied().or((index == 6).then_some(UNKNOWN));
        for ((trigger, definition, at, of), (user, session, via, copies)) in events {
            let (activity, via) = (activity_of(of), if files { event_via(via, copies) } else { Via::Batch(via % 3) });
            // A purchase that is not believed is left out of its activity, which is in no scope.
            let is_believed = is_accepted(TRIGGERS[trigger], via);
            let activity = activity.map(|activity| if is_believed { activity } else { UNKNOWN });
            world.events.push(Event {
                trigger: TRIGGERS[trigger],
                definition,
                at: times.of_record(at),
                activity,
                user: (user > 0).then_some(user),
                session: SESSIONS.get(session).copied(),
                times: 1,
                // An event without an activity can only be a line.
                via: if activity.is_none() && matches!(via, Via::Batch(_)) { Via::Stream(0) } else { via },
            });
        }
        // Many events of the first two steps, for rates of nearly 100 and nearly 0.
        if let Some((visits, clicks, at)) = crowd {
            let event = |trigger, more| Event {
                trigger,
                definition: world.definition,
                at: times.of_record(at),
                activity: Some(activity_of(0).unwrap_or(UNKNOWN)),
                user: None,
                session: None,
                times: 2000 + more,
                via: Via::Batch(0),
            };
            world.events.extend([event("PAGE_VIEW", visits), event("CLICK", clicks)]);
        }
        for (at, of, user, status, was, via) in entries {
            world.entries.push(Entry {
                activity: activity_of(of).unwrap_or(UNKNOWN),
                user,
                status: ENTRY_STATUS[usize::from(status)],
                at: times.of_record(at),
                was: was.map(|(status, at)| (ENTRY_STATUS[usize::from(status)], times.of_record(at))),
                via: if files { row_via(via) } else { Via::Batch(via % 4) },
            });
        }
        for ((at, of, user, status, was, via), product, price, quantity) in purchases {
            world.purchases.push(Purchase {
                user,
                product,
                activity: if of % 2 == 0 { None } else { activity_of(of / 2) },
                cents: price * 12_345,
                quantity,
                status: PURCHASE_STATUS[usize::from(status)],
                at: times.of_record(at),
                was: was.map(|(status, at)| (PURCHASE_STATUS[usize::from(status)], times.of_record(at))),
                via: if files { row_via(via) } else { Via::Batch(via % 4) },
            });
        }
        let activities = &world.campaigns[0].activities;
        if let Some(lines) = slots {
            let line = |(activity, (counter, members)): (&Activity, _)| SlotLine { activity: activity.id, counter, members };
            world.slots = Slots::File(activities.iter().zip(lines).map(line).collect());
        } else if let Some(moves) = moves {
            let moves = moves.into_iter().filter_map(|(of, user, released)| Some((activities.get(of)?.id, user, released.is_none())));
            world.slots = Slots::Appended(moves.collect());
        }
        world
    }
}

fn period(kind: u8, ends: ((i64, u8, RawTime), (i64, u8, RawTime)), now: At, zone: Tz) -> PeriodChoice {
    let today = clock::local(now, zone).date();
    let bound = |day: NaiveDate, kind: u8, (near, fine, off): RawTime| {
        let wall = match near {
            0..=2 => NaiveTime::from_hms_opt(fine % 4, (fine / 4 % 4) * 15, 0),
            3 => NaiveTime::from_hms_opt(fine % 24, fine % 60, 0),
            _ => NaiveTime::from_hms_milli_opt(fine % 24, fine % 60, fine % 60, fine % 1000),
        };
        let wall = day.and_time(wall.unwrap());
        match kind {
            0 | 1 => Bound::Day(day),
            2 => Bound::Local(wall),
            _ => Bound::At(At(clock::first_at(wall, zone).0 + OFFSETS[usize::from(off)])),
        }
    };
    match kind {
        0 => PeriodChoice::LastDays(1),
        1 => PeriodChoice::LastDays(7),
        2 => PeriodChoice::LastDays(30),
        _ => {
            let ((days, first, wall), (length, last, end_wall)) = ends;
            let start = today + Duration::days(days);
            PeriodChoice::Custom(bound(start, first, wall), bound(start + Duration::days(length), last, end_wall))
        }
    }
}

fn campaign(
    id: u64,
    dates: (Option<RawTime>, Option<RawTime>),
    activities: &[RawActivity],
    first: u64,
    times: &Times,
) -> Campaign {
    let (start, end) = times.in_order(dates.0, dates.1);
    let activities = (first..).zip(activities).map(|(id, &(kind, start, end, limit, product))| {
        let (start, end) = times.in_order(start, end);
        Activity { id, kind: KINDS[usize::from(kind)], start, end, limit, product }
    });
    Campaign { id, start, end, activities: activities.collect() }
}

fn event_via(via: u8, copies: u8) -> Via {
    match via {
        0..=2 => Via::Batch(via),
        3 => Via::Stream(copies + 7),
        4 | 5 => Via::Line(via * 2 + copies),
        _ => Via::Document(INDICES[usize::from(via + copies) % 3], copies),
    }
}

fn row_via(via: u8) -> Via {
    if via < 4 { Via::Batch(via) } else { Via::Line(via) }
}

/// Where instants are placed.
struct Times {
    as_of: At,
    /// The instants at which answers change.
    special: Vec<At>,
    /// The start and the length, in milliseconds, of spans in which records count.
    spans: Vec<(At, i64)>,
}

impl Times {
    fn new(world: &World) -> Self {
        let (as_of, zone) = (world.as_of(), world.zone);
        let hour = clock::start_of_hour(as_of, zone);
        let mut special =
            vec![as_of, world.now, At(as_of.0 - 5 * MINUTE), hour, clock::start_of_hour(At(hour.0 - 1), zone)];
        special.push(clock::start_of_hour(At(hour.0 - 22 * HOUR - 1), zone));
        let mut spans =
            vec![(At(as_of.0 - 5 * MINUTE), 5 * MINUTE), (At(as_of.0 - DAY), DAY), (At(as_of.0 - 90 * DAY), 92 * DAY)];
        if let Some(range) = clock::range(world) {
            for span in [range.whole, range.previous] {
                special.extend([span.from, span.to]);
                spans.push((span.from, (span.to.0 - span.from.0).max(1)));
            }
        }
        Self { as_of, special, spans }
    }

    /// Adds the dates of the promotion, and of the weeks before it.
    fn add_promotion(&mut self, world: &World) {
        for activity in &world.campaigns[0].activities {
            self.special.extend(activity.start.into_iter().chain(activity.end));
            if let Some(start) = activity.start {
                let hour = clock::start_of_hour(start, world.zone);
                self.special.push(hour);
                self.special.extend([1, 7, 14, 28].map(|days| clock::days_before(hour, days, world.zone)));
                let weeks = i64::from(world.baseline_weeks) * 7 * DAY;
                self.spans.extend([(At(start.0 - weeks), weeks), (At(start.0 - 8 * DAY), 8 * DAY)]);
            }
        }
    }

    fn at(&self, (kind, fine, off): RawTime) -> At {
        let (index, fine) = (usize::try_from(fine % 1009).unwrap(), i64::from(fine));
        if kind < 4 {
            return At(self.special[index % self.special.len()].0 + OFFSETS[usize::from(off)]);
        }
        let (from, length) = self.spans[index % self.spans.len()];
        // Anywhere in the span. The remainder of the number gives the milliseconds.
        At((from.0 + length / 1000 * (fine % 1000) + fine % SECOND).max(self.as_of.0 - 200 * DAY))
    }

    /// The time of a record. None is so far in the future that it would be left out.
    fn of_record(&self, raw: RawTime) -> At {
        self.at(raw).min(At(self.as_of.0 + 5 * MINUTE))
    }

    fn in_order(&self, start: Option<RawTime>, end: Option<RawTime>) -> (Option<At>, Option<At>) {
        let (start, end) = (start.map(|raw| self.at(raw)), end.map(|raw| self.at(raw)));
        match (start, end) {
            (Some(start), Some(end)) if end < start => (Some(end), Some(start)),
            both => both,
        }
    }
}
