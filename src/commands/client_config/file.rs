//! A client's configuration file on disk.

use std::{
    fs::{self, TryLockError},
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    aws::wait,
    commands::output::{self, Access},
    context::Context,
    error::{Error, ErrorKind},
    model::mcp_client::{
        Entry,
        edit::{self, Change, Editor},
    },
};

/// Maximum size of a configuration file, in bytes.
const LARGEST: u64 = 1024 * 1024;
/// How long to wait for another run that changes the file.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// A configuration file, which need not exist.
pub(super) struct ConfigFile(PathBuf);

impl ConfigFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Its path, for people.
    pub(super) fn shown(&self) -> String {
        self.0.display().to_string()
    }

    /// Adds or updates a server's entry.
    pub(super) async fn put(
        &self,
        ctx: &Context,
        editor: Editor<'_>,
        name: &str,
        entry: &Entry,
    ) -> Result<Change, Error> {
        if let Some(folder) = self.0.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| self.unwritable(&error))?;
        }
        let _alone = self.lock(ctx).await?;
        let before = self.read()?;
        let edited = editor.put(before.as_deref().unwrap_or_default(), name, entry);
        let (text, change) = edited.map_err(|error| self.refused(&error))?;
        if change != Change::Unchanged {
            self.write(before.as_deref(), &text)?;
        }
        Ok(change)
    }

    /// Removes the entry of this name, or ours that leads to the gateway of this name; returns the entry's name, if there
    /// was one.
    pub(super) async fn take(&self, ctx: &Context, editor: Editor<'_>, name: &str) -> Result<Option<String>, Error> {
        if self.read()?.is_none() {
            return Ok(None);
        }
        let _alone = self.lock(ctx).await?;
        let Some(before) = self.read()? else { return Ok(None) };
        let taken = editor.take(&before, name).map_err(|error| self.refused(&error))?;
        let Some((text, name)) = taken else { return Ok(None) };
        self.write(Some(&before), &text)?;
        Ok(Some(name))
    }

    /// Keeps other runs from changing the file, until what is returned is dropped: a lock on its folder, as the file itself
    /// is replaced.
    async fn lock(&self, ctx: &Context) -> Result<Option<fs::File>, Error> {
        let file = fs::canonicalize(&self.0).unwrap_or_else(|_| self.0.clone());
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A system that has no such locks has no protection.
        let Ok(folder) = fs::File::open(folder) else { return Ok(None) };
        let begun = Instant::now();
        loop {
            match folder.try_lock() {
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                    wait::until_moment(Instant::now() + PAUSE, &ctx.stop).await?;
                }
                Err(TryLockError::WouldBlock) => {
                    let message = format!("another program has locked the folder of {}", self.0.display());
                    return Err(Error::new(ErrorKind::Failed, message));
                }
                Err(TryLockError::Error(_)) | Ok(()) => return Ok(Some(folder)),
            }
        }
    }

    /// The file's text; `None` if there is no file.
    fn read(&self) -> Result<Option<String>, Error> {
        let unreadable = |problem: String| {
            Err(Error::new(ErrorKind::InvalidInput, format!("{} cannot be read: {problem}", self.0.display())))
        };
        match fs::metadata(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.0.is_symlink() => {
                return unreadable("it is a link to a file that is not there".to_owned());
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return unreadable(error.to_string()),
            Ok(known) if !known.is_file() => return unreadable("it is no file".to_owned()),
            Ok(_) => {}
        }
        let mut bytes = Vec::new();
        let read = fs::File::open(&self.0).and_then(|open| open.take(LARGEST + 1).read_to_end(&mut bytes));
        match read {
            Err(error) => return unreadable(error.to_string()),
            Ok(_) if bytes.len() as u64 > LARGEST => return unreadable(format!("it has more than {LARGEST} bytes")),
            Ok(_) => {}
        }
        String::from_utf8(bytes).map(Some).or_else(|_| unreadable("it is not UTF-8".to_owned()))
    }

    fn refused(&self, error: &edit::Error) -> Error {
        let (kind, hint) = match error {
            edit::Error::NotOurs(_) => {
                (ErrorKind::Conflict, "choose another name with `--server-name`, or add `--force`")
            }
            edit::Error::Several(_) => (ErrorKind::Conflict, "name one of them with `--server-name`"),
            edit::Error::OtherInput(_) => (ErrorKind::Conflict, "choose another name with `--server-name`"),
            edit::Error::Syntax(_)
            | edit::Error::Strict(..)
            | edit::Error::NoObject(_)
            | edit::Error::NoList
            | edit::Error::Twice(_) => (ErrorKind::InvalidInput, "it was left as it is: correct it first"),
        };
        Error::new(kind, format!("{}: {error}", self.0.display())).with_hint(hint)
    }

    fn unwritable(&self, error: &io::Error) -> Error {
        Error::new(ErrorKind::Failed, format!("{} cannot be written: {error}", self.0.display()))
    }

    /// Replaces the file's contents; its owner, its mode and the links to it stay.
    fn write(&self, before: Option<&str>, text: &str) -> Result<(), Error> {
        let write = || {
            let Some(before) = before else { return output::replace(&self.0, text.as_bytes(), &Access::Usual) };
            let file = fs::canonicalize(&self.0)?;
            let known = fs::metadata(&file)?;
            // A rename needs no permission to write the file that it replaces.
            fs::OpenOptions::new().write(true).open(&file)?;
            if !has_other_names(&known) {
                match output::replace(&file, text.as_bytes(), &Access::Like(known)) {
                    // Its folder is closed, or its owner is another user.
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                    replaced => return replaced,
                }
            }
            output::overwrite(&file, before.as_bytes(), text.as_bytes())
        };
        write().map_err(|error| self.unwritable(&error))
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
