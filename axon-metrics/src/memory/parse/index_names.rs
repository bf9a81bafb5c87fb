//! The indices that a name stands for: itself, and those that a rollover makes of it. An export names the index that a
//! document is in, not the name that people use.

/// Prefixes of indices that a store makes of others when it moves, shrinks or freezes them. `?` is any byte.
const COPY_PREFIXES: [&str; 3] = ["restored-", "partial-", "shrink-????-"];
/// Prefixes of the indices of a data stream.
const STREAM_PREFIXES: [&str; 2] = [".ds-", ".migrated-ds-"];
/// The digits of the number that a rollover gives.
const NUMBER_DIGITS: usize = 6;

/// Names of indices, aliases and data streams, also with `*` for any text.
pub(in crate::memory) struct IndexNames(Vec<String>);

impl IndexNames {
    pub(in crate::memory) fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// Whether an index has one of the names, or belongs to one that was rolled over.
    pub(in crate::memory) fn contain(&self, index: &str) -> bool {
        self.0.iter().any(|name| matches(name.as_bytes(), index.as_bytes()) || stands_for(name, index))
    }
}

/// Whether `index` is one of the indices of the alias or data stream `name`: `name-000002`, `.ds-name-000002`,
/// `.ds-name-2024.11.12-000002`.
fn stands_for(name: &str, index: &str) -> bool {
    let original = COPY_PREFIXES.iter().find_map(|prefix| {
        let (start, rest) = index.split_at_checked(prefix.len())?;
        same(prefix.as_bytes(), start.as_bytes()).then_some(rest)
    });
    let index = original.unwrap_or(index);
    if original.is_some() && matches(name.as_bytes(), index.as_bytes()) {
        return true;
    }
    let Some((rest, number)) = index.rsplit_once('-') else { return false };
    if number.len() != NUMBER_DIGITS || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    match STREAM_PREFIXES.iter().find_map(|prefix| rest.strip_prefix(prefix)) {
        Some(stream) => {
            let dated = stream.rsplit_once('-').filter(|(_, date)| same(b"????.??.??", date.as_bytes()));
            matches(name.as_bytes(), stream.as_bytes())
                || dated.is_some_and(|(stream, _)| matches(name.as_bytes(), stream.as_bytes()))
        }
        None => matches(name.as_bytes(), rest.as_bytes()),
    }
}

/// Whether two texts are equal, but for the `?` of the first.
fn same(pattern: &[u8], text: &[u8]) -> bool {
    pattern.len() == text.len() && pattern.iter().zip(text).all(|(one, other)| one == other || *one == b'?')
}

/// Whether a text matches a pattern with `*` for any bytes.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let mut parts = pattern.split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(position) = memchr::memmem::find(rest, part) else { return false };
        rest = &rest[position + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contain(name: &str, index: &str) -> bool {
        IndexNames::new(vec!["other".to_owned(), name.to_owned()]).contain(index)
    }

    #[test]
    fn an_index_belongs_to_the_name_that_it_was_rolled_over_from() {
        for index in [
            "axon.event.commerce",
            "axon.event.commerce-000002",
            ".ds-axon.event.commerce-000003",
            ".ds-axon.event.commerce-2024.11.12-000003",
            "restored-axon.event.commerce",
            "partial-.ds-axon.event.commerce-2024.11.12-000003",
            "shrink-a1b2-axon.event.commerce-000002",
            ".migrated-ds-axon.event.commerce-2024.11.12-000003",
        ] {
            assert!(contain("axon.event.commerce", index), "{index}");
        }
    }

    #[test]
    fn an_index_with_another_name_belongs_to_no_other() {
        for index in [
            "",
            "axon.event.commerce2",
            "axon.event.behavior",
            "axon.event.commerce-forged",
            "axon.event.commerce-00002",
            "axon.event.commerce-20241112",
            "axon.event.commerce-2024.11.12",
            "x-axon.event.commerce-000002",
            "axon.event.commerce-x-000002",
            ".ds-axon.event.commerce",
            ".ds-axon.event.commerce-x-000002",
            ".ds-axon.event.commerce-2024.11-000002",
            "shrink-a1-axon.event.commerce-000002",
            "restored-.ds-x-000001",
        ] {
            assert!(!contain("axon.event.commerce", index), "{index}");
        }
    }

    #[test]
    fn a_name_may_be_a_pattern() {
        for index in ["commerce-", "commerce-2024.11", ".ds-commerce-x-2024.11.12-000001", "commerce-é"] {
            assert!(contain("commerce-*", index), "{index}");
        }
        for (name, index) in [("commerce-*", "commerce"), ("a*b*c", "acb"), ("a*b", "ba"), ("aa*aa", "aaa")] {
            assert!(!contain(name, index), "{name} {index}");
        }
        assert!(contain("a*b*c", "a--b--c") && contain("*", "anything"));
    }
}
