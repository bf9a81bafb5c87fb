//! Queries for records that name nobody in the place of a user or a session: 0, an empty text, `guest`. Pure.
//! Lives elsewhere: the texts (`axon_metrics::definitions::AnonymousUsers`), counting everybody else (`query`).
//!
//! A text is matched by a regular expression over the terms of its field, since no other query has blanks around a word
//! and every number of 0 or below. It begins with the first letters of the texts, so that the index leaves out nearly all
//! terms unseen. Case is in the expression, since fields that are computed at search time know no other way.

use axon_metrics::definitions::AnonymousUsers;
use serde_json::{Value, json};

use crate::fields::{Field, Form};

/// The longest expression that Elasticsearch takes by default (`index.max_regex_length`).
const MAX_REGEX_LENGTH: usize = 1_000;

/// The longest expression of one text. The rest is for the blanks around it.
pub(crate) const MAX_TEXT_LENGTH: usize = 800;

/// White space, as a class of characters.
const BLANK: &str = "[\u{9}-\u{d} \u{85}\u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}]";

/// A decimal number of 0 or below.
const ZERO_OR_BELOW: &str = r"-[0-9]+(\.[0-9]*)?|0+(\.0*)?";

/// The queries for nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnonymousQueries {
    /// Expressions for texts in the place of a user.
    users: Vec<String>,
    /// The same for a session.
    sessions: Vec<String>,
}

impl AnonymousQueries {
    pub(crate) fn new(anonymous: &AnonymousUsers) -> Self {
        let words: Vec<String> = anonymous.texts().iter().map(|text| word(text)).collect();
        let with_numbers = words.iter().cloned().chain([ZERO_OR_BELOW.to_owned()]).collect::<Vec<_>>();
        Self { users: expressions(&with_numbers), sessions: expressions(&words) }
    }

    /// The query for records whose user is nobody. A record without a user does not match.
    pub(crate) fn user(&self, field: Field) -> Value {
        match field.form {
            Form::Text => any_of(&self.users, field),
            Form::Whole | Form::Decimal => json!({"range": {field.name: {"lte": 0}}}),
        }
    }

    /// The query for records whose session is nobody; `None` if the field holds numbers, which all are sessions.
    pub(crate) fn session(&self, field: Field) -> Option<Value> {
        match field.form {
            Form::Text => Some(any_of(&self.sessions, field)),
            Form::Whole | Form::Decimal => None,
        }
    }
}

/// The length of the expression of a text.
pub(crate) fn length(text: &str) -> usize {
    word(text).chars().count()
}

fn any_of(expressions: &[String], field: Field) -> Value {
    // Without the optional operators of Elasticsearch's own, such as `~` and `@`.
    let regexp = |expression: &String| json!({"regexp": {field.name: {"value": expression, "flags": "NONE"}}});
    match expressions {
        [one] => regexp(one),
        all => json!({"bool": {"should": all.iter().map(regexp).collect::<Vec<_>>(), "minimum_should_match": 1}}),
    }
}

/// The expressions for any of these alternatives with blanks around it, and for blanks alone. As few as their length allows,
/// and at least one.
fn expressions(alternatives: &[String]) -> Vec<String> {
    let frame = |inner: &str| match inner {
        "" => format!("{BLANK}*"),
        inner => format!("{BLANK}*({inner})?{BLANK}*"),
    };
    let (mut expressions, mut inner) = (Vec::new(), String::new());
    for alternative in alternatives {
        let longer = if inner.is_empty() { alternative.clone() } else { format!("{inner}|{alternative}") };
        if !inner.is_empty() && frame(&longer).chars().count() > MAX_REGEX_LENGTH {
            expressions.push(frame(&inner));
            inner.clone_from(alternative);
        } else {
            inner = longer;
        }
    }
    expressions.push(frame(&inner));
    expressions
}

/// The expression for a text of lower case, in any case.
fn word(text: &str) -> String {
    let mut word = String::new();
    for letter in text.chars() {
        let mut upper = letter.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(upper), None) if upper != letter => word.extend(['[', letter, upper, ']']),
            _ if letter.is_ascii_punctuation() => word.extend(['\\', letter]),
            _ => word.push(letter),
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: Field = Field { name: "userId", form: Form::Text, mapped: true };

    fn expression(query: &Value, field: &str) -> String {
        query["regexp"][field]["value"].as_str().expect("an expression").to_owned()
    }

    #[test]
    fn the_usual_texts_are_one_expression() {
        let queries = AnonymousQueries::new(&AnonymousUsers::default());
        let user = expression(&queries.user(USER), "userId");
        assert!(user.contains("|[gG][uU][eE][sS][tT]|") && user.contains(r"(\([nN][oO][tT] [sS][eE][tT]\)|"), "{user}");
        assert!(user.contains(ZERO_OR_BELOW) && user.chars().count() < MAX_REGEX_LENGTH / 2, "{user}");
        let session = expression(&queries.session(USER).expect("a query"), "userId");
        assert!(!session.contains("0-9") && session.contains("[gG]"), "{session}");
    }

    #[test]
    fn numbers_are_compared_as_numbers_and_each_is_a_session() {
        let queries = AnonymousQueries::new(&AnonymousUsers::default());
        for form in [Form::Whole, Form::Decimal] {
            let field = Field { form, ..USER };
            assert_eq!(queries.user(field), json!({"range": {"userId": {"lte": 0}}}));
            assert_eq!(queries.session(field), None);
        }
    }

    #[test]
    fn without_texts_blanks_and_numbers_are_left() {
        let nothing: [&str; 0] = [];
        let queries = AnonymousQueries::new(&AnonymousUsers::new(nothing));
        assert_eq!(expression(&queries.user(USER), "userId"), format!("{BLANK}*({ZERO_OR_BELOW})?{BLANK}*"));
        assert_eq!(expression(&queries.session(USER).expect("a query"), "userId"), format!("{BLANK}*"));
    }

    #[test]
    fn many_texts_are_several_expressions_of_the_allowed_length() {
        let texts: Vec<String> = (0..100).map(|number| format!("nobody-{number}")).collect();
        let queries = AnonymousQueries::new(&AnonymousUsers::new(&texts));
        assert!(queries.users.len() > 3 && queries.users.len() < 10, "{}", queries.users.len());
        assert!(queries.users.iter().all(|one| one.chars().count() <= MAX_REGEX_LENGTH));
        let all = queries.users.concat();
        assert!(texts.iter().all(|text| all.contains(&word(text))));
        assert_eq!(queries.user(USER)["bool"]["should"].as_array().map(Vec::len), Some(queries.users.len()));
    }

    #[test]
    fn a_text_cannot_be_more_than_itself() {
        assert_eq!(word(r"a.*[b]\d~"), r"[aA]\.\*\[[bB]\]\\[dD]\~");
        assert_eq!((word("손님"), word("гость7")), ("손님".to_owned(), "[гГ][оО][сС][тТ][ьЬ]7".to_owned()));
    }
}
