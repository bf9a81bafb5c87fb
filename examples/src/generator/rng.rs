//! A small random number generator, implemented here so that a seed always gives the same bytes.
//! It uses only integers and the basic operations of IEEE 754, which are equal on every machine.

/// A `splitmix64` stream.
#[derive(Debug, Clone)]
pub(super) struct Rng(u64);

/// The `splitmix64` finaliser: every input bit moves every output bit.
pub(super) fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x5851_f42d_4c95_7f2d))
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// 32 random bits.
    pub(super) fn word(&mut self) -> u32 {
        upper(self.bits())
    }

    /// In `[0, 1)`.
    pub(super) fn unit(&mut self) -> f64 {
        f64::from(self.word()) / 4_294_967_296.0
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// In `[0, bound)`; 0 if `bound` is 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        upper(u64::from(self.word()) * u64::from(bound))
    }

    /// In `[from, to)`, milliseconds.
    pub(super) fn millis(&mut self, from: u32, to: u32) -> i64 {
        i64::from(from + self.below(to - from))
    }

    /// A random whole number with mean `mean`, with a little more variance than a Poisson number.
    pub(super) fn count(&mut self, mean: f64) -> u64 {
        let spread = mean * (0.75 + 0.5 * self.unit());
        whole(spread + self.unit())
    }
}

fn upper(bits: u64) -> u32 {
    u32::try_from(bits >> 32).unwrap_or(u32::MAX)
}

/// The whole part of a number that is not negative; 0 for all others.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates, which is what is meant"
)]
pub(super) fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_streams() {
        let (mut a, mut b) = (Rng::new(7), Rng::new(7));
        assert!((0..100).all(|_| a.bits() == b.bits()));
    }

    #[test]
    fn counts_keep_their_mean() {
        let mut rng = Rng::new(1);
        let sum: u64 = (0..20_000).map(|_| rng.count(0.3)).sum();
        assert!((5_600..6_400).contains(&sum), "{sum}");
    }
}
