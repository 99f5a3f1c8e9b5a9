//! One instruction: name, flags and arguments.

use super::lines::Line;
use super::{Error, words};

/// An instruction of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instruction {
    /// As written, continuation lines joined; what log and history say.
    pub text: String,
    /// What it does.
    pub kind: Kind,
}

/// What an instruction does. Words are not expanded yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `ARG name[=default]`.
    Arg(Vec<(String, Option<String>)>),
    /// `CMD`.
    Cmd(Form),
    /// `COPY`, and `ADD` of local files.
    Copy(Copy),
    /// `ENTRYPOINT`.
    Entrypoint(Form),
    /// `ENV`.
    Env(Vec<(String, String)>),
    /// `EXPOSE`.
    Expose(Vec<String>),
    /// `LABEL`.
    Label(Vec<(String, String)>),
    /// `RUN`.
    Run(Form),
    /// `USER`.
    User(String),
    /// `WORKDIR`.
    Workdir(String),
}

/// A command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// A line for `/bin/sh -c`.
    Shell(String),
    /// Words as they are.
    Exec(Vec<String>),
}

/// `COPY` and `ADD`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Copy {
    /// `--from`: a stage or an image.
    pub from: Option<String>,
    /// `--chown`.
    pub chown: Option<String>,
    /// `--chmod`, octal.
    pub chmod: Option<String>,
    /// Sources.
    pub sources: Vec<String>,
    /// Destination.
    pub destination: String,
    /// Whether it is an `ADD`, which would unpack archives.
    pub add: bool,
}

/// `FROM` or an instruction of a stage.
#[derive(Debug)]
pub(super) enum Parsed {
    From { base: String, name: Option<String> },
    Step(Instruction),
}

/// Every instruction of the language.
const NAMES: &[&str] = &[
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Flags of `COPY` and `ADD` in the language; the double knows the first three and `link`.
const COPY_FLAGS: &[&str] = &["chown", "from", "chmod", "link", "parents", "exclude"];
const RUN_FLAGS: &[&str] = &["mount", "network", "security"];

pub(super) fn parse(line: &Line, escape: char) -> Result<Parsed, Error> {
    let fail = |reason: String| Error::Line {
        line: line.number,
        reason,
    };
    let (word, rest) = match line.text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim_start()),
        None => (line.text.as_str(), ""),
    };
    let name = word.to_ascii_uppercase();
    if !NAMES.contains(&name.as_str()) {
        let hint = suggestion(&name, NAMES);
        return Err(fail(format!("unknown instruction: {name}{hint}")));
    }
    if ["RUN", "COPY", "ADD"].contains(&name.as_str()) && rest.contains("<<") && heredoc(rest) {
        return Err(Error::Unsupported("here-documents".to_owned()));
    }
    if name == "FROM" {
        return from(rest, escape).map_err(fail);
    }
    let kind = match name.as_str() {
        "ADD" | "COPY" => Kind::Copy(copy(&name, rest, escape, line.number)?),
        "ARG" => Kind::Arg(arguments(rest, escape).map_err(fail)?),
        "CMD" => Kind::Cmd(form(rest)),
        "ENTRYPOINT" => Kind::Entrypoint(form(rest)),
        "ENV" => Kind::Env(words::pairs("ENV", rest, escape).map_err(fail)?),
        "EXPOSE" => {
            let ports = words::split(rest, escape);
            if ports.is_empty() {
                return Err(fail("EXPOSE requires at least one argument".to_owned()));
            }
            Kind::Expose(ports)
        }
        "LABEL" => Kind::Label(words::pairs("LABEL", rest, escape).map_err(fail)?),
        "RUN" => Kind::Run(run(rest, line.number)?),
        "USER" | "WORKDIR" if rest.is_empty() => {
            return Err(fail(format!("{name} requires exactly one argument")));
        }
        "USER" => Kind::User(rest.to_owned()),
        "WORKDIR" => Kind::Workdir(rest.to_owned()),
        _ => return Err(Error::Unsupported(name)),
    };
    Ok(Parsed::Step(Instruction {
        text: line.text.clone(),
        kind,
    }))
}

/// Whether a word opens a here-document; `<<` inside a word is something else.
fn heredoc(rest: &str) -> bool {
    rest.split_whitespace().any(|word| {
        word.strip_prefix("<<")
            .map(|name| name.trim_start_matches(['-', '"', '\'']))
            .is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
    })
}

fn from(rest: &str, escape: char) -> Result<Parsed, String> {
    let mut words = words::split(rest, escape);
    while let Some(flag) = words.first().and_then(|word| word.strip_prefix("--")) {
        let name = flag.split('=').next().unwrap_or_default();
        if name != "platform" {
            return Err(format!(
                "unknown flag: --{name}{}",
                suggestion(name, &["platform"])
            ));
        }
        words.remove(0);
    }
    match words.as_slice() {
        [base] => Ok(Parsed::From {
            base: base.clone(),
            name: None,
        }),
        [base, keyword, name] if keyword.eq_ignore_ascii_case("as") => Ok(Parsed::From {
            base: base.clone(),
            name: Some(name.to_lowercase()),
        }),
        _ => Err("FROM requires either one or three arguments".to_owned()),
    }
}

fn arguments(rest: &str, escape: char) -> Result<Vec<(String, Option<String>)>, String> {
    let words = words::split(rest, escape);
    if words.is_empty() {
        return Err("ARG requires at least one argument".to_owned());
    }
    words
        .iter()
        .map(|word| match word.split_once('=') {
            Some(("", _)) => Err("ARG names can not be blank".to_owned()),
            Some((name, value)) => Ok((name.to_owned(), Some(value.to_owned()))),
            None => Ok((word.clone(), None)),
        })
        .collect()
}

fn form(rest: &str) -> Form {
    match words::json_array(rest) {
        Some(words) => Form::Exec(words),
        None => Form::Shell(rest.to_owned()),
    }
}

fn run(rest: &str, line: usize) -> Result<Form, Error> {
    if let Some(flag) = rest.strip_prefix("--") {
        let name = flag.split(['=', ' ']).next().unwrap_or_default();
        if RUN_FLAGS.contains(&name) {
            return Err(Error::Unsupported(format!("RUN --{name}")));
        }
        let reason = format!("unknown flag: --{name}{}", suggestion(name, RUN_FLAGS));
        return Err(Error::Line { line, reason });
    }
    if rest.is_empty() {
        let reason = "RUN requires at least one argument".to_owned();
        return Err(Error::Line { line, reason });
    }
    Ok(form(rest))
}

fn copy(name: &str, rest: &str, escape: char, line: usize) -> Result<Copy, Error> {
    let fail = |reason: String| Error::Line { line, reason };
    let mut copy = Copy {
        add: name == "ADD",
        ..Copy::default()
    };
    let mut rest = rest;
    while let Some(after) = rest.strip_prefix("--") {
        let (flag, tail) = after.split_once(char::is_whitespace).unwrap_or((after, ""));
        rest = tail.trim_start();
        let (flag, value) = flag.split_once('=').unwrap_or((flag, ""));
        match flag {
            "from" if !copy.add => copy.from = Some(value.to_owned()),
            "chown" => copy.chown = Some(value.to_owned()),
            "chmod" => copy.chmod = Some(value.to_owned()),
            "link" => {}
            _ if COPY_FLAGS.contains(&flag) => {
                return Err(Error::Unsupported(format!("{name} --{flag}")));
            }
            _ => {
                return Err(fail(format!(
                    "unknown flag: --{flag}{}",
                    suggestion(flag, COPY_FLAGS)
                )));
            }
        }
    }
    let mut words = words::json_array(rest).unwrap_or_else(|| words::split(rest, escape));
    let destination = words.pop();
    match destination {
        Some(destination) if !words.is_empty() => {
            copy.destination = destination;
            copy.sources = words;
        }
        _ => {
            return Err(fail(format!(
                "{name} requires at least two arguments, but only one was provided. Destination could not be determined"
            )));
        }
    }
    if copy.add && copy.sources.iter().any(|source| source.contains("://")) {
        return Err(Error::Unsupported("ADD of a URL".to_owned()));
    }
    Ok(copy)
}

/// ` (did you mean X?)` for a known word at most two edits away.
fn suggestion(word: &str, known: &[&str]) -> String {
    let word = word.to_lowercase();
    known
        .iter()
        .map(|name| (strsim::levenshtein(&word, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= 2)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| format!(" (did you mean {name}?)"))
        .unwrap_or_default()
}
