//! A second implementation of fractions and rounding: only whole numbers, rounded once at the end.

use serde_json::Value;

/// A figure, or the reason why there is none (`reason`, or `reason:detail`).
pub(crate) type Figure = Result<Value, &'static str>;

/// `numerator / denominator` with this many decimals, half-up, as text.
pub(crate) fn rounded(numerator: i128, denominator: i128, decimals: u32) -> String {
    let unit = 10_i128.pow(decimals);
    let scaled = numerator.abs() * unit;
    let (mut digits, rest) = (scaled / denominator, scaled % denominator);
    if rest * 2 >= denominator {
        digits += 1;
    }
    let sign = if numerator < 0 && digits > 0 { "-" } else { "" };
    format!("{sign}{}.{:0width$}", digits / unit, digits % unit, width = decimals as usize)
}

/// Text of a decimal as a JSON number without trailing zeros.
pub(crate) fn number(text: &str) -> Value {
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    serde_json::from_str(short).expect("a number")
}

/// `part` of `whole` in percent: half-up, but 100 only if both are equal, and 0 only if `part` is 0.
pub(crate) fn percent(part: u64, whole: u64, decimals: u32) -> Figure {
    if whole == 0 {
        return Err("zero_denominator");
    }
    let text = rounded(i128::from(part) * 100, i128::from(whole), decimals);
    let hundred = rounded(100, 1, decimals);
    let nothing = rounded(0, 1, decimals);
    let adjusted = match decimals {
        _ if text == hundred && part < whole => if decimals == 1 { "99.9" } else { "99.99" }.to_owned(),
        _ if text == hundred && part > whole => if decimals == 1 { "100.1" } else { "100.01" }.to_owned(),
        _ if text == nothing && part > 0 => if decimals == 1 { "0.1" } else { "0.01" }.to_owned(),
        _ => text,
    };
    Ok(number(&adjusted))
}

/// The change between two fractions in percent of the earlier, one decimal.
pub(crate) fn change(now: (u64, u64), before: (u64, u64)) -> Figure {
    if now.1 == 0 || before.0 == 0 || before.1 == 0 {
        return Err("zero_denominator");
    }
    let [a, b, c, d] = [now.0, now.1, before.0, before.1].map(i128::from);
    // a/b against c/d: (ad - cb) / cb
    Ok(number(&rounded((a * d - c * b) * 100, c * b, 1)))
}

/// An exact sum of fractions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sum {
    numerator: i128,
    denominator: i128,
}

impl Sum {
    pub(crate) const ZERO: Self = Self { numerator: 0, denominator: 1 };

    pub(crate) fn add(&mut self, numerator: i128, denominator: i128) {
        let top = self.numerator * denominator + numerator * self.denominator;
        let bottom = self.denominator * denominator;
        let common = divisor(top, bottom);
        *self = Self { numerator: top / common, denominator: bottom / common };
    }

    /// Divided by `unit`, two decimals.
    pub(crate) fn text(self, unit: i128) -> String {
        rounded(self.numerator, self.denominator * unit, 2)
    }
}

fn divisor(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}
