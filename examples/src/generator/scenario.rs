//! The scenario: the campaigns, their dates and their traffic. Dates are relative to the day of
//! `now`, so that the scenario is always the same as of `now`.

use chrono::NaiveDate;

use super::calendar::{self, HOUR, at_hour, instant};
use super::catalog::money;
use super::rng::whole;
use super::{Activity, ActivityStatus, ActivityType, Campaign, Catalog, Config, Product};

/// First ids: those of the plan's example.
pub(super) const FIRST_CAMPAIGN: u32 = 123;
pub(super) const FIRST_ACTIVITY: u32 = 789;
pub(super) const FIRST_PRODUCT: u32 = 456;
pub(super) const FIRST_USER: u32 = 5_001;

/// Share of all lines that belong to campaigns; the shop has the rest.
const CAMPAIGN_SHARE: f64 = 0.80;
/// The initial estimate of the lines of one visit to an activity.
pub(super) const LINES_PER_VISIT: f64 = 4.4;

/// An activity and how it is visited.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub(super) id: u32,
    /// Index of its campaign.
    pub(super) campaign: u16,
    pub(super) kind: ActivityType,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) limit: Option<u32>,
    /// Hundredths.
    pub(super) price: u64,
    /// Index of its product.
    pub(super) product: Option<usize>,
    /// Visits over the whole history.
    pub(super) visits: f64,
    /// Share of the visits that come around the opening.
    pub(super) spike: f64,
    /// Its traffic while it is open, relative to an activity that has not sold out.
    pub(super) running: f64,
    /// Members that a rollback removed without decreasing the counter.
    pub(super) drift: u32,
}

/// A product and how it sells in the shop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ware {
    /// Hundredths.
    pub(super) price: u64,
    /// Shop orders over the whole history.
    pub(super) orders: f64,
}

/// All campaigns, activities, products and users.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) catalog: Catalog,
    pub(super) stages: Vec<Stage>,
    pub(super) wares: Vec<Ware>,
    pub(super) users: u32,
}

struct Act {
    name: &'static str,
    kind: ActivityType,
    /// Days from today and local hour.
    start: (i64, u32),
    weight: f64,
    spike: f64,
    running: f64,
    /// Slots per visit; `None` is without limit.
    slots: Option<f64>,
    price: u64,
    /// The index of its product; activities may share one.
    product: Option<usize>,
    drift: u32,
}

struct Play {
    name: &'static str,
    end: (i64, u32),
    acts: Vec<Act>,
}

/// Name, category, regular price in won, popularity in the shop.
const PRODUCTS: [(&str, &str, u64, f64); 11] = [
    ("무선 이어폰 프로", "디지털", 39_900, 14.0),
    ("Mechanical Keyboard 87", "디지털", 89_000, 8.0),
    ("스테인리스 텀블러 500ml", "주방", 24_900, 12.0),
    ("LED 스탠드 \"빛나\"", "인테리어", 45_000, 7.0),
    ("Backpack 20L", "패션", 59_000, 9.0),
    ("노트 세트 (A5, 5권)", "문구", 12_500, 10.0),
    ("Camping Chair", "레저", 67_000, 5.0),
    ("에코백", "패션", 9_900, 6.0),
    ("Office Mouse", "디지털", 29_000, 8.0),
    ("원두 커피 1kg", "식품", 21_000, 13.0),
    ("Ceramic Mug", "주방", 11_000, 8.0),
];

fn plays() -> Vec<Play> {
    use ActivityType::{Coupon, FirstComeFirstServe as Fcfs, Giveaway};
    let act = |name, kind, start, weight, spike, running, slots, price, product| Act {
        name,
        kind,
        start,
        weight,
        spike,
        running,
        slots,
        price,
        product,
        drift: 0,
    };
    let mut plays = vec![
        // Running; two of its activities sold out within minutes of their opening.
        Play {
            name: "가을 감사 선착순 특가",
            end: (5, 0),
            acts: vec![
                act("무선 이어폰 오픈 특가", Fcfs, (-10, 10), 20.0, 0.35, 0.4, Some(0.05), 29_900, Some(0)),
                act("Keyboard Night Drop", Fcfs, (-6, 20), 10.0, 0.40, 0.4, Some(0.06), 59_000, Some(1)),
                act("텀블러 선착순", Fcfs, (-2, 12), 8.0, 0.30, 0.7, Some(0.16), 15_900, Some(2)),
            ],
        },
        // Running, not sold out; one activity has no limit and shares its product with the first campaign.
        Play {
            name: "Weekend Flash Deals",
            end: (9, 0),
            acts: vec![
                act("LED 스탠드 플래시 딜", Fcfs, (-5, 9), 14.0, 0.10, 1.0, Some(1.5), 32_000, Some(3)),
                act("Tumbler, as many as you like", Fcfs, (-4, 9), 6.0, 0.05, 1.0, None, 19_900, Some(2)),
                act("10% 할인 쿠폰", Coupon, (-5, 9), 4.0, 0.20, 1.0, Some(0.3), 0, None),
            ],
        },
        // Ended; two whole weeks of history before it.
        Play {
            name: "신학기 준비 기획전",
            end: (-14, 0),
            acts: vec![
                act("Backpack First 100", Fcfs, (-24, 10), 9.0, 0.35, 0.4, Some(0.05), 39_000, Some(4)),
                act("노트 세트 선착순", Fcfs, (-22, 10), 5.0, 0.10, 1.0, Some(1.5), 7_900, Some(5)),
            ],
        },
        // Not started, with a few early visitors.
        Play {
            name: "Winter Early Bird",
            end: (10, 0),
            acts: vec![act("캠핑 의자 얼리버드", Fcfs, (3, 10), 0.6, 0.0, 1.0, Some(2.0), 49_000, Some(6))],
        },
        // No funnel at all.
        Play {
            name: "출석 체크 경품 이벤트",
            end: (2, 0),
            acts: vec![act("에코백 증정", Giveaway, (-12, 0), 6.0, 0.05, 1.0, Some(1.5), 0, Some(7))],
        },
        // Ended long ago; six days of history before it.
        Play {
            name: "Back to Office Sale",
            end: (-30, 0),
            acts: vec![act("Office Mouse 타임 세일", Fcfs, (-36, 11), 6.0, 0.30, 0.5, Some(0.08), 19_000, Some(8))],
        },
    ];
    plays[0].acts[1].drift = 3;
    plays
}

impl World {
    pub(super) fn new(config: &Config) -> Self {
        let templates = plays();
        let today = calendar::date(config.zone, config.now.timestamp_millis());
        let plays: Vec<(&Play, i64)> = (0i64..i64::from(config.campaigns))
            .zip(templates.iter().cycle())
            .map(|(number, play)| (play, number / 6))
            .collect();
        let weights: f64 = plays.iter().flat_map(|(play, _)| &play.acts).map(|act| act.weight).sum();
        #[expect(clippy::cast_precision_loss, reason = "at most a billion")]
        let events = config.events as f64;
        let visits = events * CAMPAIGN_SHARE / LINES_PER_VISIT / weights;
        let users = u32::try_from(config.events / 20).unwrap_or(u32::MAX).max(100);

        let mut world = Self { catalog: products(), stages: Vec::new(), wares: wares(events), users };
        for ((play, round), id) in plays.into_iter().zip(FIRST_CAMPAIGN..) {
            world.add(config, today, play, round, id, visits);
        }
        world
    }

    fn add(&mut self, config: &Config, today: NaiveDate, play: &Play, round: i64, id: u32, visits: f64) {
        let zone = config.zone;
        let when =
            |(days, hour): (i64, u32)| at_hour(zone, calendar::shift(today, near(days, config.days) - round), hour);
        // With a short history, the end may have been moved before an opening.
        let last_start = play.acts.iter().map(|act| when(act.start)).max();
        let end = when(play.end).max(last_start.unwrap_or_default() + 2 * HOUR);
        let mut campaign = Campaign {
            id,
            name: numbered(play.name, round),
            start_at: instant(end),
            end_at: instant(end),
            budget: money(500_000_000),
            activities: Vec::new(),
        };
        for act in &play.acts {
            let start = when(act.start);
            let stage = Stage {
                id: FIRST_ACTIVITY + u32::try_from(self.stages.len()).unwrap_or(0),
                campaign: u16::try_from(id - FIRST_CAMPAIGN).unwrap_or(0),
                kind: act.kind,
                start,
                end,
                limit: act.slots.map(|slots| limit(slots * act.weight * visits)),
                price: act.price * 100,
                product: act.product,
                visits: act.weight * visits,
                spike: act.spike,
                running: act.running,
                drift: act.drift,
            };
            campaign.start_at = campaign.start_at.min(instant(start));
            campaign.activities.push(catalog_entry(&stage, numbered(act.name, round), config));
            self.stages.push(stage);
        }
        self.catalog.campaigns.push(campaign);
    }
}

fn catalog_entry(stage: &Stage, name: String, config: &Config) -> Activity {
    let now = config.now.timestamp_millis();
    Activity {
        id: stage.id,
        name,
        kind: stage.kind,
        status: match () {
            () if now >= stage.end => ActivityStatus::Ended,
            () if now < stage.start => ActivityStatus::Draft,
            () => ActivityStatus::Active,
        },
        start_at: instant(stage.start),
        end_at: instant(stage.end),
        limit_count: stage.limit,
        price: money(stage.price),
        budget: money(100_000_000),
        product_id: stage.product.map(product_id),
    }
}

/// Id of the product with that index.
pub(super) fn product_id(index: usize) -> u32 {
    FIRST_PRODUCT + u32::try_from(index).unwrap_or(0)
}

fn products() -> Catalog {
    let products = PRODUCTS.iter().enumerate().map(|(index, (name, category, price, _))| Product {
        id: product_id(index),
        name: (*name).to_owned(),
        category: (*category).to_owned(),
        price: money(price * 100),
    });
    Catalog { currency: "KRW".to_owned(), campaigns: Vec::new(), products: products.collect() }
}

fn wares(events: f64) -> Vec<Ware> {
    let orders = 200.0 + events / 50.0;
    let popularity: f64 = PRODUCTS.iter().map(|product| product.3).sum();
    PRODUCTS.map(|(_, _, price, share)| Ware { price: price * 100, orders: orders * share / popularity }).to_vec()
}

/// Days in the past, moved closer if the history is short.
fn near(days: i64, history: u32) -> i64 {
    let history = i64::from(history);
    if days >= 0 || history >= 42 { days } else { (days * history / 42).min(-1) }
}

/// A round limit: two digits and zeros.
fn limit(slots: f64) -> u32 {
    let mut slots = u32::try_from(whole(slots)).unwrap_or(u32::MAX).max(3);
    let mut unit = 1;
    while slots >= 100 {
        slots /= 10;
        unit *= 10;
    }
    slots * unit
}

fn numbered(name: &str, round: i64) -> String {
    if round == 0 { name.to_owned() } else { format!("{name} {}", round + 1) }
}
