//! Persistent storage: the state is one file, written atomically by a rename, so that a kill at any point
//! leaves either the old or the new state.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::private_files::{at, make_private_dir, remove_dir, write_whole};
use crate::local::random;

/// The file that marks a folder as a local AWS's.
const MARKER: &str = "agentcore-gw.txt";
const MARKER_TEXT: &str =
    "This folder is the local AWS's of agentcore-gw, which removes what it does not know in it.\n";
const STATE: &str = "state.json";
const ACCESS_KEY: &str = "access-key.json";

/// The private state folder (0700), with files of mode 0600.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
    /// The state as last written, to skip needless writes: most calls only read.
    saved: Arc<Mutex<Vec<u8>>>,
}

/// The only key that the control plane accepts.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessKey {
    pub access_key_id: String,
    pub secret_access_key: String,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").finish_non_exhaustive()
    }
}

impl AccessKey {
    /// A random key in AWS's form.
    pub fn generate() -> Self {
        Self {
            access_key_id: format!("AKIA{}", random::upper_alphanumeric(16)),
            secret_access_key: random::lower_alphanumeric(40),
        }
    }
}

impl Store {
    /// Opens the folder, creating it if necessary.
    ///
    /// # Errors
    /// If it cannot be created, or belongs to another user; `AlreadyExists` if it has contents that no local AWS
    /// created, which are left untouched.
    pub fn open(dir: &Path) -> io::Result<Self> {
        if !may_be_taken(dir)? {
            let problem =
                format!("{} is not empty, and no local AWS has made it: nothing in it was touched", dir.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, problem));
        }
        make_private_dir(dir)?;
        // Functions get paths below it, and the sandbox excludes it by its canonical path.
        let dir = dir.canonicalize().map_err(|error| at(dir, &error))?;
        if !dir.join(MARKER).exists() {
            write_whole(&dir, MARKER, MARKER_TEXT.as_bytes())?;
        }
        Ok(Self { dir, saved: Arc::default() })
    }

    /// Removes the folder with all its contents; the marker goes last.
    ///
    /// # Errors
    /// If something cannot be removed.
    pub fn remove_all(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => remove_dir(&entry.path())?,
                false if entry.file_name() == MARKER => {}
                false => fs::remove_file(entry.path())?,
            }
        }
        remove_dir(&self.dir)
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The access key. Created on first use, and kept as long as the folder.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn access_key(&self) -> io::Result<AccessKey> {
        match self.read(ACCESS_KEY)? {
            Some(key) => Ok(key),
            None => {
                let key = AccessKey::generate();
                self.write(ACCESS_KEY, &key)?;
                Ok(key)
            }
        }
    }

    /// # Errors
    /// If the file is not a valid state, or is from a newer version, whose unknown members would be lost at the
    /// next write. The file is kept.
    pub(crate) fn load_state<S: Default + Serialize + DeserializeOwned>(&self) -> io::Result<S> {
        let path = self.dir.join(STATE);
        let refuse = |problem: &str| {
            let problem = format!("{}: {problem}; it is kept as it is", path.display());
            io::Error::new(io::ErrorKind::InvalidData, problem)
        };
        let state = match self.read::<Value>(STATE)? {
            None => S::default(),
            Some(document) if document["iam"].is_object() => {
                let state: S = serde_json::from_value(document.clone()).map_err(|error| refuse(&error.to_string()))?;
                if let Some(member) = unknown_member(&document, &serde_json::to_value(&state)?) {
                    return Err(refuse(&format!(
                        "this version of agentcore-gw does not know its member `{member}`: a newer one wrote it"
                    )));
                }
                state
            }
            Some(_) => return Err(refuse("it is no state of a local AWS")),
        };
        *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = serde_json::to_vec(&state)?;
        Ok(state)
    }

    /// When the state was last written, in Unix milliseconds; 0 if never.
    pub(crate) fn written(&self) -> i64 {
        let modified = fs::metadata(self.dir.join(STATE)).and_then(|file| file.modified()).ok();
        let since = modified.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        since.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or_default()
    }

    /// The state as last saved, for rolling back a failed change.
    pub(crate) fn saved_state<S: Default + DeserializeOwned>(&self) -> S {
        let saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::from_slice(&saved).unwrap_or_default()
    }

    pub(crate) fn save_state(&self, state: &impl Serialize) -> io::Result<()> {
        let bytes = serde_json::to_vec(state)?;
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        if *saved != bytes {
            write_whole(&self.dir, STATE, &bytes)?;
            *saved = bytes;
        }
        Ok(())
    }

    /// Reads a file of this folder; `None` if it does not exist.
    ///
    /// # Errors
    /// If it cannot be read or parsed.
    pub fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> io::Result<Option<T>> {
        let path = self.dir.join(name);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| at(&path, &io::Error::new(io::ErrorKind::InvalidData, error))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(&path, &error)),
        }
    }

    /// Checks that there is enough disk space for a server's start.
    ///
    /// # Errors
    /// If there is too little space.
    pub(crate) fn check_room(&self) -> io::Result<()> {
        const PROBE: &str = "probe";
        write_whole(&self.dir, PROBE, &[0; 16 * 1024]).and_then(|()| self.remove(PROBE))
    }

    /// Writes a file of this folder atomically.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write<T: Serialize>(&self, name: &str, value: &T) -> io::Result<()> {
        write_whole(&self.dir, name, &serde_json::to_vec(value)?)
    }

    /// Removes unfinished temporary files of a killed server.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub(crate) fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let temporary = path.extension().is_some_and(|extension| extension == "tmp");
            if temporary && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(STATE)) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Removes a file of this folder, if it exists.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Deletes all resources, but not the access key.
    ///
    /// # Errors
    /// If the file cannot be removed.
    pub fn reset(&self) -> io::Result<()> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.remove(STATE)
    }
}

/// Whether a folder is absent, empty, or a local AWS's: identified by its marker, or for an older version by
/// its files.
fn may_be_taken(dir: &Path) -> io::Result<bool> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        entries => entries?,
    };
    // The marker is written first, under a temporary name that starts with its own.
    let others = entries
        .map(|entry| entry.map(|entry| !entry.file_name().to_string_lossy().starts_with(MARKER)))
        .collect::<io::Result<Vec<bool>>>()?;
    if !others.contains(&true) || dir.join(MARKER).is_file() {
        return Ok(true);
    }
    let parsed =
        |name: &str| fs::read(dir.join(name)).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let has_key = parsed(ACCESS_KEY).is_some_and(|key| serde_json::from_value::<AccessKey>(key).is_ok());
    let has_state = parsed(STATE).is_some_and(|state| state["iam"]["roles"].is_object());
    Ok(has_key || has_state)
}

/// The path of the first member of a document that is missing in `known`.
fn unknown_member(document: &Value, known: &Value) -> Option<String> {
    let below =
        |name: String, path: Option<String>| path.map(|path| format!("{name}.{path}").trim_end_matches('.').to_owned());
    match (document, known) {
        (Value::Object(members), Value::Object(known)) => {
            members.iter().find_map(|(name, value)| match known.get(name) {
                None => Some(name.clone()),
                Some(known) => below(name.clone(), unknown_member(value, known)),
            })
        }
        (Value::Array(items), Value::Array(known)) => {
            let mut pairs = items.iter().zip(known).enumerate();
            pairs.find_map(|(index, (item, known))| below(index.to_string(), unknown_member(item, known)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, Default, Serialize, Deserialize)]
    struct State {
        iam: Iam,
    }

    #[derive(Debug, Default, Serialize, Deserialize)]
    struct Iam {
        roles: BTreeMap<String, Value>,
    }

    #[cfg(unix)]
    #[test]
    fn folder_and_files_are_private() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("state")).unwrap();
        let key = store.access_key().unwrap();
        assert_eq!(store.access_key().unwrap().access_key_id, key.access_key_id);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(store.dir()), 0o700);
        assert_eq!(mode(&store.dir().join(ACCESS_KEY)), 0o600);
    }

    #[test]
    fn a_file_that_cannot_be_read_or_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        fs::create_dir(store.dir().join("server.json")).unwrap();
        let read = store.read::<Value>("server.json").unwrap_err().to_string();
        let written = store.write("server.json", &Value::Null).unwrap_err().to_string();
        assert!(read.contains("server.json: ") && written.contains("server.json: "), "{read}; {written}");
        assert_eq!(fs::read_dir(store.dir()).unwrap().count(), 2, "nothing half-written stays");
    }

    #[test]
    fn only_a_folder_of_its_own_or_an_empty_one_is_taken() {
        use std::os::unix::fs::PermissionsExt as _;

        let home = tempfile::tempdir().unwrap();
        let project = home.path().join("project");
        for (folder, content) in [("code/main.c", "int main;"), ("blobs/x", "x"), ("logs/y", "y"), ("state.json", "[]")]
        {
            let file = project.join(folder);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, content).unwrap();
        }
        let mode = || fs::metadata(&project).unwrap().permissions().mode();
        fs::set_permissions(&project, fs::Permissions::from_mode(0o755)).unwrap();
        let (before, entries) = (mode(), fs::read_dir(&project).unwrap().count());
        let refused = Store::open(&project).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert!(refused.to_string().contains("nothing in it was touched"), "{refused}");
        assert_eq!((mode(), fs::read_dir(&project).unwrap().count()), (before, entries));

        let empty = home.path().join("empty");
        fs::create_dir(&empty).unwrap();
        Store::open(&empty).unwrap();
        fs::write(empty.join("more"), "").unwrap();
        Store::open(&empty).unwrap();
        // Left by a server that was killed before it had written its marker.
        let begun = home.path().join("begun");
        fs::create_dir(&begun).unwrap();
        fs::write(begun.join(format!("{MARKER}.x.tmp")), "").unwrap();
        Store::open(&begun).unwrap();
        for (name, content) in [
            (STATE, r#"{"iam":{"roles":{},"policies":{}}}"#),
            (ACCESS_KEY, r#"{"accessKeyId":"AKIA","secretAccessKey":"x"}"#),
        ] {
            let older = home.path().join(name);
            fs::create_dir(&older).unwrap();
            fs::write(older.join(name), content).unwrap();
            Store::open(&older).unwrap();
            assert!(older.join(MARKER).is_file());
        }
    }

    #[test]
    fn a_state_that_is_none_or_a_newer_versions_is_refused_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let whole = serde_json::json!({ "iam": { "roles": {} } });
        let with = |pointer: &str, member: &str| {
            let mut state = whole.clone();
            let at = state.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
            at.insert(member.to_owned(), Value::Bool(true));
            state.to_string()
        };
        for (text, said) in [
            ("{}".to_owned(), "no state"),
            ("[]".to_owned(), "no state"),
            ("7".to_owned(), "no state"),
            (with("", "fromTheFuture"), "`fromTheFuture`"),
            (with("/iam", "groups"), "`iam.groups`"),
        ] {
            fs::write(dir.path().join(STATE), &text).unwrap();
            let refused = store.load_state::<State>().unwrap_err().to_string();
            assert!(refused.contains(said) && refused.contains("kept as it is"), "{refused}");
            assert_eq!(fs::read_to_string(dir.path().join(STATE)).unwrap(), text);
        }
        fs::write(dir.path().join(STATE), whole.to_string()).unwrap();
        store.load_state::<State>().unwrap();
    }

    #[test]
    fn a_damaged_file_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        fs::write(dir.path().join(STATE), "{").unwrap();
        assert!(store.load_state::<State>().unwrap_err().to_string().contains(STATE));
    }
}
