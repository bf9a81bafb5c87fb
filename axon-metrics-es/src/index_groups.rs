//! Groups the indices of a search, and decides which triggers count in each group. Pure.
//!
//! - Purchases count in purchase indices only, all other events in event indices only. An index may be both.
//! - A rule over both kinds reads each kind in its own indices.
//! - If all indices of a kind are missing, empty or without activity ids, the whole rule is not measured: the other
//!   kind alone would be a smaller number.
//! - If only some of them are, the count is partial: they may lack events.
//! - If all of them are closed, blocked or forbidden, the server's refusal is the answer.

use axon_metrics::{EventRule, Reason};

use crate::{
    error::Fault,
    losses::Losses,
    mapping::{Field, IndexFields, IndexMapping, IndexState, Mappings},
    time_encoding::TimeEncoding,
    times::Times,
};

/// The trigger type that counts in purchase indices only.
pub(crate) const PURCHASE: &str = "PURCHASE";

/// The indices of one search.
#[derive(Debug, Clone)]
pub(crate) struct IndexGroups {
    /// Indices with the same fields and triggers form one group.
    pub(crate) groups: Vec<IndexGroup>,
    /// The configured names by which all indices are searched, in order.
    pub(crate) names: Vec<String>,
    /// The names bring further indices, which the search must leave out.
    pub(crate) restricted: bool,
    /// The primary shards behind all names; `None` if an index is behind two of them.
    pub(crate) shards: Option<u64>,
    /// A name is an alias, a data stream or a pattern: the indices behind it may change at any time.
    pub(crate) changing: bool,
    /// An index of the kind cannot be read, so the counts may be too small.
    pub(crate) incomplete: bool,
    /// The records of all indices.
    pub(crate) records: u64,
    /// The records that cannot be used.
    pub(crate) losses: Losses,
}

impl PartialEq for IndexGroups {
    /// Whether both are the same indices, read in the same way. How many records they have does not matter.
    fn eq(&self, other: &Self) -> bool {
        let Self { groups, names, restricted, shards, changing, incomplete, records: _, losses: _ } = self;
        (groups, names, shards) == (&other.groups, &other.names, &other.shards)
            && (restricted, changing, incomplete) == (&other.restricted, &other.changing, &other.incomplete)
    }
}

/// Why a figure has no indices to be read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gap {
    NotMeasured(Reason),
    /// The server refuses to read them.
    Refused(Fault),
}

/// Indices with the same fields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IndexGroup {
    pub(crate) indices: Vec<String>,
    pub(crate) fields: IndexFields,
    pub(crate) triggers: Triggers,
}

/// Which trigger types count.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Triggers {
    /// Exactly these, sorted.
    Only(Vec<String>),
    Any,
    AnyButPurchases,
}

impl Triggers {
    /// Whether this trigger is named.
    pub(crate) fn names(&self, trigger: &str) -> bool {
        matches!(self, Self::Only(triggers) if triggers.iter().any(|one| one == trigger))
    }
}

/// The fields of distinct subjects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SubjectFields {
    pub(crate) user: Field,
    pub(crate) session: Field,
}

/// The indices of a rule.
/// # Errors
/// Why the rule is not measured.
pub(crate) fn for_rule(rule: &EventRule, mappings: &Mappings) -> Result<IndexGroups, Gap> {
    let mut others: Vec<String> = rule.triggers.iter().filter(|trigger| *trigger != PURCHASE).cloned().collect();
    others.sort_unstable();
    others.dedup();
    let purchases = rule.triggers.iter().any(|trigger| trigger == PURCHASE);
    if !others.is_empty() {
        check_readable(mappings, |index| index.events)?;
    }
    if purchases {
        check_readable(mappings, |index| index.purchases)?;
    }
    let groups = group_indices(mappings, |index| {
        let mut triggers = if index.events { others.clone() } else { Vec::new() };
        if purchases && index.purchases {
            triggers.push(PURCHASE.to_owned());
        }
        (!triggers.is_empty()).then_some(Triggers::Only(triggers))
    });
    let has_definitions = !rule.definitions.is_empty();
    if has_definitions && groups.groups.iter().any(|group| group.fields.definition.is_none()) {
        return Err(Gap::NotMeasured(Reason::BadValue));
    }
    Ok(groups)
}

/// The indices that hold purchases and are not indices of purchases; `None` if no index does.
pub(crate) fn of_unbelieved_purchases(mappings: &Mappings) -> Option<IndexGroups> {
    let holds_some = |index: &IndexMapping| match &index.state {
        IndexState::Readable { losses, .. } => losses.purchases > 0,
        _ => false,
    };
    let groups = group_indices(mappings, |index| holds_some(index).then(|| Triggers::Only(vec![PURCHASE.to_owned()])));
    (!groups.groups.is_empty()).then_some(groups)
}

/// The indices of a search for any event. A purchase index that is missing or empty is left out: it is created with the
/// first purchase, so nothing is lost.
/// # Errors
/// Why the search is not measured.
pub(crate) fn for_any_event(mappings: &Mappings) -> Result<IndexGroups, Gap> {
    check_readable(mappings, |index| index.events)?;
    if mappings.indices.iter().any(|index| matches!(index.state, IndexState::Unreadable(_))) {
        return Err(Gap::NotMeasured(Reason::BadValue));
    }
    let has_no_purchase =
        |index: &IndexMapping| !index.events && matches!(index.state, IndexState::Missing | IndexState::Empty);
    Ok(group_indices(mappings, |index| match index.purchases {
        _ if has_no_purchase(index) => None,
        true => Some(Triggers::Any),
        false => Some(Triggers::AnyButPurchases),
    }))
}

/// Checks that at least one index of a kind can be read, and none is unreadable.
fn check_readable(mappings: &Mappings, of_kind: impl Fn(&IndexMapping) -> bool) -> Result<(), Gap> {
    let indices = || mappings.indices.iter().filter(|index| of_kind(index));
    let states = || indices().map(|index| &index.state);
    if states().any(|state| matches!(state, IndexState::Unreadable(_))) {
        Err(Gap::NotMeasured(Reason::BadValue))
    } else if states().any(|state| matches!(state, IndexState::Readable { .. })) {
        Ok(())
    } else if let Some(fault) = indices().find_map(IndexMapping::fault) {
        Err(Gap::Refused(fault))
    } else if states().any(|state| matches!(state, IndexState::Empty | IndexState::NoActivityIds)) {
        Err(Gap::NotMeasured(Reason::NoRecords))
    } else {
        Err(Gap::NotMeasured(Reason::NoIndex))
    }
}

fn group_indices(mappings: &Mappings, triggers: impl Fn(&IndexMapping) -> Option<Triggers>) -> IndexGroups {
    let mut result = IndexGroups {
        groups: Vec::new(),
        names: Vec::new(),
        restricted: false,
        shards: Some(0),
        changing: false,
        incomplete: false,
        records: 0,
        losses: Losses::default(),
    };
    for index in &mappings.indices {
        let Some(triggers) = triggers(index) else { continue };
        let IndexState::Readable { fields, records, losses, .. } = &index.state else {
            result.incomplete = true;
            continue;
        };
        if !result.names.contains(&index.name) {
            result.names.push(index.name.clone());
        }
        result.records = result.records.saturating_add(*records);
        result.losses.add(losses);
        match result.groups.iter_mut().find(|group| group.fields == *fields && group.triggers == triggers) {
            Some(group) => group.indices.extend_from_slice(&index.indices),
            None => {
                result.groups.push(IndexGroup { indices: index.indices.clone(), fields: *fields, triggers });
            }
        }
    }
    result.add_names(mappings);
    result
}

impl IndexGroups {
    /// Sets what follows from the names: their shards, and whether they bring further indices.
    fn add_names(&mut self, mappings: &Mappings) {
        let names = || mappings.names.iter().filter(|name| self.names.contains(&name.name));
        let mut behind: Vec<&String> = names().flat_map(|name| &name.indices).collect();
        let all = behind.len();
        behind.sort_unstable();
        behind.dedup();
        let shards = (behind.len() == all).then(|| names().map(|name| name.shards).sum());
        let changing = names().any(|name| name.indices != [&name.name[..]]);
        let restricted = behind.len() != self.groups.iter().map(|group| group.indices.len()).sum::<usize>();
        (self.shards, self.changing, self.restricted) = (shards, changing, restricted);
    }

    /// The time encoding, if all indices share one.
    pub(crate) fn time_encoding(&self) -> Option<TimeEncoding> {
        common_value(self.groups.iter().map(|group| group.fields.times)).and_then(Times::only)
    }

    /// Whether only purchases are read.
    pub(crate) fn is_of_purchases_only(&self) -> bool {
        let has_purchases_only =
            |group: &IndexGroup| matches!(&group.triggers, Triggers::Only(triggers) if *triggers == [PURCHASE]);
        self.groups.iter().all(has_purchases_only)
    }

    /// The field of activity ids, if all indices have it under one name and in one form.
    pub(crate) fn activity(&self) -> Option<Field> {
        common_value(self.groups.iter().map(|group| group.fields.activity))
    }

    /// The fields of distinct subjects.
    /// # Errors
    /// [`Reason::BadValue`] if a field differs between indices, since a person would count twice, and if an index maps
    /// neither field.
    pub(crate) fn subject_fields(&self) -> Result<SubjectFields, Reason> {
        let is_unmapped = |field: Option<Field>| field.is_some_and(|field| !field.mapped);
        if self.groups.iter().any(|group| is_unmapped(group.fields.user) && is_unmapped(group.fields.session)) {
            return Err(Reason::BadValue);
        }
        let common = |field: fn(&IndexFields) -> Option<Field>| {
            let fields: Option<Vec<Field>> = self.groups.iter().map(|group| field(&group.fields)).collect();
            let fields = fields.ok_or(Reason::BadValue)?;
            let mapped = fields.iter().filter(|field| field.mapped).copied();
            // If no index maps the field, every name of it finds nothing.
            let unmapped = fields.first().copied();
            if fields.iter().any(|field| field.mapped) { common_value(mapped) } else { unmapped }
                .ok_or(Reason::BadValue)
        };
        Ok(SubjectFields { user: common(|fields| fields.user)?, session: common(|fields| fields.session)? })
    }
}

/// The value, if all are equal; `None` of none.
fn common_value<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut values = values.into_iter();
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}
