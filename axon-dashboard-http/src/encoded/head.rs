//! The headers of an answer that is sent again: made once with it, and copied for each caller.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::{headers, request_id};

/// Those of a 200 with this tag and a body of so many bytes. The request's id has room, so that a copy need not grow.
pub(super) fn of(etag: &HeaderValue, length: usize) -> HeaderMap {
    HeaderMap::from_iter([
        (header::ETAG, etag.clone()),
        (header::CACHE_CONTROL, headers::NO_CACHE),
        (headers::CACHE_STATUS, HeaderValue::from_static(headers::HIT)),
        (request_id::HEADER, HeaderValue::from_static("")),
        (header::X_CONTENT_TYPE_OPTIONS, headers::NOSNIFF),
        (header::CONTENT_TYPE, headers::JSON),
        (header::CONTENT_LENGTH, length.into()),
    ])
}
