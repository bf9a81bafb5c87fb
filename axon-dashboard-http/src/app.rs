//! What every route has at hand.

use std::sync::Arc;

use axon_metrics::{Dashboard, Timestamp};
use axum::body::Bytes;

use crate::{
    HttpOptions,
    encoded::{KeptAnswers, Texts},
    stream::Streams,
};

/// Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dashboard: Dashboard,
    answers: KeptAnswers,
    texts: Texts,
    streams: Streams,
    /// The OpenAPI document, as served.
    document: Bytes,
    options: HttpOptions,
}

impl App {
    pub(crate) fn new(dashboard: Dashboard, document: Bytes, options: HttpOptions) -> Self {
        let answers = KeptAnswers::new(dashboard.clone(), options.kept_bytes);
        let streams = Streams::new(answers.clone(), options.clone());
        Self(Arc::new(Inner { dashboard, answers, texts: Texts::new(), streams, document, options }))
    }

    pub(crate) fn dashboard(&self) -> &Dashboard {
        &self.0.dashboard
    }

    pub(crate) fn answers(&self) -> &KeptAnswers {
        &self.0.answers
    }

    pub(crate) fn texts(&self) -> &Texts {
        &self.0.texts
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.0.streams
    }

    pub(crate) fn document(&self) -> Bytes {
        self.0.document.clone()
    }

    pub(crate) fn options(&self) -> &HttpOptions {
        &self.0.options
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0.options.clock)()
    }
}
