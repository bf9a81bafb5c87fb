//! The page in memory: a shell, which is the same document for each address of the page, and the assets that the shell loads.
//! Made once from the embedded files.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use axum::{body::Bytes, http::HeaderValue};

use super::{embedded_files, html::HtmlText};

/// The `Content-Security-Policy` of the page: it runs, shows and requests only what comes from this server.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page.
#[derive(Debug)]
pub(crate) struct PageBundle {
    /// With `{base}` where the relative path to the router's root belongs.
    shell: String,
    /// By their paths below `assets/`.
    assets: HashMap<String, Asset>,
}

/// A file that the shell loads. A path always has the same content: changed content gets another path.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) media_type: HeaderValue,
    pub(crate) plain: Bytes,
    /// `plain` compressed; text files have it.
    pub(crate) gzip: Option<Bytes>,
}

impl PageBundle {
    /// The page that this build embeds. `None` without the feature `page`, or if the page was not built before this crate.
    pub(crate) fn embedded() -> Option<Arc<Self>> {
        static EMBEDDED: LazyLock<Option<Arc<PageBundle>>> =
            LazyLock::new(|| PageBundle::new(embedded_files::files()).map(Arc::new));
        EMBEDDED.clone()
    }

    /// The page of these files by their paths; `None` where the shell is not among them. `x.gz` is `x`, compressed.
    fn new(files: impl IntoIterator<Item = (Cow<'static, str>, Cow<'static, [u8]>)>) -> Option<Self> {
        let files: HashMap<_, _> = files.into_iter().map(|(path, content)| (path, bytes(content))).collect();
        let shell = String::from_utf8(files.get("index.html")?.to_vec()).ok()?;
        let assets = files.iter().filter_map(|(path, plain)| {
            let name = path.strip_prefix("assets/").filter(|name| !name.ends_with(".gz"))?;
            let gzip = files.get(format!("{path}.gz").as_str()).cloned();
            Some((name.to_owned(), Asset { media_type: media_type(name), plain: plain.clone(), gzip }))
        });
        Some(Self { assets: assets.collect(), shell })
    }

    /// The shell for a page from which relative links to the router's root start with `base`.
    pub(crate) fn shell(&self, base: &str) -> String {
        self.shell.replace("{base}", &HtmlText(base).to_string())
    }

    pub(crate) fn asset(&self, path: &str) -> Option<&Asset> {
        self.assets.get(path)
    }
}

fn bytes(content: Cow<'static, [u8]>) -> Bytes {
    match content {
        Cow::Borrowed(content) => Bytes::from_static(content),
        Cow::Owned(content) => content.into(),
    }
}

fn media_type(path: &str) -> HeaderValue {
    HeaderValue::from_static(match path.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("txt") => "text/plain; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("json") => "application/json",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A page of a few files, in memory.
    pub(crate) fn small_page() -> PageBundle {
        let files: [(&str, &[u8]); 7] = [
            ("index.html", b"<script src=\"{base}assets/1f/main.js\"></script><link href=\"{base}assets/1f/a.css\">"),
            ("assets/1f/main.js", b"main()"),
            ("assets/1f/main.js.gz", b"main() in gzip"),
            ("assets/1f/a.css", b"a{}"),
            ("assets/1f/deep/icon.svg", b"<svg/>"),
            ("assets/1f/x.LICENSE.txt", b"free"),
            ("secret.txt", b"not an asset"),
        ];
        PageBundle::new(files.map(|(path, content)| (path.into(), content.into()))).expect("a shell")
    }

    #[test]
    fn without_a_shell_there_is_no_page() {
        assert!(PageBundle::new([]).is_none());
        assert!(PageBundle::new([("assets/1f/main.js".into(), b"main()".as_slice().into())]).is_none());
    }

    #[test]
    fn links_of_the_shell_start_with_the_base_which_is_escaped() {
        assert_eq!(
            small_page().shell("../"),
            "<script src=\"../assets/1f/main.js\"></script><link href=\"../assets/1f/a.css\">"
        );
        assert!(small_page().shell("./\"><script>/").starts_with("<script src=\"./&quot;&gt;&lt;script&gt;/assets/"));
    }

    #[test]
    fn assets_are_files_below_their_folder_with_their_types() {
        let page = small_page();
        let asset = |path: &str| page.asset(path).map(|asset| (asset.media_type.clone(), asset.gzip.is_some()));
        let expected = |media_type, gzip| Some((HeaderValue::from_static(media_type), gzip));
        assert_eq!(asset("1f/main.js"), expected("text/javascript; charset=utf-8", true));
        assert_eq!(asset("1f/a.css"), expected("text/css; charset=utf-8", false));
        assert_eq!(asset("1f/deep/icon.svg"), expected("image/svg+xml", false));
        assert_eq!(asset("1f/x.LICENSE.txt"), expected("text/plain; charset=utf-8", false));
        for path in [
            "",
            "1f",
            "1f/main.js.gz",
            "secret.txt",
            "../secret.txt",
            "../index.html",
            "1f/../1f/main.js",
            "1f\\main.js",
        ] {
            assert!(asset(path).is_none(), "{path}");
        }
    }
}
