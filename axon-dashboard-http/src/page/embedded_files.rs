//! The files of `web/dist`, as they were when this crate was built.

use std::borrow::Cow;

#[cfg(feature = "page")]
#[derive(rust_embed::RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct DistFolder;

/// Every file by its path. Empty where the page was not built before this crate, or the feature `page` is off.
pub(super) fn files() -> Vec<(Cow<'static, str>, Cow<'static, [u8]>)> {
    #[cfg(feature = "page")]
    return DistFolder::iter().filter_map(|path| DistFolder::get(&path).map(|file| (path, file.data))).collect();
    #[cfg(not(feature = "page"))]
    Vec::new()
}
