//! The counts of records that cannot be used, of the last probe. The cheap counts of a probe say how many such records
//! there are in all; while that number stays the same, they are not counted by reason again.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    losses::{Losses, Suspects},
    mapping::{IndexFields, IndexMapping, IndexState, Mappings},
};

/// By the label of the mapping.
#[derive(Debug, Default)]
pub(crate) struct LossCache(Mutex<BTreeMap<String, Counted>>);

/// What was counted, and of what.
#[derive(Debug, Clone, Copy)]
struct Counted {
    fields: IndexFields,
    suspects: Suspects,
    losses: Losses,
}

impl LossCache {
    /// Fills in the counts of those mappings that have as many suspects as when they were counted.
    pub(crate) fn fill(&self, mappings: &mut Mappings) {
        let counted = self.lock();
        for IndexMapping { label, state, .. } in &mut mappings.indices {
            let IndexState::Readable { fields, losses, .. } = state else { continue };
            let same = counted.get(label).filter(|one| (one.fields, one.suspects) == (*fields, losses.suspects));
            if let Some(same) = same.filter(|_| losses.uncounted.fixed) {
                losses.copy_fixed(&same.losses);
            }
        }
    }

    /// Keeps the counts of a probe, and nothing else.
    pub(crate) fn keep(&self, mappings: &Mappings) {
        let counted = mappings.indices.iter().filter_map(|index| match &index.state {
            IndexState::Readable { fields, losses, .. } if losses.suspects.any() && !losses.uncounted.fixed => {
                let counted = Counted { fields: *fields, suspects: losses.suspects, losses: *losses };
                Some((index.label.clone(), counted))
            }
            _ => None,
        });
        *self.lock() = counted.collect();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
