//! What an owner may choose, and what is wrong with a choice.

use std::time::Duration;

use axon_metrics::definitions::{NotATemplate, PageTemplate};

/// Settings of [`EsBehavior`](crate::EsBehavior).
/// ```
/// use std::time::Duration;
/// use axon_metrics_es::EsOptions;
/// let options = EsOptions::plan().with_measured_ingest_lag(Duration::from_millis(1_200));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EsOptions {
    pub(crate) event_indices: Vec<String>,
    pub(crate) purchase_indices: Vec<String>,
    pub(crate) ingest_lag: Duration,
    pub(crate) lag_assumed: bool,
    pub(crate) page_templates: Vec<String>,
    pub(crate) search_timeout: Duration,
    pub(crate) probe_interval: Duration,
    pub(crate) longest_reply: u64,
}

impl Default for EsOptions {
    /// The platform's indices.
    fn default() -> Self {
        Self {
            event_indices: vec!["axon.event.behavior".to_owned()],
            purchase_indices: vec!["axon.event.commerce".to_owned()],
            ingest_lag: Duration::from_secs(2),
            lag_assumed: true,
            page_templates: Vec::new(),
            search_timeout: Duration::from_millis(700),
            probe_interval: Duration::from_secs(60),
            longest_reply: 16 << 20,
        }
    }
}

impl EsOptions {
    /// The plan's layout: events and purchases in the one index `behavior-events`.
    #[must_use]
    pub fn plan() -> Self {
        Self::default().with_event_indices(["behavior-events"]).with_purchase_indices(["behavior-events"])
    }

    /// Where all events but purchases lie. Names of indices, not patterns or aliases. Those that are missing are looked
    /// for again from time to time; figures are partial while one of several is missing or empty. Defaults to `axon.event.behavior`.
    #[must_use]
    pub fn with_event_indices(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.event_indices = names.into_iter().map(Into::into).collect();
        self
    }

    /// Where purchases are believed; those in other indices are dropped. Names of indices, not patterns or aliases; may
    /// name event indices. Defaults to `axon.event.commerce`.
    #[must_use]
    pub fn with_purchase_indices(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.purchase_indices = names.into_iter().map(Into::into).collect();
        self
    }

    /// How long an event takes to become visible to a search, as assumed: answers are complete up to this long before
    /// their instant, and say that this was assumed. Defaults to 2 s.
    #[must_use]
    pub fn with_ingest_lag(mut self, lag: Duration) -> Self {
        (self.ingest_lag, self.lag_assumed) = (lag, true);
        self
    }

    /// The same, as measured by the owner: answers do not call it assumed. Defaults to an assumed lag.
    #[must_use]
    pub fn with_measured_ingest_lag(mut self, lag: Duration) -> Self {
        (self.ingest_lag, self.lag_assumed) = (lag, false);
        self
    }

    /// Addresses of an activity's pages: an event whose `pageUrl` matches one of them belongs to the activity, too. `{id}`
    /// stands for the activity's id and must be there once; a `*` at the end stands for any rest, one at the beginning for
    /// any start: `http://shop.example/campaign-activities/{id}`, `http://shop.example/campaign-activity/{id}/*`. An
    /// address is matched as a whole, with its host. **A `*` at the beginning is slow**: Elasticsearch then looks at every
    /// address there is. Defaults to none: only `properties.activityId` counts.
    #[must_use]
    pub fn with_page_templates(mut self, templates: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.page_templates = templates.into_iter().map(Into::into).collect();
        self
    }

    /// After which time Elasticsearch itself shall stop searching and answer with what it has, which is then marked as
    /// partial. A little less than the budget of a question, and the same for all of them, so that their texts stay equal.
    /// Defaults to 700 ms.
    #[must_use]
    pub fn with_search_timeout(mut self, timeout: Duration) -> Self {
        self.search_timeout = timeout;
        self
    }

    /// How long what was found out about the indices is kept. While one is missing or without a record, and while no record
    /// names an activity, it is at most 5 s. Defaults to 60 s.
    #[must_use]
    pub fn with_probe_interval(mut self, interval: Duration) -> Self {
        self.probe_interval = interval;
        self
    }

    /// The longest reply that is read, in bytes. Those of 1,000 activities have some 50 kB. Defaults to 16 MiB.
    #[must_use]
    pub fn with_longest_reply(mut self, bytes: u64) -> Self {
        self.longest_reply = bytes;
        self
    }

    /// The templates, once everything else is known to be right.
    pub(crate) fn check(&self) -> Result<Vec<PageTemplate>, OptionsError> {
        if self.event_indices.is_empty() {
            return Err(OptionsError::NoIndex);
        }
        for name in self.event_indices.iter().chain(&self.purchase_indices) {
            if !is_index_name(name) {
                return Err(OptionsError::Index(name.clone()));
            }
        }
        if self.search_timeout < Duration::from_millis(1) {
            return Err(OptionsError::Timeout);
        }
        let template =
            |text: &String| text.parse().map_err(|source| OptionsError::Template { template: text.clone(), source });
        self.page_templates.iter().map(template).collect()
    }
}

/// Whether a text is the name of one index, as Elasticsearch has them: no pattern, list, exclusion, date expression or
/// remote cluster.
fn is_index_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-+".contains(&byte);
    let starts =
        name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.');
    starts && name.len() <= 255 && name.bytes().all(plain) && name != "." && name != ".."
}

/// What is wrong with [`EsOptions`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// There is no index to read events from.
    #[error("at least one event index must be named")]
    NoIndex,
    /// Not the name of one index: patterns, lists and capital letters are refused, since they read other indices than meant.
    #[error("{0:?} is not the name of one index")]
    Index(String),
    /// The search timeout is shorter than a millisecond.
    #[error("the search timeout must be at least 1 ms")]
    Timeout,
    /// A template of a page's address that cannot be used.
    #[error("{template:?} is no template of a page's address")]
    Template {
        /// The template.
        template: String,
        /// Why not.
        source: NotATemplate,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_one_index_are_accepted() {
        for name in ["axon.event.behavior", "behavior-events", "a", ".hidden", "0-1_2+3"] {
            assert!(is_index_name(name), "{name:?}");
        }
        let long = "a".repeat(256);
        let wrong = [
            "",
            ".",
            "..",
            "-a",
            "_all",
            "+a",
            "a*",
            "a,b",
            "A",
            "a b",
            "<a-{now/d}>",
            "remote:a",
            "a/b",
            "a?",
            "é",
            &long,
        ];
        for name in wrong {
            let options = EsOptions::default().with_purchase_indices([name]);
            assert_eq!(options.check().map(|_| ()), Err(OptionsError::Index(name.to_owned())), "{name:?}");
        }
    }

    #[test]
    fn there_must_be_an_event_index() {
        let none: [&str; 0] = [];
        assert_eq!(EsOptions::default().with_event_indices(none).check().map(|_| ()), Err(OptionsError::NoIndex));
        assert!(EsOptions::default().with_purchase_indices(none).check().is_ok());
    }
}
