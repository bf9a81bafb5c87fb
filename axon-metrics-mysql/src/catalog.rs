//! The catalog: campaigns with their activities, by one statement.
//! Lives here: the statement, and turning its rows into a catalog. Lives elsewhere: the cache of the catalog (the
//! core).

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axon_metrics::{
    Catalog, MAX_ID, ProductId, Timestamp,
    catalog::{Activity, ActivityKind, Campaign},
    source::{CatalogSource, Probe, SourceError},
};
use sqlx::MySqlPool;
use tokio::time::Instant;

use crate::{
    NAME,
    error::{Cause, Query},
    health,
    options::MySqlOptions,
    store::{
        Store,
        schema::{Schema, TimeColumn},
    },
    text_row::{Amount, CellError, Cells, TextRow},
};

/// A [`CatalogSource`] over MySQL or MariaDB: campaigns with their activities, limits, dates and products, from
/// `campaigns` and `campaign_activities`. Clones share all state.
///
/// - Campaigns of every status are listed, drafts and ended ones too, as in the embedded store.
/// - A negative limit is read as 0, since the platform admits nobody in either case. NULL is no limit.
/// - A date of `0000-00-00` is no date.
/// - Activities of a missing campaign are not listed. Nor are rows with an invalid id (0 or negative), which a health
///   report counts.
/// - No rows: an empty catalog. A missing table is an error.
#[derive(Debug, Clone)]
pub struct MySqlCatalog {
    store: Store,
    options: Arc<MySqlOptions>,
}

impl MySqlCatalog {
    /// A catalog in the database of this pool; see [`pool_options`](crate::pool_options). Connects with the first
    /// question.
    pub fn new(pool: MySqlPool) -> Self {
        Self::with_options(pool, MySqlOptions::default())
    }

    /// The same with other options.
    pub fn with_options(pool: MySqlPool, options: MySqlOptions) -> Self {
        Self { store: Store::new(pool), options: Arc::new(options) }
    }

    async fn read(&self, schema: &Schema, deadline: Instant) -> Result<CatalogRows, Cause> {
        read_rows(&self.store.ask(schema, STATEMENT, deadline).await?, schema, &self.options)
    }
}

#[async_trait]
impl CatalogSource for MySqlCatalog {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn catalog(&self, budget: Duration) -> Result<Catalog, SourceError> {
        let deadline = Instant::now() + budget;
        let schema = self.store.schema(deadline).await.map_err(|cause| cause.during(Query::Schema))?;
        let rows = self.read(&schema, deadline).await;
        Ok(rows.map_err(|cause| cause.during(Query::Catalog))?.catalog)
    }

    async fn probe(&self, _: Timestamp, budget: Duration) -> Result<Probe, SourceError> {
        let deadline = Instant::now() + budget;
        let schema = self.store.refresh_schema(deadline).await.map_err(|cause| cause.during(Query::Schema))?;
        let rows = self.read(&schema, deadline).await.map_err(|cause| cause.during(Query::Catalog))?;
        Ok(health::of_catalog(&schema, &self.options, &rows.catalog, rows.skipped))
    }
}

/// Reads both tables as a whole: they are small. The cast gives text whether the column is a text or an enumeration.
pub(crate) const STATEMENT: &str = "SELECT c.id, c.name, c.start_at, c.end_at, c.budget, \
    a.id, a.name, CAST(a.activity_type AS CHAR), a.start_date, a.end_date, a.limit_count, a.product_id \
    FROM campaigns AS c LEFT JOIN campaign_activities AS a ON a.campaign_id = c.id ORDER BY c.id, a.id";

/// A catalog, and the number of rows that were skipped because of an invalid id.
#[derive(Debug)]
struct CatalogRows {
    catalog: Catalog,
    skipped: usize,
}

fn read_rows(rows: &[TextRow], schema: &Schema, options: &MySqlOptions) -> Result<CatalogRows, Cause> {
    let mut campaigns: Vec<Campaign> = Vec::new();
    let mut skipped = 0;
    for row in rows {
        let mut cells = row.cells();
        let Some((campaign, activity)) = read_row(&mut cells, schema, options)? else {
            skipped += 1;
            continue;
        };
        if campaigns.last().is_none_or(|last| last.id != campaign.id) {
            campaigns.push(campaign);
        }
        match (activity, campaigns.last_mut()) {
            (Some(Some(activity)), Some(campaign)) => campaign.activities.push(activity),
            (Some(None), _) => skipped += 1,
            _ => {}
        }
    }
    Ok(CatalogRows { catalog: Catalog::new(options.currency.clone(), campaigns)?, skipped })
}

/// The activity of a row: `None` if the row has none, `Some(None)` if its id is invalid.
type Listing = Option<Option<Activity>>;

fn read_row(
    cells: &mut Cells<'_>,
    schema: &Schema,
    options: &MySqlOptions,
) -> Result<Option<(Campaign, Listing)>, CellError> {
    let date = |cells: &mut Cells<'_>, of: TimeColumn, column| -> Result<_, CellError> {
        Ok(cells.time(column)?.and_then(|wall| schema.clock(of, options.schedule).timestamp(wall)))
    };
    let Some(id) = id(cells.text("campaigns.id")?) else { return Ok(None) };
    // No figure uses it, so a budget that does not fit into a decimal is left out instead of failing the catalog.
    let budget = |amount| match amount {
        Amount::Exact(money) => Some(money),
        Amount::TooLarge => None,
    };
    let campaign = Campaign::new(id, cells.some_text("campaigns.name")?, [])
        .with_start(date(cells, TimeColumn::CampaignStart, "campaigns.start_at")?)
        .with_end(date(cells, TimeColumn::CampaignEnd, "campaigns.end_at")?)
        .with_budget(cells.amount("campaigns.budget")?.and_then(budget));
    let Some(activity) = cells.text("campaign_activities.id")? else { return Ok(Some((campaign, None))) };
    let Some(activity_id) = self::id(Some(activity)) else { return Ok(Some((campaign, Some(None)))) };
    let name = cells.some_text("campaign_activities.name")?.to_owned();
    let kind = ActivityKind::from(cells.some_text("campaign_activities.activity_type")?.to_owned());
    let activity = Activity::new(activity_id, name, kind)
        .with_start(date(cells, TimeColumn::ActivityStart, "campaign_activities.start_date")?)
        .with_end(date(cells, TimeColumn::ActivityEnd, "campaign_activities.end_date")?)
        .with_limit(cells.whole("campaign_activities.limit_count")?.map(|limit| u64::try_from(limit).unwrap_or(0)))
        .with_product(self::id(cells.text("campaign_activities.product_id")?).map(ProductId));
    Ok(Some((campaign, Some(Some(activity)))))
}

/// A valid id; else `None`. Signed and unsigned columns can both hold invalid ones.
fn id(text: Option<&str>) -> Option<u64> {
    text?.parse().ok().filter(|id| (1..=MAX_ID).contains(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(activity: [&str; 7]) -> TextRow {
        let [id, name, kind, start, end, limit, product] = activity;
        let campaign = ["123", "Spring", "2024-11-06 00:00:00.000000", "NULL", "500000.25"];
        TextRow::of(&[&campaign[..], &[id, name, kind, start, end, limit, product]].concat())
    }

    #[test]
    fn dates_are_read_in_the_configured_offset() {
        let rows = [row(["77", "Chair", "FIRST_COME_FIRST_SERVE", "2024-11-06 09:00:00", "NULL", "100", "456"])];
        let result = read_rows(&rows, &Schema::of_mysql(), &MySqlOptions::default()).expect("a catalog");
        let campaign = &result.catalog.campaigns()[0];
        let text = |date: Option<Timestamp>| date.map(|date| date.to_rfc3339());
        assert_eq!(text(campaign.start), Some("2024-11-05T15:00:00+00:00".to_owned()));
        assert_eq!(text(campaign.activities[0].start), Some("2024-11-06T00:00:00+00:00".to_owned()));
        assert_eq!(campaign.activities[0].end, None);
    }

    #[test]
    fn invalid_ids_are_skipped_and_other_values_read_as_the_platform_does() {
        let none = "NULL";
        let rows = [
            row(["0", "Zero", "COUPON", none, none, none, none]),
            row(["-5", "Below", "COUPON", none, none, none, none]),
            row(["7", "Closed", "SOMETHING_NEW", "0000-00-00 00:00:00", none, "-1", "0"]),
            row(["8", "Open", "COUPON", none, none, none, none]),
        ];
        let result = read_rows(&rows, &Schema::of_mysql(), &MySqlOptions::default()).expect("a catalog");
        assert_eq!(result.skipped, 2);
        let activities = &result.catalog.campaigns()[0].activities;
        assert_eq!(activities.iter().map(|activity| activity.limit).collect::<Vec<_>>(), [Some(0), None]);
        assert_eq!((activities[0].start, activities[0].product), (None, None));
        assert_eq!(activities[0].kind.as_str(), "SOMETHING_NEW");
    }

    #[test]
    fn a_duplicate_id_is_an_error() {
        let chair = || row(["77", "Chair", "COUPON", "NULL", "NULL", "NULL", "NULL"]);
        let error =
            read_rows(&[chair(), chair()], &Schema::of_mysql(), &MySqlOptions::default()).expect_err("a duplicate id");
        assert!(matches!(error, Cause::InvalidCatalog(_)), "{error:?}");
    }
}
