//! Shows an operation's events on stderr: a spinner for each running step on a terminal, plain lines elsewhere.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use super::{Ui, report, style};
use crate::ops::{
    Resource,
    event::{Change, Event, Observer},
};

/// An observer that shows events.
#[derive(Debug)]
pub struct Progress<'a> {
    ui: &'a Ui,
    shown: bool,
    spinners: Option<Mutex<HashMap<String, ProgressBar>>>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(ui: &'a Ui, shown: bool, terminal: bool) -> Self {
        Self { ui, shown, spinners: terminal.then(Mutex::default) }
    }

    fn spin(&self, resource: &Resource, message: String) {
        let Some(spinners) = &self.spinners else { return };
        let mut spinners = spinners.lock().unwrap_or_else(PoisonError::into_inner);
        let spinner = spinners.entry(resource.to_string()).or_insert_with(|| {
            let spinner = self.ui.bars().add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg} {elapsed:.dim}") {
                spinner.set_style(style);
            }
            spinner.enable_steady_tick(Duration::from_millis(100));
            spinner
        });
        spinner.set_message(report::escape_control(&message));
    }

    fn rest(&self, resource: &Resource) {
        let Some(spinners) = &self.spinners else { return };
        let mut spinners = spinners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(spinner) = spinners.remove(&resource.to_string()) {
            spinner.finish_and_clear();
        }
    }

    fn finished(&self, resource: &Resource, change: Change, took: Duration) {
        let verb = match change {
            Change::Created => "created",
            Change::Updated => "updated",
            Change::Deleted => "deleted",
            Change::Unchanged | Change::Absent => return,
        };
        let (ok, dim) = (style::OK, style::DIM);
        self.ui.write_err(&format!(
            "{}✓{} {verb} {resource} {}({:.1} s){}",
            ok.render(),
            ok.render_reset(),
            dim.render(),
            took.as_secs_f64(),
            dim.render_reset()
        ));
    }
}

impl Observer for Progress<'_> {
    fn on_event(&self, event: Event) {
        match &event {
            Event::Warning(text) => self.ui.warn(text),
            Event::Acting(caller, _) if caller.arn.is_none() => {
                self.ui.warn("STS cannot be reached, so that nobody can say as whom this is done");
            }
            _ => {}
        }
        if !self.shown {
            return;
        }
        match event {
            Event::Started(resource) => self.spin(&resource, resource.to_string()),
            Event::Waiting(resource, reason) => {
                if self.spinners.is_none() {
                    self.ui.write_err(&format!("… {resource}: {reason}"));
                }
                let message = format!("{resource}: {reason}");
                self.spin(&resource, message);
            }
            Event::Finished(resource, change, took) => {
                self.rest(&resource);
                self.finished(&resource, change, took);
            }
            Event::Failed(resource) => {
                self.rest(&resource);
                let bad = style::ERROR;
                self.ui.write_err(&format!("{}✗{} {resource}", bad.render(), bad.render_reset()));
            }
            Event::Acting(caller, region) => {
                let account = &caller.account;
                match &caller.arn {
                    Some(arn) => self.ui.note(&format!("as {arn} in account {account}, {region}")),
                    None => self.ui.note(&format!("in account {account}, {region}")),
                }
            }
            Event::Note(text) => self.ui.note(&text),
            Event::Accepted(_) | Event::Dropped(_) | Event::Warning(_) => {}
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        let Some(spinners) = &self.spinners else { return };
        let mut spinners = spinners.lock().unwrap_or_else(PoisonError::into_inner);
        spinners.drain().for_each(|(_, spinner)| spinner.finish_and_clear());
    }
}
