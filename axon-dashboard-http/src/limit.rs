//! How many requests are worked on at once. Who comes when all places are taken is sent away at once: waiting helps nobody.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use tokio::sync::Semaphore;

use crate::problem::Problem;

pub(crate) async fn limit(
    State(free): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    // Held until the answer is made, or the caller has gone.
    let Ok(_place) = free.try_acquire() else { return Err(Problem::overloaded()) };
    Ok(next.run(request).await)
}
