//! The figures of an answer by their keys: a value, or the reason why there is none. The accessors are rows of
//! `vocabulary/figure_table`, so a key without an accessor does not compile.

use std::borrow::Cow;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Serialize;

use super::{answer::DashboardAnswer, missing::MissingFigure};
use crate::{
    stats::rate::Exact,
    vocabulary::{ActivityId, FigureKey, Timestamp, Unit, figure_table},
    widget::{
        ActivityRow, Amount, Comparison, Data, Funnel, FunnelStep, InflowBucket, OtherPromotion, Overview, Realtime,
        Trend, TrendBucket, Widget,
    },
};

/// A figure of an answer: its value, or why there is none.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Figure<'a> {
    /// Which figure. Names, formulas and unit are methods of the key.
    pub key: FigureKey,
    /// Which one of a list; [`At::Whole`] outside of lists.
    pub at: At<'a>,
    /// Its path in the answer's `data` (`funnel.steps[3].value`). An activity is given by its id, not by its index
    /// (`activities[789].remainingStock`). The path of the key if the answer has no such figure.
    pub path: Cow<'static, str>,
    /// The value, or why there is none.
    pub value: Result<FigureValue, NoFigure<'a>>,
}

impl Figure<'_> {
    /// What the value is counted in.
    pub fn unit(&self) -> Unit {
        self.key.unit()
    }
}

/// Which one of the figures that share a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum At<'a> {
    /// The only one: a figure that is in no list.
    Whole,
    /// That of the funnel's step with this key (`purchase`).
    Step(&'a str),
    /// That of this activity.
    Activity(ActivityId),
    /// That of the clock hour that starts at this instant.
    Hour(Timestamp),
    /// That of this day of the business zone.
    Day(NaiveDate),
    /// The change of this total, one of those of the overview.
    Total(FigureKey),
}

/// The value of a figure. Serializes as in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum FigureValue {
    /// A whole number, in the figure's unit.
    Count(u64),
    /// An expected number, in the figure's unit, with decimals.
    Number(Exact),
    /// Percent: 45.9, not 0.459.
    Percent(Exact),
    /// Money in the comparison's currency.
    Money(Amount),
    /// An instant.
    Instant(Timestamp),
}

impl FigureValue {
    /// The whole number; `None` for other values.
    pub fn count(self) -> Option<u64> {
        match self {
            Self::Count(count) => Some(count),
            _ => None,
        }
    }

    /// The value as an exact decimal; `None` for an instant.
    pub fn decimal(self) -> Option<Decimal> {
        match self {
            Self::Count(count) => Some(count.into()),
            Self::Number(exact) | Self::Percent(exact) => Some(exact.value()),
            Self::Money(amount) => Some(amount.0),
            Self::Instant(_) => None,
        }
    }
}

/// Why an answer has no value for a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoFigure<'a> {
    /// Its widget was not requested; or, for a change, no previous window was requested.
    #[error("the figure was not asked for")]
    NotAsked,
    /// The answer lists no such step, activity or hour, or the figure needs another variant of [`At`].
    #[error("the answer lists no such figure")]
    NotListed,
    /// It is null, for this reason. For a list that is null it is the reason of the list.
    #[error("{}", .0.message)]
    Missing(&'a MissingFigure),
    /// It is null without a reason. Answers of this version have no such figure.
    #[error("the figure is null without a reason")]
    Unexplained,
}

impl DashboardAnswer {
    /// A figure that is in no list.
    /// ```
    /// # use axon_metrics::{DashboardAnswer, answer::NoFigure, definitions::FigureKey};
    /// # fn show(answer: &DashboardAnswer) {
    /// let rate = answer.figure(FigureKey::ConversionRate);
    /// match rate.value {
    ///     Ok(value) => println!("{}: {:?} {:?}", rate.key.en(), value.decimal(), rate.unit()),
    ///     Err(NoFigure::Missing(missing)) => println!("{}: {:?}", rate.key.en(), missing.reason),
    ///     Err(why) => println!("{}: {why}", rate.key.en()),
    /// }
    /// # }
    /// ```
    pub fn figure(&self, key: FigureKey) -> Figure<'_> {
        self.figure_of(key, At::Whole)
    }

    /// One figure of a list: `answer.figure_of(FigureKey::StepValue, At::Step("purchase"))`.
    pub fn figure_of<'a>(&'a self, key: FigureKey, at: At<'a>) -> Figure<'a> {
        match cells(key, &self.data) {
            Cells::NotAsked => no_figure(key, at, NoFigure::NotAsked),
            Cells::Null => no_figure(key, at, self.missing(key, list_path(key))),
            Cells::Listed(cells) => match cells.into_iter().find(|cell| cell.at == at) {
                Some(cell) => self.of_cell(key, cell),
                None => no_figure(key, at, NoFigure::NotListed),
            },
        }
    }

    /// All figures of a key, in the answer's order: one outside of lists, else one per item of the list. Empty for an
    /// empty list.
    /// # Errors
    /// [`NoFigure::NotAsked`] if the key's widget was not asked for, [`NoFigure::Missing`] if the whole list is null.
    pub fn figures_of(&self, key: FigureKey) -> Result<Vec<Figure<'_>>, NoFigure<'_>> {
        match cells(key, &self.data) {
            Cells::NotAsked => Err(NoFigure::NotAsked),
            Cells::Null => Err(self.missing(key, list_path(key))),
            Cells::Listed(cells) => Ok(cells.into_iter().map(|cell| self.of_cell(key, cell)).collect()),
        }
    }

    fn of_cell<'a>(&'a self, key: FigureKey, cell: Cell<'a>) -> Figure<'a> {
        let path = path(key, &cell);
        let value = cell.value.ok_or_else(|| self.missing(key, &path));
        Figure { key, at: cell.at, path, value }
    }

    /// Why the value at this path in `data` is null.
    fn missing(&self, key: FigureKey, path: &str) -> NoFigure<'_> {
        let widget = key.widget();
        // The widget `activities` is itself a list: its paths in the widget have the same prefix as those in `data`.
        let field = path.strip_prefix(widget.name()).and_then(|rest| rest.strip_prefix('.')).unwrap_or(path);
        let mut missing = self.widgets.get(&widget).into_iter().flat_map(|state| &state.missing);
        missing.find(|missing| missing.field == field).map_or(NoFigure::Unexplained, NoFigure::Missing)
    }
}

fn no_figure<'a>(key: FigureKey, at: At<'a>, why: NoFigure<'a>) -> Figure<'a> {
    Figure { key, at, path: key.path().into(), value: Err(why) }
}

/// The figures of a key in a widget.
enum Cells<'a> {
    NotAsked,
    /// The whole list is null.
    Null,
    Listed(Vec<Cell<'a>>),
}

/// One figure, null or not.
struct Cell<'a> {
    at: At<'a>,
    /// Its index in the list.
    index: usize,
    value: Option<FigureValue>,
}

/// The path of a figure in `data`.
fn path(key: FigureKey, cell: &Cell<'_>) -> Cow<'static, str> {
    let with_index = |index: u64| Cow::Owned(key.path().replacen("[]", &format!("[{index}]"), 1));
    match cell.at {
        At::Whole => key.path().into(),
        At::Step(_) | At::Hour(_) | At::Day(_) => with_index(cell.index as u64),
        At::Activity(id) => with_index(id.0),
        At::Total(total) => {
            let name = total.path().rsplit('.').next().unwrap_or_default();
            format!("{}.{name}", key.path()).into()
        }
    }
}

/// The path of the list that a figure is in.
fn list_path(key: FigureKey) -> &'static str {
    key.path().split_once("[]").map_or(key.path(), |(list, _)| list)
}

macro_rules! accessors {
    ($($widget:ident($data:ident) {
        $($key:ident = $path:literal { $($definition:tt)* } => $read:expr,)*
    })*) => {
        impl FigureKey {
            /// The widget it belongs to.
            pub fn widget(self) -> Widget {
                match self { $($(Self::$key => Widget::$widget,)*)* }
            }
        }

        fn cells(key: FigureKey, data: &Data) -> Cells<'_> {
            use FigureValue::{Count, Instant, Money, Number, Percent};
            match key { $($(FigureKey::$key => data.$data.as_ref().map_or(Cells::NotAsked, $read),)*)* }
        }
    };
}

figure_table!(accessors);

fn one<'a>(value: Option<FigureValue>) -> Cells<'a> {
    Cells::Listed(vec![Cell { at: At::Whole, index: 0, value }])
}

fn list_cells<'a, T>(items: &'a [T], at: fn(&'a T) -> At<'a>, value: fn(&T) -> Option<FigureValue>) -> Cells<'a> {
    let cell = |(index, item): (usize, &'a T)| Cell { at: at(item), index, value: value(item) };
    Cells::Listed(items.iter().enumerate().map(cell).collect())
}

fn steps(funnel: &Funnel, value: fn(&FunnelStep) -> Option<FigureValue>) -> Cells<'_> {
    list_cells(&funnel.steps, |step| At::Step(&step.key), value)
}

fn activities(rows: &[ActivityRow], value: fn(&ActivityRow) -> Option<FigureValue>) -> Cells<'_> {
    list_cells(rows, |row| At::Activity(row.activity_id), value)
}

fn hours(realtime: &Realtime, value: fn(&InflowBucket) -> Option<FigureValue>) -> Cells<'_> {
    let hours = realtime.hourly_inflow.as_deref();
    hours.map_or(Cells::Null, |hours| list_cells(hours, |hour| At::Hour(hour.from), value))
}

fn days(trend: &Trend, value: fn(&TrendBucket) -> Option<FigureValue>) -> Cells<'_> {
    list_cells(&trend.buckets, |day| At::Day(day.date), value)
}

fn other_promotions(comparison: &Comparison, value: fn(&OtherPromotion) -> Option<FigureValue>) -> Cells<'_> {
    let others = comparison.other_promotions.as_deref();
    others.map_or(Cells::Null, |others| list_cells(others, |other| At::Activity(other.activity_id), value))
}

/// The change of each total; [`Cells::NotAsked`] without a previous window.
fn changes(overview: &Overview) -> Cells<'_> {
    let Some(change) = &overview.change else { return Cells::NotAsked };
    let changes = [
        (FigureKey::TotalVisits, change.total_visits),
        (FigureKey::TotalParticipants, change.total_participants),
        (FigureKey::ApprovedCount, change.approved_count),
        (FigureKey::PurchaseCount, change.purchase_count),
        (FigureKey::ConversionRate, change.conversion_rate),
    ];
    let cell = |(index, (total, change)): (usize, (FigureKey, Option<Exact>))| Cell {
        at: At::Total(total),
        index,
        value: change.map(FigureValue::Percent),
    };
    Cells::Listed(changes.into_iter().enumerate().map(cell).collect())
}
