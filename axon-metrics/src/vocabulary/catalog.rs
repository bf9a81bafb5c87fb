//! The catalog: all campaigns with their activities, by id.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, OnceLock},
};

use super::{
    campaign::{Activity, Campaign},
    fingerprint::{Fingerprint, fingerprint},
    id::{ActivityId, CampaignId},
    phase::Phase,
    scope::Scope,
    timestamp::Timestamp,
    window::Window,
};

/// Why campaigns are not a catalog: an id is not unique.
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

/// All campaigns with their activities, by id.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    currency: String,
    campaigns: Vec<Campaign>,
    by_campaign: HashMap<CampaignId, usize>,
    by_activity: HashMap<ActivityId, (usize, usize)>,
    /// The fingerprint of each campaign with all its activities, computed when first used.
    fingerprints: Vec<OnceLock<Fingerprint>>,
}

impl Catalog {
    /// A catalog of these campaigns with one currency (`"KRW"`). Dates outside the years 1970 to 9999, with which some
    /// stores mean "for ever", are clamped to these years.
    /// # Errors
    /// [`CatalogError`] if two campaigns or two activities have the same id.
    pub fn new(currency: impl Into<String>, mut campaigns: Vec<Campaign>) -> Result<Self, CatalogError> {
        let mut by_campaign = HashMap::new();
        let mut by_activity = HashMap::new();
        for (index, campaign) in campaigns.iter_mut().enumerate() {
            clamp_dates([&mut campaign.start, &mut campaign.end]);
            if by_campaign.insert(campaign.id, index).is_some() {
                return Err(CatalogError::CampaignTwice(campaign.id));
            }
            for (position, activity) in campaign.activities.iter_mut().enumerate() {
                clamp_dates([&mut activity.start, &mut activity.end]);
                if by_activity.insert(activity.id, (index, position)).is_some() {
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

    /// The campaign of an activity; `None` if the catalog does not list it.
    pub fn campaign_of(&self, activity: ActivityId) -> Option<CampaignId> {
        self.by_activity.get(&activity).map(|&(campaign, _)| self.campaigns[campaign].id)
    }

    /// The campaign and activities of a scope; `None` if the catalog does not list it.
    pub fn resolve(&self, scope: Scope) -> Option<ResolvedScope<'_>> {
        match scope {
            Scope::Campaign(id) => {
                let campaign = &self.campaigns[*self.by_campaign.get(&id)?];
                Some(ResolvedScope { campaign, activities: &campaign.activities, level: scope })
            }
            Scope::Activity(id) => {
                let &(campaign, position) = self.by_activity.get(&id)?;
                let campaign = &self.campaigns[campaign];
                Some(ResolvedScope { campaign, activities: &campaign.activities[position..=position], level: scope })
            }
        }
    }

    /// The same, with the copy of the catalog that it is in.
    pub(crate) fn find(self: &Arc<Self>, scope: Scope) -> Option<CatalogScope> {
        let (campaign, activities) = match scope {
            Scope::Campaign(id) => {
                let campaign = *self.by_campaign.get(&id)?;
                (campaign, 0..self.campaigns[campaign].activities.len())
            }
            Scope::Activity(id) => {
                let &(campaign, place) = self.by_activity.get(&id)?;
                (campaign, place..place + 1)
            }
        };
        Some(CatalogScope { catalog: Arc::clone(self), campaign, activities, level: scope })
    }

    /// Equal for two catalogs, of any process, that say the same of a scope.
    pub(crate) fn fingerprint(&self, scope: ResolvedScope<'_>) -> Fingerprint {
        let compute = || fingerprint(&self.currency, scope.campaign, scope.activities);
        match (scope.level, self.by_campaign.get(&scope.campaign.id).and_then(|index| self.fingerprints.get(*index))) {
            (Scope::Campaign(_), Some(cached)) => *cached.get_or_init(compute),
            _ => compute(),
        }
    }
}

/// Clamps dates to the years 1970 to 9999, within which calendar arithmetic cannot overflow.
fn clamp_dates(dates: [&mut Option<Timestamp>; 2]) {
    /// The last second of the year 9999, in seconds since 1970.
    const LAST: i64 = 253_402_300_799;
    let (first, last) = (Timestamp::UNIX_EPOCH, Timestamp::from_timestamp(LAST, 0).unwrap_or(Timestamp::MAX_UTC));
    for date in dates {
        *date = date.map(|date| date.clamp(first, last));
    }
}

/// A scope in a copy of the catalog, found once and handed down.
#[derive(Debug, Clone)]
pub(crate) struct CatalogScope {
    catalog: Arc<Catalog>,
    campaign: usize,
    /// Which of the campaign's activities.
    activities: Range<usize>,
    level: Scope,
}

impl CatalogScope {
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) fn get(&self) -> ResolvedScope<'_> {
        let campaign = &self.catalog.campaigns[self.campaign];
        ResolvedScope { campaign, activities: &campaign.activities[self.activities.clone()], level: self.level }
    }
}

/// A scope with what the catalog says of it.
#[derive(Debug, Clone, Copy)]
pub struct ResolvedScope<'a> {
    /// The requested campaign, or that of the requested activity.
    pub campaign: &'a Campaign,
    /// All activities of the campaign, or the requested one.
    pub activities: &'a [Activity],
    level: Scope,
}

impl ResolvedScope<'_> {
    /// The activity of an activity scope; `None` for a campaign.
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

    pub(crate) fn level(&self) -> Scope {
        self.level
    }

    /// The next start or end of the campaign or one of the activities after an instant; `None` if there is none.
    pub(crate) fn next_date(&self, after: Timestamp) -> Option<Timestamp> {
        let activities = self.activities.iter().flat_map(|activity| [activity.start, activity.end]);
        activities.chain([self.campaign.start, self.campaign.end]).flatten().filter(|date| *date > after).min()
    }

    /// The earliest start of the activities; `None` if one has no start, or there are no activities.
    pub fn promotion_start(&self) -> Option<Timestamp> {
        bound(self.activities, |activity| activity.start, Iterator::min)
    }

    /// The part of a window inside the promotion; may be empty. The promotion lasts from the earliest start to the
    /// latest end of the activities. It has no bound on a side where an activity has no date.
    pub fn promotion_within(&self, window: Window) -> Window {
        let end = bound(self.activities, |activity| activity.end, Iterator::max);
        let from = self.promotion_start().map_or(window.from, |start| start.max(window.from));
        let to = end.map_or(window.to, |end| end.min(window.to));
        Window { from, to: to.max(from) }
    }
}

/// The date that `pick` takes of all activities; `None` if one of them has no date.
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
    use super::{super::campaign::ActivityKind, *};

    #[test]
    fn dates_that_mean_for_ever_are_clamped_to_the_calendar() {
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
}
