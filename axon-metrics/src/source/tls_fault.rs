//! What is wrong with TLS to a store, most often its certificate, and the words for it, which are the same for every store.
//!
//! The fault is found in the texts of an error's causes, which are those of rustls: each client wraps the error itself in
//! another way, and the core depends on no TLS library. The tests of the adapters show that the texts are still these.

use std::{error::Error, fmt};

/// Why no connection with TLS was made. Its text says what to do, and names no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFault {
    /// No known authority has signed the server's certificate.
    NotTrusted,
    /// The server's certificate has expired.
    Expired,
    /// The server's certificate is not valid yet, or a clock is wrong.
    NotYetValid,
    /// The server's certificate has other names than the one in the address.
    OtherName,
    /// The server's certificate is revoked.
    Revoked,
    /// Another fault of the server's certificate.
    Invalid,
    /// The server asks for a certificate of the client, and there is none that it accepts.
    ClientRefused,
    /// What answers does not speak TLS.
    NoTls,
}

impl TlsFault {
    /// The fault among an error and its causes; `None` if it is none of TLS.
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            let fault = Self::of_text(&error.to_string());
            if fault.is_some() {
                return fault;
            }
            cause = error.source();
        }
        None
    }

    fn of_text(text: &str) -> Option<Self> {
        if let Some((_, reason)) = text.split_once("invalid peer certificate: ") {
            return Some(Self::of_certificate(reason));
        }
        if let Some((_, alert)) = text.split_once("received fatal alert: ") {
            return REFUSALS.iter().any(|refusal| alert.starts_with(refusal)).then_some(Self::ClientRefused);
        }
        if text.contains("received corrupt message") {
            return Some(Self::NoTls);
        }
        text.contains("peer sent no certificates").then_some(Self::Invalid)
    }

    fn of_certificate(reason: &str) -> Self {
        let begins = |words: &[&str]| words.iter().any(|word| reason.starts_with(word));
        match () {
            () if begins(&["UnknownIssuer", "BadSignature"]) => Self::NotTrusted,
            () if begins(&["Expired", "certificate expired"]) => Self::Expired,
            () if begins(&["NotValidYet", "certificate not valid yet"]) => Self::NotYetValid,
            () if begins(&["NotValidForName", "certificate not valid for name"]) => Self::OtherName,
            () if begins(&["Revoked"]) => Self::Revoked,
            // A certificate that signed itself, and is no authority, is refused by this.
            () if begins(&["Other"]) && reason.contains("CaUsedAsEndEntity") => Self::NotTrusted,
            () => Self::Invalid,
        }
    }
}

/// Alerts by which a server refuses the client's certificate, or its absence.
const REFUSALS: [&str; 7] = [
    "CertificateRequired",
    "BadCertificate",
    "UnknownCA",
    "CertificateUnknown",
    "CertificateExpired",
    "CertificateRevoked",
    "UnsupportedCertificate",
];

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotTrusted => "the server's certificate is not trusted: give the authority that signed it (ca_file)",
            Self::Expired => "the server's certificate has expired: renew it",
            Self::NotYetValid => {
                "the server's certificate is not valid yet: compare the clocks of both machines, or renew it"
            }
            Self::OtherName => {
                "the server's certificate is for another name: use a name that it has in the address, or renew it"
            }
            Self::Revoked => "the server's certificate is revoked: renew it",
            Self::Invalid => "the server's certificate is invalid: renew it",
            Self::ClientRefused => {
                "the server asks for a certificate of the client, and accepts none that it got (client_certificate)"
            }
            Self::NoTls => "the server does not speak TLS at this address: use its TLS port, or the scheme without TLS",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// As a client wraps it: an error over an `io::Error` over the text of the TLS library.
    #[derive(Debug, thiserror::Error)]
    #[error("the client failed")]
    struct Outer(#[source] io::Error);

    fn fault(text: &str) -> Option<TlsFault> {
        TlsFault::of(&Outer(io::Error::other(io::Error::other(text.to_owned()))))
    }

    #[test]
    fn each_fault_of_a_certificate_has_its_own_sentence() {
        for (reason, expected) in [
            ("UnknownIssuer", "not trusted"),
            ("Other(OtherError(CaUsedAsEndEntity))", "not trusted"),
            ("Expired", "has expired"),
            ("certificate expired: verification time 1 (UNIX), but certificate is not valid after 0", "has expired"),
            ("certificate not valid yet: verification time 0 (UNIX)", "not valid yet"),
            ("certificate not valid for name \"Expired\"; certificate is only valid for IpAddress(a)", "another name"),
            ("Revoked", "revoked"),
            ("BadEncoding", "invalid"),
        ] {
            let fault = fault(&format!("invalid peer certificate: {reason}")).unwrap().to_string();
            assert!(fault.contains(expected), "{reason}: {fault}");
        }
    }

    #[test]
    fn alerts_about_the_clients_certificate_are_told_from_others() {
        assert_eq!(fault("received fatal alert: CertificateRequired"), Some(TlsFault::ClientRefused));
        assert_eq!(fault("received fatal alert: HandshakeFailure"), None);
        assert_eq!(fault("received corrupt message of type InvalidContentType"), Some(TlsFault::NoTls));
    }

    #[test]
    fn an_error_of_another_kind_is_none() {
        assert_eq!(TlsFault::of(&Outer(io::Error::from(io::ErrorKind::ConnectionRefused))), None);
        assert_eq!(fault("cannot decrypt peer's message"), None);
    }
}
