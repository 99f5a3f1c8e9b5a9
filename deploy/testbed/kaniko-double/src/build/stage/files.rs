//! Instructions that put files in place: `COPY`, `ADD` and `WORKDIR`.

use std::io;
use std::path::PathBuf;

use super::{Step, Work};
use crate::build::copy::{self, Place, Source, Target};
use crate::build::scope::Scope;
use crate::build::unreadable;
use crate::dockerfile::{Copy, Instruction, Kind};
use crate::error::Failure;
use crate::files::accounts::{self, Owner};
use crate::files::layer::Changes;
use crate::files::pattern::{IgnoreRules, is_wild};
use crate::files::root::parents;

impl Work<'_, '_, '_> {
    /// A digest of what an instruction copies.
    pub(super) fn files_digest(
        &self,
        stage: usize,
        instruction: &Instruction,
        scope: &Scope<'_>,
    ) -> Result<Option<String>, Failure> {
        let Kind::Copy(copy) = &instruction.kind else {
            return Ok(None);
        };
        let (place, sources) = self.sources(stage, instruction, copy, scope)?;
        place
            .digest(&sources)
            .map(Some)
            .map_err(|error| files_used(&error))
    }

    /// Finds what an instruction copies, and where.
    pub(super) fn sources(
        &self,
        stage: usize,
        instruction: &Instruction,
        copy: &Copy,
        scope: &Scope<'_>,
    ) -> Result<(Place, Vec<Source>), Failure> {
        let place = match &copy.from {
            None => self.build.context.clone(),
            Some(from) => {
                let source = self
                    .build
                    .dockerfile
                    .copy_source(stage, from, &instruction.text)
                    .map_err(unreadable)?;
                let name = source.map_or_else(|| from.clone(), |index| index.to_string());
                Place {
                    folder: self.build.saved(&name),
                    ignore: IgnoreRules::default(),
                }
            }
        };
        let texts = copy
            .sources
            .iter()
            .map(|source| scope.expand(source))
            .collect::<Result<Vec<_>, _>>()?;
        let sources = place
            .find(&texts, self.build.log)
            .map_err(|error| files_used(&error))?;
        Ok((place, sources))
    }

    /// Carries out `WORKDIR`: makes the folder if it is missing.
    pub(super) fn change_folder(&mut self, step: &Step<'_>) -> Result<(), Failure> {
        let log = self.build.log;
        log.info("Cmd: workdir");
        self.scope.apply(step.instruction, log)?;
        let folder = PathBuf::from(&self.scope.config.working_dir);
        log.info(format_args!(
            "Changed working directory to {}",
            folder.display()
        ));
        let mut made = Vec::new();
        let place = self
            .build
            .root
            .resolve(&folder, true)
            .map_err(Failure::command)?;
        let missing = std::fs::metadata(self.build.root.at(&place))
            .is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        if missing {
            let owner = self.owner()?;
            log.info(format_args!(
                "Creating directory {} with uid {} and gid {}",
                folder.display(),
                owner.uid,
                owner.gid
            ));
            let mut folders = parents(&place);
            folders.push(place);
            copy::make_folders(self.build.root, &folders, owner, &mut made)
                .map_err(Failure::command)?;
        }
        let changes = Changes {
            present: made.into_iter().collect(),
            ..Changes::default()
        };
        self.add_layer(step, &changes, "Taking snapshot of files...")
    }

    /// Who files and folders belong to when nobody is named.
    fn owner(&self) -> Result<Owner, Failure> {
        let user = &self.scope.config.user;
        if user.is_empty() {
            return Ok(Owner::default());
        }
        accounts::look_up(self.build.root, user)
            .map(|account| account.owner)
            .map_err(|error| {
                Failure::command(format_args!("getting user group from user: {error}"))
            })
    }

    /// Copies what was found and makes a layer of it.
    pub(super) fn copy(
        &mut self,
        step: &Step<'_>,
        copy: &Copy,
        place: &Place,
        sources: &[Source],
    ) -> Result<(), Failure> {
        let owner = match &copy.chown {
            None => self.owner()?,
            Some(text) => {
                let text = self.scope.expand(text)?;
                accounts::look_up(self.build.root, &text)
                    .map(|account| account.owner)
                    .map_err(|error| {
                        Failure::command(format_args!(
                            "getting user group from chown: getting user group from chown: {error}"
                        ))
                    })?
            }
        };
        let mode = match &copy.chmod {
            None => None,
            Some(text) => Some(u32::from_str_radix(&self.scope.expand(text)?, 8).map_err(
                |_| {
                    Failure::command(
                        "getting permissions from chmod: parsing value from chmod: invalid syntax",
                    )
                },
            )?),
        };
        let target = Target {
            destination: &self.scope.expand(&copy.destination)?,
            working_dir: self.scope.working_dir(),
            owner,
            mode,
            add: copy.add,
        };
        // As the executor: wildcards are worked out, and told, once more.
        if copy.sources.iter().any(|source| is_wild(source)) {
            self.build.log.info(format_args!(
                "Resolving srcs [{}]...",
                copy.sources.join(" ")
            ));
        }
        let written =
            copy::copy(self.build.root, place, sources, &target).map_err(|error| match error {
                copy::Error::Archive => Failure::unsupported(error),
                other => Failure::command(other),
            })?;
        if written.is_empty() {
            // As recorded: a copy of nothing looks at everything.
            return self.snapshot_all(step);
        }
        let changes = Changes {
            present: written.into_iter().collect(),
            ..Changes::default()
        };
        self.add_layer(step, &changes, "Taking snapshot of files...")
    }
}

fn files_used(error: &copy::Error) -> Failure {
    Failure::stage(format_args!(
        "failed to get files used from context: {error}"
    ))
}
