//! The suite of [`CatalogSource`]: one test per sentence of its documentation.

use std::time::Duration;

use super::{
    server,
    stores::{CatalogStore, FaultyStore},
    world::{self, BUDGET, DAY, assert_valid_name, at},
};
use crate::{
    ActivityId, CampaignId, Money, ProductId,
    source::{CatalogSource, SourceError},
    vocabulary::{Activity, ActivityKind, Campaign, Catalog},
};

fn activity(id: u64, kind: &str) -> Activity {
    Activity {
        id: ActivityId(id),
        name: format!("선착순 \"{id}\" \\ 🎁"),
        kind: kind.to_owned().into(),
        start: Some(at(-DAY)),
        end: Some(at(DAY)),
        limit: Some(100),
        product: Some(ProductId(5)),
    }
}

fn campaign(id: u64, activities: Vec<Activity>) -> Campaign {
    Campaign {
        id: CampaignId(id),
        name: format!("캠페인 {id}"),
        start: Some(at(-DAY)),
        end: Some(at(DAY)),
        budget: Some(Money::new(50_000_025, 2)),
        activities,
    }
}

/// The campaigns that the source reads of these, sorted by id.
async fn read<S: CatalogStore>(campaigns: Vec<Campaign>) -> Option<Vec<Campaign>> {
    let stored = Catalog::new("KRW", campaigns).expect("a catalog");
    let catalog = S::holding(&stored).await?.catalog(BUDGET).await.expect("an answer");
    assert_eq!(catalog.currency(), "KRW");
    let mut campaigns = catalog.campaigns().to_vec();
    campaigns.sort_by_key(|campaign| campaign.id);
    campaigns.iter_mut().for_each(|campaign| campaign.activities.sort_by_key(|activity| activity.id));
    Some(campaigns)
}

/// The name of the source is lower case, without blanks.
pub async fn the_name_is_lower_case_without_blanks<S: CatalogStore>() {
    let Some(source) = S::holding(&Catalog::default()).await else { return };
    assert_valid_name(source.name());
}

/// Every campaign with its activities: names, kinds, dates, limits, products, budgets.
pub async fn every_campaign_comes_with_its_activities<S: CatalogStore>() {
    let kinds = ["FIRST_COME_FIRST_SERVE", "COUPON", "GIVEAWAY"];
    let activities: Vec<_> = kinds.iter().zip(7..).map(|(kind, id)| activity(id, kind)).collect();
    assert_eq!(activities[0].kind, ActivityKind::FirstComeFirstServe);
    let campaigns = vec![campaign(1, activities), campaign(2, vec![activity(20, kinds[0])])];
    let Some(actual) = read::<S>(campaigns.clone()).await else { return };
    assert_eq!(actual, campaigns);
}

/// A campaign may have no activities.
pub async fn a_campaign_may_have_no_activities<S: CatalogStore>() {
    let campaigns = vec![campaign(1, Vec::new()), campaign(2, vec![activity(7, "COUPON")])];
    let Some(actual) = read::<S>(campaigns.clone()).await else { return };
    assert_eq!(actual, campaigns);
}

/// A missing date, limit, product or budget is `None`.
pub async fn what_is_not_there_is_none<S: CatalogStore>() {
    let bare = Activity { limit: None, product: None, ..activity(7, "COUPON") };
    let campaigns = vec![Campaign { start: None, end: None, budget: None, ..campaign(1, vec![bare]) }];
    let Some(actual) = read::<S>(campaigns.clone()).await else { return };
    assert_eq!(actual, campaigns);
}

/// No campaigns: an empty catalog.
pub async fn no_campaigns_are_an_empty_catalog<S: CatalogStore>() {
    let Some(actual) = read::<S>(Vec::new()).await else { return };
    assert!(actual.is_empty(), "{actual:?}");
}

/// Freshness: as of the call, so each call reads again.
pub async fn each_call_reads_anew<S: CatalogStore>() {
    let stored = Catalog::new("KRW", vec![campaign(1, Vec::new())]).expect("a catalog");
    let Some(source) = S::holding(&stored).await else { return };
    let count = async || source.catalog(BUDGET).await.expect("an answer").campaigns().len();
    assert_eq!(count().await, 1);
    S::add(&source, &campaign(2, vec![activity(7, "COUPON")])).await;
    assert_eq!(count().await, 2);
}

/// A probe succeeds if the store answers.
pub async fn a_probe_says_that_the_store_answers<S: CatalogStore>() {
    let Some(source) = S::holding(&Catalog::default()).await else { return };
    source.probe(at(0), BUDGET).await.expect("a probe");
}

/// The budget of questions to faulty servers.
const SHORT: Duration = Duration::from_millis(400);

/// Unavailable: no answer came within the budget.
pub async fn silence_is_unavailable_within_the_budget<S: FaultyStore>()
where
    S::Source: CatalogSource,
{
    let source = S::at(server::silent().await);
    let answer = world::within(SHORT, source.catalog(SHORT)).await;
    assert!(matches!(answer, Err(SourceError::Unavailable { .. })), "{answer:?}");
    let probe = world::within(SHORT, source.probe(at(0), SHORT)).await;
    assert!(matches!(probe, Err(SourceError::Unavailable { .. })), "{probe:?}");
}

/// A broken connection is lost.
pub async fn a_lost_connection_is_lost<S: FaultyStore>()
where
    S::Source: CatalogSource,
{
    let source = S::at(server::cut().await);
    world::assert_lost(world::within(SHORT, source.catalog(SHORT)).await.map(|_| ()));
    let source = S::at(server::cut().await);
    world::assert_lost(world::within(SHORT, source.probe(at(0), SHORT)).await.map(|_| ()));
}

/// A refused connection is lost; after a retry of the source itself it is unavailable.
pub async fn a_refused_connection_is_lost_or_unavailable<S: FaultyStore>()
where
    S::Source: CatalogSource,
{
    let source = S::at(server::refused().await);
    world::assert_lost_or_unavailable(world::within(SHORT, source.catalog(SHORT)).await.map(|_| ()));
    world::assert_lost_or_unavailable(world::within(SHORT, source.probe(at(0), SHORT)).await.map(|_| ()));
}

/// A garbled reply is an error, never a catalog.
pub async fn nonsense_is_an_error_and_no_catalog<S: FaultyStore>()
where
    S::Source: CatalogSource,
{
    let source = S::at(server::garbled(S::GARBAGE).await);
    world::assert_garbled(world::within(SHORT, source.catalog(SHORT)).await.map(|_| ()));
}

/// Generates a test of every sentence of [`CatalogSource`](crate::source::CatalogSource), for a
/// [`CatalogStore`](crate::testing::CatalogStore). Needs tokio with `macros` and `rt`.
#[macro_export]
macro_rules! catalog_source_conformance {
    ($store:ty) => {
        $crate::__each_sentence!(catalog, $store:
            the_name_is_lower_case_without_blanks
            every_campaign_comes_with_its_activities
            a_campaign_may_have_no_activities
            what_is_not_there_is_none
            no_campaigns_are_an_empty_catalog
            each_call_reads_anew
            a_probe_says_that_the_store_answers
        );
    };
}

/// Generates tests of a [`CatalogSource`](crate::source::CatalogSource) over a server that misbehaves
/// ([`FaultyStore`](crate::testing::FaultyStore)).
#[macro_export]
macro_rules! catalog_server_conformance {
    ($store:ty) => {
        $crate::__each_sentence!(catalog, $store:
            silence_is_unavailable_within_the_budget
            a_lost_connection_is_lost
            a_refused_connection_is_lost_or_unavailable
            nonsense_is_an_error_and_no_catalog
        );
    };
}
