//! Storage on disk: private files, packages and objects, logs, and the state.

pub(crate) mod blobs;
pub(crate) mod journal;
pub(crate) mod private_files;
pub mod store;
