//! The texts of the statements of a ledger question. Pure.
//! Lives here: the rows of a statement, the index that finds them, and their groups. Lives elsewhere: the values of a row
//! (`expressions`), literals (`sql_literals`), the meaning of the rows (`ledger_row`, `facts`).
//!
//! Every part of a statement has the columns of [`LedgerRow`](super::ledger_row::LedgerRow), in their order. Rows of the
//! tables are grouped by their class, so that what is left out is counted in the same scan.

use axon_metrics::{
    ActivityId, LedgerStep, ProductId, Window,
    source::{Counting, HistoryQuestion, LedgerQuestion, QueryScope, SalesQuestion},
};

use super::{expressions, ledger_row::StatementPart};
use crate::{
    clock::{Clock, Piece},
    options::MySqlOptions,
    sql_literals::{Bound, IdList},
    statuses,
    store::{
        columns::ColumnType,
        schema::{ENTRIES, PURCHASES, Presence, Schema, TimeColumn},
    },
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

/// The sums of a group of purchases, over the columns of [`Text::purchase`] and `subject`.
const SUMS: &str = "COUNT(*) AS records, COUNT(DISTINCT subject) AS users, COUNT(price) AS priced, \
    SUM(quantity) AS quantity, SUM(price * quantity) AS revenue";

/// The same without distinct buyers, which do not add up over buckets.
const HISTORY_SUMS: &str = "COUNT(*) AS records, NULL AS users, COUNT(price) AS priced, \
    SUM(quantity) AS quantity, SUM(price * quantity) AS revenue";

/// The bounds `[from, to)` of a column.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Bound,
    to: Bound,
}

impl Span {
    /// The window clamped to `as_of`; `None` if that is empty.
    fn of(window: Window, scope: &QueryScope, clock: Clock) -> Option<Self> {
        let window = clamped(window, scope)?;
        Some(Self { from: clock.bound(window.from), to: clock.bound(window.to) })
    }

    fn contains(self, column: &str) -> String {
        let Self { from, to } = self;
        format!("{column} >= {from} AND {column} < {to}")
    }
}

/// The part of a window before `as_of`; `None` if that is empty.
fn clamped(window: Window, scope: &QueryScope) -> Option<Window> {
    let window = Window { to: window.to.min(scope.as_of), ..window };
    (!window.is_empty()).then_some(window)
}

/// Counting the rows whose time comes twice: a column of the rows, and its sum. Where no time of the window comes twice, the
/// rows have no such column.
#[derive(Debug)]
struct AmbiguousHour {
    column: String,
    sum: &'static str,
}

impl AmbiguousHour {
    fn of(time: &str, window: Window, scope: &QueryScope, clock: Clock) -> Self {
        let spans = clamped(window, scope).map(|window| clock.ambiguous(window.from, window.to)).unwrap_or_default();
        let times = spans.into_iter().map(|[from, to]| Span { from, to }.contains(time));
        match times.collect::<Vec<_>>().join(" OR ") {
            none if none.is_empty() => Self { column: none, sum: "NULL" },
            times => Self { column: format!(", ({times}) AS ambiguous"), sum: "COUNT(NULLIF(ambiguous, 0))" },
        }
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
        complete(parts)
    }

    /// The rows of a step in a window by class, and their distinct users if subjects are counted. Per activity, the total of
    /// a class is the row without an activity.
    fn step(&self, step: LedgerStep, part: StatementPart, window: Window, per_activity: bool) -> Option<String> {
        let (table, class, within, twice) = match step {
            LedgerStep::ApprovedEntry if self.schema.can_read_entries() => {
                let within = Span::of(window, self.scope, self.entry_clock())?.contains("created_at");
                let twice = AmbiguousHour::of("created_at", window, self.scope, self.entry_clock());
                (ENTRIES, expressions::class_of_entry(self.schema, self.options), within, twice)
            }
            LedgerStep::Purchase if self.schema.can_read_purchases() => {
                let within = self.by_index(Span::of(window, self.scope, self.purchase_clock())?);
                let class = expressions::class_of_purchase(self.schema, self.options);
                (PURCHASES, class, within, self.ambiguous_purchases(window))
            }
            LedgerStep::ApprovedEntry | LedgerStep::Purchase => return None,
        };
        let activities = self.activities(table, &self.scope.funnel_activities)?;
        let users = match self.scope.counting {
            Counting::Events => "NULL",
            Counting::Subjects => "COUNT(DISTINCT subject)",
        };
        // Grouped by an expression. Grouped by the column, a server may read all rows in the order of an index.
        let (activity, group) = match per_activity {
            true => ("activity", "class, activity WITH ROLLUP"),
            false => ("NULL AS activity", "class"),
        };
        Some(format!(
            "SELECT {part} AS part, class, {activity}, NULL AS slot, NULL AS campaign, COUNT(*) AS records, \
             {users} AS users, NULL AS priced, NULL AS quantity, NULL AS revenue, NULL AS oldest, {sum} AS ambiguous \
             FROM (SELECT {class} AS class, {of} AS activity, {subject} AS subject{column} FROM {table} \
             WHERE {activities} AND {within}) AS r GROUP BY {group}",
            column = twice.column,
            sum = twice.sum,
            part = part.number(),
            of = expressions::activity(&self.schema.columns, table),
            subject = expressions::subject(&self.schema.columns, table, &self.options.anonymous_users),
        ))
    }

    fn promotion(&self, question: &SalesQuestion) -> Option<String> {
        if !self.schema.can_read_purchases() {
            return None;
        }
        let activities = self.activities(PURCHASES, &self.scope.activities)?;
        let within = self.by_index(Span::of(question.window, self.scope, self.purchase_clock())?);
        let twice = self.ambiguous_purchases(question.window);
        Some(format!(
            "SELECT {part} AS part, class, NULL AS activity, NULL AS slot, NULL AS campaign, {SUMS}, NULL AS oldest, \
             {sum} AS ambiguous FROM (SELECT {purchase}, {subject} AS subject{column} FROM purchases \
             WHERE {activities} AND {within}) AS p GROUP BY class",
            part = StatementPart::Promotion.number(),
            column = twice.column,
            sum = twice.sum,
            purchase = self.purchase(),
            subject = self.subject(),
        ))
    }

    /// The statement by product: sales without an activity, and of each activity.
    ///
    /// No index of the platform begins with the product, so it reads the table once; with an index on (product, time,
    /// ...) it reads only its rows.
    ///
    /// Workaround: both servers choose an index that begins with the activity if they see `campaign_activity_id IS
    /// NULL` or a group by that column, which costs many times as much as reading the table once. So the expression of the
    /// activity hides the column. No public number known. Shown by `plans`. Can go once the plans there stay the same
    /// without it.
    fn by_product(&self, question: &LedgerQuestion) -> Option<String> {
        let sales = question.sales.as_ref()?;
        let products = self.products(&sales.products)?;
        let span = Span::of(sales.window, self.scope, self.purchase_clock())?;
        let (campaign, join) = match self.schema.activities.is_present() {
            true => ("a.campaign_id", " LEFT JOIN campaign_activities AS a ON a.id = g.activity"),
            false => ("NULL", ""),
        };
        let (activity, twice) = (self.activity(), self.ambiguous_purchases(sales.window));
        complete(vec![format!(
            "SELECT {part} AS part, g.class, g.activity, NULL AS slot, {campaign} AS campaign, g.records, g.users, \
             g.priced, g.quantity, g.revenue, NULL AS oldest, g.ambiguous FROM (\
             SELECT class, activity, {SUMS}, {sum} AS ambiguous FROM (\
             SELECT {activity} AS activity, CASE WHEN {activity} = -1 THEN {subject} END AS subject, {purchase}{column} \
             FROM purchases WHERE {products} AND {within}) AS p GROUP BY class, activity) AS g{join}",
            part = StatementPart::Sales.number(),
            column = twice.column,
            sum = twice.sum,
            subject = self.subject(),
            purchase = self.purchase(),
            within = span.contains("purchase_at"),
        )])
    }

    /// The statement for a history: purchases without an activity per bucket, and the time of the oldest purchase.
    /// Finds the purchases as [`by_product`](Self::by_product), and the oldest one by jumps in
    /// `idx_purchase_activity_lookup`.
    fn history(&self, question: &LedgerQuestion) -> Option<String> {
        let history = question.history.as_ref()?;
        let products = self.products(&history.products)?;
        let oldest = oldest(self.schema.has_purchase_type);
        let Some(window) = clamped(history.window, self.scope) else { return complete(vec![oldest]) };
        let span = Span::of(window, self.scope, self.purchase_clock())?;
        let twice = self.ambiguous_purchases(window);
        let buckets = format!(
            "SELECT {part} AS part, class, NULL AS activity, slot, NULL AS campaign, {HISTORY_SUMS}, NULL AS oldest, \
             {sum} AS ambiguous FROM (SELECT {slot} AS slot, {purchase}{column} \
             FROM purchases WHERE {products} AND {within} AND {activity} = -1) AS p GROUP BY class, slot",
            part = StatementPart::History.number(),
            column = twice.column,
            sum = twice.sum,
            slot = self.slot(history, window),
            purchase = self.purchase(),
            within = span.contains("purchase_at"),
            activity = self.activity(),
        );
        complete(vec![buckets, oldest])
    }

    /// The number of the bucket of a purchase. Where the clock changes within the window, each piece with one offset has a
    /// base of its own.
    fn slot(&self, history: &HistoryQuestion, window: Window) -> String {
        let pieces = self.purchase_clock().pieces(window.from, window.to);
        let time = |piece: &Piece| match piece.first_shown > piece.from {
            // Times that the clock skipped count at the change.
            true => format!("GREATEST(purchase_at, {})", piece.first_shown),
            false => "purchase_at".to_owned(),
        };
        let since = |piece: &Piece| format!("TIMESTAMPDIFF(MICROSECOND, {}, {})", piece.base, time(piece));
        let length = history.bucket.as_micros().max(1);
        let micros = match &pieces[..] {
            [] => "NULL".to_owned(),
            [whole] => since(whole),
            [first, later @ ..] => {
                let mut sql = "(CASE".to_owned();
                for piece in later.iter().rev() {
                    sql.push_str(&format!(" WHEN purchase_at >= {} THEN {}", piece.from, since(piece)));
                }
                format!("{sql} ELSE {} END)", since(first))
            }
        };
        format!("{micros} DIV {length}")
    }

    /// `None` without activities.
    fn activities(&self, table: &'static str, activities: &[ActivityId]) -> Option<IdList> {
        let ids = activities.iter().map(|activity| activity.0);
        (!activities.is_empty())
            .then(|| expressions::id_is_one_of(&self.schema.columns, table, "campaign_activity_id", ids))
    }

    /// `None` without products, or if purchases cannot be read.
    fn products(&self, products: &[ProductId]) -> Option<IdList> {
        let ids = products.iter().map(|product| product.0);
        let can_read = !products.is_empty() && self.schema.can_read_purchases();
        can_read.then(|| expressions::id_is_one_of(&self.schema.columns, PURCHASES, "product_id", ids))
    }

    /// The condition for purchases in the span that an index by activity finds, with a status and without.
    fn by_index(&self, span: Span) -> String {
        match self.schema.status.is_present() {
            true => self.any_status(span),
            false => self.any_type(span),
        }
    }

    /// The condition for purchases of any status in the span. It lists the names of statuses, since in the index the status
    /// precedes the time. Purchases of other statuses are a second half of the condition, whose time is hidden from the
    /// optimiser: it would else merge both halves into one without a status.
    fn any_status(&self, span: Span) -> String {
        let within = span.contains("purchase_at");
        let is_text = matches!(self.schema.columns.type_of(PURCHASES, "status"), None | Some(ColumnType::Text));
        let Some(names) = statuses::all_names(&self.options.purchase_statuses).filter(|_| is_text) else {
            return within;
        };
        let others = span.contains("COALESCE(purchase_at)");
        format!("(status IN ({names}) AND {within} OR (status NOT IN ({names}) OR status IS NULL) AND {others})")
    }

    /// The condition for purchases of any type in the span. It lists the platform's two types, as
    /// [`any_status`](Self::any_status) lists statuses.
    fn any_type(&self, span: Span) -> String {
        const TYPES: &str = "('CAMPAIGNACTIVITY', 'SHOP')";
        let within = span.contains("purchase_at");
        let is_text = matches!(self.schema.columns.type_of(PURCHASES, "purchase_type"), None | Some(ColumnType::Text));
        if !self.schema.has_purchase_type || !is_text {
            return within;
        }
        let others = span.contains("COALESCE(purchase_at)");
        format!(
            "(purchase_type IN {TYPES} AND {within} \
             OR (purchase_type NOT IN {TYPES} OR purchase_type IS NULL) AND {others})"
        )
    }

    /// The columns of a purchase that the sums need.
    fn purchase(&self) -> String {
        format!(
            "{class} AS class, {price} AS price, {quantity} AS quantity",
            class = expressions::class_of_purchase(self.schema, self.options),
            price = expressions::price(&self.schema.columns),
            quantity = expressions::quantity(&self.schema.columns),
        )
    }

    fn ambiguous_purchases(&self, window: Window) -> AmbiguousHour {
        AmbiguousHour::of("purchase_at", window, self.scope, self.purchase_clock())
    }

    fn activity(&self) -> String {
        expressions::activity(&self.schema.columns, PURCHASES)
    }

    fn subject(&self) -> String {
        expressions::subject(&self.schema.columns, PURCHASES, &self.options.anonymous_users)
    }

    /// The clock of `purchases.purchase_at`.
    fn purchase_clock(&self) -> Clock {
        self.schema.clock(TimeColumn::Purchase, self.options.purchase)
    }

    /// The clock of `campaign_activity_entries.created_at`.
    fn entry_clock(&self) -> Clock {
        self.schema.clock(TimeColumn::EntryCreated, self.options.created)
    }
}

impl Schema {
    /// Whether purchases can be read, and it is known which of them count.
    pub(super) fn can_read_purchases(&self) -> bool {
        self.purchases.is_present() && !matches!(self.status, Presence::Refused(_)) && self.columns.can_read(PURCHASES)
    }

    pub(super) fn can_read_entries(&self) -> bool {
        self.entries.is_present() && self.columns.can_read(ENTRIES)
    }
}

/// The statement of these parts, and of a last row that proves that the reply is complete; `None` without parts.
fn complete(mut parts: Vec<String>) -> Option<String> {
    if parts.is_empty() {
        return None;
    }
    parts.push(format!(
        "SELECT {} AS part, NULL AS class, NULL AS activity, NULL AS slot, NULL AS campaign, 0 AS records, NULL AS users, \
         NULL AS priced, NULL AS quantity, NULL AS revenue, NULL AS oldest, NULL AS ambiguous",
        StatementPart::End.number()
    ));
    Some(parts.join(" UNION ALL "))
}

/// The part for the oldest purchase of all. It jumps in the index once per activity and type, instead of reading each
/// purchase. A zero date is no time.
fn oldest(has_purchase_type: bool) -> String {
    const FIRST: &str = "TIMESTAMP'1000-01-01 00:00:00'";
    let kind = if has_purchase_type { ", purchase_type" } else { "" };
    format!(
        "SELECT {part} AS part, NULL AS class, NULL AS activity, NULL AS slot, NULL AS campaign, 0 AS records, \
         NULL AS users, NULL AS priced, NULL AS quantity, NULL AS revenue, MIN(oldest) AS oldest, \
         NULL AS ambiguous FROM (\
         SELECT MIN(purchase_at) AS oldest FROM purchases WHERE purchase_at >= {FIRST} GROUP BY campaign_activity_id{kind}) AS o",
        part = StatementPart::Oldest.number()
    )
}
