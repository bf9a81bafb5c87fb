//! A body with its tag and headers, as it is sent in each coding. It is compressed once, for the first caller who takes a coding.

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, header},
};
use tokio::sync::OnceCell;

use super::{compression::compressed, etag};
use crate::{
    accept::{AcceptedCodings, Coding},
    headers::VARY_CODING,
};

/// Shorter bodies, in bytes, are sent as they are: with its head, such a response is one packet either way.
const MIN_COMPRESSED: usize = 1024;
/// The bytes that a compressed form takes beside its body, roughly: its headers.
const FORM_OVERHEAD: u64 = 1024;

/// A body in one coding, with the headers that go with it.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) body: Bytes,
    pub(crate) headers: HeaderMap,
}

/// A body in all its codings.
#[derive(Debug)]
pub(crate) struct EncodedBody {
    /// Weak: bodies with one tag say the same, in whatever coding.
    pub(crate) etag: HeaderValue,
    /// Whether callers may get it compressed.
    compress: bool,
    identity: Form,
    gzip: OnceCell<Form>,
    brotli: OnceCell<Form>,
}

impl EncodedBody {
    /// A body with its tag. `headers` are the others of a 200, whatever the coding.
    pub(crate) fn new(body: Bytes, etag: HeaderValue, mut headers: HeaderMap, compress: bool) -> Self {
        headers.insert(header::ETAG, etag.clone());
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        if compress {
            headers.insert(header::VARY, VARY_CODING);
        }
        let identity = Form { body, headers };
        Self { etag, compress, identity, gzip: OnceCell::new(), brotli: OnceCell::new() }
    }

    /// The body as it is.
    pub(crate) fn plain(&self) -> &Form {
        &self.identity
    }

    /// Whether `If-None-Match` names its tag.
    pub(super) fn is_known(&self, headers: &HeaderMap) -> bool {
        etag::is_known(headers, &self.etag)
    }

    /// The coding for a caller. A short body is compressed only for one who does not take it as it is.
    pub(super) fn coding(&self, headers: &HeaderMap) -> Coding {
        if !self.compress {
            return Coding::Identity;
        }
        let accepted = AcceptedCodings::of(headers);
        let is_short = self.identity.body.len() < MIN_COMPRESSED;
        if is_short && accepted.identity() { Coding::Identity } else { accepted.preferred() }
    }

    /// The body in a coding; `None` until it is compressed.
    pub(super) fn form(&self, coding: Coding) -> Option<&Form> {
        match coding {
            Coding::Identity => Some(&self.identity),
            Coding::Gzip => self.gzip.get(),
            Coding::Brotli => self.brotli.get(),
        }
    }

    /// The body in a coding, compressed now if nobody took that coding before; callers at the same time share it. As it is
    /// if the compression was lost, which the next caller tries again.
    pub(super) async fn compressed(&self, coding: Coding) -> &Form {
        let cell = match coding {
            Coding::Identity => return &self.identity,
            Coding::Gzip => &self.gzip,
            Coding::Brotli => &self.brotli,
        };
        let form = cell.get_or_try_init(|| async {
            let body = compressed(self.identity.body.clone(), coding).await.ok_or(())?;
            let mut headers = self.identity.headers.clone();
            headers.insert(header::CONTENT_LENGTH, body.len().into());
            headers.extend(coding.header().map(|name| (header::CONTENT_ENCODING, name)));
            Ok::<_, ()>(Form { body, headers })
        });
        form.await.unwrap_or(&self.identity)
    }

    /// The bytes of all its forms that are made, with the headers of the compressed ones.
    pub(super) fn weight(&self) -> u64 {
        let compressed = [&self.gzip, &self.brotli].into_iter().filter_map(OnceCell::get);
        let weights = compressed.map(|form| FORM_OVERHEAD + form.body.len() as u64);
        self.identity.body.len() as u64 + weights.sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: String, compress: bool) -> EncodedBody {
        EncodedBody::new(text.into(), HeaderValue::from_static("W/\"1\""), HeaderMap::new(), compress)
    }

    fn accepting(codings: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(codings))])
    }

    #[tokio::test]
    async fn a_form_is_made_once_and_weighed() {
        let encoded = body("figures ".repeat(1000), true);
        assert_eq!((encoded.coding(&accepting("gzip")), encoded.weight()), (Coding::Gzip, 8000));
        assert!(encoded.form(Coding::Gzip).is_none());
        let (first, second) = tokio::join!(encoded.compressed(Coding::Gzip), encoded.compressed(Coding::Gzip));
        assert!(std::ptr::eq(first, second));
        assert_eq!(encoded.weight(), 8000 + FORM_OVERHEAD + first.body.len() as u64);
        assert_eq!(first.headers[header::CONTENT_LENGTH], first.body.len().to_string());
        assert_eq!(encoded.plain().headers[header::CONTENT_LENGTH], "8000");
    }

    #[test]
    fn a_short_body_is_compressed_only_for_who_refuses_it_as_it_is() {
        let coding = |length, compress, codings| body("a".repeat(length), compress).coding(&accepting(codings));
        assert_eq!(coding(1023, true, "gzip, br"), Coding::Identity);
        assert_eq!(coding(1024, true, "gzip, br"), Coding::Brotli);
        assert_eq!(coding(1023, true, "gzip, identity;q=0"), Coding::Gzip);
        assert_eq!(coding(1023, true, "identity;q=0"), Coding::Identity);
        assert_eq!(coding(5000, false, "gzip, br"), Coding::Identity);
    }
}
