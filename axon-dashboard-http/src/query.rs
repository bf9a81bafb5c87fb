//! The query as text: names and values, percent-decoded. The core decides what they mean.

use axon_metrics::{
    RequestError,
    request::{Fault, FaultCode},
};
use axum::{extract::FromRequestParts, http::request::Parts};

use crate::problem::Problem;

/// The most bytes a path and its query may have together.
pub(crate) const MAX_LENGTH: usize = 8192;
/// The most parameters of a query. Each wrong parameter becomes an error in the response, so their number is bounded.
const MAX_PARAMETERS: usize = 100;

/// The query's parameters in their order, repetitions included. Malformed percent-encoding stays as it is, and malformed UTF-8
/// becomes U+FFFD: neither is a valid value of any parameter.
#[derive(Debug)]
pub(crate) struct Parameters(pub(crate) Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().take(MAX_PARAMETERS + 1).collect();
        if pairs.len() > MAX_PARAMETERS {
            return Err(Problem::query("there must be at most 100 parameters"));
        }
        Ok(Self(pairs))
    }
}

impl Parameters {
    /// The first value of a parameter; an empty one is an absent one.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        (!value.is_empty()).then_some(value)
    }

    /// The faults of the names: unknown ones and repeated ones.
    pub(crate) fn wrong_names(&self, known: &[&str]) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (index, (name, _)) in self.0.iter().enumerate() {
            let earlier = self.0[..index].iter().filter(|(other, _)| other == name).count();
            let field: String = name.chars().take(64).collect();
            if earlier == 0 && !known.contains(&name.as_str()) {
                let message = match known {
                    [] => "there are no parameters here".to_owned(),
                    known => format!("the parameters are {}", known.join(", ")),
                };
                faults.push(Fault::new(field, FaultCode::UnknownParameter, message));
            } else if earlier == 1 {
                let message = "the parameter must be there only once".to_owned();
                faults.push(Fault::new(field, FaultCode::Repeated, message));
            }
        }
        faults
    }
}

/// An error if there are faults.
pub(crate) fn ensure_no_faults(faults: Vec<Fault>) -> Result<(), Problem> {
    if faults.is_empty() { Ok(()) } else { Err(RequestError::new(faults).into()) }
}

/// For a route that takes no parameters: each one is a fault.
#[derive(Debug)]
pub(crate) struct NoParameters;

impl<S: Sync> FromRequestParts<S> for NoParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parameters = Parameters::from_request_parts(parts, state).await?;
        ensure_no_faults(parameters.wrong_names(&[])).map(|()| Self)
    }
}
