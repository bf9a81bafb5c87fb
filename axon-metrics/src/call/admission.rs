//! How many loads run at once. More wait, as long as they can still be done in time; the others are refused at once, so
//! that too many questions cost the answers of none.

use std::time::Duration;

use tokio::time::Instant;

use super::bulkhead::{Bulkhead, Full, Permit};

/// When to come back at the soonest, and at the latest, after a refusal.
pub(crate) const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(30);

/// Bounded concurrency of whole loads. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    bulkhead: Bulkhead,
}

/// The right to load. Dropping it lets the next one in.
#[derive(Debug)]
pub(crate) struct LoadPermit {
    _permit: Permit,
}

/// Refused: what is asked could not be loaded by the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shed {
    /// When to ask again: as long as the queue is, 1 to 30 s.
    pub(crate) retry_after: Duration,
}

impl Admission {
    /// At most so many loads at once, at least one.
    pub(crate) fn new(max_loads: usize) -> Self {
        Self { bulkhead: Bulkhead::new(max_loads) }
    }

    /// The right to load, as soon as there is room.
    /// # Errors
    /// [`Shed`], at once, if by the length of the queue and how long loads take there would be no answer by the deadline;
    /// and at the deadline, if that was a mistake.
    pub(crate) async fn admit(&self, deadline: Instant) -> Result<LoadPermit, Shed> {
        match self.bulkhead.enter(deadline).await {
            Ok(permit) => Ok(LoadPermit { _permit: permit }),
            Err(Full { wait }) => {
                crate::observe::admission_refused();
                Err(Shed { retry_after: wait.clamp(SOONEST, LATEST) })
            }
        }
    }

    /// How many loads run.
    #[cfg(test)]
    pub(crate) fn running(&self) -> usize {
        self.bulkhead.taken()
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
    async fn no_more_run_at_once_than_are_let_in() {
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
    async fn four_times_as_much_as_can_be_done_is_refused_at_once_and_the_rest_is_done_in_time() {
        let admission = Admission::new(4);
        // Loads of 100 ms on 4 permits: 40 a second. 160 a second come, for 10 s, each with a second's time.
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
                    assert!((SOONEST..=LATEST).contains(&shed.retry_after));
                    slow_refusals += usize::from(took >= MS(10));
                }
                Err(_) => late += 1,
            }
        }
        assert!(done >= 360, "{done} of the 400 that can be done in 10 s");
        assert_eq!((late, slow_refusals), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_that_go_away_leave_nothing_behind() {
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
