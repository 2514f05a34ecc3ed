//! The events of log groups, for `CloudWatch` Logs: one file per group, with one line of JSON per event.

use std::{
    collections::{HashSet, VecDeque},
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    path::PathBuf,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use super::private_files;
use crate::local::{
    clock::{Clock, unix_millis},
    random,
};

/// Most bytes of a group's events; beyond that, the oldest half is dropped.
const LIMIT: u64 = 16 * 1024 * 1024;
/// Most files that stay open.
const MOST_OPEN: usize = 16;

/// One event of a log stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) stream: String,
    /// Unix milliseconds.
    pub(crate) time: i64,
    pub(crate) message: String,
    /// Its `eventId`, unique; empty in files of an older version.
    #[serde(default)]
    pub(crate) id: String,
}

impl Event {
    /// `time` is in Unix milliseconds.
    pub(crate) fn new(stream: &str, time: i64, message: String) -> Self {
        /// Of this process.
        static PREFIX: LazyLock<String> = LazyLock::new(|| random::lower_alphanumeric(16));
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = format!("{}{:08}", *PREFIX, NEXT.fetch_add(1, Ordering::Relaxed));
        Self { stream: stream.to_owned(), time, message, id }
    }
}

/// The events of all log groups, which are identified by their ARN.
#[derive(Clone)]
pub(crate) struct Journal {
    dir: PathBuf,
    clock: Clock,
    open: Arc<Mutex<OpenFiles>>,
}

/// The files of the groups that were written to last, so that not every event has to open one.
#[derive(Default)]
struct OpenFiles(VecDeque<OpenFile>);

struct OpenFile {
    group: String,
    file: File,
    /// In bytes.
    len: u64,
}

impl OpenFiles {
    /// Takes a group's file out.
    fn take(&mut self, group: &str) -> Option<OpenFile> {
        let at = self.0.iter().position(|open| open.group == group)?;
        self.0.remove(at)
    }

    fn keep(&mut self, open: OpenFile) {
        self.0.truncate(MOST_OPEN - 1);
        self.0.push_front(open);
    }
}

impl OpenFile {
    fn open(group: &str, path: &PathBuf) -> io::Result<Self> {
        let file = append_to(path, false)?;
        let len = file.metadata()?.len();
        Ok(Self { group: group.to_owned(), file, len })
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Journal {
    pub(crate) fn new(dir: PathBuf, clock: Clock) -> Self {
        Self { dir, clock, open: Arc::default() }
    }

    /// Starts storing a group's events.
    pub(crate) fn open(&self, group: &str) -> io::Result<()> {
        append_to(&self.file(group), true).map(drop)
    }

    /// Removes a group's events, and stops storing them.
    pub(crate) fn close(&self, group: &str) {
        drop(self.files().take(group));
        drop(fs::remove_file(self.file(group)));
        drop(fs::remove_file(self.older(group)));
    }

    /// Removes the events of all groups but these, and opens these. Must be called first.
    pub(crate) fn keep_only<'a>(&self, groups: impl Iterator<Item = &'a String>) -> io::Result<()> {
        *self.files() = OpenFiles::default();
        private_files::make_private_dir(&self.dir)?;
        let mut kept = HashSet::new();
        for group in groups {
            self.open(group)?;
            kept.extend([self.file(group), self.older(group)]);
        }
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if !kept.contains(&path) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Adds events of the present time if their group exists. Writing does not create a group.
    pub(crate) fn write<const N: usize>(&self, group: &str, stream: &str, messages: [&str; N]) {
        let now = unix_millis(&self.clock);
        self.write_all(group, &messages.map(|message| Event::new(stream, now, message.to_owned())));
    }

    /// Adds events if their group exists.
    pub(crate) fn write_all(&self, group: &str, events: &[Event]) {
        // Held meanwhile, so that two writers do not both replace a full file.
        let mut files = self.files();
        if let Err(error) = self.append(&mut files, group, events)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(group, "an event is lost: {error}");
        }
    }

    fn append(&self, files: &mut OpenFiles, group: &str, events: &[Event]) -> io::Result<()> {
        let mut open = match files.take(group) {
            Some(open) => open,
            None => OpenFile::open(group, &self.file(group))?,
        };
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
        }
        open.file.write_all(&lines)?;
        open.len += lines.len() as u64;
        if open.len <= LIMIT / 2 {
            files.keep(open);
            return Ok(());
        }
        fs::rename(self.file(group), self.older(group))?;
        self.open(group)
    }

    fn files(&self) -> MutexGuard<'_, OpenFiles> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A group's events, in the order of writing. Those of an older version, which have no id, get one.
    pub(crate) fn read(&self, group: &str) -> Vec<Event> {
        let files = [self.older(group), self.file(group)].into_iter().filter_map(|file| File::open(file).ok());
        let lines = files.flat_map(|file| BufReader::new(file).lines()).map_while(Result::ok);
        let events = lines.filter_map(|line| serde_json::from_str::<Event>(&line).ok()).enumerate();
        let named = |(place, event): (usize, Event)| {
            let id = if event.id.is_empty() { format!("{}-{place}", event.time) } else { event.id };
            Event { id, ..event }
        };
        events.map(named).collect()
    }

    fn file(&self, group: &str) -> PathBuf {
        let hash = digest::digest(&digest::SHA256, group.as_bytes());
        self.dir.join(random::hex(&hash.as_ref()[..16]))
    }

    fn older(&self, group: &str) -> PathBuf {
        self.file(group).with_extension("old")
    }
}

fn append_to(file: &PathBuf, create: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(create);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn events_are_kept_for_groups_that_are_there_and_the_oldest_give_way() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::new(dir.path().join("logs"), Arc::new(|| SystemTime::UNIX_EPOCH));
        journal.keep_only(std::iter::empty()).unwrap();
        journal.write("g", "s", ["before its time"]);
        journal.open("g").unwrap();
        journal.write("g", "s", ["one"]);
        journal.write("other", "s", ["of nobody"]);
        let messages =
            |journal: &Journal| -> Vec<String> { journal.read("g").into_iter().map(|event| event.message).collect() };
        assert_eq!(messages(&journal), ["one"]);

        let long = "x".repeat(usize::try_from(LIMIT / 4).unwrap());
        for n in 0..5 {
            journal.write("g", "s", [&format!("{n}{long}")]);
        }
        let firsts: String = messages(&journal).iter().map(|message| &message[..1]).collect();
        assert_eq!(firsts, "234", "whole halves go");

        journal.keep_only([&"h".to_owned()].into_iter()).unwrap();
        assert!(journal.read("g").is_empty());
        journal.write("h", "s", ["two"]);
        assert_eq!(journal.read("h").len(), 1);
        journal.close("h");
        journal.write("h", "s", ["three"]);
        assert!(journal.read("h").is_empty());

        let groups: Vec<String> = (0..2 * MOST_OPEN).map(|n| n.to_string()).collect();
        for group in &groups {
            journal.open(group).unwrap();
            journal.write(group, "s", ["first", "second"]);
        }
        for group in &groups {
            journal.write(group, "s", ["third"]);
            assert_eq!(journal.read(group).len(), 3);
        }
        assert_eq!(journal.files().0.len(), MOST_OPEN);
        journal.keep_only(std::iter::empty()).unwrap();
        journal.write("1", "s", ["to a file that is gone"]);
        assert!(journal.read("1").is_empty() && journal.files().0.is_empty());
    }
}
