//! One stage.

use std::path::Path;

use super::cache::{self, Hit, Key};
use super::copy::{self, Place};
use super::extract::extract;
use super::image::{Image, Part};
use super::run::{self, Invocation};
use super::scope::Scope;
use super::{Base, Build};
use crate::dockerfile::expand::Variables;
use crate::dockerfile::{Form, Instruction, Kind};
use crate::error::Failure;
use crate::files::Root;
use crate::files::accounts::{self, Account};
use crate::files::layer::{self, Changes};
use crate::files::pattern::{IgnoreRules, is_wild};
use crate::files::root::absolute;
use crate::files::snapshot::Snapshot;
use crate::retry::retry;

mod files;

/// Home of users that have none.
const ROOT_HOME: &str = "/root";

/// An instruction with the stage that it is written in.
struct Step<'a> {
    stage: usize,
    instruction: &'a Instruction,
    tag: String,
    hit: Option<Hit>,
}

/// Builds a stage together with the stages that it is built on.
pub(super) fn build(build: &mut Build<'_>, index: usize) -> Result<Image, Failure> {
    let dockerfile = build.dockerfile;
    let (name, chain) = dockerfile.chain(index);
    build.tell_base(&name);
    build.log.info(format_args!(
        "Building stage '{name}' [idx: '{index}', base-idx: '-1']"
    ));
    let base = build.base_of(&name);
    let image = match &base {
        Base::Scratch => Image::scratch(),
        Base::Image(base) => Image::on(base).map_err(Failure::build)?,
    };
    if image
        .config
        .config
        .on_build
        .as_ref()
        .is_some_and(|steps| !steps.is_empty())
    {
        return Err(Failure::unsupported("ONBUILD of the base image"));
    }
    let instructions = chain.iter().flat_map(|stage| {
        stage
            .instructions
            .iter()
            .map(|instruction| (stage.index, instruction))
    });
    let given = build.given.clone();
    let scope = Scope {
        config: image.config.config.clone(),
        args: Variables::new(),
        global: &dockerfile.global_args,
        given: &given,
        escape: dockerfile.escape,
    };
    let mut work = Work {
        build,
        image,
        scope,
        snapshot: None,
    };
    let steps = work.prepare(&base, instructions)?;
    work.unpack(&base, &steps)?;
    let mut stage = None;
    for step in &steps {
        if stage.replace(step.stage) != Some(step.stage) {
            work.scope.args.clear();
        }
        work.carry_out(step)?;
    }
    Ok(work.finish(&steps))
}

/// Keeps what later stages copy.
pub(super) fn save(build: &Build<'_>, index: usize) -> Result<(), Failure> {
    let folder = build.saved(&index.to_string());
    let keep = Root::plain(&folder);
    let place = Place {
        folder: build.root.at(Path::new("/")),
        ignore: IgnoreRules::default(),
    };
    for path in build.plan.copied.get(&index).into_iter().flatten() {
        let clean = absolute(Path::new(path));
        let shown = clean
            .strip_prefix("/")
            .unwrap_or(&clean)
            .display()
            .to_string();
        // What is missing is found missing when it is copied.
        let Ok(sources) = place.find(std::slice::from_ref(path), &build.log.quiet()) else {
            continue;
        };
        if !is_wild(path) {
            build
                .log
                .info(format_args!("Saving file {shown} for later use"));
        }
        copy::keep(build.root, &keep, &place, &sources)
            .map_err(|error| Failure::stage(format_args!("could not save file: {error}")))?;
    }
    Ok(())
}

/// A stage in the works.
struct Work<'b, 'a, 's> {
    build: &'b mut Build<'a>,
    image: Image,
    scope: Scope<'s>,
    /// State of the tree as the layers know it; nothing before the first `RUN`.
    snapshot: Option<Snapshot>,
}

impl Work<'_, '_, '_> {
    /// Looks up the cache and goes once through the instructions that change the config only, as
    /// the executor does it.
    fn prepare<'i>(
        &mut self,
        base: &Base,
        instructions: impl Iterator<Item = (usize, &'i Instruction)>,
    ) -> Result<Vec<Step<'i>>, Failure> {
        let mut scope = self.scope.clone();
        let mut looking = self.build.options.cache;
        let repository = cache::repository(self.build.options);
        let mut key = Key::of_base(match base {
            Base::Scratch => super::SCRATCH,
            Base::Image(image) => &image.digest,
        });
        let mut steps: Vec<Step<'i>> = Vec::new();
        for (stage, instruction) in instructions {
            if steps.last().is_some_and(|last| last.stage != stage) {
                scope.args.clear();
            }
            let mut hit = None;
            if self.build.options.cache {
                let files = self.files_digest(stage, instruction, &scope)?;
                key.add_step(instruction, &scope, files.as_deref());
            }
            let tag = key.tag();
            if looking && cache::is_cacheable(instruction, self.build.options) {
                let (options, network) = (self.build.options, self.build.network);
                hit = cache::look_up(options, network, &repository, &tag, instruction);
                looking = hit.is_some();
            }
            scope.apply(instruction, self.build.log)?;
            steps.push(Step {
                stage,
                instruction,
                tag,
                hit,
            });
        }
        Ok(steps)
    }

    /// Unpacks the base if an instruction needs it.
    fn unpack(&mut self, base: &Base, steps: &[Step<'_>]) -> Result<(), Failure> {
        let log = self.build.log;
        let needing = steps.iter().find(|step| {
            step.hit.is_none()
                && matches!(
                    step.instruction.kind,
                    Kind::Run(_) | Kind::Copy(_) | Kind::Workdir(_)
                )
        });
        let Some(step) = needing else {
            log.info("Skipping unpacking as no commands require it.");
            return Ok(());
        };
        log.info(format_args!(
            "Unpacking rootfs as cmd {} requires it.",
            step.instruction.text
        ));
        let Base::Image(base) = base else {
            return Ok(());
        };
        retry(self.build.options.extract_retry, log, || {
            base.manifest
                .layers
                .iter()
                .try_for_each(|layer| extract(self.build.root, &base.session, layer))
        })
        .map_err(|reason| {
            Failure::stage(format_args!(
                "failed to get filesystem from image: {reason}"
            ))
        })
    }

    fn carry_out(&mut self, step: &Step<'_>) -> Result<(), Failure> {
        let instruction = step.instruction;
        let log = self.build.log;
        if let Kind::Copy(copy) = &instruction.kind
            && step.hit.is_none()
        {
            let found = self.sources(step.stage, instruction, copy, &self.scope)?;
            log.info(&instruction.text);
            return self.copy(step, copy, &found.0, &found.1);
        }
        log.info(&instruction.text);
        if let Some(hit) = &step.hit {
            return self.reuse(step, hit);
        }
        match &instruction.kind {
            Kind::Run(form) => self.run(step, form),
            Kind::Workdir(_) => self.change_folder(step),
            _ => {
                self.scope.apply(instruction, log)?;
                if self.build.options.cache {
                    self.add_layer(step, &Changes::default(), "Taking snapshot of files...")?;
                }
                Ok(())
            }
        }
    }

    /// Takes a layer from the cache.
    fn reuse(&mut self, step: &Step<'_>, hit: &Hit) -> Result<(), Failure> {
        let log = self.build.log;
        if let Kind::Workdir(_) = &step.instruction.kind {
            log.info("Cmd: workdir");
            self.scope.apply(step.instruction, log)?;
            log.info(format_args!(
                "Changed working directory to {}",
                self.scope.config.working_dir
            ));
        }
        log.info("Found cached layer, extracting to filesystem");
        if let Part::Remote {
            session,
            descriptor,
        } = &hit.part
        {
            extract(self.build.root, session, descriptor).map_err(|reason| {
                Failure::command(format_args!("extracting fs from image: {reason}"))
            })?;
        }
        self.image.push(
            hit.part.clone(),
            hit.diff_id.clone(),
            &step.instruction.text,
        );
        Ok(())
    }

    fn run(&mut self, step: &Step<'_>, form: &Form) -> Result<(), Failure> {
        let log = self.build.log;
        if self.snapshot.is_none() {
            log.info("Initializing snapshotter ...");
            log.info("Taking snapshot of full filesystem...");
            let state = Snapshot::take(self.build.root).map_err(|error| snapshot_failed(&error))?;
            self.snapshot = Some(state);
        }
        let words = self.scope.command(form);
        let (program, arguments) = words
            .split_first()
            .map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
        log.info(format_args!("Cmd: {program}"));
        log.info(format_args!("Args: [{}]", arguments.join(" ")));
        let account = self.account()?;
        let mut environment = self.scope.run_environment();
        let home = account.as_ref().map_or_else(
            || ROOT_HOME.to_owned(),
            |account| account.home.display().to_string(),
        );
        environment.entry("HOME".to_owned()).or_insert(home);
        let invocation = Invocation {
            words: words.clone(),
            environment,
            folder: self.scope.working_dir().to_path_buf(),
            account,
        };
        run::run(&invocation, log)?;
        self.snapshot_all(step)
    }

    /// A layer of everything that changed.
    fn snapshot_all(&mut self, step: &Step<'_>) -> Result<(), Failure> {
        self.build.log.info("Taking snapshot of full filesystem...");
        let state = Snapshot::take(self.build.root).map_err(|error| snapshot_failed(&error))?;
        let before = self.snapshot.take().unwrap_or_default();
        let changes = before.changes_to(&state);
        self.snapshot = Some(state);
        self.store_layer(step, &changes)
    }

    /// The user of the config; nothing when there is none.
    fn account(&self) -> Result<Option<Account>, Failure> {
        let user = &self.scope.config.user;
        if user.is_empty() {
            return Ok(None);
        }
        let account = accounts::look_up(self.build.root, user)
            .map_err(|error| Failure::command(format_args!("credentials: get uid/gid: {error}")))?;
        self.build.log.info(format_args!(
            "Util.Lookup returned: &{{Uid:{} Gid:{} Username:{name} Name:{name} HomeDir:{}}}",
            account.owner.uid,
            account.owner.gid,
            account.home.display(),
            name = account.name,
        ));
        self.build.log.info(format_args!(
            "Performing slow lookup of group ids for {}",
            account.name
        ));
        Ok(Some(account))
    }

    fn add_layer(
        &mut self,
        step: &Step<'_>,
        changes: &Changes,
        message: &str,
    ) -> Result<(), Failure> {
        self.build.log.info(message);
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.note(self.build.root, changes.present.iter().cloned());
        }
        self.store_layer(step, changes)
    }

    fn store_layer(&mut self, step: &Step<'_>, changes: &Changes) -> Result<(), Failure> {
        let path = self.build.next_layer();
        let layer = layer::write(self.build.root, changes, &path)
            .map_err(|error| snapshot_failed(&error))?;
        let options = self.build.options;
        let instruction = step.instruction;
        if options.cache && !options.no_push_cache && cache::is_cacheable(instruction, options) {
            let name = format!("{}:{}", cache::repository(options), step.tag);
            let entry = cache::entry_of(&layer, instruction, &self.image);
            cache::store(options, self.build.network, self.build.root, &entry, &name)?;
        }
        let diff_id = layer.diff_id.clone();
        self.image
            .push(Part::Local(layer), diff_id, &instruction.text);
        Ok(())
    }

    fn finish(self, steps: &[Step<'_>]) -> Image {
        let mut image = self.image;
        image.config.config = self.scope.config;
        let has =
            |wanted: fn(&Kind) -> bool| steps.iter().any(|step| wanted(&step.instruction.kind));
        // An entry point of its own does not take the arguments of the base's.
        if has(|kind| matches!(kind, Kind::Entrypoint(_)))
            && !has(|kind| matches!(kind, Kind::Cmd(_)))
        {
            image.config.config.cmd = None;
        }
        image
    }
}

fn snapshot_failed(error: &crate::files::Error) -> Failure {
    Failure::stage(format_args!("failed to take snapshot: {error}"))
}

impl Build<'_> {
    fn base_of(&self, name: &str) -> Base {
        self.bases.get(name).cloned().unwrap_or(Base::Scratch)
    }
}
