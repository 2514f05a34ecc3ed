//! The events of log groups, for `CloudWatch` Logs: one file per group, with one line of JSON per event.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
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

/// One event of a log stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) stream: String,
    /// Unix milliseconds.
    pub(crate) time: i64,
    pub(crate) message: String,
    /// Its `eventId`; empty in files of an older version.
    #[serde(default)]
    pub(crate) id: String,
}

impl Event {
    /// `time` is in Unix milliseconds.
    pub(crate) fn new(stream: &str, time: i64, message: String) -> Self {
        Self { stream: stream.to_owned(), time, message, id: random::lower_alphanumeric(20) }
    }
}

/// The events of all log groups, which are identified by their ARN.
#[derive(Clone)]
pub(crate) struct Journal {
    dir: PathBuf,
    clock: Clock,
    /// Held while events are written, so that two writers do not both replace a full file.
    writing: Arc<Mutex<()>>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Journal {
    pub(crate) fn new(dir: PathBuf, clock: Clock) -> Self {
        Self { dir, clock, writing: Arc::default() }
    }

    /// Starts storing a group's events.
    pub(crate) fn open(&self, group: &str) -> io::Result<()> {
        append_to(&self.file(group), true).map(drop)
    }

    /// Removes a group's events, and stops storing them.
    pub(crate) fn close(&self, group: &str) {
        drop(fs::remove_file(self.file(group)));
        drop(fs::remove_file(self.older(group)));
    }

    /// Removes the events of all groups but these, and opens these. Must be called first.
    pub(crate) fn keep_only<'a>(&self, groups: impl Iterator<Item = &'a String>) -> io::Result<()> {
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

    /// Adds an event of the present time if its group exists. Writing does not create a group.
    pub(crate) fn write(&self, group: &str, stream: &str, message: &str) {
        self.write_all(group, &[Event::new(stream, unix_millis(&self.clock), message.to_owned())]);
    }

    /// Adds events if their group exists.
    pub(crate) fn write_all(&self, group: &str, events: &[Event]) {
        let file = self.file(group);
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let written = append_to(&file, false).and_then(|mut open| {
            let lines = events.iter().map(|event| Ok(serde_json::to_string(event)? + "\n"));
            open.write_all(lines.collect::<io::Result<String>>()?.as_bytes())?;
            if open.metadata()?.len() > LIMIT / 2 {
                fs::rename(&file, self.older(group)).and_then(|()| self.open(group))
            } else {
                Ok(())
            }
        });
        if let Err(error) = written
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(group, "an event is lost: {error}");
        }
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
        self.dir.join(hash.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>())
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
        journal.write("g", "s", "before its time");
        journal.open("g").unwrap();
        journal.write("g", "s", "one");
        journal.write("other", "s", "of nobody");
        let messages =
            |journal: &Journal| -> Vec<String> { journal.read("g").into_iter().map(|event| event.message).collect() };
        assert_eq!(messages(&journal), ["one"]);

        let long = "x".repeat(usize::try_from(LIMIT / 4).unwrap());
        for n in 0..5 {
            journal.write("g", "s", &format!("{n}{long}"));
        }
        let firsts: String = messages(&journal).iter().map(|message| &message[..1]).collect();
        assert_eq!(firsts, "234", "whole halves go");

        journal.keep_only([&"h".to_owned()].into_iter()).unwrap();
        assert!(journal.read("g").is_empty());
        journal.write("h", "s", "two");
        assert_eq!(journal.read("h").len(), 1);
        journal.close("h");
        journal.write("h", "s", "three");
        assert!(journal.read("h").is_empty());
    }
}
