//! HTML of the shell: escaping, and where relative links start.

use std::fmt::{self, Display, Write};

/// What relative links start with on a page at this path: the root of a nested router need not end in a slash.
pub(crate) fn link_base(path: &str) -> String {
    match path.rsplit('/').next() {
        None | Some("") => String::new(),
        Some(last) => format!("./{last}/"),
    }
}

/// Writes text escaped for HTML, for elements and for quoted attributes.
pub(super) struct HtmlText<'a>(pub(super) &'a str);

impl Display for HtmlText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            // Not allowed in HTML.
            control if control.is_control() => f.write_char(char::REPLACEMENT_CHARACTER),
            character => f.write_char(character),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_escaped() {
        let hostile = "<script>alert('1')</script>\" onclick=\"x\" &amp;\0";
        let expected = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot; onclick=&quot;x&quot; &amp;amp;\u{fffd}";
        assert_eq!(HtmlText(hostile).to_string(), expected);
    }

    #[test]
    fn links_start_at_the_root_of_the_router() {
        assert_eq!(link_base("/"), "");
        assert_eq!(link_base("/metrics-api"), "./metrics-api/");
        assert_eq!(link_base("/a/metrics-api"), "./metrics-api/");
        assert_eq!(link_base("/metrics-api/"), "");
    }
}
