//! Admission of loads: at most so many run at once. More wait if they can still end by their deadline; the others are
//! refused at once, so that overload does not slow the admitted ones down.

use std::time::Duration;

use tokio::time::Instant;

use super::bulkhead::{Bulkhead, Full, Permit};

/// The shortest `Retry-After` of a refusal.
pub(crate) const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);
/// The longest `Retry-After` of a refusal.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// Bounded concurrency of whole loads. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    bulkhead: Bulkhead,
}

/// The permit of one load. Dropping it admits the next one.
#[derive(Debug)]
pub(crate) struct LoadPermit {
    _permit: Permit,
}

/// Refused: the load could not end by the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shed {
    /// When to ask again: the estimated wait in the queue, within 1 to 30 s.
    pub(crate) retry_after: Duration,
}

impl Admission {
    /// Admits at most `max_loads` at once, at least one.
    pub(crate) fn new(max_loads: usize) -> Self {
        Self { bulkhead: Bulkhead::new(max_loads) }
    }

    /// A permit for a load, as soon as one is free.
    /// # Errors
    /// [`Shed`], at once, if the length of the queue and the average time of a load show that this one would not end by
    /// the deadline; at the deadline, if that estimate was too low.
    pub(crate) async fn admit(&self, deadline: Instant) -> Result<LoadPermit, Shed> {
        match self.bulkhead.enter(deadline).await {
            Ok(permit) => Ok(LoadPermit { _permit: permit }),
            Err(Full { wait }) => {
                crate::observe::admission_refused();
                Err(Shed { retry_after: wait.clamp(MIN_RETRY_AFTER, MAX_RETRY_AFTER) })
            }
        }
    }

    /// How many loads run.
    #[cfg(test)]
    pub(crate) fn running(&self) -> usize {
        self.bulkhead.in_use()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    async fn load(admission: Admission, takes: Duration, deadline: Instant) -> Result<(), Shed> {
        let _permit = admission.admit(deadline).await?;
        sleep(takes).await;
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_loads_are_bounded() {
        let admission = Admission::new(3);
        let loads: Vec<_> =
            (0..9).map(|_| tokio::spawn(load(admission.clone(), MS(100), Instant::now() + MS(1_000)))).collect();
        for _ in 0..30 {
            sleep(MS(10)).await;
            assert!(admission.running() <= 3);
        }
        for load in loads {
            assert_eq!(load.await.ok(), Some(Ok(())));
        }
        assert_eq!(admission.running(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn under_fourfold_load_the_excess_is_refused_at_once() {
        let admission = Admission::new(4);
        // 4 permits and loads of 100 ms: 40 a second. 160 a second arrive, for 10 s, each with a deadline of 1 s.
        let mut loads = Vec::new();
        for _ in 0..1_600 {
            let began = Instant::now();
            let load = load(admission.clone(), MS(100), began + MS(1_000));
            loads.push(tokio::spawn(async move { (load.await, began.elapsed()) }));
            sleep(Duration::from_micros(6_250)).await;
        }
        let (mut done, mut late, mut slow_refusals) = (0, 0, 0);
        for load in loads {
            match load.await {
                Ok((Ok(()), took)) if took <= MS(1_000) => done += 1,
                Ok((Ok(()), _)) => late += 1,
                Ok((Err(shed), took)) => {
                    assert!((MIN_RETRY_AFTER..=MAX_RETRY_AFTER).contains(&shed.retry_after));
                    slow_refusals += usize::from(took >= MS(10));
                }
                Err(_) => late += 1,
            }
        }
        assert!(done >= 360, "{done} loads done of the 400 that fit in 10 s");
        assert_eq!((late, slow_refusals), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_cancelled_loads_leak_no_permit() {
        let admission = Admission::new(4);
        for round in 0..1_000_u64 {
            let load = load(admission.clone(), MS(20), Instant::now() + MS(200));
            tokio::spawn(async move { tokio::time::timeout(MS(round * 7 % 40), load).await });
            sleep(MS(round % 3)).await;
        }
        sleep(MS(500)).await;
        assert_eq!(admission.running(), 0);
        let all = [(); 4].map(|()| admission.admit(Instant::now()));
        for permit in all {
            assert!(permit.await.is_ok());
        }
    }
}
