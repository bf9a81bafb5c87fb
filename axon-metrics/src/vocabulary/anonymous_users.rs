//! The texts that stand for nobody in the place of a user or a session, such as `null` and `guest`.
//! Lives elsewhere: setting them (the options of each store).

use std::fmt;

/// The texts by default.
const USUAL: [&str; 8] = ["null", "undefined", "none", "nan", "unknown", "anonymous", "guest", "(not set)"];

/// The texts that name nobody in the place of a user or a session. They are compared without case, and without white
/// space around them. An empty text names nobody in any case, and so does, in the place of a user, a number of 0 or below.
/// ```
/// use axon_metrics::definitions::AnonymousUsers;
/// let usual = AnonymousUsers::default();
/// assert!(usual.has_user(" Guest ") && usual.has_user("-1") && !usual.has_user("guest7"));
/// assert!(usual.has_session("NULL") && !usual.has_session("0"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnonymousUsers(Vec<String>);

impl Default for AnonymousUsers {
    /// `null`, `undefined`, `none`, `nan`, `unknown`, `anonymous`, `guest` and `(not set)`.
    fn default() -> Self {
        Self::new(USUAL)
    }
}

impl AnonymousUsers {
    /// These texts, and no others.
    pub fn new<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut texts: Vec<String> = texts.into_iter().map(|text| text.into().trim().to_lowercase()).collect();
        texts.retain(|text| !text.is_empty());
        texts.sort_unstable();
        texts.dedup();
        Self(texts)
    }

    /// The texts in lower case, without white space around them, sorted, each once. The empty text is not listed.
    pub fn texts(&self) -> &[String] {
        &self.0
    }

    /// Whether a text names nobody in the place of a session.
    pub fn has_session(&self, text: &str) -> bool {
        let text = text.trim();
        let is_listed = |text: &str| self.0.iter().any(|anonymous| anonymous.eq_ignore_ascii_case(text));
        text.is_empty() || is_listed(text) || (!text.is_ascii() && is_listed(&text.to_lowercase()))
    }

    /// Whether a text names nobody in the place of a user. So does every decimal number that is not above 0.
    pub fn has_user(&self, text: &str) -> bool {
        self.has_session(text) || is_zero_or_below(text.trim())
    }
}

/// The texts as a list (`["guest", "null"]`).
impl fmt::Display for AnonymousUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Whether the text is a decimal number of 0 or below. An exponent is not read: `0e1` can be a part of a fingerprint.
fn is_zero_or_below(text: &str) -> bool {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = !whole.is_empty() && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    is_number && (is_negative || whole.bytes().chain(fraction.bytes()).all(|byte| byte == b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_names_nobody_is_no_user_and_a_number_of_0_or_below_neither() {
        let anonymous = AnonymousUsers::default();
        for text in ["", " ", "NULL", "undefined", "None", "NaN", "Unknown", " anonymous ", "GUEST", "(Not Set)"] {
            assert!(anonymous.has_user(text) && anonymous.has_session(text), "{text}");
        }
        for text in ["0", "00", "0.0", "-0", "-1", "-17.5", " 0 "] {
            assert!(anonymous.has_user(text), "{text}");
            assert_eq!(anonymous.has_session(text), text.trim().is_empty(), "{text}");
        }
        for text in ["1", "007", "0.5", "0e1", "-", ".", "-x", "0b6e", "nobody", "guest7", "null-1"] {
            assert!(!anonymous.has_user(text), "{text}");
        }
        let own = AnonymousUsers::new([" Nobody ".to_owned()]);
        assert!(own.has_user("nobody") && own.has_user("0") && own.has_user("") && !own.has_user("guest"));
    }

    #[test]
    fn letters_beyond_ascii_have_no_case_either() {
        let own = AnonymousUsers::new(["ГОСТЬ", "손님"]);
        assert!(own.has_user("гость") && own.has_user("Гость") && own.has_session("손님") && !own.has_user("гост"));
    }

    #[test]
    fn the_same_texts_are_the_same_list() {
        assert_eq!(AnonymousUsers::new(["guest", " NULL", "Guest", ""]), AnonymousUsers::new(["null", "guest"]));
        assert_eq!(AnonymousUsers::new(["null", "guest"]).to_string(), r#"["guest", "null"]"#);
    }
}
