//! The configured names, and the indices behind them. Pure.
//! A name is that of an index, an alias or a data stream, or a pattern. Searches name what is configured, since a user
//! may have rights on an alias alone. Records are told apart by the index that they are in.

use std::collections::BTreeMap;

use crate::{
    error::Fault,
    field_types::{FieldTypes, TypesOfIndex},
    options::EsOptions,
};

/// A configured name, and what the server says that it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) name: String,
    pub(crate) meaning: Meaning,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The indices behind it: never none.
    Indices(Vec<String>),
    /// None. It is missing, or hidden from the user.
    Nothing,
    /// The server refused to tell.
    Refused(Fault),
}

/// All configured names, sorted, without duplicates.
pub(crate) fn configured(options: &EsOptions) -> Vec<&str> {
    let mut names: Vec<&str> =
        options.event_indices.iter().chain(&options.purchase_indices).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

pub(crate) fn is_pattern(name: &str) -> bool {
    name.contains('*')
}

/// What the names mean if each is the name of an index that the reply to all of them lists; `None` if one is not: it is
/// something else, or missing.
/// # Errors
/// [`Fault::Wrong`] if the reply lists a further index.
pub(crate) fn as_indices(names: &[&str], types: &FieldTypes) -> Result<Option<Vec<Resolved>>, Fault> {
    if !names.iter().all(|name| types.has(name)) {
        return Ok(None);
    }
    if types.indices().any(|index| !names.contains(&index)) {
        return Err(Fault::Wrong("the reply lists an index that is not configured"));
    }
    let itself =
        |name: &&str| Resolved { name: (*name).to_owned(), meaning: Meaning::Indices(vec![(*name).to_owned()]) };
    Ok(Some(names.iter().map(itself).collect()))
}

/// What one name means, by the reply to it alone.
pub(crate) fn meaning(types: &FieldTypes) -> Meaning {
    let indices: Vec<String> = types.indices().map(str::to_owned).collect();
    if indices.is_empty() { Meaning::Nothing } else { Meaning::Indices(indices) }
}

/// What one search of a probe counts: indices behind one name that have the same types and hold the same events.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The configured name.
    pub(crate) name: String,
    /// Sorted. None: the name means nothing, or the server refused it.
    pub(crate) indices: Vec<String>,
    /// They are all indices behind the name.
    pub(crate) whole: bool,
    pub(crate) types: TypesOfIndex,
    pub(crate) events: bool,
    pub(crate) purchases: bool,
    pub(crate) refused: Option<Fault>,
}

impl Target {
    /// How it is called in findings.
    pub(crate) fn label(&self) -> String {
        match &self.indices[..] {
            [first, rest @ ..] if !self.whole => match rest.len() {
                0 => first.clone(),
                more => format!("{first} and {more} more"),
            },
            _ => self.name.clone(),
        }
    }
}

/// The targets of a probe, sorted by name. An index behind several names is searched by the one with the fewest indices.
pub(crate) fn targets(options: &EsOptions, resolved: &[Resolved], types: &FieldTypes) -> Vec<Target> {
    let is_in = |names: &[String], name: &str| names.iter().any(|one| one == name);
    let roles = |name: &str| (is_in(&options.event_indices, name), is_in(&options.purchase_indices, name));
    let of_name = |name: &str, refused: Option<Fault>| {
        let (events, purchases) = roles(name);
        Target {
            name: name.to_owned(),
            indices: Vec::new(),
            whole: true,
            types: TypesOfIndex::new(),
            events,
            purchases,
            refused,
        }
    };
    let mut targets = Vec::new();
    // By index: the name that it is searched by, how many indices that has, and the events that it holds.
    let mut indices: BTreeMap<&str, (&str, usize, bool, bool)> = BTreeMap::new();
    for Resolved { name, meaning } in resolved {
        match meaning {
            Meaning::Nothing => targets.push(of_name(name, None)),
            Meaning::Refused(fault) => targets.push(of_name(name, Some(fault.clone()))),
            Meaning::Indices(behind) => {
                for index in behind {
                    let (events, purchases) = roles(name);
                    let entry = indices.entry(index).or_insert((name, behind.len(), false, false));
                    if behind.len() < entry.1 {
                        (entry.0, entry.1) = (name, behind.len());
                    }
                    (entry.2, entry.3) = (entry.2 || events, entry.3 || purchases);
                }
            }
        }
    }
    for (index, (name, behind, events, purchases)) in indices {
        let types = types.of_index(index);
        let same = targets.iter_mut().find(|target| {
            !target.indices.is_empty()
                && (&target.name[..], target.events, target.purchases, &target.types)
                    == (name, events, purchases, &types)
        });
        match same {
            Some(target) => target.indices.push(index.to_owned()),
            None => targets.push(Target {
                name: name.to_owned(),
                indices: vec![index.to_owned()],
                whole: false,
                types,
                events,
                purchases,
                refused: None,
            }),
        }
        if let Some(last) = targets.iter_mut().find(|target| target.indices.last().is_some_and(|last| last == index)) {
            last.whole = last.indices.len() == behind;
        }
    }
    targets.sort_by(|a, b| (&a.name, &a.indices).cmp(&(&b.name, &b.indices)));
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(indices: &[(&str, &str)]) -> FieldTypes {
        let mut fields = serde_json::json!({});
        for (index, kind) in indices {
            let entry = &mut fields["occurredAt"][*kind];
            if entry.is_null() {
                *entry = serde_json::json!({"type": kind, "indices": []});
            }
            entry["indices"].as_array_mut().unwrap().push((*index).into());
        }
        let names: Vec<_> = indices.iter().map(|(index, _)| index).collect();
        FieldTypes::read(serde_json::json!({"indices": names, "fields": fields}).to_string().as_bytes()).unwrap()
    }
    fn resolved(name: &str, indices: &[&str]) -> Resolved {
        let indices: Vec<String> = indices.iter().map(|index| (*index).to_owned()).collect();
        Resolved { name: name.to_owned(), meaning: Meaning::Indices(indices) }
    }
    fn options(events: &[&str], purchases: &[&str]) -> EsOptions {
        EsOptions::default().with_event_indices(events.to_vec()).with_purchase_indices(purchases.to_vec())
    }

    #[test]
    fn names_of_indices_mean_themselves() {
        let types = types(&[("a", "date"), ("b", "date")]);
        let names = as_indices(&["a", "b"], &types).unwrap().unwrap();
        assert_eq!(names, [resolved("a", &["a"]), resolved("b", &["b"])]);
        assert_eq!(as_indices(&["a", "b", "c"], &types), Ok(None), "c is missing, or stands for another index");
        assert!(as_indices(&["a"], &types).is_err());
    }

    #[test]
    fn indices_behind_a_name_are_grouped_by_their_types() {
        let types = types(&[("e-1", "float"), ("e-2", "date"), ("e-3", "date")]);
        let targets = targets(&options(&["e"], &["e"]), &[resolved("e", &["e-1", "e-2", "e-3"])], &types);
        let labels: Vec<_> = targets.iter().map(|target| (target.label(), target.whole)).collect();
        assert_eq!(labels, [("e-1".to_owned(), false), ("e-2 and 1 more".to_owned(), false)]);
        assert!(targets.iter().all(|target| target.name == "e" && target.events && target.purchases));
    }

    #[test]
    fn an_index_behind_two_names_has_the_roles_of_both() {
        let types = types(&[("e-1", "date"), ("e-2", "date")]);
        let resolved = [resolved("e", &["e-1", "e-2"]), resolved("e-2", &["e-2"])];
        let targets = targets(&options(&["e"], &["e-2"]), &resolved, &types);
        let roles: Vec<_> =
            targets.iter().map(|target| (&target.name[..], target.label(), target.events, target.purchases)).collect();
        assert_eq!(roles, [("e", "e-1".to_owned(), true, false), ("e-2", "e-2".to_owned(), true, true)]);
    }

    #[test]
    fn a_name_without_indices_is_a_target_of_its_own() {
        let names = [
            Resolved { name: "a".to_owned(), meaning: Meaning::Nothing },
            Resolved { name: "b".to_owned(), meaning: Meaning::Refused(Fault::Busy) },
        ];
        let targets = targets(&options(&["a"], &["b"]), &names, &FieldTypes::default());
        assert_eq!(targets.iter().map(Target::label).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(targets[1].refused, Some(Fault::Busy));
    }
}
