//! Baseline: the expected regular purchases of a window, computed from the weeks before a promotion.
//! Lives here: arithmetic over hourly sums, with exact fractions that are rounded once. Pure.
//! Lives elsewhere: loading and caching the sums (`keep/baseline_cache`).

use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    Missing, ProductId, Timestamp, Window,
    source::HistoryQuestion,
    source::{BucketSales, History},
    stats::rate::half_up,
    vocabulary::{calendar, gcd},
};

/// How an expectation was computed from history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BaselineMethod {
    /// One mean per hour of the week, over two whole weeks or more.
    HourOfWeek,
    /// One mean per day of the week, over the only whole week of history.
    DayOfWeek,
    /// One mean over all whole days of history, of which there are fewer than seven.
    Mean,
}

/// Expected regular purchases of a window. A sum is missing only if it is too large for a decimal.
#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    pub(crate) orders: Result<Decimal, Missing>,
    pub(crate) quantity: Result<Decimal, Missing>,
    pub(crate) revenue: Result<Decimal, Missing>,
    pub(crate) method: BaselineMethod,
    /// Whole weeks used.
    pub(crate) weeks: u32,
    /// Whole days used.
    pub(crate) days: u32,
}

/// The question for the history: `weeks` calendar weeks up to the last full clock hour before the promotion, clamped to
/// the whole days that are over. So it changes once a day until the promotion starts, and never after that.
/// `None` if no whole day is over.
pub(crate) fn history_question(
    products: &[ProductId],
    promotion_start: Timestamp,
    as_of: Timestamp,
    zone: Tz,
    weeks: u32,
) -> Option<HistoryQuestion> {
    let end = calendar::hour(promotion_start, zone).whole.from;
    let days = 7 * u64::from(weeks);
    let from = calendar::days_before(end, days, zone)?;
    let to = (0..days).filter_map(|days| calendar::days_before(end, days, zone)).find(|day| *day <= as_of)?;
    let window = Window { from, to };
    (!window.is_empty()).then(|| HistoryQuestion {
        products: products.to_vec(),
        window,
        bucket: calendar::hour_bucket(window, zone),
    })
}

/// What the shop would have sold in `window` at the rates of the whole weeks before the promotion. For each hour of the
/// week this is the mean over these weeks, times the part of that hour inside the window. With only one whole week the
/// mean is per day of the week; with less than a week it is one mean over the whole days.
/// # Errors
/// [`Missing::NoBaseline`] if the ledger holds no whole day before the promotion.
pub(crate) fn expected(
    history: &History,
    promotion_start: Timestamp,
    window: Window,
    as_of: Timestamp,
    zone: Tz,
    weeks: u32,
) -> Result<Expectation, Missing> {
    let end = calendar::hour(promotion_start, zone).whole.from;
    let since = history.since.ok_or(Missing::NoBaseline)?;
    // The k-th period of this many days before the promotion. It is usable if it is over and the ledger covers it.
    let usable = |days: u64, count: u32| -> Vec<Window> {
        let period = |k: u32| {
            let from = calendar::days_before(end, days * (u64::from(k) + 1), zone)?;
            Some(Window { from, to: calendar::days_before(end, days * u64::from(k), zone)? })
        };
        (0..count).filter_map(period).filter(|period| since <= period.from && period.to <= as_of).collect()
    };
    let count = |periods: &[Window]| u32::try_from(periods.len()).unwrap_or(u32::MAX);

    let whole_weeks = usable(7, weeks);
    let weeks = count(&whole_weeks);
    let (method, periods, days) = match weeks {
        2.. => (BaselineMethod::HourOfWeek, whole_weeks, weeks * 7),
        1 => (BaselineMethod::DayOfWeek, whole_weeks, 7),
        0 => {
            let whole_days = usable(1, 7);
            let days = count(&whole_days);
            (BaselineMethod::Mean, whole_days, days)
        }
    };
    if periods.is_empty() {
        return Err(Missing::NoBaseline);
    }
    let means = Means::new(method, history, &periods, window, zone)?;
    Ok(Expectation {
        orders: means.sum(|sales| Decimal::from(sales.orders)),
        quantity: means.sum(|sales| Decimal::from(sales.quantity)),
        revenue: means.sum(|sales| sales.revenue),
        method,
        weeks,
        days,
    })
}

/// History and window, sorted into the bins of a method: one mean per bin.
struct Means {
    bins: Vec<Bin>,
}

#[derive(Clone, Default)]
struct Bin {
    /// Sums of the history in this bin.
    sales: BucketSales,
    /// Microseconds of history in this bin.
    history: i128,
    /// Microseconds of the window in this bin.
    window: i128,
}

impl Bin {
    /// `None` on overflow.
    fn add(&mut self, sales: &BucketSales) -> Option<()> {
        self.sales.orders = self.sales.orders.checked_add(sales.orders)?;
        self.sales.quantity = self.sales.quantity.checked_add(sales.quantity)?;
        self.sales.revenue = self.sales.revenue.checked_add(sales.revenue)?;
        Some(())
    }
}

impl Means {
    fn new(
        method: BaselineMethod,
        history: &History,
        periods: &[Window],
        window: Window,
        zone: Tz,
    ) -> Result<Self, Missing> {
        let bin = |hour_of_week: usize| match method {
            BaselineMethod::HourOfWeek => hour_of_week,
            BaselineMethod::DayOfWeek => hour_of_week / 24,
            BaselineMethod::Mean => 0,
        };
        let mut bins = vec![Bin::default(); bin(calendar::HOURS_OF_WEEK - 1) + 1];
        let mut buckets = history.buckets.iter().map(|(at, sales)| (at.timestamp_micros(), sales)).peekable();
        let mut fits = true;
        // Periods are listed from the newest to the oldest, buckets from the oldest to the newest.
        for period in periods.iter().rev() {
            calendar::each_part(*period, zone, |from, to, hour_of_week| {
                let bin = &mut bins[bin(hour_of_week)];
                bin.history += i128::from(to - from);
                while buckets.next_if(|(at, _)| *at < from).is_some() {}
                while let Some((_, sales)) = buckets.next_if(|(at, _)| *at < to) {
                    fits &= bin.add(sales).is_some();
                }
            });
        }
        if !fits {
            return Err(Missing::TooLarge);
        }
        calendar::each_part(window, zone, |from, to, hour_of_week| {
            bins[bin(hour_of_week)].window += i128::from(to - from);
        });
        Ok(Self { bins })
    }

    /// The sum over bins of sales × time in the window ÷ time in history, exact, rounded once to two decimals.
    fn sum(&self, pick: impl Fn(&BucketSales) -> Decimal) -> Result<Decimal, Missing> {
        // Two weeks or more contain every hour of the week, since clocks do not go forward twice in two weeks.
        let used = || self.bins.iter().filter(|bin| bin.window > 0 && bin.history > 0);
        let scale = used().map(|bin| pick(&bin.sales).scale()).max().unwrap_or(0);
        // Bins with the same time in history, which is nearly all of them, are summed first: one denominator each.
        let mut parts: Vec<Fraction> = Vec::new();
        for bin in used() {
            let amount = pick(&bin.sales);
            let mantissa =
                10_i128.checked_pow(scale - amount.scale()).and_then(|ten| amount.mantissa().checked_mul(ten));
            let part = mantissa.and_then(|mantissa| mantissa.checked_mul(bin.window)).ok_or(Missing::TooLarge)?;
            match parts.iter_mut().find(|(_, history)| *history == bin.history) {
                Some((sum, _)) => *sum = sum.checked_add(part).ok_or(Missing::TooLarge)?,
                None => parts.push((part, bin.history)),
            }
        }
        let mut sum = Some((0, 1));
        for part in parts {
            sum = sum.zip(reduce(part)).and_then(|(sum, part)| add(sum, part));
        }
        let hundredths = sum.and_then(|(numerator, denominator)| {
            half_up(numerator.checked_mul(100)?, denominator.checked_mul(10_i128.checked_pow(scale)?)?)
        });
        hundredths.and_then(|digits| Decimal::try_from_i128_with_scale(digits, 2).ok()).ok_or(Missing::TooLarge)
    }
}

/// Numerator and denominator.
type Fraction = (i128, i128);

fn reduce((numerator, denominator): Fraction) -> Option<Fraction> {
    let divisor = gcd(numerator.abs(), denominator).max(1);
    Some((numerator / divisor, denominator / divisor))
}

/// `None` on overflow.
fn add((a, b): Fraction, (c, d): Fraction) -> Option<Fraction> {
    let common = gcd(b, d);
    let denominator = (b / common).checked_mul(d)?;
    let numerator = a.checked_mul(d / common)?.checked_add(c.checked_mul(b / common)?)?;
    reduce((numerator, denominator))
}

#[cfg(test)]
mod tests {
    use chrono::Duration;
    use chrono_tz::{America::Los_Angeles, Asia::Seoul};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }
    /// A history with `orders(hour)` orders in each hour of the window.
    fn history(since: &str, window: Window, orders: impl Fn(Timestamp) -> u64) -> History {
        let mut hours = Vec::new();
        let mut hour = window.from;
        while hour < window.to {
            let count = orders(hour);
            if count > 0 {
                hours.push((
                    hour,
                    BucketSales {
                        orders: count,
                        quantity: count * 2,
                        revenue: Decimal::new(i64::try_from(count).unwrap() * 1050, 2),
                    },
                ));
            }
            hour += Duration::hours(1);
        }
        History { since: Some(at(since)), buckets: hours }
    }

    // A promotion from Monday 00:00 in Seoul.
    const START: &str = "2024-11-10T15:00:00Z";
    const LATER: &str = "2024-12-01T00:00:00Z";

    fn ask(history: &History, window: Window) -> Result<Expectation, Missing> {
        expected(history, at(START), window, at(LATER), Seoul, 4)
    }
    fn weeks() -> Window {
        history_question(&[], at(START), at(LATER), Seoul, 4).unwrap().window
    }

    #[test]
    fn history_is_four_weeks_before_the_promotion() {
        assert_eq!(weeks(), Window { from: at("2024-10-13T15:00:00Z"), to: at(START) });
        let mid_hour = history_question(&[], at("2024-11-10T15:20:00Z"), at(LATER), Seoul, 4).unwrap().window;
        assert_eq!(mid_hour, weeks());
        assert_eq!(history_question(&[], at(START), at("2024-10-01T00:00:00Z"), Seoul, 4), None);
    }

    #[test]
    fn each_hour_of_the_week_is_expected_to_sell_its_mean() {
        // 4 orders on each Monday 00:00, 1 in the first of four weeks at Monday 01:00.
        let monday = |hour: Timestamp| (hour - at("2024-10-13T15:00:00Z")).num_hours();
        let history = history("2024-01-01T00:00:00Z", weeks(), |hour| match monday(hour) {
            1 => 1,
            hours if hours % 168 == 0 => 4,
            _ => 0,
        });
        let hours = |from: i64, minutes: i64| Window {
            from: at(START) + Duration::hours(from),
            to: at(START) + Duration::hours(from) + Duration::minutes(minutes),
        };
        let orders = |window| ask(&history, window).unwrap().orders.unwrap().to_string();
        assert_eq!(orders(hours(0, 60)), "4.00");
        assert_eq!(orders(hours(0, 30)), "2.00");
        assert_eq!(orders(hours(0, 120)), "4.25");
        assert_eq!(orders(hours(1, 30)), "0.13"); // 0.125, half up
        assert_eq!(orders(hours(2, 60)), "0.00");
        assert_eq!(orders(hours(0, 2 * 7 * 24 * 60)), "8.50");
        let all = ask(&history, hours(0, 120)).unwrap();
        assert_eq!(
            (all.quantity.unwrap().to_string(), all.revenue.unwrap().to_string()),
            ("8.50".into(), "44.63".into())
        );
        assert_eq!((all.method, all.weeks), (BaselineMethod::HourOfWeek, 4));
    }

    #[test]
    fn only_weeks_that_the_ledger_covers_count() {
        let steady = |since: &str| history(since, weeks(), |hour| u64::from(hour >= at(since)));
        let week = Window { from: at(START), to: at(START) + Duration::days(7) };
        let expectation = |since| {
            let all = ask(&steady(since), week).unwrap();
            (all.method, all.weeks, all.days, all.orders.unwrap().to_string())
        };
        assert_eq!(expectation("2024-10-13T15:00:00Z"), (BaselineMethod::HourOfWeek, 4, 28, "168.00".into()));
        assert_eq!(expectation("2024-10-13T16:00:00Z"), (BaselineMethod::HourOfWeek, 3, 21, "168.00".into()));
        assert_eq!(expectation("2024-10-27T16:00:00Z"), (BaselineMethod::DayOfWeek, 1, 7, "168.00".into()));
        assert_eq!(expectation("2024-11-07T16:00:00Z"), (BaselineMethod::Mean, 0, 2, "168.00".into()));
        let less_than_a_day = steady("2024-11-10T00:00:00Z");
        assert!(matches!(ask(&less_than_a_day, week), Err(Missing::NoBaseline)));
        assert!(matches!(ask(&History::default(), week), Err(Missing::NoBaseline)));
    }

    #[test]
    fn one_week_gives_a_mean_per_day_of_the_week() {
        // 24 orders on Monday, none on other days.
        let monday = at("2024-11-03T15:00:00Z");
        let history = history("2024-11-03T15:00:00Z", weeks(), |hour| if hour == monday { 24 } else { 0 });
        let orders = |from: i64, hours: i64| {
            let from = at(START) + Duration::hours(from);
            ask(&history, Window { from, to: from + Duration::hours(hours) }).unwrap().orders.unwrap().to_string()
        };
        assert_eq!([orders(0, 24), orders(6, 6), orders(24, 24)], ["24.00", "6.00", "0.00"]);
    }

    #[test]
    fn without_sales_or_with_an_empty_window_the_expectation_is_zero() {
        let zeros = history("2024-01-01T00:00:00Z", weeks(), |_| 0);
        let week = Window { from: at(START), to: at(START) + Duration::days(7) };
        assert_eq!(ask(&zeros, week).unwrap().orders.unwrap().to_string(), "0.00");
        let ones = history("2024-01-01T00:00:00Z", weeks(), |_| 1);
        assert_eq!(ask(&ones, Window { from: at(START), to: at(START) }).unwrap().orders.unwrap(), Decimal::ZERO);
    }

    #[test]
    fn an_hour_that_the_clocks_skipped_is_not_in_the_mean() {
        // Clocks in Los Angeles went forward on Sunday 2024-03-10 at 02:00. One order in each hour that existed.
        let start = at("2024-03-18T07:00:00Z");
        let window = history_question(&[], start, at(LATER), Los_Angeles, 4).unwrap().window;
        assert_eq!(window.length().num_hours(), 4 * 168 - 1);
        let steady = history("2024-01-01T00:00:00Z", window, |_| 1);
        let week = Window { from: start, to: start + Duration::days(7) };
        let all = expected(&steady, start, week, at(LATER), Los_Angeles, 4).unwrap();
        assert_eq!(all.orders.unwrap().to_string(), "168.00");
        // Two in the hour from 02:00 on the three Sundays that had it: expect two, not 6/4.
        let local_two = |hour: Timestamp| calendar::hour(hour, Los_Angeles).of_week == 6 * 24 + 2;
        let sundays = history("2024-01-01T00:00:00Z", window, |hour| if local_two(hour) { 2 } else { 0 });
        let all = expected(&sundays, start, week, at(LATER), Los_Angeles, 4).unwrap();
        assert_eq!(all.orders.unwrap().to_string(), "2.00");
    }

    #[test]
    fn a_clock_change_of_half_an_hour_gives_buckets_of_half_an_hour() {
        use chrono_tz::Australia::Lord_Howe;
        // Clocks on Lord Howe went forward by half an hour on 2024-10-06. One order at 10:15 on each of four Mondays.
        let start = at("2024-10-20T13:00:00Z");
        let question = history_question(&[], start, at(LATER), Lord_Howe, 4).unwrap();
        assert_eq!(question.bucket, std::time::Duration::from_secs(1800));
        assert_eq!(hourly_bucket(), std::time::Duration::from_secs(3600));
        let mondays = ["2024-09-22T23:45:00Z", "2024-09-29T23:45:00Z", "2024-10-06T23:15:00Z", "2024-10-13T23:15:00Z"];
        let bucket = |order: &str| {
            let into = (at(order) - question.window.from).num_seconds() / 1800 * 1800;
            let one = BucketSales { orders: 1, ..BucketSales::default() };
            (question.window.from + Duration::seconds(into), one)
        };
        let history = History { since: Some(at("2024-01-01T00:00:00Z")), buckets: mondays.map(bucket).to_vec() };
        let orders = |from: &str, to: &str| {
            let window = Window { from: at(from), to: at(to) };
            expected(&history, start, window, at(LATER), Lord_Howe, 4).unwrap().orders.unwrap().to_string()
        };
        // Monday 2024-10-21, 9 to 10 and 10 to 11.
        assert_eq!(orders("2024-10-20T22:00:00Z", "2024-10-20T23:00:00Z"), "0.00");
        assert_eq!(orders("2024-10-20T23:00:00Z", "2024-10-21T00:00:00Z"), "1.00");
    }

    fn hourly_bucket() -> std::time::Duration {
        history_question(&[], at(START), at(LATER), Seoul, 4).unwrap().bucket
    }
}
