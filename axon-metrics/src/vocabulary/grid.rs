//! Cells of time: what stores count in, and how counts of cells become counts of buckets. No store needs to know a time zone.

use chrono::TimeDelta;

use super::{timestamp::Timestamp, window::Window};

/// Cells of one length: the n-th is `[from + n · step, from + (n + 1) · step)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// The first instant of the first cell.
    pub from: Timestamp,
    /// How long a cell lasts; more than zero.
    pub step: TimeDelta,
    /// How many cells there are.
    pub cells: usize,
}

/// The lengths that a cell of a grid over calendar buckets may have, in minutes: a day, an hour, and what clocks are moved by
/// where it is less than an hour.
const STEPS: [i64; 4] = [24 * 60, 60, 30, 15];

impl Grid {
    /// The grid with the longest step, of a day, an hour, 30 and 15 minutes, on which all these bounds lie. They ascend.
    /// `None` if there is none, or fewer than two bounds.
    pub fn through(bounds: &[Timestamp]) -> Option<Self> {
        let (first, last) = (*bounds.first()?, *bounds.last()?);
        let divides = |step: &TimeDelta| {
            let step = step.num_nanoseconds();
            bounds
                .iter()
                .all(|bound| (*bound - first).num_nanoseconds().zip(step).is_some_and(|(by, step)| by % step == 0))
        };
        let step = STEPS.into_iter().map(TimeDelta::minutes).find(divides)?;
        let cells = usize::try_from((last - first).num_seconds() / step.num_seconds()).ok()?;
        (cells > 0).then_some(Self { from: first, step, cells })
    }

    /// The n-th cell; `None` beyond the last, or the calendar's end.
    pub fn cell(&self, n: usize) -> Option<Window> {
        let start = |n: usize| self.from.checked_add_signed(self.step.checked_mul(i32::try_from(n).ok()?)?);
        if n < self.cells { Some(Window { from: start(n)?, to: start(n + 1)? }) } else { None }
    }
}

/// The cells of a series: oldest first, without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cells {
    /// Cells of one length.
    Grid(Grid),
    /// Cells of any lengths, where no grid goes through all bounds.
    Windows(Vec<Window>),
}

impl Cells {
    /// Cells of which each bucket is made of whole ones. The buckets follow each other without gaps.
    pub fn over(buckets: &[Window]) -> Self {
        let ends = buckets.iter().map(|bucket| bucket.to);
        let bounds: Vec<Timestamp> = buckets.first().map(|first| first.from).into_iter().chain(ends).collect();
        Grid::through(&bounds).map_or_else(|| Self::Windows(buckets.to_vec()), Self::Grid)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        match self {
            Self::Grid(grid) => grid.cells,
            Self::Windows(windows) => windows.len(),
        }
    }

    /// Each cell.
    pub fn windows(&self) -> Vec<Window> {
        match self {
            Self::Grid(grid) => (0..grid.cells).filter_map(|n| grid.cell(n)).collect(),
            Self::Windows(windows) => windows.clone(),
        }
    }

    /// The sum of the cells of each bucket, in the buckets' order. `counts` has one count per cell, `buckets` are those that
    /// the cells were made [`over`](Self::over).
    pub(crate) fn fold(&self, counts: &[u64], buckets: &[Window]) -> Vec<u64> {
        let mut cells = self.windows().into_iter().zip(counts).peekable();
        let sum = |bucket: &Window| {
            let mut sum = 0_u64;
            while let Some((_, count)) = cells.next_if(|(cell, _)| cell.from < bucket.to) {
                sum = sum.saturating_add(*count);
            }
            sum
        };
        buckets.iter().map(sum).collect()
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::{
        America::{Los_Angeles, Santiago},
        Asia::{Kathmandu, Seoul},
        Australia::Lord_Howe,
        Tz,
    };

    use super::{super::calendar, *};

    fn days(from: &str, to: &str, zone: Tz) -> Vec<Window> {
        let start = |day: &str, more: u64| {
            let day: chrono::NaiveDate = day.parse().expect("a date");
            calendar::start_of_day(day + chrono::Days::new(more), zone).expect("a day")
        };
        calendar::days(Window { from: start(from, 0), to: start(to, 1) }, zone)
    }

    #[test]
    fn the_longest_step_is_taken_that_all_bounds_lie_on() {
        let grid = |from, to, zone| match Cells::over(&days(from, to, zone)) {
            Cells::Grid(grid) => (grid.step.num_seconds(), grid.cells),
            Cells::Windows(_) => panic!("a grid"),
        };
        assert_eq!(grid("2024-11-06", "2024-11-12", Seoul), (86_400, 7));
        assert_eq!(grid("2024-11-01", "2024-11-05", Los_Angeles), (3_600, 121));
        assert_eq!(grid("2024-04-05", "2024-04-09", Lord_Howe), (1_800, 241));
        assert_eq!(grid("2024-09-06", "2024-09-10", Santiago), (3_600, 119));
        assert_eq!(grid("2024-11-06", "2024-11-08", Kathmandu), (86_400, 3));
    }

    #[test]
    fn bounds_that_lie_on_no_grid_are_windows_of_their_own() {
        let mut buckets = days("2024-11-06", "2024-11-08", Seoul);
        buckets[0].from += TimeDelta::minutes(7);
        assert_eq!(Cells::over(&buckets), Cells::Windows(buckets.clone()));
        assert_eq!(Cells::over(&buckets).fold(&[1, 2, 3], &buckets), [1, 2, 3]);
    }

    #[test]
    fn the_cells_of_a_bucket_are_summed_over_a_change_of_the_clocks() {
        let buckets = days("2024-11-02", "2024-11-04", Los_Angeles);
        let cells = Cells::over(&buckets);
        assert_eq!((cells.count(), cells.windows().len()), (73, 73));
        assert_eq!(cells.fold(&[1; 73], &buckets), [24, 25, 24]);
    }
}
