//! What exists: campaigns and their activities as the catalog lists them, and which phase they are in.

use std::{collections::HashMap, sync::OnceLock};

use serde::{Deserialize, Serialize};

use crate::{ActivityId, CampaignId, Money, ProductId, Timestamp, period::Window};

mod fingerprint;
pub(crate) mod kept;
pub(crate) use fingerprint::Fingerprint;

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The union of a campaign's activities.
    Campaign(CampaignId),
    /// One activity.
    Activity(ActivityId),
}

/// A campaign: a name and dates over some activities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// Its id.
    pub id: CampaignId,
    /// Its name, as the marketer typed it.
    pub name: String,
    /// When it starts; `None` if it has no date.
    pub start: Option<Timestamp>,
    /// When it is over; `None` if it has no date.
    pub end: Option<Timestamp>,
    /// Money set aside, in the catalog's currency.
    pub budget: Option<Money>,
    /// Its activities; may be empty.
    pub activities: Vec<Activity>,
}

/// An activity: what visitors take part in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Its id.
    pub id: ActivityId,
    /// Its name, as the marketer typed it.
    pub name: String,
    /// What kind of activity it is.
    pub kind: ActivityKind,
    /// When it opens; `None` if it has no date.
    pub start: Option<Timestamp>,
    /// When it closes; `None` if it has no date.
    pub end: Option<Timestamp>,
    /// Slots to give away; `None` if there is no limit.
    pub limit: Option<u64>,
    /// What it sells.
    pub product: Option<ProductId>,
}

/// The kind of an activity, in the platform's words.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ActivityKind {
    /// First come, first served: the one kind with a funnel.
    FirstComeFirstServe,
    /// Any other kind, by its name (`COUPON`, `GIVEAWAY`, `WEBHOOK`).
    Other(String),
}

const FCFS: &str = "FIRST_COME_FIRST_SERVE";

impl ActivityKind {
    /// Whether visitors of such an activity go through the funnel's steps.
    pub fn has_funnel(&self) -> bool {
        matches!(self, Self::FirstComeFirstServe)
    }

    /// The platform's word for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::FirstComeFirstServe => FCFS,
            Self::Other(name) => name,
        }
    }
}
impl From<String> for ActivityKind {
    fn from(name: String) -> Self {
        if name == FCFS { Self::FirstComeFirstServe } else { Self::Other(name) }
    }
}
impl From<ActivityKind> for String {
    fn from(kind: ActivityKind) -> Self {
        kind.as_str().to_owned()
    }
}

/// Where a campaign or activity stands by its dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before its start.
    NotStarted,
    /// From its start until its end; what has no dates is running.
    Running,
    /// From its end on.
    Ended,
}

impl Phase {
    /// The phase of what runs in `[start, end)` at the instant `as_of`.
    pub fn at(as_of: Timestamp, start: Option<Timestamp>, end: Option<Timestamp>) -> Self {
        if end.is_some_and(|end| end <= as_of) {
            Self::Ended
        } else if start.is_some_and(|start| as_of < start) {
            Self::NotStarted
        } else {
            Self::Running
        }
    }
}

/// Two things of one id: no catalog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// Two campaigns share an id.
    #[error("campaign {0} is listed twice")]
    CampaignTwice(CampaignId),
    /// Two activities, of whatever campaigns, share an id.
    #[error("activity {0} is listed twice")]
    ActivityTwice(ActivityId),
}

/// All campaigns with their activities, found by id.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    currency: String,
    campaigns: Vec<Campaign>,
    by_campaign: HashMap<CampaignId, usize>,
    by_activity: HashMap<ActivityId, (usize, usize)>,
    /// Of each campaign with all its activities, once asked for.
    fingerprints: Vec<OnceLock<Fingerprint>>,
}

impl Catalog {
    /// A catalog of these campaigns, whose money is of this currency (`"KRW"`). Dates beyond the years 1970 to 9999, with
    /// which some stores say "for ever", are cut to them.
    /// # Errors
    /// [`CatalogError`] if an id is there twice.
    pub fn new(currency: impl Into<String>, mut campaigns: Vec<Campaign>) -> Result<Self, CatalogError> {
        let mut by_campaign = HashMap::new();
        let mut by_activity = HashMap::new();
        for (index, campaign) in campaigns.iter_mut().enumerate() {
            cut([&mut campaign.start, &mut campaign.end]);
            if by_campaign.insert(campaign.id, index).is_some() {
                return Err(CatalogError::CampaignTwice(campaign.id));
            }
            for (place, activity) in campaign.activities.iter_mut().enumerate() {
                cut([&mut activity.start, &mut activity.end]);
                if by_activity.insert(activity.id, (index, place)).is_some() {
                    return Err(CatalogError::ActivityTwice(activity.id));
                }
            }
        }
        let fingerprints = vec![OnceLock::new(); campaigns.len()];
        Ok(Self { currency: currency.into(), campaigns, by_campaign, by_activity, fingerprints })
    }

    /// The currency of all money in the ledger.
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// All campaigns, in the store's order.
    pub fn campaigns(&self) -> &[Campaign] {
        &self.campaigns
    }

    /// The campaign of an activity.
    pub fn campaign_of(&self, activity: ActivityId) -> Option<CampaignId> {
        self.by_activity.get(&activity).map(|&(campaign, _)| self.campaigns[campaign].id)
    }

    /// What a scope stands for; `None` if the catalog does not list it.
    pub fn resolve(&self, scope: Scope) -> Option<Resolved<'_>> {
        match scope {
            Scope::Campaign(id) => {
                let campaign = &self.campaigns[*self.by_campaign.get(&id)?];
                Some(Resolved { campaign, activities: &campaign.activities, level: scope })
            }
            Scope::Activity(id) => {
                let &(campaign, place) = self.by_activity.get(&id)?;
                let campaign = &self.campaigns[campaign];
                Some(Resolved { campaign, activities: &campaign.activities[place..=place], level: scope })
            }
        }
    }

    /// Equal for two catalogs, of any process, that say the same of a scope.
    pub(crate) fn fingerprint(&self, scope: Resolved<'_>) -> Fingerprint {
        let fresh = || fingerprint::fingerprint(&self.currency, scope.campaign, scope.activities);
        match (scope.level, self.by_campaign.get(&scope.campaign.id).and_then(|index| self.fingerprints.get(*index))) {
            (Scope::Campaign(_), Some(known)) => *known.get_or_init(fresh),
            _ => fresh(),
        }
    }
}

/// Dates that the calendar can be asked about.
fn cut(dates: [&mut Option<Timestamp>; 2]) {
    const LAST: i64 = 253_402_300_799;
    let (first, last) = (Timestamp::UNIX_EPOCH, Timestamp::from_timestamp(LAST, 0).unwrap_or(Timestamp::MAX_UTC));
    for date in dates {
        *date = date.map(|date| date.clamp(first, last));
    }
}

/// A scope with what the catalog says of it.
#[derive(Debug, Clone, Copy)]
pub struct Resolved<'a> {
    /// The campaign asked for, or that of the activity.
    pub campaign: &'a Campaign,
    /// All activities of the campaign, or the one asked for.
    pub activities: &'a [Activity],
    level: Scope,
}

impl Resolved<'_> {
    /// The activity, when one was asked for.
    pub fn activity(&self) -> Option<&Activity> {
        match self.level {
            Scope::Activity(_) => self.activities.first(),
            Scope::Campaign(_) => None,
        }
    }

    /// The phase of the activity, or of the campaign, by its own dates.
    pub fn phase(&self, as_of: Timestamp) -> Phase {
        match self.activity() {
            Some(activity) => Phase::at(as_of, activity.start, activity.end),
            None => Phase::at(as_of, self.campaign.start, self.campaign.end),
        }
    }

    /// What the scope is.
    pub(crate) fn level(&self) -> Scope {
        self.level
    }

    /// The first date of the campaign or one of the activities after an instant.
    pub(crate) fn next_date(&self, after: Timestamp) -> Option<Timestamp> {
        let activities = self.activities.iter().flat_map(|activity| [activity.start, activity.end]);
        activities.chain([self.campaign.start, self.campaign.end]).flatten().filter(|date| *date > after).min()
    }

    /// When the promotion starts: with the first of the activities; `None` if one has no start, or there is none.
    pub fn promotion_start(&self) -> Option<Timestamp> {
        bound(self.activities, |activity| activity.start, Iterator::min)
    }

    /// The part of a window that lies inside the promotion, which runs from the first activity's start to the last
    /// one's end and is open where one of them has no date. May be empty.
    pub fn promotion_within(&self, window: Window) -> Window {
        let end = bound(self.activities, |activity| activity.end, Iterator::max);
        let from = self.promotion_start().map_or(window.from, |start| start.max(window.from));
        let to = end.map_or(window.to, |end| end.min(window.to));
        Window { from, to: to.max(from) }
    }
}

/// The first or last date of all; `None` if one is open.
fn bound(
    activities: &[Activity],
    date: impl Fn(&Activity) -> Option<Timestamp>,
    pick: impl Fn(std::vec::IntoIter<Timestamp>) -> Option<Timestamp>,
) -> Option<Timestamp> {
    let dates: Option<Vec<Timestamp>> = activities.iter().map(date).collect();
    pick(dates?.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn dates_that_mean_for_ever_are_cut_to_the_calendar() {
        let activity = Activity {
            id: ActivityId(1),
            name: String::new(),
            kind: ActivityKind::FirstComeFirstServe,
            start: Some(Timestamp::MIN_UTC),
            end: Some(Timestamp::MAX_UTC),
            limit: None,
            product: None,
        };
        let campaign = Campaign {
            id: CampaignId(1),
            name: String::new(),
            start: None,
            end: Some(Timestamp::MAX_UTC),
            budget: None,
            activities: vec![activity],
        };
        let catalog = Catalog::new("KRW", vec![campaign]).expect("a catalog");
        let activity = &catalog.campaigns()[0].activities[0];
        let dates = [activity.start, activity.end].map(|date| date.map(|date| date.to_rfc3339()));
        assert_eq!(dates, [Some("1970-01-01T00:00:00+00:00".into()), Some("9999-12-31T23:59:59+00:00".into())]);
    }

    #[test]
    fn a_phase_is_half_open_and_without_dates_it_runs() {
        let (start, end) = (Some(at("2024-11-06T00:00:00Z")), Some(at("2024-11-13T00:00:00Z")));
        assert_eq!(Phase::at(at("2024-11-05T23:59:59Z"), start, end), Phase::NotStarted);
        assert_eq!(Phase::at(at("2024-11-06T00:00:00Z"), start, end), Phase::Running);
        assert_eq!(Phase::at(at("2024-11-13T00:00:00Z"), start, end), Phase::Ended);
        assert_eq!(Phase::at(at("2024-11-13T00:00:00Z"), None, None), Phase::Running);
    }
}
