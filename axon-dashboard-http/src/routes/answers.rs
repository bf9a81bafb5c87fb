//! The dashboard of a campaign and of an activity.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axon_metrics::{
    ActivityId, CampaignId, DashboardAnswer, DashboardRequest, Mode, Timestamp, Widget,
    request::{Level, RequestText},
};
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::Response,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::App,
    encoded::{Found, Way, is_known},
    headers,
    openapi::{NoSuchScope, NotModified, Problems},
    problem::Problem,
    query::Parameters,
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
        headers(("ETag" = String, description = "The same while the answer says the same, whatever the time is.")),
    ), NotModified, Problems, NoSuchScope)
)]
pub(super) async fn campaign(
    State(app): State<App>,
    path: Result<Path<CampaignPath>, PathRejection>,
    parameters: Parameters,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // An id that is no UTF-8 is no id: it is reported with whatever else is wrong.
    let id = path.map(|Path(path)| path.id).unwrap_or_default();
    answer(&app, Level::Campaign, &id, &parameters, &uri, &headers).await
}

/// The dashboard of one activity.
#[utoipa::path(
    get, path = "/api/v1/dashboard/activity/{activityId}", tag = "dashboard", operation_id = "activity",
    params(("activityId" = ActivityId, Path, description = "The activity."), AnswerParameters),
    responses((status = 200, description = "What was asked, as far as it could be had.", body = DashboardAnswer,
        headers(("ETag" = String, description = "The same while the answer says the same, whatever the time is.")),
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
    app.texts().remember(uri, &request);
    let found = app.answers().find(&request, now).await?;
    Ok(respond(&found, headers))
}

/// The request that was meant, in the one form that equal requests have.
pub(super) fn read(
    app: &App,
    level: Level,
    id: &str,
    parameters: &Parameters,
    now: Timestamp,
) -> Result<DashboardRequest, Problem> {
    let dashboard = app.dashboard();
    let text = RequestText { level, id, parameters: &parameters.0 };
    let request = text.parse(dashboard.default_mode(), now, dashboard.zone())?;
    Ok(request.mode_or(dashboard.default_mode()))
}

/// The answer to a URL that was asked before, if it is kept, and when that was found; complete but for the request's id.
pub(crate) fn at_hand(app: &App, request: &Request) -> Option<(Response, Timestamp)> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let meant = app.texts().meaning(request.uri())?;
    let now = app.now();
    let found = app.answers().at_hand(&meant, now)?;
    Some((respond(&found, request.headers()), now))
}

/// 200 with the answer, or 304 if the caller has one that says the same.
fn respond(found: &Found, headers: &HeaderMap) -> Response {
    let Found { answer, way } = found;
    let known = is_known(headers, &answer.etag);
    let body = if known { Body::new(Nothing) } else { Body::from(answer.body.clone()) };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    *headers = answer.head.clone();
    if *way != Way::Hit {
        headers.insert(headers::CACHE_STATUS, cache_status(*way));
    }
    // A kept answer asks no source.
    if let Some(times) = answer.source_times.as_ref().filter(|_| *way == Way::Miss) {
        headers.insert(headers::SERVER_TIMING, times.clone());
    }
    if known {
        headers.remove(header::CONTENT_TYPE);
        headers.remove(header::CONTENT_LENGTH);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response
}

fn cache_status(way: Way) -> HeaderValue {
    HeaderValue::from_static(match way {
        Way::Hit => headers::HIT,
        Way::Refreshing => "axon-metrics; hit; detail=refreshing",
        Way::Miss => "axon-metrics; fwd=miss",
    })
}

/// The body of a 304: none, and of no length that could be stated, since `Content-Length` would be that of the 200.
struct Nothing;

impl HttpBody for Nothing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}
