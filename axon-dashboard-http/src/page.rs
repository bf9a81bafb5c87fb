//! The built dashboard page: the files that this crate embeds, and the HTML of the shell. Lives elsewhere: addresses and headers
//! (`routes/page_routes`), the content of the files (`web/`).

mod bundle;
mod embedded_files;
mod html;
#[cfg(test)]
pub(crate) use bundle::tests::small_page;
pub(crate) use bundle::{POLICY, PageBundle};
pub(crate) use html::link_base;
