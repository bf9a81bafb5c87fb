//! Every figure of an answer: key, names and formula in Korean and English, unit, and where it comes from. The rows are
//! in `figure_table`; their values are read by `wire/figure`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    figure_table::figure_table, funnel_definition::FunnelDefinition, left_out_reason::LeftOutReason,
    source_kind::SourceKind, steps::Step,
};

/// What one figure means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Definition {
    /// The figure's path in the answer's `data` (`overview.conversionRate`).
    pub key: String,
    /// Its Korean name.
    pub ko: String,
    /// Its English name.
    pub en: String,
    /// How it is computed, in Korean.
    pub formula_ko: String,
    /// How it is computed, in English.
    pub formula_en: String,
    /// What it is counted in.
    pub unit: Unit,
    /// The stores it comes from, by name, joined by commas.
    pub source: String,
}

/// The catalogue of figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Definitions {
    /// One entry per figure of an answer.
    pub definitions: Vec<Definition>,
    /// The funnels that can be chosen for the widget `funnel`, the plan's first.
    pub funnels: Vec<FunnelEntry>,
    /// The reasons for which records are left out of figures.
    #[serde(default, rename = "leftOutReasons")]
    pub left_out_reasons: Vec<LeftOutEntry>,
}

/// A funnel that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FunnelEntry {
    /// Its key, as in `funnel=`.
    pub key: String,
    /// Its Korean name.
    pub ko: String,
    /// Its English name.
    pub en: String,
    /// Its steps, in their order.
    pub steps: Vec<StepEntry>,
}

/// A step of a funnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct StepEntry {
    /// Its stable key.
    pub key: String,
    /// Its Korean name.
    pub ko: String,
    /// Its English name.
    pub en: String,
    /// The store that counts it, by name.
    pub source: String,
}

/// A reason for which records are left out of figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct LeftOutEntry {
    /// Its code.
    pub reason: LeftOutReason,
    /// What it means, in Korean.
    pub ko: String,
    /// What it means, in English.
    pub en: String,
}

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unit {
    /// Events in mode `count`, distinct subjects in the other modes.
    CountOfMode,
    /// Events.
    Events,
    /// Distinct subjects.
    Subjects,
    /// Percent.
    Percent,
    /// Orders.
    Orders,
    /// Units sold.
    Units,
    /// Money in the answer's currency.
    Money,
    /// Distinct users.
    Users,
    /// Slots.
    Slots,
    /// Weeks.
    Weeks,
    /// An instant.
    Instant,
}

/// Where a figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The sources of these steps, by their keys.
    Steps(&'static [&'static str]),
    /// The sources of all steps of the funnel.
    AllSteps,
    /// The source of this kind.
    Source(SourceKind),
}

/// One row of the figure table.
struct Row {
    path: &'static str,
    ko: &'static str,
    en: &'static str,
    formula_ko: &'static str,
    formula_en: &'static str,
    unit: Unit,
    origin: Origin,
}

macro_rules! keys {
    ($($widget:ident($data:ident) {
        $($key:ident = $path:literal {
            ko: $ko:literal,
            en: $en:literal,
            formula_ko: $formula_ko:literal,
            formula_en: $formula_en:literal,
            unit: $unit:ident,
            origin: $origin:expr,
        } => $read:expr,)*
    })*) => {
        /// A figure of an answer, by name. Its value is read by
        /// [`DashboardAnswer::figure`](crate::DashboardAnswer::figure).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum FigureKey {
            $($(
                #[doc = concat!("`", $path, "`. ", $en, ": ", $formula_en, ".")]
                $key,
            )*)*
        }

        impl FigureKey {
            /// All figures, in the catalogue's order.
            pub const ALL: [Self; [$($($path,)*)*].len()] = [$($(Self::$key,)*)*];
        }

        /// One row for each of [`FigureKey::ALL`], in that order.
        static ROWS: [Row; FigureKey::ALL.len()] = {
            use self::Origin::{AllSteps, Source, Steps};
            [$($(Row {
                path: $path,
                ko: $ko,
                en: $en,
                formula_ko: $formula_ko,
                formula_en: $formula_en,
                unit: Unit::$unit,
                origin: $origin,
            },)*)*]
        };
    };
}

figure_table!(keys);

impl FigureKey {
    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Its path in the answer's `data` (`overview.conversionRate`); `[]` stands for an index of a list
    /// (`funnel.steps[].value`).
    pub fn path(self) -> &'static str {
        self.row().path
    }

    /// Its Korean name.
    pub fn ko(self) -> &'static str {
        self.row().ko
    }

    /// Its English name.
    pub fn en(self) -> &'static str {
        self.row().en
    }

    /// How it is computed, in Korean.
    pub fn formula_ko(self) -> &'static str {
        self.row().formula_ko
    }

    /// How it is computed, in English.
    pub fn formula_en(self) -> &'static str {
        self.row().formula_en
    }

    /// What it is counted in.
    pub fn unit(self) -> Unit {
        self.row().unit
    }

    /// Where it comes from.
    pub fn origin(self) -> Origin {
        self.row().origin
    }
}

impl fmt::Display for FigureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}

impl Definitions {
    /// The whole catalogue. `source` gives the names of the stores of an origin, `store` the one that counts a step.
    pub(crate) fn new<'a>(
        source: impl Fn(Origin) -> String,
        funnels: &[FunnelDefinition],
        store: impl Fn(&Step) -> &'a str,
    ) -> Self {
        let definition = |key: FigureKey| Definition {
            key: key.path().to_owned(),
            ko: key.ko().to_owned(),
            en: key.en().to_owned(),
            formula_ko: key.formula_ko().to_owned(),
            formula_en: key.formula_en().to_owned(),
            unit: key.unit(),
            source: source(key.origin()),
        };
        let step = |step: &Step| StepEntry {
            key: step.key.to_string(),
            ko: step.ko.to_string(),
            en: step.en.to_string(),
            source: store(step).to_owned(),
        };
        let funnel = |funnel: &FunnelDefinition| FunnelEntry {
            key: funnel.key().to_owned(),
            ko: funnel.ko().to_owned(),
            en: funnel.en().to_owned(),
            steps: funnel.rules().steps().iter().map(step).collect(),
        };
        let definitions = FigureKey::ALL.map(definition).into();
        let left_out =
            |reason: LeftOutReason| LeftOutEntry { reason, ko: reason.ko().to_owned(), en: reason.en().to_owned() };
        let left_out_reasons = LeftOutReason::ALL.map(left_out).into();
        Self { definitions, funnels: funnels.iter().map(funnel).collect(), left_out_reasons }
    }
}
