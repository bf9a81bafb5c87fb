//! Turns the rows of a ledger question into facts. Pure.
//! Lives here: the origin of each figure, and the reason if it is missing. Lives elsewhere: the rows of a statement
//! (`statement`), reading a row (`ledger_row`), what a group of rows says (`row_group`).

use std::{collections::BTreeMap, sync::Arc};

use axon_metrics::{
    ActivityId, CampaignId, Fact, LedgerStep, MAX_ID, Measured, Missing, ProductId, Reason, Timestamp, Window,
    facts::{Coverage, History, LedgerFacts, LeftOutReason, OtherSales, Sales, SalesFacts, StepCounts},
    source::{Counting, HistoryQuestion, LedgerQuestion, QueryScope, SalesQuestion, SourceError},
};

use super::{
    expressions::RowClass,
    failure_log::FailureLog,
    ledger_row::{LedgerRow, StatementPart},
    row_group::{self, RowGroup},
    standing::Standing,
};
use crate::{
    NAME,
    error::{Cause, Query, QueryError, ServerFault},
    options::MySqlOptions,
    store::schema::{ENTRIES, PURCHASES, Presence, Schema, TimeColumn},
};

/// The result of one statement of a question.
#[derive(Debug)]
pub(super) enum StatementResult {
    /// The question needs no such statement.
    NotSent,
    Rows(Vec<LedgerRow>),
    Failed(QueryError),
}

impl StatementResult {
    pub(super) fn is_measured(&self) -> bool {
        matches!(self, Self::Rows(_))
    }

    /// Whether it failed because the tables, or the rights to read them, differ from the cached schema.
    pub(super) fn is_schema_mismatch(&self) -> bool {
        matches!(self, Self::Failed(error) if error.cause.is_schema_mismatch())
    }

    fn take_failure(&mut self) -> Option<QueryError> {
        match std::mem::replace(self, Self::NotSent) {
            Self::Failed(error) => Some(error),
            result => {
                *self = result;
                None
            }
        }
    }

    /// The rows; none if the statement was not sent. Logs a failure.
    fn rows(self, log: &FailureLog) -> Rows {
        match self {
            Self::NotSent => Ok(Vec::new()),
            Self::Rows(rows) => Ok(rows),
            Self::Failed(error) => {
                let query = error.query;
                let error = SourceError::from(error);
                log.statement_failed(query, &error);
                Err(Missing::Unavailable(Arc::new(error)))
            }
        }
    }
}

/// The rows of one statement, or why there are none.
type Rows = Result<Vec<LedgerRow>, Missing>;

/// The facts of a question. A statement that failed costs its own facts, if another one succeeded. So does a right that is
/// missing. Both are logged.
/// # Errors
/// The first failure if no statement succeeded, a denial if the rights to all tables of the question are missing, and
/// [`SourceError::Malformed`] if the rows contradict the question.
pub(super) fn facts(
    question: &LedgerQuestion,
    schema: &Schema,
    options: &MySqlOptions,
    standing: &Standing,
    mut results: [StatementResult; 3],
    log: &FailureLog,
) -> Result<LedgerFacts, SourceError> {
    if !results.iter().any(StatementResult::is_measured)
        && let Some(error) = results.iter_mut().find_map(StatementResult::take_failure)
    {
        return Err(error.into());
    }
    let refusals: Option<Vec<&ServerFault>> = tables(question, schema).map(Presence::refusal).collect();
    if let Some(refusals) = refusals.filter(|refusals| !refusals.is_empty()) {
        let missing: Vec<String> = refusals.into_iter().filter_map(ServerFault::missing_right).collect();
        return Err(SourceError::Denied { source_name: NAME.into(), missing: missing.join(", ") });
    }
    // Without this table the campaigns of other promotions are unknown.
    let campaigns = question.sales.is_some().then_some(&schema.activities);
    for fault in tables(question, schema).chain(campaigns).filter_map(Presence::refusal) {
        log.right_missing(fault.table(), &denial(fault));
    }
    let builder = FactBuilder { question, scope: &question.scope, schema, options, standing };
    let facts = builder.facts(&results.map(|result| result.rows(log)));
    facts.map_err(|what| Cause::Wrong(what).during(Query::ByActivity).into())
}

/// Whether the tables that the figures of a question are read from can be read.
fn tables<'a>(question: &LedgerQuestion, schema: &'a Schema) -> impl Iterator<Item = &'a Presence> {
    let LedgerQuestion { steps, sales, history, .. } = question;
    let entries = steps.contains(&LedgerStep::ApprovedEntry);
    let purchases = steps.contains(&LedgerStep::Purchase) || sales.is_some() || history.is_some();
    // The status is refused if the table is.
    [entries.then_some(&schema.entries), purchases.then_some(&schema.status)].into_iter().flatten()
}

/// The error of a right that was missing at the schema probe.
fn denial(fault: &ServerFault) -> SourceError {
    Cause::Server(fault.clone()).during(Query::Schema).into()
}

/// A value, or a text that says how the rows contradict the question.
type ReplyResult<T> = Result<T, &'static str>;

struct FactBuilder<'a> {
    question: &'a LedgerQuestion,
    scope: &'a QueryScope,
    schema: &'a Schema,
    options: &'a MySqlOptions,
    standing: &'a Standing,
}

impl FactBuilder<'_> {
    fn facts(&self, [by_activity, by_product, history]: &[Rows; 3]) -> ReplyResult<LedgerFacts> {
        let QueryScope { current, previous, funnel_activities, .. } = self.scope;
        let steps = &self.question.steps;
        let counts = |window: Window, now: bool| -> ReplyResult<Vec<Fact<u64>>> {
            steps.iter().map(|step| self.total(by_activity, *step, window, now)).collect()
        };
        let per_activity = |activity: &ActivityId| -> (ActivityId, Vec<Fact<u64>>) {
            (*activity, steps.iter().map(|step| self.of_activity(by_activity, *step, *activity)).collect())
        };
        let activities = if self.scope.by_activity && !steps.is_empty() { &funnel_activities[..] } else { &[] };
        let steps = StepCounts::new(counts(*current, true)?)
            .with_previous(previous.map_or(Ok(Vec::new()), |window| counts(window, false))?)
            .with_by_activity(activities.iter().map(per_activity).collect());
        let sales = self.question.sales.as_ref().map(|sales| self.sales(by_activity, by_product, sales));
        let history = self.question.history.as_ref().map(|question| self.history(history, question));
        Ok(LedgerFacts::new(steps).with_sales(sales.transpose()?).with_history(history.transpose()?))
    }

    /// A value from rows of a table.
    fn measured<T>(&self, value: T, table: &str, coverage: Coverage) -> Measured<T> {
        let complete_to = self.scope.as_of.checked_sub_signed(self.standing.lag).unwrap_or(self.scope.as_of);
        Measured::exact(value, NAME, complete_to).with_coverage(self.standing.add_to(coverage, table))
    }

    /// The rows of a step and their table, or why it is missing. `now`: of the current window, else of the previous one.
    fn rows<'a>(
        &self,
        rows: &'a Rows,
        step: LedgerStep,
        now: bool,
    ) -> Result<(StatementPart, &'static str, &'a [LedgerRow]), Missing> {
        let (part, table) = match step {
            LedgerStep::ApprovedEntry => {
                check_readable(&self.schema.entries)?;
                check_types(self.schema.can_read_entries())?;
                (if now { StatementPart::EntriesNow } else { StatementPart::EntriesBefore }, ENTRIES)
            }
            LedgerStep::Purchase => {
                self.check_purchases()?;
                (if now { StatementPart::PurchasesNow } else { StatementPart::PurchasesBefore }, PURCHASES)
            }
        };
        rows.as_ref().map(|rows| (part, table, &rows[..])).map_err(Clone::clone)
    }

    fn total(&self, rows: &Rows, step: LedgerStep, window: Window, now: bool) -> ReplyResult<Fact<u64>> {
        let (part, table, rows) = match self.rows(rows, step, now) {
            Ok(rows) => rows,
            Err(missing) => return Ok(Err(missing)),
        };
        // An empty scope or window has no statement.
        if !self.has_no_rows(window) {
            check_complete(rows)?;
        }
        let group = RowGroup::of(rows, |row| row.part == part && row.activity.is_none());
        let total = match (self.scope.counting, group.row(RowClass::Counted)) {
            (_, None) => 0,
            (Counting::Events, Some(row)) => row.records,
            (Counting::Subjects, Some(row)) => row.users.ok_or("the reply lacks a count of users")?,
        };
        let total = self.measured(total, table, group.coverage_of_count());
        Ok(Ok(total.with_ambiguous(group.ambiguous_in_count())))
    }

    fn of_activity(&self, rows: &Rows, step: LedgerStep, activity: ActivityId) -> Fact<u64> {
        let (part, table, rows) = self.rows(rows, step, true)?;
        let id = i64::try_from(activity.0).ok();
        let group = RowGroup::of(rows, |row| row.part == part && row.activity.is_some() && row.activity == id);
        let count = self.measured(group.records(RowClass::Counted), table, group.coverage_of_count());
        Ok(count.with_ambiguous(group.ambiguous_in_count()))
    }

    fn has_no_rows(&self, window: Window) -> bool {
        self.scope.funnel_activities.is_empty() || self.is_empty(window)
    }

    fn is_empty(&self, window: Window) -> bool {
        window.to.min(self.scope.as_of) <= window.from
    }

    /// Checks that purchases can be read and counted.
    fn check_purchases(&self) -> Result<(), Missing> {
        check_readable(&self.schema.purchases)?;
        check_types(self.schema.can_read_purchases() || matches!(self.schema.status, Presence::Refused(_)))?;
        match &self.schema.status {
            // Without the column every purchase counts. A column that may not be read decides which count.
            Presence::Present | Presence::Absent => Ok(()),
            refused => check_readable(refused),
        }
    }

    fn sales(&self, by_activity: &Rows, by_product: &Rows, question: &SalesQuestion) -> ReplyResult<SalesFacts> {
        let check = self.check_purchases();
        let is_empty = self.is_empty(question.window);
        let promotion = match check.clone().and_then(|()| by_activity.clone()) {
            Err(missing) => Err(missing),
            Ok(rows) => {
                if !self.scope.activities.is_empty() && !is_empty {
                    check_complete(&rows)?;
                }
                self.sum(&RowGroup::of(&rows, |row| row.part == StatementPart::Promotion))
            }
        };
        let products = self.of_products(&question.products, by_product);
        if let (Ok(rows), false) = (&products, is_empty) {
            check_complete(rows)?;
        }
        let regular = products.clone().and_then(|rows| {
            self.sum(&RowGroup::of(rows, |row| row.part == StatementPart::Sales && row.activity == Some(NO_ACTIVITY)))
        });
        let others = products.map(|rows| self.others(rows));
        Ok(SalesFacts::new(promotion, regular, others))
    }

    /// The rows by product, or why there are none. A question without products is [`Reason::NoProducts`].
    fn of_products<'a>(&self, products: &[ProductId], rows: &'a Rows) -> Result<&'a [LedgerRow], Missing> {
        self.check_purchases()?;
        match (products, rows) {
            ([], _) => Err(Missing::NotMeasured(Reason::NoProducts)),
            (_, rows) => rows.as_ref().map(|rows| &rows[..]).map_err(Clone::clone),
        }
    }

    /// The sales of a group of rows. Without rows there were no purchases.
    fn sum(&self, group: &RowGroup<'_>) -> Fact<Sales> {
        let cancelled = self.schema.status.is_present().then_some(group.records(RowClass::Reversed));
        let sales = group.sales()?.with_cancelled(cancelled);
        Ok(self.measured(sales, PURCHASES, group.coverage()).with_ambiguous(group.ambiguous_in_sums()))
    }

    /// Orders per activity outside the scope. Rows with an invalid activity id are left out.
    fn others(&self, rows: &[LedgerRow]) -> Measured<Vec<OtherSales>> {
        let valid = |id: Option<i64>| id.and_then(|id| u64::try_from(id).ok()).filter(|id| (1..=MAX_ID).contains(id));
        let other = |row: &LedgerRow| {
            let id = valid(row.activity).map(ActivityId).filter(|_| row.part == StatementPart::Sales);
            id.filter(|id| !self.scope.activities.contains(id))
        };
        let group = RowGroup::of(rows, |row| other(row).is_some());
        let mut others = BTreeMap::new();
        for row in group.rows(RowClass::Counted) {
            if let Some(id) = other(row) {
                let campaign = valid(row.campaign).map(CampaignId);
                others.insert(id, OtherSales::new(id, row.records).with_campaign(campaign));
            }
        }
        let others = self.measured(others.into_values().collect(), PURCHASES, group.coverage());
        others.with_ambiguous(group.ambiguous_in_count())
    }

    fn history(&self, rows: &Rows, question: &HistoryQuestion) -> ReplyResult<Fact<History>> {
        let rows = match self.of_products(&question.products, rows) {
            Ok(rows) => rows,
            Err(missing) => return Ok(Err(missing)),
        };
        check_complete(rows)?;
        let oldest =
            rows.iter().find(|row| row.part == StatementPart::Oldest).ok_or("the reply lacks the oldest purchase")?;
        let since = oldest
            .oldest
            .and_then(|wall| self.schema.clock(TimeColumn::Purchase, self.options.purchase).timestamp(wall));
        let group = RowGroup::of(rows, |row| row.part == StatementPart::History && row.slot.is_some());
        // Rows whose time is none (`2025-00-15`) belong to no bucket.
        let timeless = RowGroup::of(rows, |row| row.part == StatementPart::History && row.slot.is_none());
        let mut buckets = BTreeMap::new();
        for row in group.rows(RowClass::Counted) {
            let start = row.slot.and_then(|slot| start(question, slot));
            let start = start.filter(|start| question.window.contains(*start));
            let start = start.ok_or("the reply has a bucket outside the history")?;
            match row_group::sums(row) {
                Ok(sales) => buckets.insert(start, sales),
                Err(missing) => return Ok(Err(missing)),
            };
        }
        let since = since.filter(|since| *since < self.scope.as_of);
        let history = History::new(since, buckets.into_iter().collect());
        let coverage =
            group.coverage_of_amounts().left_out_in_window(LeftOutReason::NoTime, timeless.records(RowClass::Counted));
        Ok(Ok(self.measured(history, PURCHASES, coverage).with_ambiguous(group.ambiguous_in_count())))
    }
}

/// The activity of purchases without one, in the statements.
const NO_ACTIVITY: i64 = -1;

/// Checks that a table or column can be read.
fn check_readable(presence: &Presence) -> Result<(), Missing> {
    match presence {
        Presence::Present => Ok(()),
        Presence::Absent => Err(Missing::NotMeasured(Reason::NoIndex)),
        Presence::Refused(fault) => Err(Missing::Unavailable(Arc::new(denial(fault)))),
    }
}

/// Checks that each column has a type that is read.
fn check_types(can_read: bool) -> Result<(), Missing> {
    if can_read { Ok(()) } else { Err(Missing::NotMeasured(Reason::BadValue)) }
}

/// Checks that the reply of a statement has its last row.
fn check_complete(rows: &[LedgerRow]) -> ReplyResult<()> {
    let is_complete = rows.iter().any(|row| row.part == StatementPart::End);
    if is_complete { Ok(()) } else { Err("the reply lacks its last row") }
}

/// The first instant of a bucket; `None` outside the calendar.
fn start(question: &HistoryQuestion, slot: u64) -> Option<Timestamp> {
    let length = chrono::TimeDelta::from_std(question.bucket).ok()?;
    let slots = i32::try_from(slot).ok()?;
    question.window.from.checked_add_signed(length.checked_mul(slots)?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{ledger::failure_log::tests::logged, text_row::TextRow};

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn question() -> LedgerQuestion {
        let current = Window { from: at("2024-11-11T10:30:00Z"), to: at("2024-11-12T10:30:00Z") };
        let history = Window { from: at("2024-11-10T15:00:00Z"), to: at("2024-11-11T10:00:00Z") };
        LedgerQuestion::new(QueryScope::new(current.to, [ActivityId(77)], current), Duration::from_millis(800))
            .with_steps([LedgerStep::Purchase])
            .with_sales(SalesQuestion::new([ProductId(456)], current))
            .with_history(HistoryQuestion::new([ProductId(456)], history, Duration::from_secs(3_600)))
    }

    /// The facts of these rows. A row is given as a text with its cells.
    fn facts_of(by_activity: &[&str], by_product: &[&str], history: &[&str]) -> Result<LedgerFacts, SourceError> {
        let result = |rows: &[&str]| {
            let row = |row: &&str| LedgerRow::read(&TextRow::of(&row.split(' ').collect::<Vec<_>>())).expect("a row");
            StatementResult::Rows(rows.iter().map(row).collect())
        };
        let results = [result(by_activity), result(by_product), result(history)];
        let (schema, options, standing) = (Schema::of_mysql(), MySqlOptions::default(), Standing::default());
        facts(&question(), &schema, &options, &standing, results, &FailureLog::default())
    }

    /// Part, class, activity, slot, campaign, records, users, priced, quantity, revenue, oldest, ambiguous.
    const STEP: &str = "3 1 NULL NULL NULL 45 NULL NULL NULL NULL NULL NULL";
    const PROMOTION: &str = "5 1 NULL NULL NULL 45 45 45 45 1345500.00 NULL NULL";
    const CANCELLED: &str = "5 2 NULL NULL NULL 3 3 3 3 38700.00 NULL NULL";
    const REGULAR: &str = "6 1 -1 NULL NULL 30 28 30 33 990000.00 NULL NULL";
    const OLDEST: &str = "8 NULL NULL NULL NULL 0 NULL NULL NULL NULL NULL NULL";
    const END: &str = "9 NULL NULL NULL NULL 0 NULL NULL NULL NULL NULL NULL";

    #[test]
    fn a_complete_reply_is_measured() {
        let history = "7 1 NULL 2 NULL 2 NULL 2 3 38700.00 NULL NULL";
        let by_activity = [STEP, PROMOTION, CANCELLED, END];
        let facts = facts_of(&by_activity, &[REGULAR, END], &[history, OLDEST, END]).expect("facts");
        assert_eq!(facts.steps.current[0].as_ref().expect("a count").value, 45);
        let sales = facts.sales.expect("sales");
        let promotion = sales.promotion.expect("sums");
        assert_eq!((promotion.value.orders, promotion.value.cancelled), (45, Some(3)));
        assert_eq!(promotion.coverage, Coverage::of(48));
        assert_eq!(sales.regular.expect("sums").value.orders, 30);
        let history = facts.history.expect("history").expect("history").value;
        assert_eq!((history.since, history.buckets.len()), (None, 1));
        assert_eq!(history.buckets[0].0, at("2024-11-10T17:00:00Z"));
    }

    #[test]
    fn no_rows_are_a_zero_and_rows_that_were_left_out_are_its_coverage() {
        let unknown =
            ["3 0 NULL NULL NULL 5 NULL NULL NULL NULL NULL NULL", "5 0 NULL NULL NULL 5 5 5 5 5.00 NULL NULL", END];
        let facts = facts_of(&unknown, &[END], &[OLDEST, END]).expect("facts");
        let left_out = Coverage::of(0).left_out_in_window(LeftOutReason::UnknownStatus, 5);
        let step = facts.steps.current[0].as_ref().expect("a count");
        assert_eq!((step.value, &step.coverage), (0, &left_out));
        let sales = facts.sales.expect("sales");
        let promotion = sales.promotion.expect("sums");
        assert_eq!((promotion.value.orders, promotion.coverage), (0, left_out));
        let regular = sales.regular.expect("sums");
        assert_eq!((regular.value.orders, regular.coverage), (0, Coverage::of(0)));
    }

    #[test]
    fn a_reply_that_lacks_a_row_is_malformed_and_not_zero() {
        let bucket = |slot: &str| format!("7 1 NULL {slot} NULL 2 NULL 2 3 38700.00 NULL NULL");
        let outside = bucket("9999");
        for (by_activity, by_product, history) in [
            (&[STEP, PROMOTION][..], &[REGULAR, END][..], &[OLDEST, END][..]),
            (&[STEP, PROMOTION, END], &[REGULAR], &[OLDEST, END]),
            (&[STEP, PROMOTION, END], &[REGULAR, END], &[OLDEST]),
            (&[STEP, PROMOTION, END], &[REGULAR, END], &[END]),
            (&[STEP, PROMOTION, END], &[REGULAR, END], &[&outside, OLDEST, END]),
        ] {
            let error = facts_of(by_activity, by_product, history).expect_err("malformed");
            assert!(matches!(error, SourceError::Malformed { .. }), "{error:?}");
        }
    }

    #[test]
    fn rows_of_the_hour_that_comes_twice_are_counted_beside_the_figures() {
        let by_activity = [
            "3 1 NULL NULL NULL 45 NULL NULL NULL NULL NULL 2",
            "5 1 NULL NULL NULL 45 45 45 45 1345500.00 NULL 2",
            "5 2 NULL NULL NULL 3 3 3 3 38700.00 NULL 1",
            END,
        ];
        let by_product =
            ["6 1 -1 NULL NULL 30 28 30 33 990000.00 NULL 0", "6 1 88 NULL 2 4 NULL 4 4 40.00 NULL 3", END];
        let history = ["7 1 NULL 2 NULL 2 NULL 2 3 38700.00 NULL 2", OLDEST, END];
        let facts = facts_of(&by_activity, &by_product, &history).expect("facts");
        assert_eq!(facts.steps.current[0].as_ref().expect("a count").ambiguous, 2);
        let sales = facts.sales.expect("sales");
        let ambiguous = [&sales.promotion, &sales.regular].map(|sales| sales.as_ref().expect("sums").ambiguous);
        assert_eq!((ambiguous, sales.others.expect("others").ambiguous), ([3, 0], 3));
        assert_eq!(facts.history.expect("history").expect("history").ambiguous, 2);
    }

    #[test]
    fn a_row_without_a_time_is_left_out_of_the_history() {
        let history = ["7 1 NULL NULL NULL 2 NULL 2 3 38700.00 NULL NULL", OLDEST, END];
        let facts = facts_of(&[STEP, PROMOTION, END], &[REGULAR, END], &history).expect("facts");
        let history = facts.history.expect("history").expect("history");
        assert_eq!(history.coverage, Coverage::of(0).left_out_in_window(LeftOutReason::NoTime, 2));
    }

    /// What is wrong with the store as a whole is in the coverage of the facts that it concerns.
    #[test]
    fn a_stopped_replica_and_a_wrong_offset_are_in_the_coverage() {
        let mut question = question();
        question.steps = vec![LedgerStep::ApprovedEntry, LedgerStep::Purchase];
        (question.sales, question.history) = (None, None);
        let standing = Standing {
            lag: chrono::TimeDelta::seconds(40),
            is_behind: true,
            wrong_purchase: true,
            ..Standing::default()
        };
        let rows =
            [STEP, END].map(|row| LedgerRow::read(&TextRow::of(&row.split(' ').collect::<Vec<_>>())).expect("a row"));
        let results = [StatementResult::Rows(rows.to_vec()), StatementResult::NotSent, StatementResult::NotSent];
        let log = FailureLog::default();
        let facts = facts(&question, &Schema::of_mysql(), &MySqlOptions::default(), &standing, results, &log);
        let reasons: Vec<Vec<LeftOutReason>> = facts
            .expect("facts")
            .steps
            .current
            .iter()
            .map(|fact| fact.as_ref().expect("a count"))
            .inspect(|fact| assert_eq!(fact.complete_to, at("2024-11-12T10:29:20Z")))
            .map(|fact| fact.coverage.left_out().iter().map(|left_out| left_out.reason).collect())
            .collect();
        assert_eq!(reasons, [vec![LeftOutReason::Behind], vec![LeftOutReason::Behind, LeftOutReason::OffsetWrong]]);
    }

    /// A schema whose tables of entries or of purchases may not be read.
    fn schema_without(tables: &[&'static str]) -> Schema {
        let presence = |table: &'static str| match tables.contains(&table) {
            true => {
                Presence::Refused(ServerFault::new(1142, "42000", &format!("denied to 'u'@'h' for table '{table}'")))
            }
            false => Presence::Present,
        };
        let (entries, purchases) = (presence("campaign_activity_entries"), presence("purchases"));
        Schema { entries, status: purchases.clone(), purchases, ..Schema::of_mysql() }
    }

    #[test]
    fn a_missing_right_costs_its_own_figures_and_is_logged_with_what_to_do() {
        let log = FailureLog::default();
        let (mut question, schema) = (question(), schema_without(&["campaign_activity_entries"]));
        question.steps = vec![LedgerStep::ApprovedEntry, LedgerStep::Purchase];
        (question.sales, question.history) = (None, None);
        let ask = || {
            let read = |row: &str| LedgerRow::read(&TextRow::of(&row.split(' ').collect::<Vec<_>>())).expect("a row");
            let rows = StatementResult::Rows(vec![read(STEP), read(END)]);
            let (options, results) =
                (MySqlOptions::default(), [rows, StatementResult::NotSent, StatementResult::NotSent]);
            facts(&question, &schema, &options, &Standing::default(), results, &log).expect("facts")
        };
        let (facts, lines) = logged(|| {
            let _ = (ask(), ask());
            ask()
        });
        assert!(matches!(&facts.steps.current[0], Err(Missing::Unavailable(_))), "{facts:?}");
        assert_eq!(facts.steps.current[1].as_ref().expect("a count").value, 45);
        assert_eq!(lines.lines().count(), 1, "{lines}");
        assert!(lines.contains("mysql refused: SELECT on campaign_activity_entries"), "{lines}");
        assert!(lines.contains("docs/operate/rights.md"), "{lines}");
    }

    #[test]
    fn without_any_right_the_question_is_denied() {
        let schema = schema_without(&["campaign_activity_entries", "purchases"]);
        let not_sent = std::array::from_fn(|_| StatementResult::NotSent);
        let mut question = question();
        question.steps.push(LedgerStep::ApprovedEntry);
        let (options, standing) = (MySqlOptions::default(), Standing::default());
        let result = facts(&question, &schema, &options, &standing, not_sent, &FailureLog::default());
        let error = result.expect_err("denied");
        let expected = "mysql refused: SELECT on campaign_activity_entries, SELECT on purchases";
        assert_eq!(error.to_string(), expected);
        assert!(matches!(error, SourceError::Denied { .. }), "{error:?}");
    }
}
