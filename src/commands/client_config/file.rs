//! A client's configuration file on disk.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use crate::{
    commands::output,
    error::{Error, ErrorKind},
    model::mcp_client::{
        Client, Entry,
        edit::{self, Change},
    },
};

/// Maximum size of a configuration file, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// A configuration file, which need not exist.
pub(super) struct ConfigFile(PathBuf);

impl ConfigFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Adds or updates a server's entry.
    pub(super) fn put(&self, client: Client, name: &str, entry: &Entry, force: bool) -> Result<Change, Error> {
        let before = self.read()?;
        let (text, change) = edit::put(client, before.as_deref().unwrap_or_default(), name, entry, force)
            .map_err(|error| self.refused(&error))?;
        if change != Change::Unchanged {
            self.write(&text)?;
        }
        Ok(change)
    }

    /// Removes the entry of this name, or ours that leads to the gateway of this name; returns the entry's name, if there
    /// was one.
    pub(super) fn take(&self, client: Client, name: &str, force: bool) -> Result<Option<String>, Error> {
        let Some(before) = self.read()? else { return Ok(None) };
        let taken = edit::take(client, &before, name, force).map_err(|error| self.refused(&error))?;
        let Some((text, name)) = taken else { return Ok(None) };
        self.write(&text)?;
        Ok(Some(name))
    }

    /// The file's text; `None` if there is no file.
    fn read(&self) -> Result<Option<String>, Error> {
        let mut bytes = Vec::new();
        let read = fs::File::open(&self.0).and_then(|open| open.take(LARGEST + 1).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.unreadable(&format!("cannot be read: {error}"))),
            Ok(_) if bytes.len() as u64 > LARGEST => {
                return Err(self.unreadable(&format!("has more than {} MB", LARGEST / 1024 / 1024)));
            }
            Ok(_) => {}
        }
        String::from_utf8(bytes).map(Some).map_err(|_| self.unreadable("is not UTF-8"))
    }

    fn unreadable(&self, problem: &str) -> Error {
        Error::new(ErrorKind::InvalidInput, format!("{} {problem}", self.0.display()))
            .with_hint("it was left as it is: correct it, or print the configuration without `--write`")
    }

    fn refused(&self, error: &edit::Error) -> Error {
        let conflict =
            |hint: &str| Error::new(ErrorKind::Conflict, format!("{}: {error}", self.0.display())).with_hint(hint);
        match error {
            edit::Error::NotOurs(_) => conflict("choose another name with `--server-name`, or add `--force`"),
            edit::Error::Several(_) => conflict("name one of them with `--server-name`"),
            edit::Error::Syntax(error) => self.unreadable(&format!("cannot be parsed: {error}")),
            edit::Error::NoObject(_) | edit::Error::NoList | edit::Error::Twice(_) => {
                self.unreadable(&format!("cannot be changed: {error}"))
            }
        }
    }

    fn write(&self, text: &str) -> Result<(), Error> {
        self.replace(text)
            .map_err(|error| Error::new(ErrorKind::Failed, format!("{} cannot be written: {error}", self.0.display())))
    }

    /// Replaces the file's contents in one step; its mode, the links to it and its folder's other files stay.
    fn replace(&self, text: &str) -> io::Result<()> {
        let Ok(file) = fs::canonicalize(&self.0) else {
            if let Some(folder) = self.0.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                fs::create_dir_all(folder)?;
            }
            return fs::File::create_new(&self.0)?.write_all(text.as_bytes());
        };
        let known = fs::metadata(&file)?;
        // A rename would leave a second name of the file behind.
        if has_other_names(&known) {
            return fs::write(&file, text);
        }
        // A rename would also replace a file that may not be written.
        fs::OpenOptions::new().write(true).open(&file)?;
        output::replace(&file, text.as_bytes(), Some(known.permissions()))
    }
}

#[cfg(unix)]
fn has_other_names(file: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(file) > 1
}

#[cfg(not(unix))]
fn has_other_names(_: &fs::Metadata) -> bool {
    false
}
