//! The headers of a cached answer: made once with the answer, and copied for each caller.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::{headers, request_id};

/// `Cache-Status` of a cached answer that is fresh.
pub(super) const HIT: &str = "axon-metrics; hit";

/// The headers of a 200, but for those that depend on its body. The request's id is present as an empty value, so that the map need
/// not grow when the id is set.
pub(super) fn headers() -> HeaderMap {
    HeaderMap::from_iter([
        (header::CACHE_CONTROL, headers::NO_CACHE),
        (headers::CACHE_STATUS, HeaderValue::from_static(HIT)),
        (request_id::HEADER, HeaderValue::from_static("")),
        (header::X_CONTENT_TYPE_OPTIONS, headers::NOSNIFF),
        (header::CONTENT_TYPE, headers::JSON),
    ])
}
