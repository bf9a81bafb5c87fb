//! The list of campaigns, and the definitions of the figures.

use axon_metrics::{
    Phase,
    answer::CampaignList,
    definitions::Definitions,
    request::{Fault, FaultCode},
};
use axum::{extract::State, http::HeaderMap, response::Response};

use crate::{
    app::App,
    hot_path::send,
    openapi::{NotModified, Problems},
    problem::Problem,
    query::{NoParameters, Parameters, ensure_no_faults},
};

const PHASES: [(&str, Phase); 3] =
    [("not_started", Phase::NotStarted), ("running", Phase::Running), ("ended", Phase::Ended)];

/// All campaigns with their activities.
#[utoipa::path(
    get, path = "/api/v1/dashboard/campaigns", tag = "catalog", operation_id = "campaigns",
    params(("phase" = Option<Phase>, Query, description = "Only campaigns of this phase.")),
    responses((status = 200, description = "The campaigns, in the catalog's order.", body = CampaignList,
        headers(("ETag" = String, description = "Equal while the list is equal.")),
    ), NotModified, Problems)
)]
pub(super) async fn campaigns(
    State(app): State<App>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
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
    let list = app.lists().encode(&list, phase, app.options().compress)?;
    Ok(send(&list, &headers).await)
}

/// What every figure of an answer means.
#[utoipa::path(
    get, path = "/api/v1/dashboard/definitions", tag = "catalog", operation_id = "definitions",
    responses((status = 200, description = "The figures.", body = Definitions,
        headers(("ETag" = String, description = "Equal while the definitions are equal.")),
    ), NotModified, Problems)
)]
pub(super) async fn definitions(
    State(app): State<App>,
    _: NoParameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(send(app.definitions()?, &headers).await)
}
