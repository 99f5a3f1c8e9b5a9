//! A build: from the command line to the pushed image.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::dockerfile::expand::Variables;
use crate::dockerfile::{self, Dockerfile, Instruction, Kind, Plan, Stage};
use crate::error::Failure;
use crate::files::Root;
use crate::files::pattern::IgnoreRules;
use crate::flags::Options;
use crate::log::Log;
use crate::registry::manifest::Family;
use crate::registry::pull::{self, RemoteImage};
use crate::registry::{Network, Reference};

mod cache;
mod config;
mod container;
mod context;
mod copy;
mod extract;
mod image;
mod push;
mod run;
mod scope;
mod stage;

use image::Image;

/// Base of a stage that has none.
const SCRATCH: &str = "scratch";

/// What a stage starts from.
#[derive(Clone)]
enum Base {
    Scratch,
    Image(Box<RemoteImage>),
}

/// What all stages of a build share.
struct Build<'a> {
    options: &'a Options,
    network: &'a Network,
    log: &'a Log,
    root: &'a Root,
    dockerfile: &'a Dockerfile,
    plan: Plan,
    given: Variables,
    context: copy::Place,
    bases: BTreeMap<String, Base>,
    layers: u32,
}

/// Builds an image over `/` and pushes it.
///
/// # Errors
///
/// The last words of the executor.
pub(crate) fn execute(options: &Options, log: &Log) -> Result<(), Failure> {
    let root = Root::of_process("/", &options.ignore_paths);
    let context = context::resolve(options, &root)?;
    container::check(options.force, log)?;
    let network = Network::from_environment(
        options.transport.clone(),
        options.helpers.clone(),
        log.clone(),
    );
    if !options.no_push && !options.skip_permission_check {
        push::check_permissions(options, &network)?;
    }
    let given = given_arguments(&options.build_args);
    let dockerfile = dockerfile::parse(&context.text, &given).map_err(unreadable)?;
    let target = dockerfile.target(&options.target).map_err(unreadable)?;
    let plan = dockerfile.plan(target).map_err(unreadable)?;
    let mut build = Build {
        options,
        network: &network,
        log,
        root: &root,
        dockerfile: &dockerfile,
        plan,
        given,
        context: copy::Place {
            folder: context.folder.clone(),
            ignore: IgnoreRules::default(),
        },
        bases: BTreeMap::new(),
        layers: 0,
    };
    build.fetch_bases()?;
    build.context.ignore = context.ignore_rules(log);
    build.tell_bases();
    log.info(format_args!(
        "Built cross stage deps: map[{}]",
        build.dependencies()
    ));
    build.fetch_copied_images()?;
    let mut image = build.stages()?;
    add_labels(&mut image, &options.labels)?;
    match options.image_format.as_str() {
        "docker" => image.family = Family::Docker,
        "oci" => image.family = Family::Oci,
        _ => {}
    }
    push::push_all(options, &network, &root, &image)
}

fn unreadable(error: dockerfile::Error) -> Failure {
    match error {
        dockerfile::Error::Unsupported(what) => Failure::unsupported(what),
        other => Failure::build(other),
    }
}

/// `NAME=VALUE`, or `NAME` for the value of this process's environment.
fn given_arguments(texts: &[String]) -> Variables {
    texts
        .iter()
        .filter_map(|text| match text.split_once('=') {
            Some((name, value)) => Some((name.to_owned(), value.to_owned())),
            None => Some((text.clone(), std::env::var(text).ok()?)),
        })
        .collect()
}

fn add_labels(image: &mut Image, labels: &[String]) -> Result<(), Failure> {
    for label in labels {
        let Some((name, value)) = label.split_once('=') else {
            return Err(Failure::build(format_args!(
                "labels must be of the form key=value, got {label}"
            )));
        };
        let known = image.config.config.labels.get_or_insert_default();
        known.insert(name.to_owned(), value.to_owned());
    }
    Ok(())
}

impl Build<'_> {
    /// Fetches the bases of all stages that are built, the last stage's first.
    fn fetch_bases(&mut self) -> Result<(), Failure> {
        for index in self.plan.stages.clone().into_iter().rev() {
            let (name, chain) = self.dockerfile.chain(index);
            for stage in &chain {
                if let Some(alias) = &stage.name {
                    self.log
                        .info(format_args!("Resolved base name of {alias} to {name}"));
                }
            }
            let base = self.base(&name)?;
            self.bases.insert(name, base);
            for (lower, upper) in chain.iter().zip(chain.iter().skip(1)) {
                let name = |stage: &Stage| stage.name.clone().unwrap_or_default();
                self.log.info(format_args!(
                    "Squashing stages: {} into {}",
                    name(upper),
                    name(lower)
                ));
            }
        }
        Ok(())
    }

    fn base(&self, name: &str) -> Result<Base, Failure> {
        if name == SCRATCH {
            return Ok(Base::Scratch);
        }
        self.log
            .info(format_args!("Retrieving image manifest {name}"));
        if let Some(known) = self.bases.get(name) {
            self.log.info("Returning cached image manifest");
            return Ok(known.clone());
        }
        let reference = Reference::parse(name)
            .map_err(|_| Failure::build(format_args!("could not parse reference: {name}")))?;
        let image =
            pull::retrieve(self.network, self.options, &reference).map_err(Failure::build)?;
        Ok(Base::Image(Box::new(image)))
    }

    /// The lines that the executor prints whenever it looks at a base again.
    fn tell_base(&self, name: &str) {
        if name == SCRATCH {
            self.log.info("No base image, nothing to extract");
        } else {
            self.log
                .info(format_args!("Retrieving image manifest {name}"));
            self.log.info("Returning cached image manifest");
        }
    }

    fn tell_bases(&self) {
        for index in &self.plan.stages {
            self.tell_base(&self.dockerfile.chain(*index).0);
        }
    }

    /// Stages and the paths that later ones copy from them, as the log names them.
    fn dependencies(&self) -> String {
        let stages: Vec<_> = self
            .plan
            .copied
            .iter()
            .map(|(stage, paths)| format!("{stage}:[{}]", paths.join(" ")))
            .collect();
        stages.join(" ")
    }

    /// Unpacks the images that `COPY --from` names.
    fn fetch_copied_images(&mut self) -> Result<(), Failure> {
        for (index, step) in self.steps() {
            let Kind::Copy(copy) = &step.kind else {
                continue;
            };
            let Some(from) = &copy.from else { continue };
            let stage = self
                .dockerfile
                .copy_source(index, from, &step.text)
                .map_err(unreadable)?;
            let folder = self.saved(from);
            if stage.is_some() || folder.is_dir() {
                continue;
            }
            let Base::Image(image) = self.base(from)? else {
                continue;
            };
            self.log.info(format_args!(
                "Storing source image from stage {from} at path {}",
                self.root.own(&format!("stages/{from}")).display()
            ));
            std::fs::create_dir_all(&folder).map_err(|error| {
                Failure::build(format_args!(
                    "mkdir {}: {}",
                    folder.display(),
                    crate::error::errno_text(&error)
                ))
            })?;
            let root = Root::plain(folder);
            for layer in &image.manifest.layers {
                extract::extract(&root, &image.session, layer).map_err(Failure::build)?;
            }
        }
        Ok(())
    }

    /// All instructions of the stages that are built.
    fn steps(&self) -> Vec<(usize, Instruction)> {
        self.plan
            .stages
            .iter()
            .flat_map(|index| self.dockerfile.chain(*index).1)
            .flat_map(|stage| {
                stage
                    .instructions
                    .iter()
                    .map(move |step| (stage.index, step.clone()))
            })
            .collect()
    }

    /// Where files of another stage or image are kept.
    fn saved(&self, from: &str) -> PathBuf {
        self.root.own(&format!("deps/{from}"))
    }

    fn stages(&mut self) -> Result<Image, Failure> {
        let mut last = Image::scratch();
        let stages = self.plan.stages.clone();
        for (position, index) in stages.iter().enumerate() {
            last = stage::build(self, *index)?;
            if position + 1 < stages.len() {
                stage::save(self, *index)?;
                self.log.info("Deleting filesystem...");
                self.root.clear(Path::new("/")).map_err(Failure::stage)?;
            }
        }
        Ok(last)
    }

    /// A file for the next layer.
    fn next_layer(&mut self) -> PathBuf {
        self.layers += 1;
        self.root.own(&format!("layers/{}", self.layers))
    }
}
