//! Caches bounded by the weight of their entries, whatever the number of processors.

use std::hash::Hash;

use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

/// The most shards of a cache: enough that threads seldom wait for each other.
const MAX_SHARDS: u64 = 64;

/// A cache of entries that together weigh at most `bound`; about `usual` of them are expected. An entry of up to `largest`,
/// and of up to 97 % of the bound, is always admitted. A heavier one may be dropped, which nothing reports.
pub(super) fn bounded_cache<K, V, W>(usual: usize, bound: u64, largest: u64, weighter: W) -> Cache<K, V, W>
where
    K: Eq + Hash,
    V: Clone,
    W: Weighter<K, V> + Clone,
{
    let mut options = OptionsBuilder::new();
    options.estimated_items_capacity(usual).weight_capacity(bound).shards(shards(bound, largest));
    match options.build() {
        Ok(options) => {
            Cache::with_options(options, weighter, DefaultHashBuilder::default(), DefaultLifecycle::default())
        }
        // Unreachable: both bounds are set.
        Err(_) => Cache::with_weighter(usual, bound, weighter),
    }
}

/// How many shards a cache may have. Each takes an equal part of the bound and refuses an entry that is heavier than 97 % of it.
/// By default a cache has four shards per processor, so that its largest entry would depend on the machine.
fn shards(bound: u64, largest: u64) -> usize {
    let admitted = bound - bound.div_ceil(32);
    let shards = (admitted / largest.max(1)).clamp(1, MAX_SHARDS);
    // The cache rounds up to a power of two.
    1 << shards.ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Bytes;

    impl Weighter<u64, u64> for Bytes {
        fn weight(&self, _: &u64, value: &u64) -> u64 {
            *value
        }
    }

    #[test]
    fn the_largest_entry_fits_into_any_shard() {
        for (bound, largest) in
            [(4 << 20, 2 << 20), (32 << 20, 2 << 20), (64 << 20, 8 << 20), (1 << 30, 1), (10, 1), (1, 1)]
        {
            let cache = bounded_cache(1 << 16, bound, largest, Bytes);
            for key in 0..500 {
                cache.insert(key, largest);
                assert_eq!(cache.get(&key), Some(largest), "{largest} of {bound}");
            }
            assert!(cache.weight() <= cache.capacity());
        }
    }

    #[test]
    fn heavy_entries_make_few_shards_and_light_ones_many() {
        assert_eq!([(64, 8), (64, 4), (64, 64), (64, 0)].map(|(bound, largest)| shards(bound, largest)), [4, 8, 1, 32]);
        assert_eq!((shards(u64::MAX, 1), shards(0, 0), shards(1, 5)), (64, 1, 1));
    }
}
