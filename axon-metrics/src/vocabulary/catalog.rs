//! What exists: all campaigns with their activities, found by id.

use std::{collections::HashMap, sync::OnceLock};

use super::{
    campaign::{Activity, Campaign},
    fingerprint::{Fingerprint, fingerprint},
    id::{ActivityId, CampaignId},
    phase::Phase,
    scope::Scope,
    timestamp::Timestamp,
    window::Window,
};

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
    pub fn resolve(&self, scope: Scope) -> Option<ResolvedScope<'_>> {
        match scope {
            Scope::Campaign(id) => {
                let campaign = &self.campaigns[*self.by_campaign.get(&id)?];
                Some(ResolvedScope { campaign, activities: &campaign.activities, level: scope })
            }
            Scope::Activity(id) => {
                let &(campaign, place) = self.by_activity.get(&id)?;
                let campaign = &self.campaigns[campaign];
                Some(ResolvedScope { campaign, activities: &campaign.activities[place..=place], level: scope })
            }
        }
    }

    /// Equal for two catalogs, of any process, that say the same of a scope.
    pub(crate) fn fingerprint(&self, scope: ResolvedScope<'_>) -> Fingerprint {
        let fresh = || fingerprint(&self.currency, scope.campaign, scope.activities);
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
pub struct ResolvedScope<'a> {
    /// The campaign asked for, or that of the activity.
    pub campaign: &'a Campaign,
    /// All activities of the campaign, or the one asked for.
    pub activities: &'a [Activity],
    level: Scope,
}

impl ResolvedScope<'_> {
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
    use super::{super::campaign::ActivityKind, *};

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
}
