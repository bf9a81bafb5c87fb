//! One event, typed and small: millions are in the queue of a large run.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

use chrono::{DateTime, Utc};

use super::{calendar, rng::mix};

/// An event as the platform would have stored it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// What happened, and by which tracker definition.
    pub kind: Kind,
    /// The time by the reporter's clock, in milliseconds since 1970. A browser's clock is up to two
    /// seconds off.
    pub occurred_at: i64,
    /// The user, if known.
    pub user_id: Option<NonZeroU32>,
    /// The browser session; backends have none.
    pub session: Option<Session>,
    /// `properties.activityId`.
    pub activity_id: Option<NonZeroU32>,
    /// `properties.campaignId`.
    pub campaign_id: Option<NonZeroU32>,
    /// `properties.productId`.
    pub product_id: Option<NonZeroU32>,
    /// Order of an approval, depth of a scroll, seconds of a stay, activity of a page view that
    /// names it in the address only; else 0.
    pub value: u32,
    /// Random bits that decide the form of the line (null or absent, number or text).
    pub spelling: u32,
    /// The id of its document.
    pub document: Document,
}

impl Event {
    /// The trigger type.
    #[must_use]
    pub fn trigger(&self) -> Trigger {
        self.kind.trigger()
    }

    /// When it occurred, as a date-time.
    #[must_use]
    pub fn occurred(&self) -> DateTime<Utc> {
        calendar::instant(self.occurred_at)
    }

    /// Whether it is a purchase that the purchase service did not send.
    #[must_use]
    pub fn is_forged(&self) -> bool {
        self.kind == Kind::Purchase && self.document.topic == Topic::Behavior
    }
}

/// What happened. Some kinds share a trigger type and differ in the tracker definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An activity's page seen, by the definition that matches every page.
    ActivityView,
    /// The same page view, stored again by the definition for detail pages.
    DetailView,
    /// An activity's page that names the activity in its address only.
    StockView,
    /// A product's page of the shop.
    ShopView,
    /// The button that takes part in an activity.
    JoinClick,
    /// A banner of the shop, of no activity.
    BannerClick,
    /// Scrolled.
    Scroll,
    /// Stayed on a page.
    Stay,
    /// The entry service gave a slot.
    Approved,
    /// The shop's core recorded a purchase of an activity.
    Purchase,
    /// Logged in. Its trigger type is `VISIT`.
    Login,
    /// The tracker about itself.
    Diagnostic,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::ActivityView,
        Self::DetailView,
        Self::StockView,
        Self::ShopView,
        Self::JoinClick,
        Self::BannerClick,
        Self::Scroll,
        Self::Stay,
        Self::Approved,
        Self::Purchase,
        Self::Login,
        Self::Diagnostic,
    ];

    /// The trigger type.
    #[must_use]
    pub fn trigger(self) -> Trigger {
        match self {
            Self::ActivityView | Self::DetailView | Self::StockView | Self::ShopView => Trigger::PageView,
            Self::JoinClick | Self::BannerClick => Trigger::Click,
            Self::Scroll => Trigger::Scroll,
            Self::Stay => Trigger::Stay,
            Self::Approved => Trigger::Approved,
            Self::Purchase => Trigger::Purchase,
            Self::Login => Trigger::Visit,
            Self::Diagnostic => Trigger::SdkDiagnostic,
        }
    }

    /// Number of the tracker definition (`eventId`); backends have none.
    #[must_use]
    pub fn definition(self) -> Option<u32> {
        match self {
            Self::ActivityView | Self::StockView | Self::ShopView => Some(3),
            Self::DetailView => Some(41),
            Self::JoinClick => Some(42),
            Self::BannerClick => Some(43),
            Self::Scroll | Self::Stay => Some(0),
            Self::Approved | Self::Purchase | Self::Login | Self::Diagnostic => None,
        }
    }

    /// Name of the tracker definition (`eventName`); some have none.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::ActivityView | Self::StockView | Self::ShopView => Some("페이지 조회"),
            Self::DetailView => Some("detail_view"),
            Self::JoinClick => Some("join_click"),
            Self::BannerClick => Some("배너 \"클릭\""),
            Self::Scroll | Self::Stay => None,
            Self::Approved => Some("reservation_approved"),
            Self::Purchase => Some("purchase_completed"),
            Self::Login => Some("user_login"),
            Self::Diagnostic => Some("SDK Diagnostic"),
        }
    }

    /// Whether a backend reports it, not a browser.
    #[must_use]
    pub fn is_backend(self) -> bool {
        matches!(self, Self::Approved | Self::Purchase | Self::Login)
    }
}

/// Trigger types, as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trigger {
    /// `PAGE_VIEW`, the funnel's first step.
    PageView,
    /// `CLICK`, the second.
    Click,
    /// `APPROVED`, the third.
    Approved,
    /// `PURCHASE`, the fourth.
    Purchase,
    /// `SCROLL`.
    Scroll,
    /// `STAY`.
    Stay,
    /// `VISIT`: a login, not the funnel's visit.
    Visit,
    /// `SDK_DIAGNOSTIC`.
    SdkDiagnostic,
}

impl Trigger {
    /// All trigger types; the funnel's four steps come first.
    pub const ALL: [Self; 8] = [
        Self::PageView,
        Self::Click,
        Self::Approved,
        Self::Purchase,
        Self::Scroll,
        Self::Stay,
        Self::Visit,
        Self::SdkDiagnostic,
    ];

    /// The text of `triggerType`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PageView => "PAGE_VIEW",
            Self::Click => "CLICK",
            Self::Approved => "APPROVED",
            Self::Purchase => "PURCHASE",
            Self::Scroll => "SCROLL",
            Self::Stay => "STAY",
            Self::Visit => "VISIT",
            Self::SdkDiagnostic => "SDK_DIAGNOSTIC",
        }
    }
}

/// A browser session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Session(NonZeroU64);

impl Session {
    /// The `number`th session of a realm (a campaign or the shop).
    pub(super) fn new(seed: u64, realm: u16, number: u32) -> Self {
        let salt = mix(seed) & 0xffff_0000_0000_0000;
        let number = (u64::from(realm) << 32) | u64::from(number);
        Self(NonZeroU64::new(salt | number).unwrap_or(NonZeroU64::MAX))
    }

    pub(super) fn key(self) -> u64 {
        self.0.get()
    }

    /// Number within its realm.
    pub(super) fn number(self) -> u32 {
        u32::try_from(self.0.get() & 0xffff_ffff).unwrap_or(0)
    }

    /// The two halves of its random (version 4) UUID. It is displayed as on the wire.
    #[must_use]
    pub fn uuid(self) -> [u64; 2] {
        let high = mix(self.0.get() ^ 0x6a09_e667_f3bc_c908);
        let low = mix(high ^ self.0.get());
        [high & !0xf000 | 0x4000, low & !0xc000_0000_0000_0000 | 0x8000_0000_0000_0000]
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, low] = self.uuid();
        let (a, b, c) = (high >> 32, high >> 16 & 0xffff, high & 0xffff);
        let (d, e) = (low >> 48, low & 0xffff_ffff_ffff);
        write!(f, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
    }
}

/// The id of an event's document in an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Document {
    /// Topic, which is the name of the index too.
    pub topic: Topic,
    /// Number within the topic, from 0; the platform's ids name a partition and an offset.
    pub sequence: u32,
}

impl Document {
    /// Partitions of a topic.
    const PARTITIONS: u32 = 3;

    /// Partition of the topic.
    #[must_use]
    pub fn partition(self) -> u32 {
        self.sequence % Self::PARTITIONS
    }

    /// Offset within the partition.
    #[must_use]
    pub fn offset(self) -> u32 {
        self.sequence / Self::PARTITIONS
    }
}

impl fmt::Display for Document {
    /// The `_id`: topic, partition and offset.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topic = self.topic.as_str();
        write!(f, "{topic}+{}+{}", self.partition(), self.offset())
    }
}

/// The platform's topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// `axon.event.behavior`: everything but purchases.
    Behavior,
    /// `axon.event.commerce`: purchases.
    Commerce,
}

impl Topic {
    /// Name of the topic and of the index.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Behavior => "axon.event.behavior",
            Self::Commerce => "axon.event.commerce",
        }
    }
}
