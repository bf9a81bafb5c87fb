//! The inputs of a store, as files or readers, and how to read them.

use std::{
    fmt,
    io::{self, Read},
    path::PathBuf,
    sync::Arc,
};

use chrono_tz::Tz;

use super::{load_report::Fault, record_rules::RecordRules};
use crate::vocabulary::{AnonymousUsers, CatalogError, PageTemplate, StatusNames};

/// The default indices from which `PURCHASE` events are accepted.
const PURCHASE_INDICES: [&str; 2] = ["axon.event.commerce", "behavior-events"];

/// The files from which a store is loaded. Each may be gzip or zstd. The records of events and of the ledger are JSON
/// objects, one per line or otherwise after each other, or in an array. Without a catalog every campaign is unknown.
/// Without a realtime file slots are derived from `APPROVED` events.
/// ```no_run
/// use axon_metrics::{Files, MemoryStore};
/// let store = MemoryStore::load(Files::new().events("events.ndjson.gz").catalog("catalog.json").ledger("ledger.ndjson"))?;
/// # Ok::<(), axon_metrics::memory::LoadError>(())
/// ```
#[must_use]
pub struct Files {
    pub(super) events: Vec<Input>,
    pub(super) ledger: Vec<Input>,
    pub(super) catalog: Option<Input>,
    pub(super) realtime: Option<Input>,
    pub(super) zone: Tz,
    pub(super) rules: RecordRules,
    pub(super) purchase_indices: Vec<String>,
    pub(super) pages: Vec<PageTemplate>,
    pub(super) accept_rejected: bool,
    pub(super) on_progress: Option<OnProgress>,
}

pub(super) type OnProgress = Box<dyn FnMut(Progress<'_>) + Send>;

/// The progress of loading one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The file's name, as it was given.
    pub file: &'a str,
    /// Bytes of the file read so far, before decompression.
    pub bytes: u64,
    /// The file's size in bytes; `None` if unknown.
    pub total: Option<u64>,
    /// Lines, or records of an array, read so far; 0 for the catalog and the realtime file.
    pub lines: u64,
}

/// Why a store could not be loaded. Some invalid lines are no error: they are counted in the report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file is missing or not readable, its compressed data are broken, or it ends inside an array.
    #[error("{file} cannot be read")]
    Io {
        /// The file's name.
        file: Arc<str>,
        /// What happened.
        source: io::Error,
    },
    /// The file has another form than those that are read, or more than half of its records are rejected. See
    /// [`Files::accept_rejected`].
    #[error("{file} cannot be loaded: {form}; {hint}")]
    Unreadable {
        /// The file's name.
        file: Arc<str>,
        /// What it looks like, without any value of a record.
        form: String,
        /// What to do, mostly the command that turns it into what is read.
        hint: String,
    },
    /// The catalog or realtime file is larger than [`MAX_DOCUMENT`](super::MAX_DOCUMENT), after decompression.
    #[error("{file} is larger than {limit} bytes")]
    TooLarge {
        /// The file's name.
        file: Arc<str>,
        /// The largest accepted size, in bytes.
        limit: usize,
    },
    /// The catalog or realtime file is not JSON, or not in its documented format.
    #[error("{file}, line {line}, column {column}: {what}")]
    Document {
        /// The file's name.
        file: Arc<str>,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// A value in the catalog or realtime file is invalid.
    #[error("{file}, {path}: {what}")]
    Value {
        /// The file's name.
        file: Arc<str>,
        /// Where in the document (`campaigns[0].activities[2]`).
        path: String,
        /// What is wrong there.
        what: Fault,
    },
    /// The catalog lists something twice.
    #[error("{file} is not a valid catalog")]
    NoCatalog {
        /// The file's name.
        file: Arc<str>,
        /// What is listed twice.
        source: CatalogError,
    },
}

/// A named source of bytes.
pub(super) struct Input {
    pub(super) name: Arc<str>,
    pub(super) source: ByteSource,
}

pub(super) enum ByteSource {
    Path(PathBuf),
    Reader(Box<dyn Read + Send>),
}

impl Input {
    fn path(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { name: path.to_string_lossy().into(), source: ByteSource::Path(path) }
    }

    pub(super) fn reader(name: impl Into<Arc<str>>, reader: impl Read + Send + 'static) -> Self {
        Self { name: name.into(), source: ByteSource::Reader(Box::new(reader)) }
    }
}

impl Default for Files {
    fn default() -> Self {
        Self::new()
    }
}

impl Files {
    /// No files.
    pub fn new() -> Self {
        Self {
            events: Vec::new(),
            ledger: Vec::new(),
            catalog: None,
            realtime: None,
            zone: chrono_tz::Asia::Seoul,
            rules: RecordRules::default(),
            purchase_indices: PURCHASE_INDICES.map(str::to_owned).to_vec(),
            pages: Vec::new(),
            accept_rejected: false,
            on_progress: None,
        }
    }

    /// Event messages. May be called several times. Defaults to none.
    pub fn events(mut self, path: impl Into<PathBuf>) -> Self {
        self.events.push(Input::path(path));
        self
    }

    /// The same from a reader, with a name for the report.
    pub fn events_from(mut self, name: impl Into<Arc<str>>, reader: impl Read + Send + 'static) -> Self {
        self.events.push(Input::reader(name, reader));
        self
    }

    /// Campaigns with their activities, as one JSON document. Defaults to an empty catalog.
    pub fn catalog(mut self, path: impl Into<PathBuf>) -> Self {
        self.catalog = Some(Input::path(path));
        self
    }

    /// The same from a reader, with a name for errors.
    pub fn catalog_from(mut self, name: impl Into<Arc<str>>, reader: impl Read + Send + 'static) -> Self {
        self.catalog = Some(Input::reader(name, reader));
        self
    }

    /// Entries and purchases. May be called several times. Defaults to none.
    pub fn ledger(mut self, path: impl Into<PathBuf>) -> Self {
        self.ledger.push(Input::path(path));
        self
    }

    /// The same from a reader, with a name for the report.
    pub fn ledger_from(mut self, name: impl Into<Arc<str>>, reader: impl Read + Send + 'static) -> Self {
        self.ledger.push(Input::reader(name, reader));
        self
    }

    /// Slot counters and their members, as one JSON document. Defaults to none: slots are derived from events.
    pub fn realtime(mut self, path: impl Into<PathBuf>) -> Self {
        self.realtime = Some(Input::path(path));
        self
    }

    /// The same from a reader, with a name for errors.
    pub fn realtime_from(mut self, name: impl Into<Arc<str>>, reader: impl Read + Send + 'static) -> Self {
        self.realtime = Some(Input::reader(name, reader));
        self
    }

    /// The business zone, in which times without an offset are read. Defaults to `Asia/Seoul`.
    pub fn zone(mut self, zone: Tz) -> Self {
        self.zone = zone;
        self
    }

    /// The texts that name nobody in the place of a user or a session, in files and in added events; case and blanks
    /// around them do not matter. An event of nobody is counted for its session, if it has one. Empty texts and, for
    /// users, numbers of 0 or below name nobody in any case. Defaults to `null`, `undefined`, `none`, `nan`, `unknown`,
    /// `anonymous`, `guest` and `(not set)`.
    pub fn anonymous_users<T: Into<String>>(mut self, texts: impl IntoIterator<Item = T>) -> Self {
        self.rules.anonymous = AnonymousUsers::new(texts);
        self
    }

    /// The names of statuses of purchases, in files and in added purchases. A purchase of another status is left out.
    /// Defaults to [`StatusNames::of_purchases`].
    pub fn purchase_statuses(mut self, names: StatusNames) -> Self {
        self.rules.purchases = names;
        self
    }

    /// The names of statuses of entries, in files and in added entries. An entry of another status is left out. Defaults to
    /// [`StatusNames::of_entries`].
    pub fn entry_statuses(mut self, names: StatusNames) -> Self {
        self.rules.entries = names;
        self
    }

    /// The indices, aliases and data streams from which `PURCHASE` events are accepted, also with `*` for any text.
    /// Indices that a rollover made of them count (`NAME-000002`, `.ds-NAME-2024.11.12-000003`). Lines without an index
    /// are always accepted. Defaults to `axon.event.commerce` and `behavior-events`.
    pub fn purchase_indices<T: Into<String>>(mut self, indices: impl IntoIterator<Item = T>) -> Self {
        self.purchase_indices = indices.into_iter().map(Into::into).collect();
        self
    }

    /// Templates of activities' page addresses: an event line whose `pageUrl` matches one belongs to that activity,
    /// too. Defaults to none: an event belongs only to `properties.activityId`.
    pub fn page_templates(mut self, templates: impl IntoIterator<Item = PageTemplate>) -> Self {
        self.pages = templates.into_iter().collect();
        self
    }

    /// Loads also a file of events or of the ledger of which nothing or less than half can be read. Without it such a
    /// file is [`LoadError::Unreadable`].
    pub fn accept_rejected(mut self) -> Self {
        self.accept_rejected = true;
        self
    }

    /// A callback for progress: called after each block of a file, and when the file is done. Defaults to none.
    pub fn on_progress(mut self, progress: impl FnMut(Progress<'_>) + Send + 'static) -> Self {
        self.on_progress = Some(Box::new(progress));
        self
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |inputs: &[Input]| inputs.iter().map(|input| Arc::clone(&input.name)).collect::<Vec<_>>();
        f.debug_struct("Files")
            .field("events", &names(&self.events))
            .field("ledger", &names(&self.ledger))
            .field("catalog", &self.catalog.as_ref().map(|input| &input.name))
            .field("realtime", &self.realtime.as_ref().map(|input| &input.name))
            .field("zone", &self.zone)
            .field("rules", &self.rules)
            .field("purchase_indices", &self.purchase_indices)
            .field("pages", &self.pages)
            .field("accept_rejected", &self.accept_rejected)
            .finish_non_exhaustive()
    }
}
