//! Problem details (RFC 9457), the answers to faults. Only this file knows the statuses of faults. A route returns a [`Problem`];
//! the layer around all routes writes it, since it knows the request's id. Causes stay in the log.

use std::time::Duration;

use axon_metrics::{
    AnswerError, RequestError,
    answer::SourceState,
    request::{Fault, FaultCode},
};
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{headers, request_id::RequestId};

pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// What went wrong, for programs. Stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProblemCode)]
pub(crate) enum Code {
    /// Parameters are wrong; `errors` names each.
    InvalidRequest,
    /// The campaign has more activities than one answer is computed over.
    TooManyActivities,
    /// There is no such campaign, activity or path.
    NotFound,
    /// The path has no such method.
    MethodNotAllowed,
    /// Too many requests at once; ask again later.
    Overloaded,
    /// Nothing that was asked could be answered; `sources` says how each did.
    Unavailable,
    /// A fault of the server's own.
    InternalError,
}

impl Code {
    fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest | Self::TooManyActivities => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Overloaded | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "Invalid request",
            Self::TooManyActivities => "Too many activities",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::Overloaded => "Overloaded",
            Self::Unavailable => "Unavailable",
            Self::InternalError => "Internal error",
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    code: Code,
    detail: String,
    errors: Vec<Fault>,
    sources: Vec<SourceState>,
    /// When to ask again; with a status of 503.
    retry_after: Duration,
}

impl Problem {
    fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), sources: Vec::new(), retry_after: Duration::ZERO }
    }

    pub(crate) fn no_such_path() -> Self {
        Self::new(Code::NotFound, "there is no such path")
    }

    pub(crate) fn wrong_method() -> Self {
        Self::new(Code::MethodNotAllowed, "the path has other methods; Allow names them")
    }

    pub(crate) fn overloaded() -> Self {
        Self::new(Code::Overloaded, "too many requests at once")
    }

    pub(crate) fn too_many_streams() -> Self {
        let retry_after = Duration::from_secs(5);
        Self { retry_after, ..Self::new(Code::Overloaded, "too many streams are open") }
    }

    pub(crate) fn stopping() -> Self {
        Self::new(Code::Overloaded, "the server is stopping; ask again")
    }

    pub(crate) fn page_not_built() -> Self {
        Self::new(
            Code::NotFound,
            "the dashboard page is not part of this build: run scripts/page, then build with the feature page of \
             axon-dashboard-http",
        )
    }

    pub(crate) fn page_off() -> Self {
        Self::new(Code::NotFound, "this server does not serve the dashboard page")
    }

    pub(crate) fn no_metrics() -> Self {
        Self::new(Code::NotFound, "this server has no metrics")
    }

    pub(crate) fn internal() -> Self {
        Self::new(Code::InternalError, "the server failed; its log knows more under the request's id")
    }

    /// The query as a whole is wrong.
    pub(crate) fn query(message: &str) -> Self {
        RequestError::new(vec![Fault::new("query", FaultCode::InvalidValue, message)]).into()
    }

    /// What went wrong, for programs.
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// A response with the problem as an extension; [`write`](Self::write) writes it.
    pub(crate) fn into_http(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.code.status();
        response.extensions_mut().insert(self);
        response
    }

    /// Writes the problem into its response.
    pub(crate) fn write(self, response: &mut Response, id: &RequestId) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, headers::NO_STORE);
        headers.remove(header::CONTENT_LENGTH);
        if self.code.status() == StatusCode::SERVICE_UNAVAILABLE {
            // In whole seconds, and at least one.
            let seconds = self.retry_after.as_secs() + u64::from(self.retry_after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, seconds.max(1).into());
        }
        if let Some(times) = headers::source_times(&self.sources) {
            headers.insert(headers::SERVER_TIMING, times);
        }
        let body = ProblemDetails {
            kind: "about:blank",
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: self.code,
            request_id: id.as_str(),
            detail: &self.detail,
            errors: self.errors.iter().map(FieldError::from).collect(),
            sources: &self.sources,
        };
        *response.body_mut() = serde_json::to_vec(&body).unwrap_or_default().into();
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.into_http()
    }
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        Self { errors: error.faults.clone(), ..Self::new(Code::InvalidRequest, error.to_string()) }
    }
}

impl From<AnswerError> for Problem {
    fn from(error: AnswerError) -> Self {
        let detail = error.to_string();
        match error {
            AnswerError::Invalid(error) => error.into(),
            AnswerError::NotFound(_) => Self::new(Code::NotFound, detail),
            AnswerError::TooManyActivities { .. } => Self::new(Code::TooManyActivities, detail),
            AnswerError::Unavailable { sources } => Self { sources, ..Self::new(Code::Unavailable, detail) },
            AnswerError::Overloaded { retry_after } => Self { retry_after, ..Self::new(Code::Overloaded, detail) },
            _ => Self::internal(),
        }
    }
}

/// Problem details (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub(crate) struct ProblemDetails<'a> {
    /// Always `about:blank`: `code` tells problems apart.
    #[serde(rename = "type")]
    kind: &'a str,
    /// What went wrong, for people; the same for every problem of a code.
    title: &'a str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What went wrong, for programs.
    code: Code,
    /// The request's id, as in `X-Request-Id`.
    request_id: &'a str,
    /// What went wrong this time, for people.
    detail: &'a str,
    /// Every wrong parameter; only with `invalid_request`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError<'a>>,
    /// How each source did; only with `unavailable`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    sources: &'a [SourceState],
}

/// One thing wrong with a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FieldError<'a> {
    /// The parameter; `query` for the query as a whole.
    field: &'a str,
    /// What is wrong, for programs.
    code: FaultCode,
    /// What is wrong, for people.
    message: &'a str,
}

impl<'a> From<&'a Fault> for FieldError<'a> {
    fn from(fault: &'a Fault) -> Self {
        Self { field: &fault.field, code: fault.code, message: &fault.message }
    }
}
