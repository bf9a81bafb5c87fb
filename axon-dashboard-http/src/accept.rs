//! The content codings that a caller accepts.

use axum::http::{HeaderMap, header};

/// Whether a body may be sent compressed with gzip (RFC 9110, 12.5.3). Without `Accept-Encoding` it may not.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|line| line.to_str().ok());
    let mut any = false;
    for coding in lines.flat_map(|line| line.split(',')) {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        // A malformed weight counts as 0.
        let wanted = weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0));
        if name.eq_ignore_ascii_case("gzip") {
            return wanted;
        }
        any |= name == "*" && wanted;
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_only_to_callers_who_accept_it() {
        let accepts = |lines: &[&str]| {
            let line = |line: &&str| (header::ACCEPT_ENCODING, line.parse().expect("a header"));
            accepts_gzip(&lines.iter().map(line).collect())
        };
        for lines in [
            &["gzip"] as &[_],
            &["gzip, deflate, br, zstd"],
            &["br;q=1.0, GZIP;q=0.001"],
            &["*"],
            &["br, *;q=0.1"],
            &["br", "identity , gzip ; q=0.5"],
            &["identity;q=1, *;q=0, gzip"],
        ] {
            assert!(accepts(lines), "{lines:?}");
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
            &["gzipped, x-gzip-not"],
        ] {
            assert!(!accepts(lines), "{lines:?}");
        }
    }
}
