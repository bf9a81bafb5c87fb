//! Addresses of an activity's pages, for platforms whose events do not all name their activity. The same in every store.

use std::str::FromStr;

use crate::{ActivityId, vocabulary::id};

/// An address with a place for an activity's id: an event on such a page belongs to the activity, too. `{id}` must be there
/// once; a `*` at the end stands for any rest, one at the beginning for any start. An address is matched as a whole.
/// ```
/// use axon_metrics::{ActivityId, definitions::PageTemplate};
/// let template: PageTemplate = "http://shop.example/campaign-activity/{id}/*".parse()?;
/// assert_eq!(template.activities("http://shop.example/campaign-activity/77/detail"), [ActivityId(77)]);
/// # Ok::<(), axon_metrics::definitions::NotATemplate>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageTemplate {
    before: String,
    after: String,
    open_start: bool,
    open_end: bool,
}

/// Why a text is no template of a page's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotATemplate {
    /// `{id}` is not there, or more than once.
    #[error("{{id}} must be there once")]
    Id,
    /// A `*` that is neither the first nor the last character, or stands beside the id: another id could end or begin there.
    #[error("a * may only be the first or the last character, and not beside the id")]
    Star,
}

impl FromStr for PageTemplate {
    type Err = NotATemplate;

    fn from_str(text: &str) -> Result<Self, NotATemplate> {
        let (before, after) = text.split_once("{id}").ok_or(NotATemplate::Id)?;
        let (open_start, before) = before.strip_prefix('*').map_or((false, before), |rest| (true, rest));
        let (open_end, after) = after.strip_suffix('*').map_or((false, after), |rest| (true, rest));
        if after.contains("{id}") {
            return Err(NotATemplate::Id);
        }
        let beside = (open_start && before.is_empty()) || (open_end && after.is_empty());
        if beside || before.contains('*') || after.contains('*') {
            return Err(NotATemplate::Star);
        }
        Ok(Self { before: before.to_owned(), after: after.to_owned(), open_start, open_end })
    }
}

impl PageTemplate {
    /// The address of an activity's page, or what is known of it where an end is open.
    pub fn address(&self, id: ActivityId) -> String {
        format!("{}{id}{}", self.before, self.after)
    }

    /// Whether anything may stand before the address.
    pub fn is_open_start(&self) -> bool {
        self.open_start
    }

    /// Whether anything may stand behind the address.
    pub fn is_open_end(&self) -> bool {
        self.open_end
    }

    /// The activities whose page is at an address. More than one only where an end is open.
    pub fn activities(&self, address: &str) -> Vec<ActivityId> {
        let ends = |rest: &str| if self.open_end { rest.starts_with(&self.after) } else { rest == self.after };
        let starts = address.char_indices().map(|(at, _)| at).take_while(|at| *at == 0 || self.open_start);
        let mut found = Vec::new();
        for rest in starts.filter_map(|at| address[at..].strip_prefix(self.before.as_str())) {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count().min(MOST_DIGITS);
            let ids = (1..=digits).map(|digits| rest.split_at(digits)).filter(|(_, rest)| ends(rest));
            // An id has one form: no zero stands before it.
            let ids = ids.filter(|(id, _)| !id.starts_with('0')).filter_map(|(id, _)| id.parse().ok());
            found.extend(ids.filter(|id| id::is_valid(*id)).map(ActivityId));
        }
        found
    }
}

/// Of the largest number that may be an id.
const MOST_DIGITS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(template: &str, address: &str) -> Vec<u64> {
        let template: PageTemplate = template.parse().expect("a template");
        template.activities(address).iter().map(|id| id.0).collect()
    }

    #[test]
    fn an_address_is_matched_as_a_whole() {
        assert_eq!(found("http://a/{id}", "http://a/77"), [77]);
        for other in
            ["http://a/77/", "http://a/", "xhttp://a/77", "http://A/77", "http://a/077", "http://a/0", "", "77"]
        {
            assert_eq!(found("http://a/{id}", other), [0; 0], "{other}");
        }
        assert_eq!(found("/a/{id}/b", "/a/7/b"), [7]);
        assert_eq!(found("{id}", "7"), [7]);
        assert_eq!(found("{id}", "99999999999999999999999"), [0; 0]);
    }

    #[test]
    fn a_star_stands_for_any_rest_or_any_start() {
        assert_eq!(found("/a/{id}/*", "/a/7/"), [7]);
        assert_eq!(found("/a/{id}/*", "/a/7/x/8"), [7]);
        assert_eq!(found("/a/{id}/*", "/a/7"), [0; 0]);
        assert_eq!(found("*/a/{id}", "http://x/a/7"), [7]);
        assert_eq!(found("*/a/{id}", "/a/7/a/8"), [8]);
        assert_eq!(found("*/a/{id}/*", "/상품/a/7/a/8/"), [7, 8]);
        assert_eq!(found("/a/{id}0*", "/a/7001"), [7, 70]);
    }

    #[test]
    fn a_star_may_not_stand_where_another_id_could_match() {
        for text in ["/a/{id}*", "*{id}", "/a*/{id}", "/{id}/*/b"] {
            assert_eq!(text.parse::<PageTemplate>(), Err(NotATemplate::Star), "{text}");
        }
        for text in ["/a", "", "/{id}/{id}"] {
            assert_eq!(text.parse::<PageTemplate>(), Err(NotATemplate::Id), "{text}");
        }
    }
}
