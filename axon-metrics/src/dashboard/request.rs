//! A request, and its faults, all reported at once. Lives elsewhere: its form as text (`request_text`), what a period
//! means (`period`).

use std::sync::Arc;

use chrono_tz::Tz;

use crate::{
    vocabulary::{ActivityId, CampaignId, FunnelDefinition, Mode, Period, Range, RangeError, Scope, Timestamp, id},
    widget::Widget,
};

/// A request to a [`Dashboard`](crate::Dashboard): a scope, widgets, a period, a mode and a funnel. It is checked when
/// it is answered: without widgets, with an unknown funnel, or with an empty range it is a [`RequestError`].
/// ```
/// use axon_metrics::{DashboardRequest, Period, Widget};
/// let request = DashboardRequest::campaign(123).widgets([Widget::Overview, Widget::Funnel]).period(Period::Last7Days);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DashboardRequest {
    pub(crate) scope: Scope,
    pub(crate) widgets: Vec<Widget>,
    pub(crate) period: Period,
    pub(crate) mode: Option<Mode>,
    /// The key of a funnel; `None` for the plan's.
    pub(crate) funnel: Option<Arc<str>>,
    pub(crate) compare_previous: bool,
    pub(crate) dates_ignored: bool,
}

impl DashboardRequest {
    /// A request for all activities of a campaign together.
    pub fn campaign(id: impl Into<CampaignId>) -> Self {
        Self::of(Scope::Campaign(id.into()))
    }

    /// A request for one activity.
    pub fn activity(id: impl Into<ActivityId>) -> Self {
        Self::of(Scope::Activity(id.into()))
    }

    /// A request for a scope, with all else at its default.
    pub fn of(scope: Scope) -> Self {
        Self {
            scope,
            widgets: Widget::DEFAULT.to_vec(),
            period: Period::Last7Days,
            mode: None,
            funnel: None,
            compare_previous: false,
            dates_ignored: false,
        }
    }

    /// The widgets of the answer; order and repetitions do not matter. None at all is a fault. Defaults to the plan's
    /// four.
    #[must_use]
    pub fn widgets(mut self, widgets: impl IntoIterator<Item = Widget>) -> Self {
        self.widgets = widgets.into_iter().collect();
        self.widgets.sort_unstable();
        self.widgets.dedup();
        self
    }

    /// The range of the figures. Defaults to [`Period::Last7Days`].
    #[must_use]
    pub fn period(mut self, period: Period) -> Self {
        self.period = period;
        self
    }

    /// How steps are counted. Defaults to the dashboard's mode.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// The key of the funnel that the widget `funnel` counts. All other figures are of the plan's funnel, `fcfs`, which
    /// is also the default.
    #[must_use]
    pub fn funnel(mut self, key: impl Into<Arc<str>>) -> Self {
        self.funnel = Some(key.into());
        self
    }

    /// The normal form of the request: with the default mode if it names none, and without the plan's funnel, which is
    /// the default. Two requests with the same meaning have the same normal form.
    #[must_use]
    pub fn mode_or(mut self, default: Mode) -> Self {
        self.mode.get_or_insert(default);
        self.funnel = self.funnel.filter(|funnel| **funnel != *FunnelDefinition::FCFS);
        self
    }

    /// Compares overview and funnel with the previous window of the same length. Defaults to no comparison.
    #[must_use]
    pub fn compare_previous(mut self) -> Self {
        self.compare_previous = true;
        self
    }

    /// The scope of the request.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The range of the request at an instant.
    /// # Errors
    /// [`RequestError`] with every fault at once.
    pub(crate) fn check(&self, rules: &RequestRules, as_of: Timestamp) -> Result<Range, RequestError> {
        let mut faults = Vec::new();
        let (field, id) = match self.scope {
            Scope::Campaign(id) => ("campaignId", id.0),
            Scope::Activity(id) => ("activityId", id.0),
        };
        if !id::is_valid(id) {
            faults.push(Fault::new(field, FaultCode::InvalidValue, id::NotAnId.to_string()));
        }
        if self.widgets.is_empty() {
            faults.push(Fault::new("widgets", FaultCode::Missing, "at least one widget must be asked for"));
        }
        for widget in self.widgets.iter().filter(|widget| !widget.is_of(self.scope)) {
            let message = format!("{} can only be asked of a campaign", widget.name());
            faults.push(Fault::new("widgets", FaultCode::NotSupported, message));
        }
        if let Some(funnel) = &self.funnel {
            if !rules.funnels.contains(funnel) {
                let message = format!("funnel must be one of {}", rules.funnels.join(", "));
                faults.push(Fault::new("funnel", FaultCode::UnknownValue, message));
            }
            if !self.widgets.iter().any(|widget| widget.needs().funnel) {
                let message = "funnel chooses what the widget funnel counts, which is not asked for";
                faults.push(Fault::new("funnel", FaultCode::NotSupported, message));
            }
        }
        let mode = self.mode.unwrap_or(rules.mode);
        if mode.counting().is_none() {
            faults.push(Fault::new(
                "mode",
                FaultCode::NotSupported,
                format!("mode {} is not supported yet; count and unique are", mode.code()),
            ));
        }
        match self.period.resolve(as_of, rules.zone) {
            Ok(range) if faults.is_empty() => return Ok(range),
            Ok(_) => {}
            Err(error) => faults.push(range_fault(error)),
        }
        Err(RequestError { faults })
    }
}

/// The defaults of a dashboard's requests, and the funnels that they may name.
#[derive(Debug, Clone)]
pub struct RequestRules {
    pub(crate) mode: Mode,
    pub(crate) zone: Tz,
    /// The keys of the funnels, the plan's first.
    pub(crate) funnels: Vec<Arc<str>>,
}

impl RequestRules {
    /// The rules of a dashboard with the plan's funnel alone.
    pub fn new(default_mode: Mode, zone: Tz) -> Self {
        Self { mode: default_mode, zone, funnels: vec![FunnelDefinition::FCFS.into()] }
    }
}

fn range_fault(error: RangeError) -> Fault {
    let code = match error {
        RangeError::Empty => FaultCode::EmptyRange,
        RangeError::TooLong => FaultCode::RangeTooLong,
    };
    Fault::new("endDate", code, error.to_string())
}

/// Everything that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", summary(.faults))]
#[non_exhaustive]
pub struct RequestError {
    /// One entry per fault; never empty.
    pub faults: Vec<Fault>,
}

impl RequestError {
    /// An error with at least one fault, for a caller that refuses a request by itself.
    pub fn new(faults: Vec<Fault>) -> Self {
        Self { faults }
    }
}

fn summary(faults: &[Fault]) -> String {
    match faults {
        [only] => format!("1 parameter is wrong: {}", only.message),
        many => format!("{} parameters are wrong", many.len()),
    }
}

/// One thing wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The parameter.
    pub field: String,
    /// What is wrong, for programs.
    pub code: FaultCode,
    /// What is wrong, for people. Never repeats the value.
    pub message: String,
}

impl Fault {
    /// A fault of a parameter. The message must not repeat the value.
    pub fn new(field: impl Into<String>, code: FaultCode, message: impl Into<String>) -> Self {
        Self { field: field.into(), code, message: message.into() }
    }
}

/// What is wrong with a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultCode {
    /// No such parameter.
    UnknownParameter,
    /// The parameter is there more than once.
    Repeated,
    /// Needed, and not there.
    Missing,
    /// Not one of the values it can have.
    UnknownValue,
    /// Not of the form it must have.
    InvalidValue,
    /// A value that exists, but not here or not yet.
    NotSupported,
    /// The range ends where it starts, or before.
    EmptyRange,
    /// The range is too long.
    RangeTooLong,
}
