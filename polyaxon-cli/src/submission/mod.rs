//! What is submitted: read from files, urls, the hub's names and flags.

pub(crate) mod files;
mod git_preset;
pub(crate) mod official;
mod web;

use std::path::PathBuf;

use clap::Args;
use polyaxon_spec::compose::{CompiledOperation, compose};
use polyaxon_spec::diagnostic::{Diagnostic, Report, render};
use polyaxon_spec::operation::{Flags, Operation};
use polyaxon_spec::params;
use polyaxon_spec::refs::{Reference, ReferenceKind};
use polyaxon_spec::source::Source;

use crate::error::CommandError;
use crate::ui::Ui;
use crate::view::name::{Named, parse_name};

/// Most components that one operation may refer to, directly or not.
const MOST_REFERENCES: usize = 100;

/// Where an operation comes from and what flags say about it.
#[derive(Args, Debug, Default)]
pub(crate) struct SubmissionArguments {
    /// Polyaxonfile; `-` reads standard input. Further ones are laid over the first, or over `--url` and `--hub`
    #[arg(short, long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Polyaxonfile behind an address
    #[arg(long, conflicts_with = "hub")]
    url: Option<String>,
    /// Component of the hub, `[OWNER/]NAME[:VERSION]`
    #[arg(long, value_name = "COMPONENT")]
    hub: Option<String>,
    /// A param; may be repeated
    #[arg(
        short = 'P',
        long = "param",
        alias = "params",
        value_name = "NAME=VALUE"
    )]
    params: Vec<String>,
    /// Refuse params that the component does not declare
    #[arg(long, overrides_with = "no_strict_params")]
    strict_params: bool,
    /// Take params that the component does not declare as values for templates
    #[arg(long, overrides_with = "strict_params")]
    no_strict_params: bool,
    /// Project, `NAME` or `OWNER/NAME`
    #[arg(short, long, value_parser = parse_name)]
    pub(crate) project: Option<Named>,
    /// Name of the run
    #[arg(short, long)]
    name: Option<String>,
    /// What the run is for
    #[arg(long)]
    description: Option<String>,
    /// Tags, separated by commas
    #[arg(long, value_delimiter = ',')]
    tags: Vec<String>,
    /// Names of presets, separated by commas
    #[arg(long, value_delimiter = ',')]
    presets: Vec<String>,
    /// Queue, `QUEUE` or `AGENT/QUEUE`
    #[arg(short, long)]
    queue: Option<String>,
    /// Namespace (also `-ns`)
    #[arg(long)]
    namespace: Option<String>,
    /// Clone the repository that `polyaxon init --git-url` has bound to this folder, at the commit that is checked out here
    #[arg(long)]
    git_preset: bool,
    /// As `--git-preset`, at a branch, a tag or another commit
    #[arg(long, value_name = "REVISION")]
    git_revision: Option<String>,
    /// Kept for old command lines: says that it is missing (also `-pm`)
    #[arg(long, hide = true, value_name = "MODULE")]
    python_module: Option<String>,
}

/// An operation that was read, with the components of its files and urls.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) operation: Operation,
    pub(crate) warnings: Vec<Diagnostic>,
}

impl SubmissionArguments {
    fn flags(&self) -> Flags {
        Flags {
            name: self.name.clone(),
            description: self.description.clone(),
            tags: self.tags.clone(),
            presets: self.presets.clone(),
            queue: self.queue.clone(),
            namespace: self.namespace.clone(),
            params: self.params.clone(),
            strict_params: self.is_strict(),
            ..Flags::default()
        }
    }

    /// What the flags say about undeclared params, if they do.
    fn is_strict(&self) -> Option<bool> {
        (self.strict_params || self.no_strict_params).then_some(self.strict_params)
    }

    /// The text that the operation is read from; none for a component of the hub, which a flag names.
    pub(crate) async fn main_source(&self) -> Result<Option<Source>, CommandError> {
        self.refuse_python()?;
        if let Some(url) = &self.url {
            return web::fetch(url).await.map(Some);
        }
        if self.hub.is_some() {
            return Ok(None);
        }
        let path = match self.file.first() {
            Some(path) => path.clone(),
            None => files::default_file()?,
        };
        files::read(&path).map(Some)
    }

    fn refuse_python(&self) -> Result<(), CommandError> {
        match &self.python_module {
            None => Ok(()),
            Some(module) => Err(CommandError::Usage(format!(
                "`{module}`: Polyaxonfiles in Python are not read by this version; write it as YAML, and name it with `-f`"
            ))),
        }
    }

    /// Reads everything that the arguments name, and what that refers to in files and behind addresses.
    pub(crate) async fn gather(&self) -> Result<Submission, CommandError> {
        self.refuse_python()?;
        let flags = self.flags();
        let mut files = self
            .file
            .iter()
            .map(|path| files::read(path))
            .collect::<Result<Vec<Source>, CommandError>>()?;
        let mut git = Vec::new();
        if self.git_preset || self.git_revision.is_some() {
            git.push(git_preset::source(self.git_revision.as_deref())?);
        }
        let (mut operation, warnings) = if let Some(hub_ref) = &self.hub {
            files.append(&mut git);
            Operation::for_hub(hub_ref, &files, &flags)?
        } else if let Some(url) = &self.url {
            let main = web::fetch(url).await?;
            files.append(&mut git);
            Operation::for_url(url, &main, &files, &flags)?
        } else {
            if files.is_empty() {
                files.push(files::read(&files::default_file()?)?);
            }
            let mut overlays = files.split_off(1);
            overlays.append(&mut git);
            let main = files.pop().unwrap_or_else(|| Source::new("", ""));
            Operation::read(&main, &overlays, &flags)?
        };
        collect(&mut operation).await?;
        Ok(Submission {
            operation,
            warnings,
        })
    }

    /// Reads what one file refers to, with the flags laid over it.
    pub(crate) async fn gather_file(&self, main: &Source) -> Result<Submission, CommandError> {
        let (mut operation, warnings) = Operation::read(main, &[], &self.flags())?;
        collect(&mut operation).await?;
        Ok(Submission {
            operation,
            warnings,
        })
    }

    /// Whether params were given on the command line.
    pub(crate) fn has_params(&self) -> bool {
        !self.params.is_empty()
    }
}

impl Submission {
    /// Prints what is probably not meant.
    pub(crate) fn show_warnings(&self, ui: &Ui) -> std::io::Result<()> {
        if self.warnings.is_empty() {
            return Ok(());
        }
        ui.talk(render(&self.warnings, ui.talk_has_colour()))
    }

    /// The operation as it is sent to the hub.
    pub(crate) fn to_wire(&self) -> bytes::Bytes {
        self.operation.to_json().to_string().into()
    }

    /// Composes the operation, if it needs no component of the hub.
    pub(crate) fn composed(&self) -> Result<Option<CompiledOperation>, Report> {
        if self.operation.references().is_empty() {
            compose(&self.operation).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Composes the operation and checks its params, if it needs no component of the hub.
    pub(crate) fn compiled(&self) -> Result<Option<CompiledOperation>, Report> {
        let compiled = self.composed()?;
        if let Some(compiled) = &compiled {
            params::check_document(&compiled.document, &compiled.params)
                .map_err(|report| self.operation.located(report, &compiled.document))?;
        }
        Ok(compiled)
    }
}

/// Fetches what files and addresses refer to; references to the hub stay.
async fn collect(operation: &mut Operation) -> Result<(), CommandError> {
    for _ in 0..MOST_REFERENCES {
        let Some(reference) = next_reference(operation) else {
            return Ok(());
        };
        let source = match reference.kind {
            ReferenceKind::Url => web::fetch(&reference.value).await?,
            ReferenceKind::Path | ReferenceKind::Hub => {
                files::read(reference.resolved_path().as_ref())?
            }
        };
        operation.attach(&reference, &source)?;
    }
    Err(CommandError::Usage(format!(
        "the operation refers to more than {MOST_REFERENCES} components; put them into the hub, or into fewer files"
    )))
}

fn next_reference(operation: &Operation) -> Option<Reference> {
    operation
        .references()
        .into_iter()
        .find(|reference| reference.kind != ReferenceKind::Hub)
}
