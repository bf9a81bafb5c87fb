//! The dashboard of a campaign and of an activity.

use axon_metrics::{
    ActivityId, CampaignId, DashboardAnswer, Mode, Widget,
    request::{Level, RequestText},
};
use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::App,
    openapi::{NoSuchScope, Problems},
    problem::Problem,
    query::Parameters,
    reply,
};

/// What may be asked; read by the core (`RequestText`), named here for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the document is made of it")]
pub(super) struct AnswerParameters {
    /// The widgets wanted, as a comma-separated list. `activities` can only be asked of a campaign.
    #[param(explode = false, style = Form, example = json!(["overview", "funnel", "realtime"]),
        default = json!(["overview", "funnel", "comparison", "realtime"]))]
    widgets: Option<Vec<Widget>>,
    /// The range: today, today and the days before in the business zone, or from `startDate` to `endDate`. Without it, dates
    /// are a custom range.
    #[param(inline)]
    period: Option<PeriodWord>,
    /// The start of a custom range: a date of the business zone, a local date-time in it, or an RFC 3339 instant. Beside
    /// another period it must be well-formed and is not used.
    #[param(rename = "startDate", example = "2024-11-06")]
    start_date: Option<String>,
    /// The end of a custom range, as `startDate`; a date includes that day.
    #[param(rename = "endDate", example = "2024-11-12")]
    end_date: Option<String>,
    /// How the funnel counts; the server's own mode if absent. `unique_intersect` and `unique_ordered` are not supported yet.
    mode: Option<Mode>,
    /// Compare overview and funnel with the window before.
    #[param(inline)]
    compare: Option<CompareWord>,
}

#[derive(ToSchema)]
#[schema(default = json!("7d"))]
#[expect(dead_code, reason = "only the document is made of it")]
enum PeriodWord {
    #[schema(rename = "1d")]
    Today,
    #[schema(rename = "7d")]
    Last7Days,
    #[schema(rename = "30d")]
    Last30Days,
    #[schema(rename = "custom")]
    Custom,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only the document is made of it")]
enum CompareWord {
    Previous,
}

// By name, since a host's own path may have parameters, too.
#[derive(Deserialize)]
pub(super) struct CampaignPath {
    #[serde(rename = "campaignId")]
    id: String,
}

#[derive(Deserialize)]
pub(super) struct ActivityPath {
    #[serde(rename = "activityId")]
    id: String,
}

/// The dashboard of a campaign: the union of its activities.
#[utoipa::path(
    get, path = "/api/v1/dashboard/campaign/{campaignId}", tag = "dashboard", operation_id = "campaign",
    params(("campaignId" = CampaignId, Path, description = "The campaign."), AnswerParameters),
    responses((status = 200, description = "What was asked, as far as it could be had.", body = DashboardAnswer),
        Problems, NoSuchScope)
)]
pub(super) async fn campaign(
    State(app): State<App>,
    path: Result<Path<CampaignPath>, PathRejection>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    // An id that is no UTF-8 is no id: it is reported with whatever else is wrong.
    let id = path.map(|Path(path)| path.id).unwrap_or_default();
    answer(&app, Level::Campaign, &id, &parameters).await
}

/// The dashboard of one activity.
#[utoipa::path(
    get, path = "/api/v1/dashboard/activity/{activityId}", tag = "dashboard", operation_id = "activity",
    params(("activityId" = ActivityId, Path, description = "The activity."), AnswerParameters),
    responses((status = 200, description = "What was asked, as far as it could be had.", body = DashboardAnswer),
        Problems, NoSuchScope)
)]
pub(super) async fn activity(
    State(app): State<App>,
    path: Result<Path<ActivityPath>, PathRejection>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let id = path.map(|Path(path)| path.id).unwrap_or_default();
    answer(&app, Level::Activity, &id, &parameters).await
}

async fn answer(app: &App, level: Level, id: &str, parameters: &Parameters) -> Result<Response, Problem> {
    let (dashboard, now) = (&app.dashboard, app.now());
    let text = RequestText { level, id, parameters: &parameters.0 };
    let request = text.parse(dashboard.default_mode(), now, dashboard.zone())?;
    let answer = dashboard.answer(&request, now).await?;
    let mut response = reply::json(StatusCode::OK, reply::NO_CACHE, &answer)?;
    reply::add_source_times(response.headers_mut(), &answer.sources);
    Ok(response)
}
