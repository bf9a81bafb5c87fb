//! Cells of time, in which stores count, and the sums of cells per bucket. So no store needs to know a time zone.

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

/// Candidate cell lengths of a grid over calendar buckets, in minutes, longest first: a day, an hour, and the clock
/// changes of less than an hour.
const STEPS: [i64; 4] = [24 * 60, 60, 30, 15];
/// A minute in nanoseconds.
const MINUTE: i64 = 60_000_000_000;

/// The nanoseconds from the first bound to each; `None` where that is more than 292 years.
fn offsets(bounds: &[Timestamp]) -> Option<Vec<i64>> {
    let first = bounds.first()?;
    bounds.iter().map(|bound| (*bound - first).num_nanoseconds()).collect()
}

impl Grid {
    /// The grid with the longest step, of a day, an hour, 30 and 15 minutes, that has all these ascending bounds as
    /// cell bounds. `None` if no such grid exists, or there are fewer than two bounds.
    pub fn through(bounds: &[Timestamp]) -> Option<Self> {
        Self::through_offsets(*bounds.first()?, &offsets(bounds)?)
    }

    /// The same for bounds by their [`offsets`]; `origin` is the instant of the offset 0.
    fn through_offsets(origin: Timestamp, offsets: &[i64]) -> Option<Self> {
        let (first, last) = (*offsets.first()?, *offsets.last()?);
        let divides = |minutes: &i64| offsets.iter().all(|offset| (offset - first) % (minutes * MINUTE) == 0);
        let minutes = STEPS.into_iter().find(divides)?;
        let cells = usize::try_from((last - first) / (minutes * MINUTE)).ok()?;
        let from = origin.checked_add_signed(TimeDelta::nanoseconds(first))?;
        (cells > 0).then_some(Self { from, step: TimeDelta::minutes(minutes), cells })
    }

    /// The n-th cell, from 0; `None` beyond the last cell, or outside the range of the calendar library.
    pub fn cell(&self, n: usize) -> Option<Window> {
        if n < self.cells { Some(Window { from: self.start(n)?, to: self.start(n + 1)? }) } else { None }
    }

    fn start(&self, n: usize) -> Option<Timestamp> {
        self.from.checked_add_signed(self.step.checked_mul(i32::try_from(n).ok()?)?)
    }
}

/// The cells of a series: oldest first, without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cells {
    /// Cells of one length.
    Grid(Grid),
    /// Cells of any lengths, for bounds that no grid has.
    Windows(Vec<Window>),
}

/// Consecutive buckets of a series, and the cells in which they are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) cells: Cells,
    pub(crate) buckets: Vec<Window>,
}

impl Part {
    /// The parts of consecutive buckets without gaps; together they hold each bucket once, in order. Empty buckets give
    /// one empty part. The first and the last bucket may be cut at any instant. Each becomes a part of its own if the
    /// others then fit a grid with a longer step: one cut bucket must not turn a year of days into cells of 15 minutes.
    pub(crate) fn over(buckets: &[Window]) -> Vec<Self> {
        let ends = buckets.iter().map(|bucket| bucket.to);
        let bounds: Vec<Timestamp> = buckets.first().map(|first| first.from).into_iter().chain(ends).collect();
        let offsets = offsets(&bounds);
        let grid = |first: usize, last: usize| {
            let offsets = offsets.as_ref()?.get(first..=buckets.len().checked_sub(last)?)?;
            Some((first, last, Grid::through_offsets(*bounds.first()?, offsets)?))
        };
        // In order of preference: of equal steps the first wins.
        let grids = [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().filter_map(|(first, last)| grid(first, last));
        let Some((first, last, grid)) = grids.reduce(|best, next| if next.2.step > best.2.step { next } else { best })
        else {
            return vec![Self { cells: Cells::Windows(buckets.to_vec()), buckets: buckets.to_vec() }];
        };
        let as_windows =
            |buckets: &[Window]| Self { cells: Cells::Windows(buckets.to_vec()), buckets: buckets.to_vec() };
        let (inner, end) = (first..buckets.len() - last, buckets.len() - last);
        let inner = Self { cells: Cells::Grid(grid), buckets: buckets[inner].to_vec() };
        let parts = (first > 0).then(|| as_windows(&buckets[..first])).into_iter().chain([inner]);
        parts.chain((last > 0).then(|| as_windows(&buckets[end..]))).collect()
    }

    /// The sum of the cells of each bucket, one per bucket. `counts` has one count per cell.
    pub(crate) fn fold(&self, counts: &[u64]) -> Vec<u64> {
        let mut cells = self.cells.starts().zip(counts).peekable();
        let sum = |bucket: &Window| {
            let mut sum = 0_u64;
            while let Some((_, count)) = cells.next_if(|(start, _)| *start < bucket.to) {
                sum = sum.saturating_add(*count);
            }
            sum
        };
        self.buckets.iter().map(sum).collect()
    }
}

impl Cells {
    /// How many cells there are.
    pub fn count(&self) -> usize {
        match self {
            Self::Grid(grid) => grid.cells,
            Self::Windows(windows) => windows.len(),
        }
    }

    /// The first instant of each cell, oldest first.
    fn starts(&self) -> impl Iterator<Item = Timestamp> {
        let (grid, windows) = match self {
            Self::Grid(grid) => (Some(*grid), &[][..]),
            Self::Windows(windows) => (None, &windows[..]),
        };
        let of_grid = grid.into_iter().flat_map(|grid| (0..grid.cells).map_while(move |n| grid.start(n)));
        of_grid.chain(windows.iter().map(|window| window.from))
    }

    /// Every cell, oldest first.
    pub fn windows(&self) -> Vec<Window> {
        match self {
            Self::Grid(grid) => (0..grid.cells).filter_map(|n| grid.cell(n)).collect(),
            Self::Windows(windows) => windows.clone(),
        }
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

    /// For each part the step of its grid in seconds (`None` for windows) and the number of cells.
    fn shape(buckets: &[Window]) -> Vec<(Option<i64>, usize)> {
        let parts = Part::over(buckets);
        let all: Vec<Window> = parts.iter().flat_map(|part| part.buckets.clone()).collect();
        assert_eq!(all, buckets);
        let step = |cells: &Cells| match cells {
            Cells::Grid(grid) => Some(grid.step.num_seconds()),
            Cells::Windows(_) => None,
        };
        parts.iter().map(|part| (step(&part.cells), part.cells.count())).collect()
    }

    #[test]
    fn the_grid_has_the_longest_step_that_fits_all_bounds() {
        let grid = |from, to, zone| shape(&days(from, to, zone));
        assert_eq!(grid("2024-11-06", "2024-11-12", Seoul), [(Some(86_400), 7)]);
        assert_eq!(grid("2024-11-01", "2024-11-05", Los_Angeles), [(Some(3_600), 121)]);
        assert_eq!(grid("2024-04-05", "2024-04-09", Lord_Howe), [(Some(1_800), 241)]);
        assert_eq!(grid("2024-09-06", "2024-09-10", Santiago), [(Some(3_600), 119)]);
        assert_eq!(grid("2024-11-06", "2024-11-08", Kathmandu), [(Some(86_400), 3)]);
    }

    #[test]
    fn a_cut_bucket_is_a_window_and_the_days_between_stay_cells() {
        let cut = |from: i64, to: i64| {
            let mut buckets = days("2023-11-06", "2024-11-08", Seoul);
            buckets[0].from += TimeDelta::minutes(from);
            let last = buckets.len() - 1;
            buckets[last].to -= TimeDelta::minutes(to);
            shape(&buckets)
        };
        let (window, day) = ((None, 1), Some(86_400));
        assert_eq!(cut(0, 0), [(day, 369)]);
        assert_eq!(cut(15, 0), [window, (day, 368)]);
        assert_eq!(cut(7, 0), [window, (day, 368)]);
        assert_eq!(cut(0, 60), [(day, 368), window]);
        assert_eq!(cut(7, 1), [window, (day, 367), window]);
    }

    #[test]
    fn bounds_that_fit_no_grid_become_windows() {
        let mut buckets = days("2024-11-06", "2024-11-09", Seoul);
        for bound in [1, 2, 3] {
            buckets[bound - 1].to += TimeDelta::minutes(7 * i64::try_from(bound).expect("small"));
            buckets[bound].from = buckets[bound - 1].to;
        }
        assert_eq!(shape(&buckets), [(None, 4)]);
        assert_eq!(Part::over(&buckets)[0].fold(&[1, 2, 3, 4]), [1, 2, 3, 4]);
        assert_eq!(shape(&[]), [(None, 0)]);
    }

    #[test]
    fn cells_are_summed_per_bucket_over_a_clock_change() {
        let buckets = days("2024-11-02", "2024-11-04", Los_Angeles);
        let [part] = &Part::over(&buckets)[..] else { panic!("one part") };
        assert_eq!((part.cells.count(), part.cells.windows().len()), (73, 73));
        assert_eq!(part.fold(&[1; 73]), [24, 25, 24]);
    }
}
