//! Queries for events on the pages of an activity, made from address templates.

use axon_metrics::{ActivityId, definitions::PageTemplate};
use serde_json::{Value, json};

/// The queries of which an event on a page of one of the activities matches at least one. Without templates there are
/// none.
pub(crate) fn queries(templates: &[PageTemplate], field: &str, ids: &[u64]) -> Vec<Value> {
    let mut queries = Vec::new();
    let exact = templates.iter().filter(|template| !template.is_open_start() && !template.is_open_end());
    let exact: Vec<String> =
        exact.flat_map(|template| ids.iter().map(|id| template.address(ActivityId(*id)))).collect();
    if !exact.is_empty() {
        queries.push(json!({"terms": {field: exact}}));
    }
    for template in templates {
        for id in ids {
            let address = template.address(ActivityId(*id));
            match (template.is_open_start(), template.is_open_end()) {
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
        let templates: Vec<_> = texts.iter().map(|text| text.parse().unwrap()).collect();
        queries(&templates, "pageUrl", &[7, 8])
    }

    #[test]
    fn an_address_is_matched_exactly_or_by_its_beginning() {
        let queries = queries_of(&["http://a/{id}", "/b/{id}", "http://a/{id}/*"]);
        let exact = json!({"terms": {"pageUrl": ["http://a/7", "http://a/8", "/b/7", "/b/8"]}});
        let prefix = |address: &str| json!({"prefix": {"pageUrl": address}});
        assert_eq!(queries, [exact, prefix("http://a/7/"), prefix("http://a/8/")]);
    }

    #[test]
    fn only_a_template_that_begins_with_a_star_is_a_wildcard() {
        let queries = queries_of(&["*/a?x={id}", "*/b/{id}/*"]);
        let wildcards: Vec<_> = queries.iter().filter_map(|query| query["wildcard"]["pageUrl"].as_str()).collect();
        assert_eq!(wildcards, ["*/a\\?x=7", "*/a\\?x=8", "*/b/7/*", "*/b/8/*"]);
    }
}
