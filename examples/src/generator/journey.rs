//! The visit of one visitor: its events are drawn at its start and planned one by one.

use std::num::NonZeroU32;

use super::agenda::{Agenda, Step};
use super::calendar::{MINUTE, SECOND};
use super::event::{Document, Event, Kind, Session, Topic};
use super::rng::Rng;
use super::scenario::{FIRST_CAMPAIGN, FIRST_USER, Stage};
use super::traffic;

/// Share of browser events that come late.
const LATE: f64 = 0.01;

/// One visitor with one browser.
#[derive(Debug)]
pub(super) struct Visitor {
    user: Option<NonZeroU32>,
    session: Option<Session>,
    /// The error of the browser's clock, in milliseconds.
    skew: i64,
    /// The true time.
    at: i64,
}

/// The user with that index.
pub(super) fn user_id(index: u32) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(FIRST_USER - 1 + index)
}

/// Draws a user. Some users come much more often than others.
pub(super) fn draw_user(rng: &mut Rng, users: u32) -> NonZeroU32 {
    let index = rng.below(users);
    user_id(if rng.chance(0.3) { rng.below(index / 4 + 1) } else { index })
}

/// An event of this kind without subject and properties.
pub(super) fn blank(rng: &mut Rng, kind: Kind, occurred_at: i64) -> Event {
    Event {
        kind,
        occurred_at,
        user_id: None,
        session: None,
        activity_id: None,
        campaign_id: None,
        product_id: None,
        value: 0,
        spelling: rng.word(),
        document: Document { topic: Topic::Behavior, sequence: 0 },
    }
}

impl Visitor {
    fn new(rng: &mut Rng, session: Session, at: i64) -> Self {
        let wide = rng.chance(0.2);
        let skew = if wide { rng.millis(0, 4_001) - 2_000 } else { rng.millis(0, 401) - 200 };
        Self { user: None, session: Some(session), skew, at }
    }

    fn event(&self, rng: &mut Rng, kind: Kind) -> Event {
        Event { user_id: self.user, session: self.session, ..blank(rng, kind, self.at + self.skew) }
    }

    fn wait(&mut self, rng: &mut Rng, from: u32, to: u32) {
        self.at += rng.millis(from, to);
    }

    /// Plans the delivery of a browser's event: within a second, or up to hours late.
    fn send(&self, rng: &mut Rng, agenda: &mut Agenda, event: Event) {
        let delay = if rng.chance(LATE) {
            let part = rng.unit();
            2 * MINUTE + rng.millis(0, 1 + u32::try_from(super::rng::whole(part * part * 2.1e7)).unwrap_or(0))
        } else {
            rng.millis(20, 900)
        };
        agenda.push(self.at + delay, Step::Line(event));
    }

    fn log_in(&mut self, rng: &mut Rng, agenda: &mut Agenda, users: u32) {
        self.wait(rng, 3_000, 20_000);
        let user = draw_user(rng, users);
        self.user = Some(user);
        let login = Event { user_id: Some(user), ..blank(rng, Kind::Login, self.at) };
        agenda.push(self.at + rng.millis(5, 60), Step::Line(login));
    }
}

/// A visit to an activity's page.
pub(super) fn visit(
    rng: &mut Rng,
    agenda: &mut Agenda,
    (index, stage): (u16, &Stage),
    session: Session,
    users: u32,
    at: i64,
) {
    let crowd = traffic::is_opening(stage, at);
    let mut visitor = Visitor::new(rng, session, at);
    // Scripts have neither user nor session; the crowd at an opening has mostly logged in before.
    let draw = rng.unit();
    let known = if crowd { 0.35 } else { 0.56 };
    let later = !crowd && (0.36..0.56).contains(&draw) || crowd && (0.20..0.35).contains(&draw);
    if draw < 0.02 {
        visitor.session = None;
    } else if draw >= known {
        visitor.user = Some(draw_user(rng, users));
    }
    if rng.chance(0.003) {
        let diagnostic = Event { user_id: None, ..visitor.event(rng, Kind::Diagnostic) };
        visitor.send(rng, agenda, diagnostic);
    }

    view(rng, agenda, stage, &mut visitor);
    if later {
        visitor.log_in(rng, agenda, users);
        visitor.wait(rng, 500, 4_000);
        view(rng, agenda, stage, &mut visitor);
    } else if rng.chance(0.3) {
        visitor.wait(rng, 4_000, 60_000);
        view(rng, agenda, stage, &mut visitor);
    }

    let open = (stage.start..stage.end).contains(&visitor.at);
    let eager = match (open, crowd) {
        (true, true) => 0.85,
        (true, false) => 0.42,
        (false, true) => 0.30,
        (false, false) => 0.08,
    };
    if rng.chance(eager) {
        click(rng, agenda, (index, stage), &mut visitor, crowd);
    }
    if rng.chance(0.3) {
        visitor.wait(rng, 2_000, 90_000);
        let mut stay = activity_event(rng, &visitor, stage, Kind::Stay);
        stay.value = u32::try_from((visitor.at - at) / SECOND).unwrap_or(0);
        visitor.send(rng, agenda, stay);
    }
}

/// One page view, stored once per matching definition, and possibly a scroll.
fn view(rng: &mut Rng, agenda: &mut Agenda, stage: &Stage, visitor: &mut Visitor) {
    if rng.chance(0.04) {
        // The shop's own page, whose events name the activity in the address only.
        let stock = Event { value: stage.id, ..visitor.event(rng, Kind::StockView) };
        visitor.send(rng, agenda, stock);
    } else {
        let first = activity_event(rng, visitor, stage, Kind::ActivityView);
        visitor.send(rng, agenda, first);
        let second = Event { kind: Kind::DetailView, ..first };
        visitor.send(rng, agenda, second);
    }
    if rng.chance(0.35) {
        visitor.wait(rng, 1_000, 15_000);
        let mut scroll = activity_event(rng, visitor, stage, Kind::Scroll);
        scroll.value = 25 * (1 + rng.below(4));
        visitor.send(rng, agenda, scroll);
    }
}

/// One or two clicks on the button, and, for a logged-in user, the attempt to get a slot.
fn click(rng: &mut Rng, agenda: &mut Agenda, (index, stage): (u16, &Stage), visitor: &mut Visitor, crowd: bool) {
    let (from, to) = if crowd { (200, 6_000) } else { (1_500, 40_000) };
    visitor.wait(rng, from, to);
    let event = activity_event(rng, visitor, stage, Kind::JoinClick);
    visitor.send(rng, agenda, event);
    if rng.chance(if crowd { 0.25 } else { 0.05 }) {
        visitor.wait(rng, 300, 1_500);
        let second = activity_event(rng, visitor, stage, Kind::JoinClick);
        visitor.send(rng, agenda, second);
    }
    if let Some(user) = visitor.user {
        let at = visitor.at + rng.millis(60, 900);
        agenda.push(at, Step::Attempt { activity: index, user });
    }
}

fn activity_event(rng: &mut Rng, visitor: &Visitor, stage: &Stage, kind: Kind) -> Event {
    let mut event = visitor.event(rng, kind);
    // Half of the scrolls and stays name the activity; the newer tracker's do not.
    if !matches!(kind, Kind::Scroll | Kind::Stay) || rng.chance(0.5) {
        event.activity_id = NonZeroU32::new(stage.id);
        let campaign = NonZeroU32::new(FIRST_CAMPAIGN + u32::from(stage.campaign));
        event.campaign_id = campaign.filter(|_| rng.chance(0.97));
    }
    event
}

/// A visit to the shop, of no activity.
pub(super) fn browse(
    rng: &mut Rng,
    agenda: &mut Agenda,
    session: Session,
    (users, products): (u32, &[NonZeroU32]),
    at: i64,
) {
    let mut visitor = Visitor::new(rng, session, at);
    if rng.chance(0.4) {
        visitor.user = Some(draw_user(rng, users));
    } else if rng.chance(0.1) {
        visitor.log_in(rng, agenda, users);
    }
    for _ in 0..=rng.below(3) {
        let product = usize::try_from(rng.below(u32::try_from(products.len()).unwrap_or(1)));
        let mut view = visitor.event(rng, Kind::ShopView);
        view.product_id = product.ok().and_then(|index| products.get(index)).copied();
        visitor.send(rng, agenda, view);
        visitor.wait(rng, 4_000, 90_000);
    }
    if rng.chance(0.15) {
        let banner = visitor.event(rng, Kind::BannerClick);
        visitor.send(rng, agenda, banner);
    }
}
