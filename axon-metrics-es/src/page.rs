//! Addresses of an activity's pages as templates, and the query that finds them.

use serde_json::{Value, json};

/// An address with a place for an activity's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageTemplate {
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

impl PageTemplate {
    pub(crate) fn parse(text: &str) -> Result<Self, NotATemplate> {
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

    fn address(&self, id: u64) -> String {
        format!("{}{id}{}", self.before, self.after)
    }
}

/// Queries of which a document must match one to lie on a page of one of the activities.
pub(crate) fn queries(templates: &[PageTemplate], field: &str, ids: &[u64]) -> Vec<Value> {
    let mut queries = Vec::new();
    let exact = templates.iter().filter(|template| !template.open_start && !template.open_end);
    let exact: Vec<String> = exact.flat_map(|template| ids.iter().map(|id| template.address(*id))).collect();
    if !exact.is_empty() {
        queries.push(json!({"terms": {field: exact}}));
    }
    for template in templates {
        for id in ids {
            let address = template.address(*id);
            match (template.open_start, template.open_end) {
                (false, false) => {}
                (false, true) => queries.push(json!({"prefix": {field: address}})),
                (true, end) => {
                    let literal = address.replace('\\', "\\\\").replace('?', "\\?");
                    let end = if end { "*" } else { "" };
                    queries.push(json!({"wildcard": {field: format!("*{literal}{end}")}}));
                }
            }
        }
    }
    queries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queries_of(texts: &[&str]) -> Vec<Value> {
        let templates: Vec<_> = texts.iter().map(|text| PageTemplate::parse(text).unwrap()).collect();
        queries(&templates, "pageUrl", &[7, 8])
    }

    #[test]
    fn an_address_is_matched_exactly_or_by_its_beginning() {
        let found = queries_of(&["http://a/{id}", "/b/{id}", "http://a/{id}/*"]);
        let exact = json!({"terms": {"pageUrl": ["http://a/7", "http://a/8", "/b/7", "/b/8"]}});
        let prefix = |address: &str| json!({"prefix": {"pageUrl": address}});
        assert_eq!(found, [exact, prefix("http://a/7/"), prefix("http://a/8/")]);
    }

    #[test]
    fn only_a_template_that_begins_with_a_star_is_a_wildcard() {
        let found = queries_of(&["*/a?x={id}", "*/b/{id}/*"]);
        let wildcards: Vec<_> = found.iter().filter_map(|query| query["wildcard"]["pageUrl"].as_str()).collect();
        assert_eq!(wildcards, ["*/a\\?x=7", "*/a\\?x=8", "*/b/7/*", "*/b/8/*"]);
    }

    #[test]
    fn a_star_may_not_stand_where_another_id_could_match() {
        for text in ["/a/{id}*", "*{id}", "/a*/{id}", "/{id}/*/b"] {
            assert_eq!(PageTemplate::parse(text), Err(NotATemplate::Star), "{text}");
        }
        for text in ["/a", "", "/{id}/{id}"] {
            assert_eq!(PageTemplate::parse(text), Err(NotATemplate::Id), "{text}");
        }
    }
}
