//! The texts of the statements of a ledger question. Pure.
//! Lives here: the rows of a statement, the index that finds them, and their groups. Lives elsewhere: literals
//! (`sql_literals`), the meaning of the rows (`ledger_row`, `facts`).
//!
//! Every part of a statement has the columns of [`LedgerRow`](super::ledger_row::LedgerRow), in their order.

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

/// The statements of a question; `None` where none is needed.
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

/// The sums of purchases, over the columns of [`purchase`] and `buyer`.
const SUMS: &str = "COUNT(CASE WHEN confirmed THEN 1 END) AS orders, \
    COUNT(DISTINCT CASE WHEN confirmed AND buyer THEN user_id END) AS users, \
    COUNT(CASE WHEN reversed THEN 1 END) AS reversed, \
    COUNT(CASE WHEN confirmed AND odd THEN 1 END) AS odd, \
    SUM(CASE WHEN confirmed THEN quantity END) AS quantity, \
    SUM(CASE WHEN confirmed THEN price * quantity END) AS revenue";

/// The same without distinct buyers, which do not add up over buckets.
const HISTORY_SUMS: &str = "COUNT(CASE WHEN confirmed THEN 1 END) AS orders, NULL AS users, NULL AS reversed, \
    COUNT(CASE WHEN confirmed AND odd THEN 1 END) AS odd, \
    SUM(CASE WHEN confirmed THEN quantity END) AS quantity, \
    SUM(CASE WHEN confirmed THEN price * quantity END) AS revenue";

/// The columns of a purchase that the sums need. `odd` marks invalid rows, whose price or quantity is negative or
/// missing.
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

/// The status byte by byte. Most collations take `confirmed` and `CONFIRMED ` for `CONFIRMED`. It is used in addition
/// to a comparison of the column itself, which can use an index.
const EXACT_STATUS: &str = "CAST(CONVERT(status USING utf8mb4) AS BINARY)";

/// The activity, or -1 without one. The expression hides the column from the optimiser: see [`Text::by_product`].
const ACTIVITY: &str = "COALESCE(campaign_activity_id, -1)";

/// The bounds `[from, to)` of a column.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Bound,
    to: Bound,
}

impl Span {
    /// The window clamped to `as_of`; `None` if that is empty.
    fn of(window: Window, scope: &QueryScope, clock: Clock) -> Option<Self> {
        let window = Window { to: window.to.min(scope.as_of), ..window };
        (!window.is_empty()).then(|| Self { from: clock.bound(window.from), to: clock.bound(window.to) })
    }

    fn contains(self, column: &str) -> String {
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
    /// The statement by activity: steps, and the promotion's sales.
    ///
    /// Purchases are found by `idx_purchase_activity_status_period` (activity, status, time); without a status by
    /// `idx_purchase_activity_lookup` (activity, type, time). Entries are found by
    /// `uk_campaign_activity_entry_activity_user`; without that key the whole table is read.
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
        parts.extend(question.sales.as_ref().and_then(|sales| self.promotion(sales)));
        (!parts.is_empty()).then(|| parts.join(" UNION ALL "))
    }

    /// The count of a step in a window, and its distinct users if subjects are counted. Per activity, the total is the
    /// row without an activity.
    fn step(&self, step: LedgerStep, part: StatementPart, window: Window, per_activity: bool) -> Option<String> {
        let activities = activities(&self.scope.funnel_activities)?;
        let (table, within) = match step {
            LedgerStep::ApprovedEntry if self.schema.entries.is_present() => {
                let within = Span::of(window, self.scope, self.entry_clock())?.contains("created_at");
                ("campaign_activity_entries", format!("{within} AND {}", exactly("APPROVED")))
            }
            LedgerStep::Purchase if self.can_read_purchases() => {
                let span = Span::of(window, self.scope, self.purchase_clock())?;
                let within = match self.schema.status.is_present() {
                    true => format!("{} AND {}", span.contains("purchase_at"), exactly("CONFIRMED")),
                    false => self.any_type(span),
                };
                ("purchases", within)
            }
            LedgerStep::ApprovedEntry | LedgerStep::Purchase => return None,
        };
        let users = match self.scope.counting {
            Counting::Events => "NULL",
            Counting::Subjects => "COUNT(DISTINCT user_id)",
        };
        // Grouped by an expression. Grouped by the column, a server may read all rows in the order of an index.
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

    fn promotion(&self, question: &SalesQuestion) -> Option<String> {
        if !self.can_read_purchases() {
            return None;
        }
        let activities = activities(&self.scope.activities)?;
        let span = Span::of(question.window, self.scope, self.purchase_clock())?;
        let within = match self.schema.status.is_present() {
            true => format!("{} AND status IN ('CONFIRMED', 'CANCELLED', 'REFUNDED')", span.contains("purchase_at")),
            false => self.any_type(span),
        };
        Some(format!(
            "SELECT {part} AS part, NULL AS activity, NULL AS slot, NULL AS campaign, {SUMS}, NULL AS oldest \
             FROM (SELECT {purchase}, TRUE AS buyer FROM purchases WHERE {activities} AND {within}) AS p",
            part = StatementPart::Promotion.number(),
            purchase = purchase(self.schema),
        ))
    }

    /// The statement by product: sales without an activity, and of each activity.
    ///
    /// No index of the platform begins with the product, so it reads the table once; with an index on (product, time,
    /// ...) it reads only its rows.
    ///
    /// Workaround: both servers choose an index that begins with the activity if they see `campaign_activity_id IS
    /// NULL` or a group by that column, which costs many times as much as reading the table once. So [`ACTIVITY`] hides
    /// the column. No public number known. Shown by `plans`. Can go once the plans there stay the same without it.
    fn by_product(&self, question: &LedgerQuestion) -> Option<String> {
        let sales = question.sales.as_ref()?;
        let products = self.products(&sales.products)?;
        let span = Span::of(sales.window, self.scope, self.purchase_clock())?;
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
            within = span.contains("purchase_at"),
        ))
    }

    /// The statement for a history: purchases without an activity per bucket, and the time of the oldest purchase.
    /// Finds the purchases as [`by_product`](Self::by_product), and the oldest one by jumps in
    /// `idx_purchase_activity_lookup`.
    fn history(&self, question: &LedgerQuestion) -> Option<String> {
        let history = question.history.as_ref()?;
        let products = self.products(&history.products)?;
        let oldest = oldest(self.schema.has_purchase_type);
        let Some(span) = Span::of(history.window, self.scope, self.purchase_clock()) else { return Some(oldest) };
        Some(format!(
            "SELECT {part} AS part, NULL AS activity, slot, NULL AS campaign, {HISTORY_SUMS}, NULL AS oldest FROM (\
             SELECT TIMESTAMPDIFF(MICROSECOND, {from}, purchase_at) DIV {length} AS slot, {purchase} \
             FROM purchases WHERE {products} AND {within} AND {ACTIVITY} = -1) AS p GROUP BY slot UNION ALL {oldest}",
            part = StatementPart::History.number(),
            from = span.from,
            length = history.bucket.as_micros().max(1),
            purchase = purchase(self.schema),
            within = span.contains("purchase_at"),
        ))
    }

    /// `None` without products, or if purchases cannot be read.
    fn products(&self, products: &[ProductId]) -> Option<IdList> {
        let list = || IdList::new("product_id", products.iter().map(|product| product.0));
        (!products.is_empty() && self.can_read_purchases()).then(list)
    }

    /// The condition for purchases of any type in the span. It lists the platform's two types, since in the index the
    /// type precedes the time. Purchases of other types are a second half of the condition, whose time is hidden from
    /// the optimiser: it would else merge both halves into one without a type.
    fn any_type(&self, span: Span) -> String {
        const TYPES: &str = "('CAMPAIGNACTIVITY', 'SHOP')";
        let within = span.contains("purchase_at");
        if !self.schema.has_purchase_type {
            return within;
        }
        let others = span.contains("COALESCE(purchase_at)");
        format!(
            "(purchase_type IN {TYPES} AND {within} \
             OR (purchase_type NOT IN {TYPES} OR purchase_type IS NULL) AND {others})"
        )
    }

    /// The clock of `purchases.purchase_at`.
    fn purchase_clock(&self) -> Clock {
        self.schema.clock(TimeColumn::Purchase, self.options.purchase)
    }

    /// The clock of `campaign_activity_entries.created_at`.
    fn entry_clock(&self) -> Clock {
        self.schema.clock(TimeColumn::EntryCreated, self.options.created)
    }

    /// Whether purchases can be read, and it is known which of them count.
    fn can_read_purchases(&self) -> bool {
        self.schema.purchases.is_present() && !matches!(self.schema.status, Presence::Refused(_))
    }
}

/// The condition for exactly this status, which can use an index.
fn exactly(status: &str) -> String {
    format!("status = '{status}' AND {EXACT_STATUS} = '{status}'")
}

/// `None` without activities.
fn activities(activities: &[ActivityId]) -> Option<IdList> {
    let list = || IdList::new("campaign_activity_id", activities.iter().map(|activity| activity.0));
    (!activities.is_empty()).then(list)
}

/// The part for the oldest purchase of all. It jumps in the index once per activity and type, instead of reading each
/// purchase.
fn oldest(has_purchase_type: bool) -> String {
    let kind = if has_purchase_type { ", purchase_type" } else { "" };
    format!(
        "SELECT {part} AS part, NULL AS activity, NULL AS slot, NULL AS campaign, 0 AS orders, NULL AS users, \
         NULL AS reversed, NULL AS odd, NULL AS quantity, NULL AS revenue, MIN(oldest) AS oldest FROM (\
         SELECT MIN(purchase_at) AS oldest FROM purchases GROUP BY campaign_activity_id{kind}) AS o",
        part = StatementPart::Oldest.number()
    )
}
