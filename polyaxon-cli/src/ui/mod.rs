//! Everything that is printed: data to standard output, talk to standard error.

pub(crate) mod log_line;
pub(crate) mod table;
pub(crate) mod time;

use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde::Serialize;

pub(crate) use table::Table;

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: tables on a terminal, tab-separated lines in a pipe
    #[default]
    Text,
    /// One JSON document
    Json,
    /// One YAML document
    Yaml,
}

/// Bold, for headings and names.
pub(crate) const BOLD: Style = Style::new().bold();
/// For what is less important than the rest.
pub(crate) const DIM: Style = Style::new().dimmed();
/// For what went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// For what the user should know.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// For what went wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// The terminal or the pipes of this process.
pub(crate) struct Ui {
    out_is_terminal: bool,
    talk_is_terminal: bool,
}

#[expect(
    clippy::unused_self,
    reason = "output goes through the value, so that it has one owner"
)]
impl Ui {
    pub(crate) fn of_process() -> Self {
        Self {
            out_is_terminal: io::stdout().is_terminal(),
            talk_is_terminal: io::stderr().is_terminal(),
        }
    }

    /// Whether a moving display makes sense.
    pub(crate) fn talk_is_terminal(&self) -> bool {
        self.talk_is_terminal
    }

    /// Whether talk may carry colours.
    pub(crate) fn talk_has_colour(&self) -> bool {
        anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
    }

    /// One line of data.
    pub(crate) fn data(&self, line: impl std::fmt::Display) -> io::Result<()> {
        writeln!(anstream::stdout().lock(), "{line}")
    }

    /// Bytes of data as they are.
    pub(crate) fn data_bytes(&self, bytes: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    }

    /// A value as JSON or YAML.
    pub(crate) fn document<T: Serialize>(&self, format: Format, value: &T) -> io::Result<()> {
        let text = match format {
            Format::Yaml => serde_yaml::to_string(value).map_err(io::Error::other)?,
            Format::Json | Format::Text => {
                let mut text = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
                text.push('\n');
                text
            }
        };
        self.data_bytes(text.as_bytes())
    }

    /// A table on a terminal, tab-separated lines without headings in a pipe.
    pub(crate) fn table(&self, table: &Table) -> io::Result<()> {
        if self.out_is_terminal {
            self.data(table.drawn())
        } else {
            self.data_bytes(table.plain().as_bytes())
        }
    }

    /// One line of talk.
    pub(crate) fn talk(&self, line: impl std::fmt::Display) -> io::Result<()> {
        writeln!(anstream::stderr().lock(), "{line}")
    }

    /// A remark that does not stop the command.
    pub(crate) fn warn(&self, text: impl std::fmt::Display) -> io::Result<()> {
        self.talk(format_args!("{WARNING}warning{WARNING:#}: {text}"))
    }

    /// The reason why the command stops, and what to do next.
    pub(crate) fn error(&self, text: &str, next_step: Option<&str>) -> io::Result<()> {
        self.talk(format_args!("{BAD}error{BAD:#}: {text}"))?;
        next_step.map_or(Ok(()), |step| self.next(step))
    }

    /// What to do next.
    pub(crate) fn next(&self, step: impl std::fmt::Display) -> io::Result<()> {
        self.talk(format_args!("{BOLD}next{BOLD:#}: {step}"))
    }

    /// Asks on the terminal; `None` when nobody is there to answer.
    pub(crate) fn confirm(&self, question: &str) -> io::Result<Option<bool>> {
        if !self.talk_is_terminal || !io::stdin().is_terminal() {
            return Ok(None);
        }
        let mut talk = anstream::stderr().lock();
        write!(talk, "{question} [y/N] ")?;
        talk.flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        let answer = answer.trim().to_ascii_lowercase();
        Ok(Some(answer == "y" || answer == "yes"))
    }
}
