//! The list of campaigns, and the definitions of the figures.

use axon_metrics::{
    Phase,
    answer::CampaignList,
    definitions::Definitions,
    request::{Fault, FaultCode},
};
use axum::{extract::State, http::StatusCode, response::Response};

use crate::{
    app::App,
    headers,
    openapi::Problems,
    problem::Problem,
    query::{NoParameters, Parameters, ensure_no_faults},
    reply,
};

const PHASES: [(&str, Phase); 3] =
    [("not_started", Phase::NotStarted), ("running", Phase::Running), ("ended", Phase::Ended)];

/// All campaigns with their activities.
#[utoipa::path(
    get, path = "/api/v1/dashboard/campaigns", tag = "catalog", operation_id = "campaigns",
    params(("phase" = Option<Phase>, Query, description = "Only campaigns of this phase.")),
    responses((status = 200, description = "The campaigns, in the catalog's order.", body = CampaignList), Problems)
)]
pub(super) async fn campaigns(State(app): State<App>, parameters: Parameters) -> Result<Response, Problem> {
    let mut faults = parameters.wrong_names(&["phase"]);
    let value = parameters.value("phase");
    let phase = value.and_then(|value| PHASES.into_iter().find(|(word, _)| *word == value).map(|(_, phase)| phase));
    if value.is_some() && phase.is_none() {
        let message = format!("phase must be one of {}", PHASES.map(|(word, _)| word).join(", "));
        faults.push(Fault::new("phase", FaultCode::UnknownValue, message));
    }
    ensure_no_faults(faults)?;
    let mut list = app.dashboard().campaigns(app.now()).await?;
    if let Some(phase) = phase {
        list = list.of_phase(phase);
    }
    reply::json(StatusCode::OK, headers::NO_CACHE, &list)
}

/// What every figure of an answer means.
#[utoipa::path(
    get, path = "/api/v1/dashboard/definitions", tag = "catalog", operation_id = "definitions",
    responses((status = 200, description = "The figures.", body = Definitions), Problems)
)]
pub(super) async fn definitions(State(app): State<App>, _: NoParameters) -> Result<Response, Problem> {
    reply::json(StatusCode::OK, headers::NO_CACHE, &app.dashboard().definitions())
}
