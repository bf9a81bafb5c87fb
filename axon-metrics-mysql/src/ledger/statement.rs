//! The statements of a ledger question, as text: two, and one for a history. Pure.
//! Lives here: which rows are read, by which index, and how they are grouped. Lives elsewhere: how values are spelt
//! (`sql_literals`), what the rows mean (`ledger_row`, `facts`).
//!
//! Every part of a statement gives the columns of [`LedgerRow`](super::ledger_row::LedgerRow), in their order.

use axon_metrics::{
    ActivityId, LedgerStep, ProductId, Window,
    source::{Counting, LedgerQuestion, QueryScope, SalesQuestion},
};

use super::ledger_row::StatementPart;
use crate::{
    options::MySqlOptions,
    sql_literals::{Bound, Clock, IdList},
    store::schema::{Presence, Schema, TimeColumn},
};

/// What is asked; `None` where nothing has to be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Statements {
    pub(super) by_activity: Option<String>,
    pub(super) by_product: Option<String>,
    pub(super) history: Option<String>,
}

impl Statements {
    pub(super) fn of(question: &LedgerQuestion, schema: &Schema, options: &MySqlOptions) -> Self {
        let text = Text { scope: &question.scope, schema, options };
        Self {
            by_activity: text.by_activity(question),
            by_product: text.by_product(question),
            history: text.history(question),
        }
    }
}

/// The sums of purchases with their distinct buyers. Each has a name that the parts below give it.
const SUMS: &str = "COUNT(CASE WHEN confirmed THEN 1 END) AS orders, \
    COUNT(DISTINCT CASE WHEN confirmed AND buyer THEN user_id END) AS users, \
    COUNT(CASE WHEN reversed THEN 1 END) AS reversed, \
    COUNT(CASE WHEN confirmed AND odd THEN 1 END) AS odd, \
    SUM(CASE WHEN confirmed THEN quantity END) AS quantity, \
    SUM(CASE WHEN confirmed THEN price * quantity END) AS revenue";

/// The same without buyers, who do not add up over buckets.
const HISTORY_SUMS: &str = "COUNT(CASE WHEN confirmed THEN 1 END) AS orders, NULL AS users, NULL AS reversed, \
    COUNT(CASE WHEN confirmed AND odd THEN 1 END) AS odd, \
    SUM(CASE WHEN confirmed THEN quantity END) AS quantity, \
    SUM(CASE WHEN confirmed THEN price * quantity END) AS revenue";

/// The columns of a purchase that the sums are made of. A price or quantity that is negative or missing makes the row invalid: `odd`
/// in the statement.
fn purchase(schema: &Schema) -> String {
    let [confirmed, reversed] = match schema.status.is_present() {
        true => [format!("{EXACT_STATUS} = 'CONFIRMED'"), format!("{EXACT_STATUS} IN ('CANCELLED', 'REFUNDED')")],
        false => ["TRUE", "FALSE"].map(str::to_owned),
    };
    format!(
        "{confirmed} AS confirmed, {reversed} AS reversed, \
         COALESCE(price < 0 OR quantity < 0, TRUE) AS odd, user_id, price, quantity"
    )
}

/// The status to the letter: by most collations `confirmed` and `CONFIRMED ` are `CONFIRMED`. It stands beside a
/// comparison of the column itself, which finds the rows by index.
const EXACT_STATUS: &str = "CAST(CONVERT(status USING utf8mb4) AS BINARY)";

/// The activity, hidden from the optimiser; -1 for none.
const ACTIVITY: &str = "COALESCE(campaign_activity_id, -1)";

/// `[from, to)` in a column; `None` if nothing can lie inside.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Bound,
    to: Bound,
}

impl Span {
    fn of(window: Window, scope: &QueryScope, clock: Clock) -> Option<Self> {
        let window = Window { to: window.to.min(scope.as_of), ..window };
        (!window.is_empty()).then(|| Self { from: clock.bound(window.from), to: clock.bound(window.to) })
    }

    fn holds(self, column: &str) -> String {
        let Self { from, to } = self;
        format!("{column} >= {from} AND {column} < {to}")
    }
}

struct Text<'a> {
    scope: &'a QueryScope,
    schema: &'a Schema,
    options: &'a MySqlOptions,
}

impl Text<'_> {
    /// Steps, and the promotion's sales: all that is found by activity.
    ///
    /// Purchases by `idx_purchase_activity_status_period` (activity, status, time); in a store without status by
    /// `idx_purchase_activity_lookup` (activity, type, time). Entries by `uk_campaign_activity_entry_activity_user`; a
    /// store without that key reads the whole table.
    fn by_activity(&self, question: &LedgerQuestion) -> Option<String> {
        let mut parts = Vec::new();
        for (step, now, before) in [
            (LedgerStep::ApprovedEntry, StatementPart::EntriesNow, StatementPart::EntriesBefore),
            (LedgerStep::Purchase, StatementPart::PurchasesNow, StatementPart::PurchasesBefore),
        ] {
            if question.steps.contains(&step) {
                parts.extend(self.step(step, now, self.scope.current, self.scope.by_activity));
                parts.extend(self.scope.previous.and_then(|window| self.step(step, before, window, false)));
            }
        }
        parts.extend(question.sales.as_ref().and_then(|asked| self.promotion(asked)));
        (!parts.is_empty()).then(|| parts.join(" UNION ALL "))
    }

    /// The rows of a step in a window: their number, and their distinct users if asked. Counted per activity, the total
    /// is the row without one.
    fn step(&self, step: LedgerStep, part: StatementPart, window: Window, per_activity: bool) -> Option<String> {
        let activities = activities(&self.scope.funnel_activities)?;
        let (table, within) = match step {
            LedgerStep::ApprovedEntry if self.schema.entries.is_present() => {
                let within = Span::of(window, self.scope, self.created())?.holds("created_at");
                ("campaign_activity_entries", format!("{within} AND {}", exactly("APPROVED")))
            }
            LedgerStep::Purchase if self.purchases() => {
                let span = Span::of(window, self.scope, self.purchased())?;
                let within = match self.schema.status.is_present() {
                    true => format!("{} AND {}", span.holds("purchase_at"), exactly("CONFIRMED")),
                    false => self.of_any_type(span),
                };
                ("purchases", within)
            }
            LedgerStep::ApprovedEntry | LedgerStep::Purchase => return None,
        };
        let users = match self.scope.counting {
            Counting::Events => "NULL",
            Counting::Subjects => "COUNT(DISTINCT user_id)",
        };
        // By an expression: by the column itself, a server may go through all rows in the order of an index.
        let (activity, group) = match per_activity {
            true => ("activity", " GROUP BY activity WITH ROLLUP"),
            false => ("NULL AS activity", ""),
        };
        Some(format!(
            "SELECT {part} AS part, {activity}, NULL AS slot, NULL AS campaign, COUNT(*) AS orders, \
             {users} AS users, NULL AS reversed, NULL AS odd, NULL AS quantity, NULL AS revenue, NULL AS oldest \
             FROM (SELECT {ACTIVITY} AS activity, user_id FROM {table} \
             WHERE {activities} AND {within}) AS r{group}",
            part = part.number()
        ))
    }

    fn promotion(&self, asked: &SalesQuestion) -> Option<String> {
        if !self.purchases() {
            return None;
        }
        let activities = activities(&self.scope.activities)?;
        let span = Span::of(asked.window, self.scope, self.purchased())?;
        let within = match self.schema.status.is_present() {
            true => format!("{} AND status IN ('CONFIRMED', 'CANCELLED', 'REFUNDED')", span.holds("purchase_at")),
            false => self.of_any_type(span),
        };
        Some(format!(
            "SELECT {part} AS part, NULL AS activity, NULL AS slot, NULL AS campaign, {SUMS}, NULL AS oldest \
             FROM (SELECT {purchase}, TRUE AS buyer FROM purchases WHERE {activities} AND {within}) AS p",
            part = StatementPart::Promotion.number(),
            purchase = purchase(self.schema),
        ))
    }

    /// What is found by product: sales of no activity and of all.
    ///
    /// No index of the platform begins with the product, so this reads the table once, whatever it is asked; with an
    /// index on (product, time, ...) it reads what it needs.
    ///
    /// Two things are hidden from the optimiser on purpose. With `campaign_activity_id IS NULL` in plain sight, both
    /// servers look up each purchase of the shop through an index that begins with the activity, and grouped by that
    /// column, all purchases in its order: many times the cost of reading the table once.
    fn by_product(&self, question: &LedgerQuestion) -> Option<String> {
        let asked = question.sales.as_ref()?;
        let products = self.products(&asked.products)?;
        let span = Span::of(asked.window, self.scope, self.purchased())?;
        let (campaign, join) = match self.schema.activities.is_present() {
            true => ("a.campaign_id", " LEFT JOIN campaign_activities AS a ON a.id = g.activity"),
            false => ("NULL", ""),
        };
        Some(format!(
            "SELECT {part} AS part, g.activity, NULL AS slot, {campaign} AS campaign, g.orders, g.users, g.reversed, g.odd, \
             g.quantity, g.revenue, NULL AS oldest FROM (SELECT activity, {SUMS} FROM (\
             SELECT {ACTIVITY} AS activity, {ACTIVITY} = -1 AS buyer, {purchase} \
             FROM purchases WHERE {products} AND {within}) AS p GROUP BY activity) AS g{join}",
            part = StatementPart::Sales.number(),
            purchase = purchase(self.schema),
            within = span.holds("purchase_at"),
        ))
    }

    /// The purchases of no activity in the buckets of a history, and how far back purchases reach. Found as
    /// [`by_product`](Self::by_product); the oldest by jumps in `idx_purchase_activity_lookup`.
    fn history(&self, question: &LedgerQuestion) -> Option<String> {
        let asked = question.history.as_ref()?;
        let products = self.products(&asked.products)?;
        let oldest = oldest(self.schema.has_purchase_type);
        let Some(span) = Span::of(asked.window, self.scope, self.purchased()) else { return Some(oldest) };
        Some(format!(
            "SELECT {part} AS part, NULL AS activity, slot, NULL AS campaign, {HISTORY_SUMS}, NULL AS oldest FROM (\
             SELECT TIMESTAMPDIFF(MICROSECOND, {from}, purchase_at) DIV {length} AS slot, {purchase} \
             FROM purchases WHERE {products} AND {within} AND {ACTIVITY} = -1) AS p GROUP BY slot UNION ALL {oldest}",
            part = StatementPart::History.number(),
            from = span.from,
            length = asked.bucket.as_micros().max(1),
            purchase = purchase(self.schema),
            within = span.holds("purchase_at"),
        ))
    }

    /// `None` where there is nothing to read.
    fn products(&self, products: &[ProductId]) -> Option<IdList> {
        let list = || IdList::new("product_id", products.iter().map(|product| product.0));
        (!products.is_empty() && self.purchases()).then(list)
    }

    /// In the span, of whatever type. With the platform's two spelt out, the time behind them in the index finds the rows;
    /// without, it would be of no use. There can be others at any time: the time of those is hidden from the optimiser, which
    /// else sees that the two halves together are all types.
    fn of_any_type(&self, span: Span) -> String {
        const TYPES: &str = "('CAMPAIGNACTIVITY', 'SHOP')";
        let within = span.holds("purchase_at");
        if !self.schema.has_purchase_type {
            return within;
        }
        let others = span.holds("COALESCE(purchase_at)");
        format!(
            "(purchase_type IN {TYPES} AND {within} \
             OR (purchase_type NOT IN {TYPES} OR purchase_type IS NULL) AND {others})"
        )
    }

    /// The clock of `purchases.purchase_at`.
    fn purchased(&self) -> Clock {
        self.schema.clock(TimeColumn::Purchase, self.options.purchase)
    }

    /// The clock of `campaign_activity_entries.created_at`.
    fn created(&self) -> Clock {
        self.schema.clock(TimeColumn::EntryCreated, self.options.created)
    }

    /// Whether purchases can be read, and which of them count.
    fn purchases(&self) -> bool {
        self.schema.purchases.is_present() && !matches!(self.schema.status, Presence::Refused(_))
    }
}

/// That a status is this one, by the index and to the letter.
fn exactly(status: &str) -> String {
    format!("status = '{status}' AND {EXACT_STATUS} = '{status}'")
}

/// `None` without activities: then there is nothing to read.
fn activities(activities: &[ActivityId]) -> Option<IdList> {
    let list = || IdList::new("campaign_activity_id", activities.iter().map(|activity| activity.0));
    (!activities.is_empty()).then(list)
}

/// The oldest purchase of all. A jump for each activity and type, instead of a look at each purchase.
fn oldest(has_purchase_type: bool) -> String {
    let kind = if has_purchase_type { ", purchase_type" } else { "" };
    format!(
        "SELECT {part} AS part, NULL AS activity, NULL AS slot, NULL AS campaign, 0 AS orders, NULL AS users, \
         NULL AS reversed, NULL AS odd, NULL AS quantity, NULL AS revenue, MIN(oldest) AS oldest FROM (\
         SELECT MIN(purchase_at) AS oldest FROM purchases GROUP BY campaign_activity_id{kind}) AS o",
        part = StatementPart::Oldest.number()
    )
}
