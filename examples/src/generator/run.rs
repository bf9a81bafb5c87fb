//! One run: for each minute, it plans visits, performs the planned steps, and counts every line
//! that it passes to the sink.

use std::io;
use std::num::NonZeroU32;

use super::agenda::{Agenda, Step};
use super::calendar::{HOUR, MINUTE, SECOND};
use super::event::{Event, Kind, Session, Topic};
use super::journey::{self, blank, draw_user};
use super::progress::Progress;
use super::rng::Rng;
use super::sales::SalesTally;
use super::scenario::{FIRST_CAMPAIGN, LINES_PER_VISIT, Stage, World, product_id};
use super::stock::Slots;
use super::tally::Tally;
use super::traffic::Traffic;
use super::{ActivityType, Config, Entry, EntryStatus, Purchase, PurchaseStatus, Sink, Slot};

/// Lines of one visit to the shop, on average.
const LINES_PER_BROWSE: f64 = 2.2;
/// Share of documents that are delivered twice.
const REPEATED: f64 = 0.001;

/// A run with its sink.
#[derive(Debug)]
pub(super) struct Run<'a, S> {
    config: &'a Config,
    world: &'a World,
    sink: &'a mut S,
    traffic: Traffic,
    rng: Rng,
    agenda: Agenda,
    pub(super) tally: Tally,
    pub(super) sales: SalesTally,
    slots: Vec<Slots>,
    products: Vec<NonZeroU32>,
    /// Sessions so far, per campaign, and of the shop.
    sessions: Vec<u32>,
    /// Documents so far, per topic.
    documents: [u32; 2],
    rows: [u32; 2],
    /// Visits to activities that are still expected, and those so far.
    visits_left: f64,
    visits: u64,
    /// Lines that visits to the shop have planned.
    shop_lines: u64,
    forged_left: u64,
}

impl<'a, S: Sink> Run<'a, S> {
    pub(super) fn new(config: &'a Config, world: &'a World, start: i64, sink: &'a mut S) -> Self {
        let now = config.now.timestamp_millis();
        let tally = Tally::new(world, config);
        let first_minute = start - start.rem_euclid(MINUTE);
        Self {
            config,
            world,
            sink,
            traffic: Traffic::new(world, config.zone, start, now),
            rng: Rng::new(config.seed),
            agenda: Agenda::new(first_minute, now, config.events),
            sales: SalesTally::new(world, config, tally.ranges, start),
            tally,
            slots: world.stages.iter().map(|_| Slots::default()).collect(),
            products: (0..world.wares.len()).filter_map(|ware| NonZeroU32::new(product_id(ware))).collect(),
            sessions: vec![0; world.catalog.campaigns.len() + 1],
            documents: [0; 2],
            rows: [0; 2],
            visits_left: world.stages.iter().map(|stage| stage.visits).sum(),
            visits: 0,
            shop_lines: 0,
            forged_left: if config.export { 3 + config.events / 50_000 } else { 0 },
        }
    }

    pub(super) fn run(&mut self, start: i64, progress: &mut dyn FnMut(Progress)) -> io::Result<Vec<Slot>> {
        self.sink.catalog(&self.world.catalog)?;
        let mut minute = start - start.rem_euclid(MINUTE);
        let mut reported = 0;
        while minute < self.agenda.now() {
            self.plan_minute(minute.max(start), minute + MINUTE);
            self.shop_orders(minute)?;
            self.agenda.advance();
            while let Some((at, step)) = self.agenda.pop() {
                self.step(at, step)?;
            }
            minute += MINUTE;
            if self.tally.load.lines - reported >= 20_000 {
                reported = self.tally.load.lines;
                progress(Progress { lines: reported, of: self.config.events });
            }
        }
        self.fill_up()?;
        let slots = self.slots();
        self.sink.realtime(&slots)?;
        progress(Progress { lines: self.tally.load.lines, of: self.config.events });
        Ok(slots)
    }

    /// Draws the visits that begin in the minute.
    fn plan_minute(&mut self, minute: i64, end: i64) {
        let (world, length) = (self.world, end.min(self.agenda.now()) - minute);
        let length = u32::try_from(length.max(1)).unwrap_or(1);
        for (index, stage) in (0u16..).zip(&world.stages) {
            let mean = self.traffic.visits(usize::from(index), stage, minute);
            self.visits_left -= mean;
            for _ in 0..self.rng.count(mean) {
                if self.agenda.is_full() {
                    return;
                }
                let at = minute + i64::from(self.rng.below(length));
                let session = self.session(stage.campaign);
                journey::visit(&mut self.rng, &mut self.agenda, (index, stage), session, world.users, at);
                self.visits += 1;
            }
        }
        // Visits to the shop fill the lines that the campaigns leave.
        let left = self.lines_left();
        let before = self.agenda.lines();
        let mean = left * self.traffic.shop_share(minute) / LINES_PER_BROWSE;
        let shop = u16::try_from(self.sessions.len() - 1).unwrap_or(u16::MAX);
        for _ in 0..self.rng.count(mean) {
            if self.agenda.is_full() {
                return;
            }
            let at = minute + i64::from(self.rng.below(length));
            let session = self.session(shop);
            journey::browse(&mut self.rng, &mut self.agenda, session, (world.users, &self.products), at);
        }
        self.shop_lines += self.agenda.lines() - before;
    }

    /// The lines that are neither planned nor expected from visits to activities.
    #[expect(clippy::cast_precision_loss, reason = "at most a billion")]
    fn lines_left(&self) -> f64 {
        const PRIOR: f64 = 50.0;
        let lines = (self.agenda.lines() - self.shop_lines) as f64;
        let per_visit = (lines + PRIOR * LINES_PER_VISIT) / (self.visits as f64 + PRIOR);
        let left = self.config.events.saturating_sub(self.agenda.lines()) as f64;
        (left - self.visits_left.max(0.0) * per_visit).max(0.0)
    }

    fn session(&mut self, realm: u16) -> Session {
        let number = &mut self.sessions[usize::from(realm)];
        *number += 1;
        Session::new(self.config.seed, realm, *number)
    }

    fn step(&mut self, at: i64, step: Step) -> io::Result<()> {
        match step {
            Step::Line(event) => self.deliver(at, event),
            Step::Again(event) => self.again(&event),
            Step::Attempt { activity, user } => self.attempt(at, activity, user),
            Step::Pay { activity, user } => self.pay(at, activity, user),
        }
    }

    /// A line arrives and is stored under a new id.
    fn deliver(&mut self, at: i64, mut event: Event) -> io::Result<()> {
        let sequence = &mut self.documents[event.document.topic as usize];
        event.document.sequence = *sequence;
        *sequence += 1;
        self.tally.load.lines += 1;
        self.tally.load.late += u64::from(at - event.occurred_at >= MINUTE);
        self.tally.event(&event);
        self.sink.event(&event)?;
        if self.rng.chance(REPEATED) && !self.agenda.is_full() && (self.config.export || !event.kind.is_backend()) {
            let delay = self.rng.millis(500, 3_000_000);
            self.agenda.push(at + delay, Step::Again(event));
        }
        Ok(())
    }

    fn again(&mut self, event: &Event) -> io::Result<()> {
        self.tally.load.lines += 1;
        if self.config.export {
            self.tally.load.duplicates += 1;
        } else {
            self.tally.load.repeated += 1;
            self.tally.event(event);
        }
        self.sink.event(event)
    }

    /// First come, first served.
    fn attempt(&mut self, at: i64, activity: u16, user: NonZeroU32) -> io::Result<()> {
        let stage = &self.world.stages[usize::from(activity)];
        // An attempt of the last seconds would not have reached the stores by `now`.
        if !(stage.start..stage.end).contains(&at) || at + 3 * SECOND >= self.agenda.now() {
            return Ok(());
        }
        let Some(order) = self.slots[usize::from(activity)].admit(user.get(), stage.limit) else {
            if self.rng.chance(0.02) && self.slots[usize::from(activity)].refuse(user.get()) {
                self.entry(at, stage, user, EntryStatus::Rejected)?;
            }
            return Ok(());
        };
        let approved = Event {
            user_id: Some(user),
            activity_id: NonZeroU32::new(stage.id),
            value: order,
            ..blank(&mut self.rng, Kind::Approved, at)
        };
        let delay = self.rng.millis(5, 80);
        self.agenda.push(at + delay, Step::Line(approved));
        if stage.kind != ActivityType::FirstComeFirstServe {
            return self.entry(at, stage, user, EntryStatus::Approved);
        }
        if self.rng.chance(0.78) {
            let quick = self.rng.chance(0.6);
            let delay = if quick { self.rng.millis(25_000, 180_000) } else { self.rng.millis(180_000, 1_500_000) };
            self.agenda.push(at + delay, Step::Pay { activity, user });
        } else if self.rng.chance(0.1) {
            self.entry(at, stage, user, EntryStatus::Pending)?;
        }
        Ok(())
    }

    fn pay(&mut self, at: i64, activity: u16, user: NonZeroU32) -> io::Result<()> {
        let stage = &self.world.stages[usize::from(activity)];
        let Some(product) = stage.product.filter(|_| at + 3 * SECOND < self.agenda.now()) else {
            return Ok(());
        };
        let status = self.status(0.035, 0.015);
        self.purchase(Purchase {
            id: 0,
            user_id: user.get(),
            product_id: product_id(product),
            activity_id: Some(stage.id),
            price: stage.price,
            quantity: 1,
            status,
            purchase_at: at,
        })?;
        let wait = self.rng.millis(3, 200);
        self.entry(at + wait, stage, user, EntryStatus::Approved)?;
        let mut event = self.purchase_event(at + wait / 2, stage, user);
        event.document.topic = Topic::Commerce;
        let delay = self.rng.millis(5, 300);
        self.agenda.push(at + delay, Step::Line(event));
        if self.forged_left > 0 && at + HOUR < self.agenda.now() && self.rng.chance(0.05) {
            self.forged_left -= 1;
            let stranger = draw_user(&mut self.rng, self.world.users);
            let forged = self.purchase_event(at, stage, stranger);
            self.agenda.push(at + SECOND, Step::Line(forged));
        }
        Ok(())
    }

    fn purchase_event(&mut self, at: i64, stage: &Stage, user: NonZeroU32) -> Event {
        Event {
            user_id: Some(user),
            activity_id: NonZeroU32::new(stage.id),
            campaign_id: NonZeroU32::new(FIRST_CAMPAIGN + u32::from(stage.campaign)),
            product_id: stage.product.and_then(|product| NonZeroU32::new(product_id(product))),
            ..blank(&mut self.rng, Kind::Purchase, at)
        }
    }

    /// The regular purchases of the minute.
    fn shop_orders(&mut self, minute: i64) -> io::Result<()> {
        let length = u32::try_from((self.agenda.now() - minute).min(MINUTE)).unwrap_or(1);
        for ware in 0..self.world.wares.len() {
            let mean = self.traffic.orders(self.world, ware, minute);
            for _ in 0..self.rng.count(mean) {
                let status = self.status(0.02, 0.01);
                let reduced = self.rng.chance(0.1);
                let price = self.world.wares[ware].price;
                let purchase = Purchase {
                    id: 0,
                    user_id: draw_user(&mut self.rng, self.world.users).get(),
                    product_id: product_id(ware),
                    activity_id: None,
                    price: if reduced { price * 9 / 10 } else { price },
                    quantity: 1 + u32::from(self.rng.chance(0.15)) + u32::from(self.rng.chance(0.04)),
                    status,
                    purchase_at: minute + i64::from(self.rng.below(length)),
                };
                self.purchase(purchase)?;
            }
        }
        Ok(())
    }

    fn status(&mut self, cancelled: f64, refunded: f64) -> PurchaseStatus {
        match self.rng.unit() {
            draw if draw < cancelled => PurchaseStatus::Cancelled,
            draw if draw < cancelled + refunded => PurchaseStatus::Refunded,
            _ => PurchaseStatus::Confirmed,
        }
    }

    fn purchase(&mut self, mut purchase: Purchase) -> io::Result<()> {
        self.rows[0] += 1;
        purchase.id = self.rows[0];
        self.tally.load.purchases += 1;
        self.sales.purchase(&purchase);
        self.sink.purchase(&purchase)
    }

    fn entry(&mut self, at: i64, stage: &Stage, user: NonZeroU32, status: EntryStatus) -> io::Result<()> {
        self.rows[1] += 1;
        let entry = Entry { id: self.rows[1], activity_id: stage.id, user_id: user.get(), status, created_at: at };
        self.tally.load.entries += 1;
        self.sales.entry(&entry);
        self.sink.entry(&entry)
    }

    /// Adds page views of the last seconds up to the configured lines, some by clocks that are ahead.
    fn fill_up(&mut self) -> io::Result<()> {
        let now = self.agenda.now();
        while self.tally.load.lines < self.config.events {
            let left = self.config.events - self.tally.load.lines;
            let at = now - 1 - self.rng.millis(0, 2_000);
            let mut view = blank(&mut self.rng, Kind::ShopView, at);
            view.session = Some(self.session(u16::try_from(self.sessions.len() - 1).unwrap_or(0)));
            view.product_id = self.products.first().copied();
            if left <= 3 {
                // At least three from the future, of an activity and of a known user.
                let first = &self.world.stages[0];
                view.kind = Kind::ActivityView;
                view.activity_id = NonZeroU32::new(first.id);
                view.product_id = None;
                view.user_id = Some(draw_user(&mut self.rng, self.world.users));
                view.occurred_at = now + self.rng.millis(0, 2_000);
            }
            self.deliver(now, view)?;
        }
        Ok(())
    }

    fn slots(&self) -> Vec<Slot> {
        let started = |stage: &&Stage| stage.start < self.agenda.now();
        let slot = |stage: &Stage| {
            let index = stage.id - super::scenario::FIRST_ACTIVITY;
            self.slots[index as usize].slot(stage.id, stage.drift)
        };
        self.world.stages.iter().filter(started).map(slot).collect()
    }
}
