//! What stands between the dashboard and its stores, so that one in trouble costs neither the others nor itself more.
//! Lives here: nothing but the parts. Lives elsewhere: what is asked (`gather`, `catalog::kept`).

#[allow(dead_code, reason = "what loads is yet to ask it")]
pub(crate) mod admission;
#[allow(dead_code, reason = "what loads is yet to ask it")]
mod places;
