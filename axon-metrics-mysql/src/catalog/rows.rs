//! Turns the rows of the catalog's statement into campaigns. Pure.
//! Lives here: what a value that cannot be read costs, and the list of such values. Lives elsewhere: the statement
//! (`catalog`), reading a cell (`text_row`).
//!
//! A row without a valid id is left out. Of other rows only the fields that cannot be read are: a name is then empty, a date,
//! limit, budget or product is none. Each is named by table, key and column, never by its value.

use std::collections::{HashMap, HashSet};

use axon_metrics::{
    CampaignId, Catalog, MAX_ID, ProductId, Timestamp,
    catalog::{Activity, ActivityKind, Campaign},
    facts::LeftOutReason,
    source::StoreLoss,
};
use chrono::{NaiveDate, NaiveTime};

use crate::{
    clock::Clock,
    error::Cause,
    options::MySqlOptions,
    store::schema::{ACTIVITIES, CAMPAIGNS, Schema, TimeColumn},
    text_row::{Amount, CellError, Cells, Moment, TextRow, whole_part},
};

/// A catalog, and the rows that could not be read, wholly or in part.
#[derive(Debug)]
pub(super) struct CatalogRows {
    pub(super) catalog: Catalog,
    campaigns: TableLosses,
    activities: TableLosses,
}

/// The rows of a table that could not be read, wholly or in part.
#[derive(Debug)]
struct TableLosses {
    table: &'static str,
    what: &'static str,
    rows: u64,
    damaged: u64,
    /// The places of the first ones.
    examples: Vec<String>,
}

/// The most places that are listed.
const MAX_EXAMPLES: usize = 3;

impl TableLosses {
    fn new(table: &'static str, what: &'static str) -> Self {
        Self { table, what, rows: 0, damaged: 0, examples: Vec::new() }
    }

    /// Counts a row with these columns that cannot be read. `key` is its id, if that is a number.
    fn add(&mut self, key: Option<i64>, columns: &[&'static str]) {
        self.rows += 1;
        if columns.is_empty() {
            return;
        }
        self.damaged += 1;
        let key = key.map_or_else(|| "no number".to_owned(), |key| key.to_string());
        let places = columns.iter().map(|column| format!("{} id={key} {column}", self.table));
        self.examples.extend(places.take(MAX_EXAMPLES.saturating_sub(self.examples.len())));
    }

    fn loss(&self) -> Option<StoreLoss> {
        const ADVICE: &str =
            "correct these columns; rows with a wrong id are not listed, other fields are shown as empty";
        let loss = || StoreLoss::new(LeftOutReason::Unreadable, self.what, self.damaged, self.rows);
        (self.damaged > 0).then(|| loss().with_examples(self.examples.clone()).with_advice(ADVICE))
    }
}

impl CatalogRows {
    pub(super) fn losses(&self) -> impl Iterator<Item = StoreLoss> {
        [&self.campaigns, &self.activities].into_iter().filter_map(TableLosses::loss)
    }

    pub(super) fn read(rows: &[TextRow], schema: &Schema, options: &MySqlOptions) -> Result<Self, Cause> {
        let mut campaigns: Vec<Campaign> = Vec::new();
        let (mut of_campaigns, mut of_activities) =
            (TableLosses::new(CAMPAIGNS, "campaigns"), TableLosses::new(ACTIVITIES, "activities"));
        // Each row of the reply repeats its campaign.
        let mut last = None;
        let (mut places, mut listed) = (HashMap::new(), HashSet::new());
        for row in rows {
            let mut reader = RowReader { cells: row.cells(), schema, options, damaged: Vec::new() };
            let key = reader.key("campaigns.id")?;
            let campaign = reader.campaign(key.id())?;
            if last.as_ref() != Some(&key) {
                match campaign {
                    Some(campaign) if !places.contains_key(&campaign.id) => {
                        places.insert(campaign.id, campaigns.len());
                        campaigns.push(campaign);
                    }
                    _ => reader.damage("id"),
                }
                of_campaigns.add(key.number(), &reader.damaged);
            }
            reader.damaged.clear();
            let place = key.id().and_then(|id| places.get(&CampaignId(id)));
            last = Some(key);
            let key = reader.key("campaign_activities.id")?;
            if key == Key::Null {
                continue;
            }
            let activity = reader.activity(key.id())?;
            match activity.filter(|activity| listed.insert(activity.id)) {
                Some(activity) => {
                    if let Some(campaign) = place.and_then(|place| campaigns.get_mut(*place)) {
                        campaign.activities.push(activity);
                    }
                }
                // Without a valid id, or listed already.
                None => reader.damage("id"),
            }
            of_activities.add(key.number(), &reader.damaged);
        }
        let catalog = Catalog::new(options.currency.clone(), campaigns)?;
        Ok(Self { catalog, campaigns: of_campaigns, activities: of_activities })
    }
}

/// The primary key of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Null,
    Number(i64),
    /// A text, or a number beyond 64 bits.
    Other(String),
}

impl Key {
    /// A valid id; else `None`. Signed and unsigned columns can both hold invalid ones.
    fn id(&self) -> Option<u64> {
        self.number().and_then(|number| u64::try_from(number).ok()).filter(|id| (1..=MAX_ID).contains(id))
    }

    fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Null | Self::Other(_) => None,
        }
    }
}

struct RowReader<'a> {
    cells: Cells<'a>,
    schema: &'a Schema,
    options: &'a MySqlOptions,
    /// The columns of the current table's row that could not be read.
    damaged: Vec<&'static str>,
}

impl RowReader<'_> {
    fn key(&mut self, column: &'static str) -> Result<Key, CellError> {
        match self.cells.text(column) {
            Ok(None) => Ok(Key::Null),
            Ok(Some(text)) => Ok(whole_part(text).parse().map_or_else(|_| Key::Other(text.to_owned()), Key::Number)),
            Err(error) => self.tolerate(error, Key::Other(String::new())),
        }
    }

    /// The campaign of a row, whose cells are read in any case; `None` without an id.
    fn campaign(&mut self, id: Option<u64>) -> Result<Option<Campaign>, CellError> {
        let name = self.name("campaigns.name")?;
        let start = self.date(TimeColumn::CampaignStart, "campaigns.start_at", first_instant)?;
        let end = self.date(TimeColumn::CampaignEnd, "campaigns.end_at", end_of_day)?;
        // No figure uses it, so a budget that does not fit into a decimal is left out.
        let budget = match self.cells.amount("campaigns.budget") {
            Ok(Some(Amount::Exact(money))) => Some(money),
            Ok(_) => None,
            Err(error) => self.tolerate(error, None)?,
        };
        Ok(id.map(|id| Campaign::new(id, name, []).with_start(start).with_end(end).with_budget(budget)))
    }

    /// The same of its activity.
    fn activity(&mut self, id: Option<u64>) -> Result<Option<Activity>, CellError> {
        let name = self.name("campaign_activities.name")?;
        let kind = ActivityKind::from(self.name("campaign_activities.activity_type")?);
        let start = self.date(TimeColumn::ActivityStart, "campaign_activities.start_date", first_instant)?;
        let end = self.date(TimeColumn::ActivityEnd, "campaign_activities.end_date", end_of_day)?;
        let limit = match self.cells.whole("campaign_activities.limit_count") {
            Ok(limit) => limit.map(|limit| u64::try_from(limit).unwrap_or(0)),
            Err(error) => self.tolerate(error, None)?,
        };
        let product = self.product()?;
        let activity = |id| {
            let activity = Activity::new(id, name, kind).with_start(start).with_end(end);
            activity.with_limit(limit).with_product(product)
        };
        Ok(id.map(activity))
    }

    /// A text that must be there.
    fn name(&mut self, column: &'static str) -> Result<String, CellError> {
        match self.cells.some_text(column) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => self.tolerate(error, String::new()),
        }
    }

    /// No product is NULL or 0.
    fn product(&mut self) -> Result<Option<ProductId>, CellError> {
        let key = self.key("campaign_activities.product_id")?;
        if matches!(key, Key::Other(_)) {
            self.damage("product_id");
        }
        Ok(key.id().map(ProductId))
    }

    /// `of_day` is the instant of a day without a time.
    fn date(
        &mut self,
        of: TimeColumn,
        column: &'static str,
        of_day: impl FnOnce(NaiveDate, Clock) -> Option<Timestamp>,
    ) -> Result<Option<Timestamp>, CellError> {
        let clock = self.schema.clock(of, self.options.schedule);
        match self.cells.moment(column) {
            Ok(moment) => Ok(moment.and_then(|moment| match moment {
                Moment::Wall(wall) => clock.timestamp(wall),
                Moment::Day(day) => of_day(day, clock),
                Moment::Instant(timestamp) => Some(timestamp),
            })),
            Err(error) => self.tolerate(error, None),
        }
    }

    /// The value for a cell that cannot be read, whose column is then listed. A cell that is not there is an error.
    fn tolerate<T>(&mut self, error: CellError, value: T) -> Result<T, CellError> {
        if error.kind == CellError::NO_CELL {
            return Err(error);
        }
        self.damage(error.column.rsplit('.').next().unwrap_or(error.column));
        Ok(value)
    }

    /// Lists a column of the current table's row.
    fn damage(&mut self, column: &'static str) {
        if !self.damaged.contains(&column) {
            self.damaged.push(column);
        }
    }
}

fn first_instant(day: NaiveDate, clock: Clock) -> Option<Timestamp> {
    clock.timestamp(day.and_time(NaiveTime::MIN))
}

/// What ends on a day ends with it.
fn end_of_day(day: NaiveDate, clock: Clock) -> Option<Timestamp> {
    first_instant(day.succ_opt()?, clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(activity: [&str; 7]) -> TextRow {
        let campaign = ["123", "Spring", "2024-11-06 00:00:00.000000", "NULL", "500000.25"];
        row_of(campaign, activity)
    }

    fn row_of(campaign: [&str; 5], activity: [&str; 7]) -> TextRow {
        TextRow::of(&[&campaign[..], &activity[..]].concat())
    }

    const NONE: [&str; 7] = ["NULL"; 7];

    fn read(rows: &[TextRow]) -> CatalogRows {
        CatalogRows::read(rows, &Schema::of_mysql(), &MySqlOptions::default()).expect("a catalog")
    }

    /// The losses: records, all records, and the places.
    fn losses(rows: &CatalogRows) -> Vec<(u64, u64, Vec<String>)> {
        rows.losses().map(|loss| (loss.records, loss.of, loss.examples)).collect()
    }

    #[test]
    fn dates_are_read_in_the_configured_offset() {
        let rows = [row(["77", "Chair", "FIRST_COME_FIRST_SERVE", "2024-11-06 09:00:00", "2024-11-20", "100", "456"])];
        let result = read(&rows);
        let campaign = &result.catalog.campaigns()[0];
        let text = |date: Option<Timestamp>| date.map(|date| date.to_rfc3339());
        assert_eq!(text(campaign.start), Some("2024-11-05T15:00:00+00:00".to_owned()));
        assert_eq!(text(campaign.activities[0].start), Some("2024-11-06T00:00:00+00:00".to_owned()));
        assert_eq!(text(campaign.activities[0].end), Some("2024-11-20T15:00:00+00:00".to_owned()));
        assert_eq!(losses(&result), []);
    }

    #[test]
    fn rows_with_an_invalid_id_are_left_out_and_named() {
        let none = "NULL";
        let rows = [
            row(["0", "Zero", "COUPON", none, none, none, none]),
            row(["-5", "Below", "COUPON", none, none, none, none]),
            row(["7", "Closed", "SOMETHING_NEW", "0000-00-00 00:00:00", none, "-1", "0"]),
            row(["8", "Open", "COUPON", none, none, none, none]),
        ];
        let result = read(&rows);
        let places = ["campaign_activities id=0 id", "campaign_activities id=-5 id"].map(str::to_owned).to_vec();
        assert_eq!(losses(&result), [(2, 4, places)]);
        let activities = &result.catalog.campaigns()[0].activities;
        assert_eq!(activities.iter().map(|activity| activity.limit).collect::<Vec<_>>(), [Some(0), None]);
        assert_eq!((activities[0].start, activities[0].product), (None, None));
        assert_eq!(activities[0].kind.as_str(), "SOMETHING_NEW");
    }

    #[test]
    fn a_value_that_cannot_be_read_costs_its_field_and_no_other_campaign() {
        let rows = [
            row(["77", "Chair", "COUPON", "NULL", "NULL", "100", "456"]),
            row_of(
                ["124", "NULL", "2025-00-15 00:00:00", "2025-02-31 00:00:00", "1"],
                ["78", "\0", "COUPON", "x", "NULL", "many", "p"],
            ),
            row_of(["person", "Bad key", "NULL", "NULL", "NULL"], NONE),
        ];
        let result = read(&rows);
        let campaigns = result.catalog.campaigns();
        assert_eq!((campaigns.len(), campaigns[0].activities[0].limit), (2, Some(100)));
        assert_eq!((campaigns[1].name.as_str(), campaigns[1].start, campaigns[1].end), ("", None, None));
        assert_eq!(campaigns[1].activities.len(), 1);
        let places = ["campaigns id=124 name", "campaigns id=124 start_at", "campaigns id=124 end_at"];
        let of_activities =
            ["name", "start_date", "limit_count"].map(|column| format!("campaign_activities id=78 {column}"));
        assert_eq!(losses(&result), [(2, 3, places.map(str::to_owned).to_vec()), (1, 2, of_activities.to_vec())]);
    }

    #[test]
    fn an_activity_that_is_listed_twice_counts_once() {
        let chair = || row(["77", "Chair", "COUPON", "NULL", "NULL", "NULL", "NULL"]);
        let result = read(&[chair(), chair()]);
        assert_eq!(result.catalog.campaigns()[0].activities.len(), 1);
        assert_eq!(losses(&result), [(1, 2, vec!["campaign_activities id=77 id".to_owned()])]);
    }

    #[test]
    fn a_reply_that_lacks_columns_is_an_error() {
        let rows = [TextRow::of(&["1", "Spring"])];
        let error = CatalogRows::read(&rows, &Schema::of_mysql(), &MySqlOptions::default()).expect_err("malformed");
        assert!(matches!(error, Cause::Cell(_)), "{error:?}");
    }
}
