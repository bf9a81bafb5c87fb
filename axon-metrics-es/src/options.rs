//! The settings of the source, and their validation.

use std::time::Duration;

use axon_metrics::definitions::{AnonymousUsers, NotATemplate, PageTemplate};

use crate::{anonymous, wall_clock::WallClock};

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
    pub(crate) occurred_at_zone: String,
    pub(crate) anonymous_users: AnonymousUsers,
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
            occurred_at_zone: String::new(),
            anonymous_users: AnonymousUsers::default(),
        }
    }
}

impl EsOptions {
    /// The plan's layout: events and purchases in the one index `behavior-events`.
    #[must_use]
    pub fn plan() -> Self {
        Self::default().with_event_indices(["behavior-events"]).with_purchase_indices(["behavior-events"])
    }

    /// The indices of all events but purchases: names of indices, aliases or data streams, or patterns (`events-*`). A
    /// probe reads which indices are behind a name; an index that comes with a rollover is seen by the next one, and
    /// figures are partial until then. A missing index is probed again at least every 5 s. Figures are partial while one
    /// of several names is missing, closed, forbidden or empty. **A pattern leaves out indices that are closed or that
    /// the user may not read without a word**; a name does not. Defaults to `axon.event.behavior`.
    #[must_use]
    pub fn with_event_indices(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.event_indices = names.into_iter().map(Into::into).collect();
        self
    }

    /// The indices of purchases, named in the same way. Purchases in other indices are not counted, and a fact says how
    /// many there are. An index may hold both purchases and other events. Defaults to `axon.event.commerce`.
    #[must_use]
    pub fn with_purchase_indices(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.purchase_indices = names.into_iter().map(Into::into).collect();
        self
    }

    /// How long an event takes to become visible to a search, as an assumption. Facts are complete up to `as_of` minus
    /// this lag, and say that it is assumed. Defaults to 2 s.
    #[must_use]
    pub fn with_ingest_lag(mut self, lag: Duration) -> Self {
        (self.ingest_lag, self.lag_assumed) = (lag, true);
        self
    }

    /// The same, as a measurement: facts do not call it assumed. Defaults to an assumed lag of 2 s.
    #[must_use]
    pub fn with_measured_ingest_lag(mut self, lag: Duration) -> Self {
        (self.ingest_lag, self.lag_assumed) = (lag, false);
        self
    }

    /// Address templates of an activity's pages. An event whose `pageUrl` matches one of them belongs to the activity,
    /// too. `{id}` is the activity's id and must occur exactly once. A `*` at the end matches any ending, a `*` at the
    /// beginning any beginning: `http://shop.example/campaign-activities/{id}`,
    /// `http://shop.example/campaign-activity/{id}/*`. The whole address must match, including the host. **A `*` at the
    /// beginning is slow**: Elasticsearch then scans all addresses of the index. Defaults to none: only
    /// `properties.activityId` counts.
    #[must_use]
    pub fn with_page_templates(mut self, templates: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.page_templates = templates.into_iter().map(Into::into).collect();
        self
    }

    /// The time after which Elasticsearch stops a search and returns what it has, which is then partial. Should be a
    /// little less than the budget of a question. It is the same for all questions, so that equal questions have equal
    /// texts and hit the server's request cache. At least 1 ms. Defaults to 700 ms.
    #[must_use]
    pub fn with_search_timeout(mut self, timeout: Duration) -> Self {
        self.search_timeout = timeout;
        self
    }

    /// The time to live of the probed mapping of the indices. At most 5 s while an index is missing or empty, or while
    /// no record names an activity. Defaults to 60 s.
    #[must_use]
    pub fn with_probe_interval(mut self, interval: Duration) -> Self {
        self.probe_interval = interval;
        self
    }

    /// The longest reply that is accepted, in bytes. A reply for 1,000 activities has about 50 kB. Defaults to 16 MiB.
    #[must_use]
    pub fn with_longest_reply(mut self, bytes: u64) -> Self {
        self.longest_reply = bytes;
        self
    }

    /// The zone of a pipeline that stores local times as if they were UTC: an offset (`+09:00`) or a name (`Asia/Seoul`).
    /// Every bound is moved by it, and it is part of the definition's hash. Where clocks are set back, the hour that comes
    /// twice belongs to its first occurrence. Defaults to none: times are stored as they are.
    #[must_use]
    pub fn with_occurred_at_zone(mut self, zone: impl Into<String>) -> Self {
        self.occurred_at_zone = zone.into();
        self
    }

    /// The texts that name nobody in the place of a user or a session; case and blanks around them do not matter. An event
    /// of nobody counts for its session, if it has one. Empty texts and, for users, numbers of 0 or below name nobody in any
    /// case. Part of the definition's hash. Defaults to `null`, `undefined`, `none`, `nan`, `unknown`, `anonymous`, `guest`
    /// and `(not set)`.
    #[must_use]
    pub fn with_anonymous_users(mut self, texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.anonymous_users = AnonymousUsers::new(texts);
        self
    }

    /// The settings that decide the numbers, as text. Empty for the defaults.
    pub(crate) fn definition(&self) -> String {
        let Self { occurred_at_zone: zone, page_templates: pages, anonymous_users: nobody, .. } = self;
        let zone = (!zone.is_empty()).then(|| format!("occurred_at_zone={zone}"));
        let pages = (!pages.is_empty()).then(|| format!("page_templates={pages:?}"));
        let nobody = (*nobody != AnonymousUsers::default()).then(|| format!("anonymous_users={nobody}"));
        zone.into_iter().chain(pages).chain(nobody).collect::<Vec<_>>().join(" ")
    }

    /// Validates all settings. Returns the parsed page templates and the zone of stored times.
    pub(crate) fn check(&self) -> Result<(Vec<PageTemplate>, WallClock), OptionsError> {
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
        let templates = self.page_templates.iter().map(template).collect::<Result<_, _>>()?;
        let too_long = |text: &&String| anonymous::length(text) > anonymous::MAX_TEXT_LENGTH;
        if let Some(text) = self.anonymous_users.texts().iter().find(too_long) {
            return Err(OptionsError::Anonymous(text.clone()));
        }
        let clock = WallClock::parse(&self.occurred_at_zone);
        Ok((templates, clock.ok_or_else(|| OptionsError::Zone(self.occurred_at_zone.clone()))?))
    }
}

/// Whether a text is one name of indices, or one pattern that begins like a name. Lists, exclusions, date expressions and
/// remote clusters are not.
fn is_index_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_plain = |byte: u8| is_letter(byte) || b"._-+*".contains(&byte);
    let has_valid_start = name.bytes().next().is_some_and(|byte| is_letter(byte) || byte == b'.');
    let first = name.split('*').next().unwrap_or_default();
    has_valid_start && first.bytes().any(is_letter) && name.len() <= 255 && name.bytes().all(is_plain)
}

/// Why [`EsOptions`] are invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// No event index is named.
    #[error("no event index is named: name at least one with EsOptions::with_event_indices")]
    NoIndex,
    /// Not a name of indices. Lists, exclusions and capital letters are rejected, since they can address other indices.
    #[error(
        "{0:?} is no name of an index, an alias or a data stream, and no pattern that begins with a letter or a digit: \
         lists, exclusions and capital letters are not allowed"
    )]
    Index(String),
    /// Neither an offset nor the name of a zone.
    #[error("occurred_at_zone: {0:?} is neither an offset such as +09:00 nor the name of a zone such as Asia/Seoul")]
    Zone(String),
    /// A text that names nobody is too long to be searched for.
    #[error("anonymous_users: {0:?} is longer than 200 letters")]
    Anonymous(String),
    /// The search timeout is shorter than a millisecond.
    #[error("the search timeout is shorter than 1 ms")]
    Timeout,
    /// An invalid template of page addresses.
    #[error("{template:?} is not a valid page template")]
    Template {
        /// The template.
        template: String,
        /// Why it is invalid.
        source: NotATemplate,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_and_patterns_of_indices_are_accepted() {
        for name in ["axon.event.behavior", "behavior-events", "a", ".ds-a-000001", "0-1_2+3", "a*", "a-*-b*"] {
            assert!(is_index_name(name), "{name:?}");
        }
        let long = "a".repeat(256);
        let wrong = [
            "",
            ".",
            "..",
            "-a",
            "_all",
            "*",
            ".*",
            "*a",
            "-a*",
            "+a",
            "a,b",
            "a*,-b",
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
    fn a_zone_is_an_offset_or_a_name() {
        let check = |zone: &str| EsOptions::default().with_occurred_at_zone(zone).check().map(|(_, clock)| clock);
        assert_eq!(check(""), Ok(WallClock::Utc));
        assert!(matches!(check("+09:00"), Ok(WallClock::Offset(_))));
        assert!(matches!(check("Asia/Seoul"), Ok(WallClock::Zone(_))));
        assert_eq!(check("Seoul"), Err(OptionsError::Zone("Seoul".to_owned())));
    }

    #[test]
    fn the_definition_has_what_decides_the_numbers() {
        assert_eq!(EsOptions::default().with_ingest_lag(Duration::ZERO).definition(), "");
        let options = EsOptions::default().with_occurred_at_zone("+09:00").with_page_templates(["/a/{id}"]);
        assert_eq!(options.definition(), r#"occurred_at_zone=+09:00 page_templates=["/a/{id}"]"#);
        let options = EsOptions::default().with_anonymous_users(["Nobody"]);
        assert_eq!(options.definition(), r#"anonymous_users=["nobody"]"#);
        let usual = ["(not set)", "Anonymous", "guest", "nan", "none", "null", "undefined", "unknown"];
        assert_eq!(EsOptions::default().with_anonymous_users(usual).definition(), "");
    }

    #[test]
    fn a_text_for_nobody_that_is_too_long_is_rejected() {
        let check = |text: String| EsOptions::default().with_anonymous_users([text]).check().map(|_| ());
        assert_eq!(check("x".repeat(200)), Ok(()));
        assert_eq!(check("x".repeat(201)), Err(OptionsError::Anonymous("x".repeat(201))));
    }

    #[test]
    fn options_without_an_event_index_are_rejected() {
        let none: [&str; 0] = [];
        assert_eq!(EsOptions::default().with_event_indices(none).check().map(|_| ()), Err(OptionsError::NoIndex));
        assert!(EsOptions::default().with_purchase_indices(none).check().is_ok());
    }
}
