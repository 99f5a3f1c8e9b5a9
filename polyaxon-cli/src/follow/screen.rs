//! What a user sees of a run that is followed.

use std::io;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use polyaxon_proto::runs::v1::{Event, Run, Status};
use polyaxon_proto::transfer::v1::LogChunk;

use super::{Follower, LogOptions, Progress};
use crate::client::Hub;
use crate::error::CommandError;
use crate::ui::log_line::LogRenderer;
use crate::ui::{BOLD, DIM, Ui, time};
use crate::view::log::LogView;
use crate::view::run::status_name;

/// How the log is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogForm {
    /// Lines for people, to standard output.
    #[default]
    Rendered,
    /// Lines as they were written, to standard output.
    Raw,
    /// One JSON object per record, to standard output.
    Json,
    /// Lines for people, to standard error, because standard output carries a document.
    Talk,
}

/// What is shown of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    /// Changes of status, to standard error.
    pub(crate) events: bool,
    /// The log, and which.
    pub(crate) log: Option<LogOptions>,
    pub(crate) form: LogForm,
}

/// How following ended.
#[derive(Debug)]
pub(crate) enum Followed {
    /// The run ended and all was shown.
    Ended(Box<Run>),
    /// The log as it stands was shown.
    LogShown,
    /// Ctrl-C; the run goes on.
    Interrupted,
}

/// Follows a run until its end or Ctrl-C.
pub(crate) async fn show(
    ui: &Ui,
    hub: &Hub,
    uuid: &str,
    shown: Shown,
) -> Result<Followed, CommandError> {
    let log = shown.log.as_ref();
    let follows = log.is_none_or(|options| !options.wants_answer_now());
    let mut screen = Screen::new(ui, &shown, follows);
    let mut follower = Follower::start(hub, uuid, follows, shown.log);
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(interrupt);
    loop {
        let progress = tokio::select! {
            biased;
            _ = &mut interrupt => {
                screen.close()?;
                return Ok(Followed::Interrupted);
            }
            progress = follower.next() => progress,
        };
        match progress {
            Some(Progress::GaveUp(error)) => {
                screen.close()?;
                return Err(error.into());
            }
            Some(progress) => screen.take(progress)?,
            None => break,
        }
    }
    screen.close()?;
    Ok(match follower.into_run() {
        Some(run) => Followed::Ended(Box::new(run)),
        None => Followed::LogShown,
    })
}

struct Screen<'a> {
    ui: &'a Ui,
    renderer: LogRenderer,
    form: LogForm,
    events: bool,
    /// Where the clock of the status lines starts.
    started: Option<jiff::Timestamp>,
    spinner: Option<ProgressBar>,
}

impl<'a> Screen<'a> {
    fn new(ui: &'a Ui, shown: &Shown, follows: bool) -> Self {
        let all_containers = shown
            .log
            .as_ref()
            .is_some_and(|options| options.all_containers);
        Self {
            ui,
            renderer: LogRenderer::new(shown.form == LogForm::Raw, all_containers),
            form: shown.form,
            events: shown.events,
            started: None,
            spinner: (shown.events && follows && ui.talk_is_terminal()).then(spinner),
        }
    }

    fn take(&mut self, progress: Progress) -> io::Result<()> {
        match progress {
            Progress::Event(event) => self.event(&event),
            Progress::Log(chunk) => self.log(&chunk),
            Progress::Lost(reason) => {
                let ui = self.ui;
                self.above(|| ui.warn(format_args!("{reason}; trying again")))
            }
            Progress::Back => {
                let ui = self.ui;
                self.above(|| ui.talk("the hub answers again"))
            }
            Progress::Ended(_) | Progress::LogEnded | Progress::GaveUp(_) => Ok(()),
        }
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        if !self.events || event.ignored {
            return Ok(());
        }
        let line = self.status_line(event);
        if let Some(spinner) = &self.spinner {
            spinner.set_message(status_name(event.status()));
        }
        let ui = self.ui;
        self.above(|| ui.talk(line))
    }

    fn status_line(&mut self, event: &Event) -> String {
        let at = time::timestamp(event.at.as_ref());
        let started = *self.started.get_or_insert(at.unwrap_or_default());
        let clock = at.map_or_else(String::new, |at| time::clock(started, at));
        let attempt = if event.attempt > 1 {
            format!(" {DIM}(attempt {}){DIM:#}", event.attempt)
        } else {
            String::new()
        };
        let remark = match (event.reason.as_str(), event.message.as_str()) {
            ("", "") => String::new(),
            // The reason of a step that every run takes says what its status says.
            (_, "") if is_usual(event.status()) => String::new(),
            (reason, "") => format!(" {DIM}{reason}{DIM:#}"),
            (_, message) => format!(" {DIM}{message}{DIM:#}"),
        };
        format!(
            "{DIM}{clock:>7}{DIM:#} {BOLD}{}{BOLD:#}{attempt}{remark}",
            status_name(event.status())
        )
    }

    fn log(&mut self, chunk: &LogChunk) -> io::Result<()> {
        if self.form == LogForm::Json {
            let line = serde_json::to_string(&LogView::from(chunk)).map_err(io::Error::other)?;
            let ui = self.ui;
            return self.above(|| ui.data(line));
        }
        let lines = self.renderer.lines(chunk);
        self.log_lines(&lines)
    }

    fn log_lines(&self, lines: &[String]) -> io::Result<()> {
        let ui = self.ui;
        self.above(|| {
            lines.iter().try_for_each(|line| match self.form {
                LogForm::Talk => ui.talk(line),
                _ => ui.data(line),
            })
        })
    }

    /// Prints above the moving line.
    fn above(&self, print: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        match &self.spinner {
            Some(spinner) => spinner.suspend(print),
            None => print(),
        }
    }

    fn close(&mut self) -> io::Result<()> {
        let rest = self.renderer.rest();
        self.log_lines(&rest)?;
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
        Ok(())
    }
}

/// Whether a run that succeeds at once has the status, too.
fn is_usual(status: Status) -> bool {
    matches!(
        status,
        Status::Created
            | Status::Compiled
            | Status::Queued
            | Status::Scheduled
            | Status::Starting
            | Status::Running
            | Status::Succeeded
    )
}

fn spinner() -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message("waiting");
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}
