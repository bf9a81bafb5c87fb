//! The dashboard of a campaign and of an activity, live. Faults are answered before a stream begins.

use axon_metrics::{ActivityId, CampaignId, request::Level};
use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};

use super::answers::{ActivityPath, AnswerParameters, CampaignPath, read};
use crate::{
    app::App,
    headers,
    openapi::{NoSuchScope, Problems},
    problem::Problem,
    query::Parameters,
};

/// Tells a proxy not to buffer events.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// The dashboard of a campaign, live: server-sent events. `update` carries the whole answer: at once, then each time its
/// content changes; `heartbeat` says that nothing changed, or, with `code`, why the latest load failed; `end` is the last
/// event, with its reason. `Last-Event-ID` is not needed: the first event is always whole.
#[utoipa::path(
    get, path = "/api/v1/dashboard/campaign/{campaignId}/stream", tag = "dashboard", operation_id = "campaignStream",
    params(("campaignId" = CampaignId, Path, description = "The campaign."), AnswerParameters),
    responses((status = 200, description = "Events, until either side ends the stream; the schema is that of each.",
        body = ref("#/components/schemas/StreamEvent"), content_type = "text/event-stream"), Problems, NoSuchScope)
)]
pub(super) async fn campaign_stream(
    State(app): State<App>,
    path: Result<Path<CampaignPath>, PathRejection>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let id = path.map(|Path(path)| path.id).unwrap_or_default();
    stream(&app, Level::Campaign, &id, &parameters).await
}

/// The dashboard of one activity, live: server-sent events, as of a campaign.
#[utoipa::path(
    get, path = "/api/v1/dashboard/activity/{activityId}/stream", tag = "dashboard", operation_id = "activityStream",
    params(("activityId" = ActivityId, Path, description = "The activity."), AnswerParameters),
    responses((status = 200, description = "Events, until either side ends the stream; the schema is that of each.",
        body = ref("#/components/schemas/StreamEvent"), content_type = "text/event-stream"), Problems, NoSuchScope)
)]
pub(super) async fn activity_stream(
    State(app): State<App>,
    path: Result<Path<ActivityPath>, PathRejection>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let id = path.map(|Path(path)| path.id).unwrap_or_default();
    stream(&app, Level::Activity, &id, &parameters).await
}

async fn stream(app: &App, level: Level, id: &str, parameters: &Parameters) -> Result<Response, Problem> {
    let request = read(app, level, id, parameters, app.now())?;
    let body = app.streams().open(request.into()).await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, headers::NO_STORE),
        UNBUFFERED,
    ];
    Ok((headers, body).into_response())
}
