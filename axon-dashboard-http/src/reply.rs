//! The encoding of answers: JSON on one line.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{headers::JSON, problem::Problem};

/// The initial capacity of the buffer for a body, in bytes: most answers fit.
const INITIAL_CAPACITY: usize = 4096;

pub(crate) fn json(status: StatusCode, cache: HeaderValue, value: &impl Serialize) -> Result<Response, Problem> {
    let body = encode(value)?;
    Ok((status, [(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, cache)], body).into_response())
}

/// JSON on one line.
pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::with_capacity(INITIAL_CAPACITY);
    serde_json::to_writer(&mut bytes, value).map_err(|error| not_written(&error))?;
    Ok(bytes)
}

/// The problem of a response that cannot be encoded.
pub(crate) fn not_written(error: &serde_json::Error) -> Problem {
    tracing::error!(%error, "cannot encode the response as JSON; answering 500");
    Problem::internal()
}
