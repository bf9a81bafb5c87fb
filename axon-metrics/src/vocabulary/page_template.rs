//! Templates of activities' page addresses, for platforms whose events do not all name their activity.

use std::str::FromStr;

use crate::{ActivityId, vocabulary::id};

/// A page address with a placeholder `{id}` for an activity's id, exactly once. An event on a matching page belongs to
/// the activity, too. A `*` at the end matches any suffix, one at the beginning any prefix. Otherwise the whole address
/// must match.
/// ```
/// use axon_metrics::{ActivityId, definitions::PageTemplate};
/// let template: PageTemplate = "http://shop.example/campaign-activity/{id}/*".parse()?;
/// assert_eq!(template.activities("http://shop.example/campaign-activity/77/detail"), [ActivityId(77)]);
/// # Ok::<(), axon_metrics::definitions::NotATemplate>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageTemplate {
    prefix: String,
    suffix: String,
    open_start: bool,
    open_end: bool,
}

/// Why a text is not a page template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotATemplate {
    /// `{id}` is missing, or there more than once.
    #[error("a page template must contain {{id}} once")]
    Id,
    /// A `*` is neither the first nor the last character, or is next to `{id}`: then it could match a part of the id.
    #[error("in a page template * may only be the first or the last character, and not next to {{id}}")]
    Star,
}

impl FromStr for PageTemplate {
    type Err = NotATemplate;

    fn from_str(text: &str) -> Result<Self, NotATemplate> {
        let (prefix, suffix) = text.split_once("{id}").ok_or(NotATemplate::Id)?;
        let (open_start, prefix) = prefix.strip_prefix('*').map_or((false, prefix), |rest| (true, rest));
        let (open_end, suffix) = suffix.strip_suffix('*').map_or((false, suffix), |rest| (true, rest));
        if suffix.contains("{id}") {
            return Err(NotATemplate::Id);
        }
        let star_next_to_id = (open_start && prefix.is_empty()) || (open_end && suffix.is_empty());
        if star_next_to_id || prefix.contains('*') || suffix.contains('*') {
            return Err(NotATemplate::Star);
        }
        Ok(Self { prefix: prefix.to_owned(), suffix: suffix.to_owned(), open_start, open_end })
    }
}

impl PageTemplate {
    /// The address of an activity's page, without what a `*` matches.
    pub fn address(&self, id: ActivityId) -> String {
        format!("{}{id}{}", self.prefix, self.suffix)
    }

    /// Whether any prefix may precede the address: the template starts with `*`.
    pub fn is_open_start(&self) -> bool {
        self.open_start
    }

    /// Whether any suffix may follow the address: the template ends with `*`.
    pub fn is_open_end(&self) -> bool {
        self.open_end
    }

    /// The activities whose page an address is; empty if none. More than one only for a template with a `*`.
    pub fn activities(&self, address: &str) -> Vec<ActivityId> {
        let suffix_matches =
            |rest: &str| if self.open_end { rest.starts_with(&self.suffix) } else { rest == self.suffix };
        let starts = address.char_indices().map(|(at, _)| at).take_while(|at| *at == 0 || self.open_start);
        let mut activities = Vec::new();
        for rest in starts.filter_map(|at| address[at..].strip_prefix(self.prefix.as_str())) {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count().min(MAX_DIGITS);
            let ids = (1..=digits).map(|digits| rest.split_at(digits)).filter(|(_, rest)| suffix_matches(rest));
            // An id has no leading zeros.
            let ids = ids.filter(|(id, _)| !id.starts_with('0')).filter_map(|(id, _)| id.parse().ok());
            activities.extend(ids.filter(|id| id::is_valid(*id)).map(ActivityId));
        }
        activities
    }
}

/// The digits of the largest `u64`. Bounds how many prefixes of a run of digits are tried as an id.
const MAX_DIGITS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(template: &str, address: &str) -> Vec<u64> {
        let template: PageTemplate = template.parse().expect("a template");
        template.activities(address).iter().map(|id| id.0).collect()
    }

    #[test]
    fn an_address_is_matched_as_a_whole() {
        assert_eq!(ids("http://a/{id}", "http://a/77"), [77]);
        for other in
            ["http://a/77/", "http://a/", "xhttp://a/77", "http://A/77", "http://a/077", "http://a/0", "", "77"]
        {
            assert_eq!(ids("http://a/{id}", other), [0; 0], "{other}");
        }
        assert_eq!(ids("/a/{id}/b", "/a/7/b"), [7]);
        assert_eq!(ids("{id}", "7"), [7]);
        assert_eq!(ids("{id}", "99999999999999999999999"), [0; 0]);
    }

    #[test]
    fn a_star_matches_any_suffix_or_any_prefix() {
        assert_eq!(ids("/a/{id}/*", "/a/7/"), [7]);
        assert_eq!(ids("/a/{id}/*", "/a/7/x/8"), [7]);
        assert_eq!(ids("/a/{id}/*", "/a/7"), [0; 0]);
        assert_eq!(ids("*/a/{id}", "http://x/a/7"), [7]);
        assert_eq!(ids("*/a/{id}", "/a/7/a/8"), [8]);
        assert_eq!(ids("*/a/{id}/*", "/상품/a/7/a/8/"), [7, 8]);
        assert_eq!(ids("/a/{id}0*", "/a/7001"), [7, 70]);
    }

    #[test]
    fn a_star_may_not_match_a_part_of_the_id() {
        for text in ["/a/{id}*", "*{id}", "/a*/{id}", "/{id}/*/b"] {
            assert_eq!(text.parse::<PageTemplate>(), Err(NotATemplate::Star), "{text}");
        }
        for text in ["/a", "", "/{id}/{id}"] {
            assert_eq!(text.parse::<PageTemplate>(), Err(NotATemplate::Id), "{text}");
        }
    }
}
