//! The content codings that a caller accepts (RFC 9110, 12.5.3).

use axum::http::{HeaderMap, HeaderValue, header};

/// A coding that bodies are sent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// As they are.
    Identity,
    Gzip,
    Brotli,
}

impl Coding {
    /// The value of `Content-Encoding`; `None` for a body that is sent as it is.
    pub(crate) fn header(self) -> Option<HeaderValue> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some(HeaderValue::from_static("gzip")),
            Self::Brotli => Some(HeaderValue::from_static("br")),
        }
    }
}

/// How much a caller wants each coding, in thousandths. 0 is a coding that it does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AcceptedCodings {
    brotli: u16,
    gzip: u16,
    identity: u16,
}

impl AcceptedCodings {
    /// Of a caller who names none: it gets bodies as they are.
    const NONE: Self = Self { brotli: 0, gzip: 0, identity: UNNAMED_IDENTITY };

    pub(crate) fn of(headers: &HeaderMap) -> Self {
        if !headers.contains_key(header::ACCEPT_ENCODING) {
            return Self::NONE;
        }
        let (mut brotli, mut gzip, mut identity, mut any) = (None, None, None, None);
        let lines = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|line| line.to_str().ok());
        for coding in lines.flat_map(|line| line.split(',')) {
            let mut parts = coding.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            // RFC 9110, 8.4.1.3: x-gzip is another name of gzip. A coding that is not known here is passed over.
            let named = match () {
                () if is("br") => &mut brotli,
                () if is("gzip") || is("x-gzip") => &mut gzip,
                () if is("identity") => &mut identity,
                () if is("*") => &mut any,
                () => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
            // The first one counts where a coding is named twice.
            named.get_or_insert(weight.map_or(MOST, thousandths));
        }
        Self {
            brotli: brotli.or(any).unwrap_or(0),
            gzip: gzip.or(any).unwrap_or(0),
            identity: identity.or(any).unwrap_or(UNNAMED_IDENTITY),
        }
    }

    /// Whether the caller takes gzip.
    pub(crate) fn gzip(self) -> bool {
        self.gzip > 0
    }

    /// Whether the caller takes bodies as they are.
    pub(crate) fn identity(self) -> bool {
        self.identity > 0
    }

    /// The coding that the caller wants most: the smaller one of two that it wants alike. A caller who takes none gets bodies as
    /// they are, which is better for it than no answer.
    pub(crate) fn preferred(self) -> Coding {
        let Self { brotli, gzip, identity } = self;
        if brotli > 0 && brotli >= gzip.max(identity) {
            Coding::Brotli
        } else if gzip > 0 && gzip >= identity {
            Coding::Gzip
        } else {
            Coding::Identity
        }
    }
}

/// The weight of a coding without one.
const MOST: u16 = 1000;
/// The weight of a body as it is where the caller does not name it: it takes that, and wants any coding that it names more.
const UNNAMED_IDENTITY: u16 = 1;

/// A weight (`0.5`) in thousandths. A malformed one counts as 0.
fn thousandths(text: &str) -> u16 {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    let digits = decimals.bytes().chain(std::iter::repeat(b'0')).take(3);
    match (whole, digits.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))) {
        ("0", thousandths) => thousandths,
        ("1", 0) => MOST,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(lines: &[&str]) -> AcceptedCodings {
        let line = |line: &&str| (header::ACCEPT_ENCODING, line.parse().expect("a header"));
        AcceptedCodings::of(&lines.iter().map(line).collect())
    }

    #[test]
    fn gzip_is_sent_only_to_callers_who_accept_it() {
        for lines in [
            &["gzip"] as &[_],
            &["gzip, deflate, br, zstd"],
            &["br;q=1.0, GZIP;q=0.001"],
            &["*"],
            &["br, *;q=0.1"],
            &["br", "identity , gzip ; q=0.5"],
            &["identity;q=1, *;q=0, gzip"],
            &["x-gzip"],
        ] {
            assert!(accepted(lines).gzip(), "{lines:?}");
        }
        for lines in [
            &[] as &[_],
            &[""],
            &["identity"],
            &["gzip;q=0"],
            &["gzip;q=0.000, br"],
            &["*;q=0"],
            &["gzip;q=0, *"],
            &["*, gzip;q=0"],
            &["gzip;q=x"],
            &["gzip;q=1.5"],
            &["gzip;q=nan"],
            &["gzipped, x-gzip-not"],
        ] {
            assert!(!accepted(lines).gzip(), "{lines:?}");
        }
    }

    #[test]
    fn the_coding_with_the_greatest_weight_is_preferred_and_br_among_equals() {
        let preferred = |lines: &[&str]| accepted(lines).preferred();
        for lines in [
            &["gzip, deflate, br, zstd"] as &[_],
            &["br"],
            &["*"],
            &["gzip;q=0.5, *;q=0.5"],
            &["gzip;q=0.8", "BR;Q=0.9"],
            &["identity;q=0.5, br;q=0.5, gzip;q=0.5"],
            &["identity;q=0, *;q=0.001"],
        ] {
            assert_eq!(preferred(lines), Coding::Brotli, "{lines:?}");
        }
        for lines in [
            &["gzip"] as &[_],
            &["br;q=0.8, gzip;q=0.9"],
            &["br;q=0, *"],
            &["gzip;q=0.001"],
            &["deflate, gzip;q=1.0, *;q=0.5"],
            &["identity;q=0, gzip"],
            &["zstd, gzip;q=0.2, br;q=1.1"],
        ] {
            assert_eq!(preferred(lines), Coding::Gzip, "{lines:?}");
        }
        for lines in [
            &[] as &[_],
            &[""],
            &["zstd, deflate, compress"],
            &["identity, gzip;q=0.5"],
            &["gzip;q=0.5, br;q=0.5, *;q=0.8"],
            &["br;q=0, gzip;q=0"],
            &["identity;q=0"],
            &["*;q=0"],
        ] {
            assert_eq!(preferred(lines), Coding::Identity, "{lines:?}");
        }
    }

    #[test]
    fn a_caller_may_refuse_bodies_as_they_are() {
        for lines in [&["identity;q=0, gzip"] as &[_], &["gzip, *;q=0"], &["br", "identity;q=0.000"]] {
            assert!(!accepted(lines).identity(), "{lines:?}");
        }
        for lines in [&[] as &[_], &["gzip"], &["*;q=0, identity;q=0.1"], &["zstd"]] {
            assert!(accepted(lines).identity(), "{lines:?}");
        }
    }
}
