//! The limit of concurrent requests. Without a free permit a request is refused at once and does not queue: a queued request
//! would be answered late, and the queue would grow while the server is overloaded.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use tokio::sync::Semaphore;

use crate::problem::Problem;

pub(crate) async fn limit(
    State(permits): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    // Held until the response is made, or the caller goes away.
    let Ok(_permit) = permits.try_acquire() else { return Err(Problem::overloaded()) };
    Ok(next.run(request).await)
}
