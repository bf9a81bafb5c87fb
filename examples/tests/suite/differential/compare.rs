//! Comparison of two answers to one request: that of the real stores must equal that of the embedded store, except for
//! figures that the stores report as not measured or estimated.

use axon_metrics::{
    Mode, Precision, Reason, Widget,
    answer::{DashboardAnswer, SourceKind, WidgetState},
    widget::{MissingDetail, MissingReason, OverviewFigures, Trend, Warning, WarningCode},
};

/// The figures that the layout of the real stores does not support.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unsupported {
    /// The users who were active in the last five minutes.
    pub(crate) active: bool,
    /// The status of purchases.
    pub(crate) status: bool,
}

/// Panics if the real answer differs from the exact one.
pub(crate) fn same(mut real: DashboardAnswer, mut exact: DashboardAnswer, unsupported: Unsupported, what: &str) {
    for (widget, state) in &real.widgets {
        let expected = &exact.widgets[widget];
        let what = format!("{what}: {widget:?} {:?}, {:?}", state.missing, state.warnings);
        assert_eq!(state.status, expected.status, "{what}, the embedded store {:?}", expected.warnings);
    }
    assert_eq!((real.range.from, real.range.to), (exact.range.from, exact.range.to), "{what}");
    if unsupported.active && real.data.realtime.is_some() {
        not_measured(&real, Widget::Realtime, "activeUsers", Reason::TimeResolution, what);
        clear_active(&mut exact);
    }
    if let Some(exact) = exact.data.comparison.as_ref().filter(|_| unsupported.status) {
        not_measured(&real, Widget::Comparison, "promotion.cancelled", Reason::NoStatus, what);
        // Without products the shop's figures are missing for another reason.
        if exact.regular.cancelled.is_some() {
            not_measured(&real, Widget::Comparison, "regular.cancelled", Reason::NoStatus, what);
        }
    }
    if unsupported.status {
        clear_cancelled(&mut exact);
    }
    same_notes(&real, &exact, unsupported, what);
    if unsupported.active {
        compare_coarse_trend(&mut real, &exact, what);
    }
    let within = stated_error(&real);
    let counted = real.data.overview.as_ref().is_some_and(|overview| overview.totals.total_visits.is_some());
    assert!(
        within.is_some() || real.mode == Mode::Count || !counted,
        "{what}: the answer states no error of its counts of users"
    );
    compare_users(&mut real, &mut exact, within.unwrap_or(0.0), what);
    assert_eq!(real.data, exact.data, "{what}");
}

/// Compares missing figures, their reasons and warnings, except for unsupported figures and warnings of lag and precision of
/// times.
fn same_notes(real: &DashboardAnswer, exact: &DashboardAnswer, unsupported: Unsupported, what: &str) {
    let is_unsupported = |field: &str| {
        unsupported.active && field == "activeUsers" || unsupported.status && field.ends_with("cancelled")
    };
    for (widget, state) in &real.widgets {
        let missing = |state: &WidgetState| {
            let actual = state.missing.iter().filter(|missing| !is_unsupported(&missing.field));
            actual.map(|missing| (missing.field.clone(), missing.reason, missing.detail.clone())).collect::<Vec<_>>()
        };
        let warnings = |state: &WidgetState| {
            let own =
                |warning: &&Warning| !matches!(warning.code, WarningCode::AssumedLag | WarningCode::TimeResolution);
            state.warnings.iter().filter(own).map(|warning| (warning.code, warning.field.clone())).collect::<Vec<_>>()
        };
        let (actual, expected) = (state, &exact.widgets[widget]);
        assert_eq!(missing(actual), missing(expected), "{what}: {widget:?}");
        assert_eq!(warnings(actual), warnings(expected), "{what}: {widget:?}");
    }
}

fn not_measured(answer: &DashboardAnswer, widget: Widget, field: &str, reason: Reason, what: &str) {
    let actual = answer.widgets[&widget].missing.iter().find(|missing| missing.field == field);
    let actual = actual.unwrap_or_else(|| panic!("{what}: {field} is not listed as missing"));
    let detail = MissingDetail::from(reason);
    assert_eq!((actual.reason, actual.detail.as_ref()), (MissingReason::NotMeasured, Some(&detail)), "{what}: {field}");
}

/// Where times are stored in steps of two minutes, a visit beside midnight may be of either day; the sum is exact.
fn compare_coarse_trend(real: &mut DashboardAnswer, exact: &DashboardAnswer, what: &str) {
    let (Some(trend), Some(wanted)) = (&mut real.data.trend, &exact.data.trend) else { return };
    let visits = |trend: &Trend| trend.buckets.iter().map(|bucket| bucket.visits).collect::<Vec<_>>();
    let (counted, expected) = (visits(trend), visits(wanted));
    let sum = |visits: &[Option<u64>]| visits.iter().copied().sum::<Option<u64>>();
    assert_eq!(sum(&counted), sum(&expected), "{what}");
    for (bucket, wanted) in trend.buckets.iter_mut().zip(&wanted.buckets) {
        let (Some(one), Some(two)) = (bucket.visits, wanted.visits) else { continue };
        assert!(one.abs_diff(two) <= 20 + two / 100, "{what}: {one} visits on {}, not {two}", bucket.date);
        bucket.visits = wanted.visits;
    }
}

fn clear_active(answer: &mut DashboardAnswer) {
    if let Some(realtime) = &mut answer.data.realtime {
        realtime.active_users = None;
    }
}

fn clear_cancelled(answer: &mut DashboardAnswer) {
    if let Some(comparison) = &mut answer.data.comparison {
        comparison.promotion.cancelled = None;
        comparison.regular.cancelled = None;
    }
}

/// The largest relative error that the answer states of its counts of users; `None` for exact ones.
fn stated_error(answer: &DashboardAnswer) -> Option<f64> {
    let behavior = answer.sources.iter().find(|source| source.kind == SourceKind::Behavior)?;
    match behavior.precision? {
        Precision::Exact => None,
        Precision::Within { parts_per_million } => Some(f64::from(parts_per_million) / 1e6),
        other => panic!("{other:?}"),
    }
}

/// Compares counts of users within the stated error. Sets those that pass to the exact ones, and so rates, which follow from
/// them.
fn compare_users(real: &mut DashboardAnswer, exact: &mut DashboardAnswer, within: f64, what: &str) {
    let close = |real: &mut Option<u64>, exact: Option<u64>| {
        if let (Some(actual), Some(counted)) = (*real, exact) {
            #[expect(clippy::cast_precision_loss, reason = "counts of users")]
            let (off, most) = (actual.abs_diff(counted) as f64, counted as f64 * within);
            assert!(off <= most, "{what}: {actual} is more than {within} off {counted}");
            *real = exact;
        }
    };
    if let (Some(real), Some(exact)) = (&mut real.data.realtime, &exact.data.realtime) {
        close(&mut real.active_users, exact.active_users);
    }
    if real.mode == Mode::Count {
        return;
    }
    let totals = |real: &mut OverviewFigures, exact: &OverviewFigures| {
        close(&mut real.total_visits, exact.total_visits);
        close(&mut real.total_participants, exact.total_participants);
        close(&mut real.approved_count, exact.approved_count);
        close(&mut real.purchase_count, exact.purchase_count);
        real.conversion_rate = exact.conversion_rate;
    };
    if let (Some(real), Some(exact)) = (&mut real.data.overview, &exact.data.overview) {
        totals(&mut real.totals, &exact.totals);
        if let (Some(real), Some(exact)) = (&mut real.previous, &exact.previous) {
            totals(real, exact);
        }
        real.change = exact.change.clone();
    }
    if let (Some(real), Some(exact)) = (&mut real.data.funnel, &exact.data.funnel) {
        for (real, exact) in real.steps.iter_mut().zip(&exact.steps) {
            close(&mut real.value, exact.value);
            (real.rate, real.rate_from_first) = (exact.rate, exact.rate_from_first);
            if let (Some(real), Some(exact)) = (&mut real.previous, &exact.previous) {
                close(&mut real.value, exact.value);
                real.rate = exact.rate;
            }
        }
    }
}
