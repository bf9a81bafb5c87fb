//! What was left out: records that could not be used, kept so that an answer can state which of them it may lack.
//! Lives here: what is known of a left-out record, and counting them by scope, step and window. Lives elsewhere: rows
//! that are stored although they cannot be used (`ledger`), dropped subjects (`subjects`), the health check
//! (`store_losses`).
//!
//! Memory is bounded. Records of which the same is known form a group, which keeps their times. Beyond [`MAX_TIMES`]
//! times a group only counts, so the record is known for the store and not for the window. Beyond [`MAX_GROUPS`] groups
//! only the reason of a record is kept, so it may belong to every scope.

use ahash::HashMap;

use super::{
    events::Owners,
    load_report::Fault,
    subjects::table_bytes,
    time_log::{Pending, Span, TimeLog, record_micros},
};
use crate::{
    ActivityId, ProductId, Timestamp,
    source::{Coverage, LeftOutReason},
    vocabulary::EventRule,
};

/// The most left-out records of one kind whose times are kept: 8 MB.
const MAX_TIMES: usize = 1_000_000;
/// The most groups of left-out records of one kind.
const MAX_GROUPS: usize = 10_000;
/// The most examples of one reason.
pub(super) const MAX_EXAMPLES: usize = 3;
/// How far a record may be ahead of the instant of the answer, in microseconds. It counts later, and is not left out.
const SKEW: i64 = 5 * 60 * 1_000_000;
/// The number of reasons.
const REASONS: usize = LeftOutReason::ALL.len();

/// The times that are too far in the future to be right.
pub(super) fn future(as_of: Timestamp) -> Span {
    Span { from: record_micros(as_of).saturating_add(SKEW + 1), to: i64::MAX }
}

/// Why a record with this fault is left out.
pub(super) fn reason(fault: Fault) -> LeftOutReason {
    match fault {
        Fault::OutOfRange(_) => LeftOutReason::TimeOutOfRange,
        Fault::TooManyKinds | Fault::TooManyActivities | Fault::TooManySubjects => LeftOutReason::NoRoom,
        Fault::TextTooLong("trigger" | "triggerType") => LeftOutReason::NoRoom,
        Fault::Missing(field) | Fault::Wrong(field) | Fault::TextTooLong(field) => match field {
            "occurredAt" | "createdAt" | "purchaseAt" => LeftOutReason::NoTime,
            "activityId" | "properties" | "properties.activityId" => LeftOutReason::NoActivity,
            "userId" | "sessionId" | "session" => LeftOutReason::NoSubject,
            "status" => LeftOutReason::UnknownStatus,
            "price" | "quantity" => LeftOutReason::BadAmount,
            _ => LeftOutReason::Unreadable,
        },
        _ => LeftOutReason::Unreadable,
    }
}

/// Whose record it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// Not known: it may belong to every scope.
    Unknown,
    /// It is in no figure of any scope.
    None,
    Activities(Owners),
    /// A purchase that is attributed to no activity.
    Shop,
}

/// What is known of the contents of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Contents {
    Unknown,
    /// The trigger type of an event whose tracker definition is not known.
    Trigger(Box<str>),
    Event {
        trigger: Box<str>,
        definition: Option<i64>,
    },
    /// The product of a purchase, if it names one.
    Product(Option<ProductId>),
}

/// A record that was left out.
#[derive(Debug, Clone)]
pub(super) struct LostRecord {
    pub(super) reason: LeftOutReason,
    pub(super) owner: Owner,
    pub(super) contents: Contents,
    /// Microseconds since 1970; `None` if not known.
    pub(super) at: Option<i64>,
}

impl LostRecord {
    /// A record of which nothing is known.
    pub(super) fn unknown(reason: LeftOutReason) -> Self {
        Self { reason, owner: Owner::Unknown, contents: Contents::Unknown, at: None }
    }
}

/// Whether a record belongs to a figure, but for its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Belongs {
    Yes,
    Perhaps,
    No,
}

impl Contents {
    /// Whether an event of this kind counts for a rule.
    fn counts_for(&self, rule: &EventRule) -> Belongs {
        let names = |trigger: &str| rule.triggers.iter().any(|named| named == trigger);
        match self {
            Self::Event { trigger, definition } => {
                let counts = rule.definitions.is_empty() || definition.is_some_and(|id| rule.definitions.contains(&id));
                if names(trigger) && counts { Belongs::Yes } else { Belongs::No }
            }
            Self::Trigger(trigger) if !names(trigger) => Belongs::No,
            Self::Trigger(_) if rule.definitions.is_empty() => Belongs::Yes,
            _ => Belongs::Perhaps,
        }
    }

    /// Whether a purchase is of one of these products, which must be sorted.
    fn sells(&self, products: &[ProductId]) -> Belongs {
        match self {
            Self::Product(Some(product)) if products.binary_search(product).is_ok() => Belongs::Yes,
            Self::Product(_) => Belongs::No,
            _ => Belongs::Perhaps,
        }
    }
}

/// The records of one reason with the same contents and the same owner.
#[derive(Debug, Clone, Default)]
struct Group {
    times: TimeLog<()>,
    /// The records whose time is not known or not kept.
    untimed: u64,
}

type Groups = HashMap<(Contents, LeftOutReason), Group>;

/// The left-out records of one kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Losses {
    by_activity: HashMap<ActivityId, Groups>,
    /// Events of several activities. Empty without page templates.
    shared: HashMap<Box<[ActivityId]>, Groups>,
    shop: Groups,
    unknown: Groups,
    groups: usize,
    times: usize,
    /// All records by reason.
    counts: [u64; REASONS],
    /// The places of the first records of each reason.
    examples: HashMap<LeftOutReason, Vec<Box<str>>>,
}

/// The left-out records of the store by kind.
#[derive(Debug, Clone, Default)]
pub(super) struct LeftOutRecords {
    pub(super) events: Losses,
    /// Stored events whose subject was dropped.
    pub(super) dropped_subjects: u64,
    pub(super) entries: Losses,
    pub(super) purchases: Losses,
    /// The number of invalid values of the realtime file, and the places of the first.
    pub(super) slots: (u64, Vec<Box<str>>),
}

impl LeftOutRecords {
    /// The approximate memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        [&self.events, &self.entries, &self.purchases].map(Losses::bytes).iter().sum()
    }
}

impl Losses {
    /// Adds records.
    pub(super) fn add(&mut self, records: impl IntoIterator<Item = LostRecord>) {
        let mut pending = HashMap::<(OwnerKey, Contents, LeftOutReason), (Pending<()>, u64)>::default();
        for record in records {
            self.counts[record.reason as usize] += 1;
            let Some(owner) = OwnerKey::of(record.owner) else { continue };
            let (times, untimed) = pending.entry((owner, record.contents, record.reason)).or_default();
            match record.at.filter(|_| self.times < MAX_TIMES) {
                Some(at) => {
                    self.times += 1;
                    times.push(at, ());
                }
                None => *untimed += 1,
            }
        }
        for ((owner, contents, reason), (times, untimed)) in pending {
            let group = self.group(owner, contents, reason);
            group.times.append(times);
            group.untimed += untimed;
        }
    }

    /// The group of these records, which is made if there is room for it.
    fn group(&mut self, owner: OwnerKey, contents: Contents, reason: LeftOutReason) -> &mut Group {
        let key = (contents, reason);
        let known = match &owner {
            OwnerKey::Unknown => Some(&self.unknown),
            OwnerKey::Shop => Some(&self.shop),
            OwnerKey::One(activity) => self.by_activity.get(activity),
            OwnerKey::Several(activities) => self.shared.get(activities),
        };
        let is_known = known.is_some_and(|groups| groups.contains_key(&key));
        if !is_known && self.groups >= MAX_GROUPS {
            return self.unknown.entry((Contents::Unknown, reason)).or_default();
        }
        self.groups += usize::from(!is_known);
        let groups = match owner {
            OwnerKey::Unknown => &mut self.unknown,
            OwnerKey::Shop => &mut self.shop,
            OwnerKey::One(activity) => self.by_activity.entry(activity).or_default(),
            OwnerKey::Several(activities) => self.shared.entry(activities).or_default(),
        };
        groups.entry(key).or_default()
    }

    /// Keeps the place of a record as an example, if it is one of the first of its reason.
    pub(super) fn add_example(&mut self, reason: LeftOutReason, place: impl FnOnce() -> String) {
        let examples = self.examples.entry(reason).or_default();
        if examples.len() < MAX_EXAMPLES {
            examples.push(place().into());
        }
    }

    pub(super) fn examples(&self, reason: LeftOutReason) -> impl Iterator<Item = &str> {
        self.examples.get(&reason).into_iter().flatten().map(|place| &**place)
    }

    /// The number of records of a reason.
    pub(super) fn count(&self, reason: LeftOutReason) -> u64 {
        self.counts[reason as usize]
    }

    /// The number of all records.
    pub(super) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn is_empty(&self) -> bool {
        self.groups == 0
    }

    /// The groups of these activities.
    fn of<'a>(&'a self, activities: &'a [ActivityId]) -> impl Iterator<Item = &'a Groups> {
        let own = activities.iter().filter_map(|activity| self.by_activity.get(activity));
        let shared = self.shared.iter().filter(|(of, _)| of.iter().any(|activity| activities.contains(activity)));
        own.chain(shared.map(|(_, groups)| groups))
    }

    /// Tallies the events that may count for a rule.
    pub(super) fn tally_rule(&self, activities: &[ActivityId], rule: &EventRule, spans: &[Span], tally: &mut Tally) {
        self.tally_activities(activities, |(contents, _)| contents.counts_for(rule), spans, tally);
    }

    /// Tallies the events that may count as activity of a visitor. Purchases that are not believed are no activity.
    pub(super) fn tally_active(&self, activities: &[ActivityId], span: Span, tally: &mut Tally) {
        let counts = |(_, reason): &(Contents, LeftOutReason)| match reason {
            LeftOutReason::NotBelieved => Belongs::No,
            _ => Belongs::Yes,
        };
        self.tally_activities(activities, counts, &[span], tally);
    }

    /// Tallies the rows that may be attributed to these activities.
    pub(super) fn tally_rows(&self, activities: &[ActivityId], span: Span, tally: &mut Tally) {
        self.tally_activities(activities, |_| Belongs::Yes, &[span], tally);
    }

    /// Tallies the purchases that may be the shop's, of these products, which must be sorted.
    pub(super) fn tally_shop(&self, products: &[ProductId], span: Span, tally: &mut Tally) {
        if !self.is_empty() {
            tally.add(&self.shop, |(contents, _)| contents.sells(products), &[span]);
            tally.add_possible(&self.unknown, |(contents, _)| contents.sells(products));
        }
    }

    /// Tallies the purchases of these products, which must be sorted, that may be attributed to other activities.
    pub(super) fn tally_others(
        &self,
        activities: &[ActivityId],
        products: &[ProductId],
        span: Span,
        tally: &mut Tally,
    ) {
        if !self.is_empty() {
            for (_, groups) in self.by_activity.iter().filter(|(activity, _)| !activities.contains(activity)) {
                tally.add(groups, |(contents, _)| contents.sells(products), &[span]);
            }
            tally.add_possible(&self.unknown, |(contents, _)| contents.sells(products));
        }
    }

    fn tally_activities(
        &self,
        activities: &[ActivityId],
        belongs: impl Fn(&(Contents, LeftOutReason)) -> Belongs,
        spans: &[Span],
        tally: &mut Tally,
    ) {
        if self.is_empty() || activities.is_empty() {
            return;
        }
        for groups in self.of(activities) {
            tally.add(groups, &belongs, spans);
        }
        tally.add_possible(&self.unknown, belongs);
    }

    /// The approximate memory, in bytes.
    fn bytes(&self) -> usize {
        let maps = self.by_activity.values().chain(self.shared.values()).chain([&self.shop, &self.unknown]);
        let group = size_of::<((Contents, LeftOutReason), Group)>();
        let logs = |groups: &Groups| groups.values().map(|group| group.times.bytes()).sum::<usize>();
        maps.map(|groups| table_bytes(groups.capacity(), group) + logs(groups)).sum()
    }
}

/// Whose record it is, as the key of a group.
#[derive(PartialEq, Eq, Hash)]
enum OwnerKey {
    Unknown,
    Shop,
    One(ActivityId),
    Several(Box<[ActivityId]>),
}

impl OwnerKey {
    /// `None` for a record that is in no figure.
    fn of(owner: Owner) -> Option<Self> {
        match owner {
            Owner::Unknown => Some(Self::Unknown),
            Owner::None => None,
            Owner::Activities(Owners::One(activity)) => Some(Self::One(activity)),
            Owner::Activities(Owners::Several(activities)) => Some(Self::Several(activities)),
            Owner::Shop => Some(Self::Shop),
        }
    }
}

/// The left-out records of one figure by reason.
#[derive(Debug, Default)]
pub(super) struct Tally {
    window: [u64; REASONS],
    store: [u64; REASONS],
}

impl Tally {
    /// Adds records of the figure's scope and window.
    pub(super) fn in_window(&mut self, reason: LeftOutReason, records: u64) {
        self.window[reason as usize] += records;
    }

    /// Adds records that may belong to the figure.
    pub(super) fn in_store(&mut self, reason: LeftOutReason, records: u64) {
        self.store[reason as usize] += records;
    }

    /// Adds groups of the figure's scope. The windows do not overlap.
    fn add(&mut self, groups: &Groups, belongs: impl Fn(&(Contents, LeftOutReason)) -> Belongs, windows: &[Span]) {
        for (key, group) in groups {
            match belongs(key) {
                Belongs::Yes => {
                    let inside: usize = windows.iter().map(|window| group.times.count(*window)).sum();
                    self.in_window(key.1, inside as u64);
                    self.in_store(key.1, group.untimed);
                }
                Belongs::Perhaps => self.in_store(key.1, group.records()),
                Belongs::No => {}
            }
        }
    }

    /// Adds groups that are not known to be of the figure's scope.
    fn add_possible(&mut self, groups: &Groups, belongs: impl Fn(&(Contents, LeftOutReason)) -> Belongs) {
        for (key, group) in groups.iter().filter(|(key, _)| belongs(key) != Belongs::No) {
            self.in_store(key.1, group.records());
        }
    }

    /// The coverage of a figure: `used` records are in it, and the store has `of` records of that kind.
    pub(super) fn coverage(&self, used: u64, of: u64) -> Coverage {
        LeftOutReason::ALL.iter().fold(Coverage::of(used), |coverage, &reason| {
            let (window, store) = (self.window[reason as usize], self.store[reason as usize]);
            coverage.left_out_in_window(reason, window).left_out_in_store(reason, store, of)
        })
    }
}

impl Group {
    fn records(&self) -> u64 {
        self.times.count(Span::ALL) as u64 + self.untimed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REASON: LeftOutReason = LeftOutReason::NotBelieved;

    fn lost(activity: u64, at: Option<i64>) -> LostRecord {
        let owner = Owner::Activities(Owners::One(ActivityId(activity)));
        LostRecord { reason: REASON, owner, contents: Contents::Trigger("PURCHASE".into()), at }
    }

    fn coverage(losses: &Losses, activity: u64) -> Coverage {
        let mut tally = Tally::default();
        let rule = EventRule::trigger("PURCHASE");
        losses.tally_rule(&[ActivityId(activity)], &rule, &[Span { from: 0, to: 10 }], &mut tally);
        tally.coverage(1, 100)
    }

    #[test]
    fn a_record_is_of_the_window_if_its_owner_trigger_and_time_are_known() {
        let mut losses = Losses::default();
        losses.add([
            lost(7, Some(9)),
            lost(7, Some(10)),
            lost(7, None),
            LostRecord { owner: Owner::None, ..lost(7, Some(1)) },
        ]);
        let expected = Coverage::of(1).left_out_in_window(REASON, 1).left_out_in_store(REASON, 1, 100);
        assert_eq!(coverage(&losses, 7), expected);
        assert_eq!(coverage(&losses, 8), Coverage::of(1));
        losses.add([LostRecord::unknown(LeftOutReason::Unreadable)]);
        let unreadable = |coverage: Coverage| coverage.left_out_in_store(LeftOutReason::Unreadable, 1, 100);
        assert_eq!(coverage(&losses, 8), unreadable(Coverage::of(1)));
        assert_eq!((losses.count(REASON), losses.total()), (4, 5));
    }

    #[test]
    fn a_record_of_several_activities_is_left_out_once_of_their_union() {
        let mut losses = Losses::default();
        let owners = Owners::of(vec![ActivityId(7), ActivityId(8)]).expect("owners");
        losses.add([LostRecord { owner: Owner::Activities(owners), ..lost(7, Some(3)) }]);
        let mut tally = Tally::default();
        let activities = [7, 8, 9].map(ActivityId);
        losses.tally_rule(&activities, &EventRule::trigger("PURCHASE"), &[Span::ALL], &mut tally);
        assert_eq!(tally.coverage(0, 1), Coverage::of(0).left_out_in_window(REASON, 1));
        assert_eq!(coverage(&losses, 8), Coverage::of(1).left_out_in_window(REASON, 1));
        assert_eq!(coverage(&losses, 9), Coverage::of(1));
    }

    #[test]
    fn beyond_the_limits_a_record_is_known_for_the_store_only() {
        let mut losses = Losses::default();
        losses.add((0..MAX_TIMES as u64 + 5).map(|_| lost(7, Some(3))));
        let times = MAX_TIMES as u64;
        let expected = Coverage::of(1).left_out_in_window(REASON, times).left_out_in_store(REASON, 5, 100);
        assert_eq!(coverage(&losses, 7), expected);
        assert!(losses.bytes() < 20 << 20, "{}", losses.bytes());

        let mut losses = Losses::default();
        losses.add((0..MAX_GROUPS as u64 + 5).map(|activity| lost(activity, Some(3))));
        let mut known = 0;
        for activity in 0..MAX_GROUPS as u64 + 5 {
            let coverage = coverage(&losses, activity);
            known += u64::from(coverage.left_out().len() == 2);
            assert_eq!(coverage.left_out().last().and_then(|one| one.records), Some(5));
        }
        assert_eq!(known, MAX_GROUPS as u64);
    }
}
