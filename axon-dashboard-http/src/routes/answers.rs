//! The dashboard of a campaign and of an activity.

use std::sync::Arc;

use axon_metrics::{
    ActivityId, CampaignId, DashboardAnswer, DashboardRequest, Mode, Timestamp, Widget,
    request::{Level, RequestText},
};
use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, Uri},
    response::Response,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::App,
    hot_path::{compress, respond},
    openapi::{NoSuchScope, NotModified, Problems},
    problem::Problem,
    query::Parameters,
};

/// The parameters of an answer. The core parses them (`RequestText`); this type only documents them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the OpenAPI document uses it")]
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
    /// The key of the funnel that the widget `funnel` counts; the plan's, `fcfs`, if absent. Only with that widget. Every other
    /// figure stays of `fcfs`. `definitions` lists the funnels.
    #[param(example = "fcfs")]
    funnel: Option<String>,
}

#[derive(ToSchema)]
#[schema(default = json!("7d"))]
#[expect(dead_code, reason = "only the OpenAPI document uses it")]
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
#[expect(dead_code, reason = "only the OpenAPI document uses it")]
enum CompareWord {
    Previous,
}

// Read by name, since the path of a host that nests the router may have parameters, too.
#[derive(Deserialize)]
pub(super) struct CampaignPath {
    #[serde(rename = "campaignId")]
    pub(super) id: String,
}

#[derive(Deserialize)]
pub(super) struct ActivityPath {
    #[serde(rename = "activityId")]
    pub(super) id: String,
}

/// The dashboard of a campaign: the union of its activities.
#[utoipa::path(
    get, path = "/api/v1/dashboard/campaign/{campaignId}", tag = "dashboard", operation_id = "campaign",
    params(("campaignId" = CampaignId, Path, description = "The campaign."), AnswerParameters),
    responses((status = 200, description = "What was asked, as far as it could be had.", body = DashboardAnswer,
        headers(("ETag" = String, description = "Equal while the content of the answer is equal, at whatever time it is asked for.")),
    ), NotModified, Problems, NoSuchScope)
)]
pub(super) async fn campaign(
    State(app): State<App>,
    path: Result<Path<CampaignPath>, PathRejection>,
    parameters: Parameters,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // An id that is not UTF-8 becomes an empty one, which is reported together with all other faults.
    let id = path.map(|Path(path)| path.id).unwrap_or_default();
    answer(&app, Level::Campaign, &id, &parameters, &uri, &headers).await
}

/// The dashboard of one activity.
#[utoipa::path(
    get, path = "/api/v1/dashboard/activity/{activityId}", tag = "dashboard", operation_id = "activity",
    params(("activityId" = ActivityId, Path, description = "The activity."), AnswerParameters),
    responses((status = 200, description = "What was asked, as far as it could be had.", body = DashboardAnswer,
        headers(("ETag" = String, description = "Equal while the content of the answer is equal, at whatever time it is asked for.")),
    ), NotModified, Problems, NoSuchScope)
)]
pub(super) async fn activity(
    State(app): State<App>,
    path: Result<Path<ActivityPath>, PathRejection>,
    parameters: Parameters,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = path.map(|Path(path)| path.id).unwrap_or_default();
    answer(&app, Level::Activity, &id, &parameters, &uri, &headers).await
}

async fn answer(
    app: &App,
    level: Level,
    id: &str,
    parameters: &Parameters,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let now = app.now();
    let request = Arc::new(read(app, level, id, parameters, now)?);
    app.urls().insert(uri, &request);
    let lookup = app.responses().get_or_load(&request, now).await?;
    match respond(&lookup, headers) {
        Ok(response) => Ok(response),
        Err(coding) => Ok(compress(app, &request, &lookup, coding).await),
    }
}

/// The request in its normal form. Requests with the same meaning have the same normal form.
pub(super) fn read(
    app: &App,
    level: Level,
    id: &str,
    parameters: &Parameters,
    now: Timestamp,
) -> Result<DashboardRequest, Problem> {
    let dashboard = app.dashboard();
    let text = RequestText::new(level, id, &parameters.0);
    let request = text.parse(dashboard.request_rules(), now)?;
    Ok(request.mode_or(dashboard.default_mode()))
}
