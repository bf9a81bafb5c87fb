//! What is wrong with TLS to a server, most often its certificate, found in the causes of a connection's error.

use std::{error::Error, fmt, io};

use rustls::CertificateError;

/// Why no connection with TLS was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsFault {
    NotTrusted,
    Expired,
    NotYetValid,
    OtherName,
    Revoked,
    /// Another fault of the server's certificate.
    Invalid,
    /// The server asks for a certificate of the client, and there is none that it accepts.
    ClientRefused,
    /// What answers does not speak TLS.
    NoTls,
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotTrusted => {
                "the server's certificate is not trusted: give the authority that signed it (elasticsearch.ca_file)"
            }
            Self::Expired => "the server's certificate has expired: renew it",
            Self::NotYetValid => {
                "the server's certificate is not valid yet: compare the clocks of both machines, or renew it"
            }
            Self::OtherName => {
                "the server's certificate is for another name: use a name that it has in elasticsearch.url, or renew it"
            }
            Self::Revoked => "the server's certificate is revoked: renew it",
            Self::Invalid => "the server's certificate is invalid: renew it",
            Self::ClientRefused => "the server asks for a certificate of the client, and accepts none that it got",
            Self::NoTls => "the server does not speak TLS at this address: use http:// instead of https://",
        })
    }
}

/// The fault among an error and its causes; `None` if it is none of TLS.
pub(crate) fn fault(error: &(dyn Error + 'static)) -> Option<TlsFault> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let inner: Option<&(dyn Error + 'static)> =
            error.downcast_ref::<io::Error>().and_then(io::Error::get_ref).map(|inner| inner as _);
        if let Some(tls) = [Some(error), inner].into_iter().flatten().find_map(|error| error.downcast_ref()) {
            return of_tls(tls);
        }
        // The source of an `io::Error` is that of its inner error, which is not passed over itself.
        cause = inner.or_else(|| error.source());
    }
    None
}

fn of_tls(error: &rustls::Error) -> Option<TlsFault> {
    use rustls::AlertDescription as Alert;
    match error {
        rustls::Error::InvalidCertificate(error) => Some(of_certificate(error)),
        rustls::Error::NoCertificatesPresented => Some(TlsFault::Invalid),
        rustls::Error::InvalidMessage(_) => Some(TlsFault::NoTls),
        rustls::Error::AlertReceived(
            Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnknownCA
            | Alert::CertificateUnknown
            | Alert::CertificateExpired
            | Alert::CertificateRevoked
            | Alert::UnsupportedCertificate,
        ) => Some(TlsFault::ClientRefused),
        _ => None,
    }
}

fn of_certificate(error: &CertificateError) -> TlsFault {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::NotTrusted,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsFault::NotYetValid,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => TlsFault::OtherName,
        CertificateError::Revoked => TlsFault::Revoked,
        // A certificate that signed itself, and is no authority, is refused by this.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => TlsFault::NotTrusted,
        _ => TlsFault::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the HTTP client wraps it: an error over an `io::Error` over the error of TLS.
    #[derive(Debug, thiserror::Error)]
    #[error("the client failed")]
    struct Outer(#[source] io::Error);

    fn wrapped(error: rustls::Error) -> Outer {
        Outer(io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error)))
    }

    #[test]
    fn each_fault_of_a_certificate_has_its_own_sentence() {
        let faults = [
            (CertificateError::UnknownIssuer, "not trusted"),
            (CertificateError::Expired, "expired"),
            (CertificateError::NotValidYet, "not valid yet"),
            (CertificateError::NotValidForName, "another name"),
            (CertificateError::Revoked, "revoked"),
            (CertificateError::BadEncoding, "invalid"),
        ];
        for (error, expected) in faults {
            let fault = fault(&wrapped(rustls::Error::InvalidCertificate(error))).unwrap().to_string();
            assert!(fault.contains(expected), "{fault}");
        }
    }

    #[test]
    fn an_error_of_another_kind_is_none() {
        assert_eq!(fault(&Outer(io::Error::from(io::ErrorKind::ConnectionRefused))), None);
        assert_eq!(fault(&wrapped(rustls::Error::DecryptError)), None);
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired);
        assert_eq!(fault(&wrapped(alert)), Some(TlsFault::ClientRefused));
    }
}
