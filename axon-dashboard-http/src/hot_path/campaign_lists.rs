//! The encoded lists of campaigns, one for each phase that is asked for. A list is made anew for each request, since phases follow
//! the clock; what is kept here are its compressed forms, as long as it says the same.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axon_metrics::{Phase, answer::CampaignList};

use super::{encoded_body::EncodedBody, etag};
use crate::{headers, problem::Problem, reply};

/// At most one list for each phase, and one of all.
#[derive(Debug, Default)]
pub(crate) struct CampaignLists(Mutex<HashMap<Option<Phase>, Arc<EncodedBody>>>);

impl CampaignLists {
    /// The encoded list: that of the request before if it says the same. `phase` is that of all its campaigns; `None` for the
    /// list of all.
    pub(crate) fn encode(
        &self,
        list: &CampaignList,
        phase: Option<Phase>,
        compress: bool,
    ) -> Result<Arc<EncodedBody>, Problem> {
        let body = reply::encode(list)?;
        let etag = etag::of_content(&body)?;
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = lists.get(&phase).filter(|kept| kept.etag == etag) {
            return Ok(Arc::clone(same));
        }
        let list =
            Arc::new(EncodedBody::new(body.into_boxed_slice().into(), etag, headers::revalidated_json(), compress));
        lists.insert(phase, Arc::clone(&list));
        Ok(list)
    }
}
