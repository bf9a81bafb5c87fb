//! How many requests are worked on at once. Without a free permit a request is refused at once: a queue would help nobody.

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
    // Held until the answer is made, or the caller went away.
    let Ok(_permit) = permits.try_acquire() else { return Err(Problem::overloaded()) };
    Ok(next.run(request).await)
}
