//! The files of certificates that settings name. They are read at the start of the server.

use anyhow::{Context as _, bail, ensure};

/// The certificates for one store, as the text of the PEM files; `None` for those that no setting names.
pub(super) struct Pem {
    pub(super) authority: Option<Vec<u8>>,
    /// The client's certificate and its key.
    pub(super) client: Option<(Vec<u8>, Vec<u8>)>,
}

impl Pem {
    /// Reads the files of a section's settings.
    /// # Errors
    /// A file cannot be read, or is no PEM file of its kind; or one of certificate and key is missing.
    pub(super) fn read(section: &str, ca_file: &str, certificate: &str, key: &str) -> anyhow::Result<Self> {
        let authority = file(section, "ca_file", ca_file, "CERTIFICATE-----")?;
        let certificate = file(section, "client_certificate", certificate, "CERTIFICATE-----")?;
        let key = file(section, "client_key", key, "PRIVATE KEY-----")?;
        let client = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => bail!("{section}.client_certificate needs {section}.client_key"),
            (None, Some(_)) => bail!("{section}.client_key needs {section}.client_certificate"),
        };
        Ok(Self { authority, client })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.authority.is_none() && self.client.is_none()
    }
}

/// The content of a file that is named by a setting, if it has such a block.
fn file(section: &str, key: &str, path: &str, block: &str) -> anyhow::Result<Option<Vec<u8>>> {
    if path.is_empty() {
        return Ok(None);
    }
    let content = std::fs::read(path).with_context(|| format!("{section}.{key}: cannot read {path}"))?;
    let text = String::from_utf8_lossy(&content);
    let blocks: Vec<_> = text.lines().filter(|line| line.starts_with("-----BEGIN ")).collect();
    let kind = if block.starts_with("CERT") { "certificate" } else { "private key" };
    ensure!(blocks.iter().any(|line| line.trim_end().ends_with(block)), "{section}.{key} contains no PEM {kind}");
    ensure!(
        !blocks.iter().any(|line| line.contains("ENCRYPTED")) && !text.contains("Proc-Type: 4,ENCRYPTED"),
        "{section}.{key} is encrypted: give a key without a passphrase, in a file that only the server may read"
    );
    Ok(Some(content))
}
