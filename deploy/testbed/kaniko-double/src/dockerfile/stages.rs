//! Instructions to stages.

use std::collections::{BTreeMap, BTreeSet};

use super::expand::{Variables, expand};
use super::instruction::{Instruction, Kind, Parsed, parse as instruction};
use super::{Error, lines};

/// A Dockerfile that was read.
#[derive(Debug, Clone)]
pub(crate) struct Dockerfile {
    /// The stages in the order of the file.
    pub stages: Vec<Stage>,
    /// `ARG` before the first `FROM`, with their values.
    pub global_args: Variables,
    /// The escape character.
    pub escape: char,
}

/// One stage.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    /// Position in the file, from 0.
    pub index: usize,
    /// What `FROM` names, variables expanded.
    pub base: String,
    /// `AS name`, lower case.
    pub name: Option<String>,
    /// What it does.
    pub instructions: Vec<Instruction>,
}

/// Reads a Dockerfile; `build_args` are those of the command line.
///
/// # Errors
///
/// The failure text after `error building image: `, or a thing that the double does not know.
pub(crate) fn parse(text: &str, build_args: &Variables) -> Result<Dockerfile, Error> {
    let (lines, escape) = lines::split(text);
    let mut stages: Vec<Stage> = Vec::new();
    let mut globals: Vec<(String, Option<String>)> = Vec::new();
    let mut orphan = false;
    if lines.is_empty() {
        return Err(Error::File(
            "parsing dockerfile: file with no instructions".to_owned(),
        ));
    }
    for line in &lines {
        match instruction(line, escape).map_err(parsing)? {
            Parsed::From { base, name } => stages.push(Stage {
                index: stages.len(),
                base,
                name,
                instructions: Vec::new(),
            }),
            Parsed::Step(step) => match (stages.last_mut(), &step.kind) {
                (Some(stage), _) => stage.instructions.push(step),
                (None, Kind::Arg(names)) => globals.extend(names.iter().cloned()),
                (None, _) => orphan = true,
            },
        }
    }
    if orphan || stages.is_empty() {
        return Err(Error::File(
            "parsing dockerfile: no build stage in current context".to_owned(),
        ));
    }
    let mut global_args = Variables::new();
    for (name, default) in globals {
        let default = match default {
            Some(default) => Some(
                expand(&default, &global_args, escape)
                    .map_err(|reason| Error::File(format!("expanding meta ARGs: {reason}")))?,
            ),
            None => None,
        };
        if let Some(value) = build_args.get(&name).cloned().or(default) {
            global_args.insert(name, value);
        }
    }
    for stage in &mut stages {
        stage.base = expand(&stage.base, &global_args, escape).map_err(|reason| {
            Error::File(format!("resolving base name {}: {reason}", stage.base))
        })?;
        if stage.base.is_empty() {
            return Err(Error::File(
                "base name (${}) should not be blank".to_owned(),
            ));
        }
    }
    Ok(Dockerfile {
        stages,
        global_args,
        escape,
    })
}

fn parsing(error: Error) -> Error {
    match error {
        Error::Line { .. } => Error::File(format!("parsing dockerfile: {error}")),
        other => other,
    }
}

impl Dockerfile {
    /// The stage that `--target` or a name in `FROM` means: by name, else by number.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let lower = name.to_lowercase();
        self.stages
            .iter()
            .rposition(|stage| stage.name.as_deref() == Some(lower.as_str()))
            .or_else(|| name.parse().ok().filter(|index| *index < self.stages.len()))
    }

    /// The stage before `before` that a base name means.
    pub(crate) fn base_stage(&self, name: &str, before: usize) -> Option<usize> {
        let lower = name.to_lowercase();
        self.stages
            .get(..before)?
            .iter()
            .rposition(|stage| stage.name.as_deref() == Some(lower.as_str()))
    }

    /// The stage that is built: the target's, or the last one.
    pub(crate) fn target(&self, name: &str) -> Result<usize, Error> {
        if name.is_empty() {
            return Ok(self.stages.len().saturating_sub(1));
        }
        self.find(name).ok_or_else(|| {
            Error::File(format!(
                "error finding target stage: \"{name}\" is not a valid target build stage"
            ))
        })
    }

    /// The stage that `COPY --from` means; nothing when it means an image.
    ///
    /// # Errors
    ///
    /// A number that is no stage, or the own stage.
    pub(crate) fn copy_source(
        &self,
        stage: usize,
        from: &str,
        text: &str,
    ) -> Result<Option<usize>, Error> {
        if let Ok(number) = from.parse::<usize>() {
            if number == stage {
                return Err(Error::File(format!(
                    "{text} refers to invalid stage: {number}"
                )));
            }
            return if number < stage {
                Ok(Some(number))
            } else {
                Err(Error::File(format!(
                    "stage {stage}: COPY --from={from} refers to a stage that does not exist"
                )))
            };
        }
        let lower = from.to_lowercase();
        let named = |index: &usize| {
            self.stages
                .get(*index)
                .and_then(|stage| stage.name.as_deref())
                == Some(lower.as_str())
        };
        if named(&stage) {
            return Err(Error::File(format!(
                "{text} refers to invalid stage: {stage}"
            )));
        }
        Ok((0..stage).rev().find(named))
    }

    /// The instructions of a stage with those of the stages that it is built on, base first:
    /// groups, since `ARG` ends with its own stage. The string is the name of the base image.
    pub(crate) fn chain(&self, stage: usize) -> (String, Vec<&Stage>) {
        let mut chain = Vec::new();
        let mut current = stage;
        loop {
            let Some(found) = self.stages.get(current) else {
                return (String::new(), chain);
            };
            chain.insert(0, found);
            match self.base_stage(&found.base, found.index) {
                Some(base) => current = base,
                None => return (found.base.clone(), chain),
            }
        }
    }

    /// The stages to build for a target, in order, and per stage the paths that later ones copy.
    ///
    /// # Errors
    ///
    /// As [`Dockerfile::copy_source`].
    pub(crate) fn plan(&self, target: usize) -> Result<Plan, Error> {
        let mut needed = BTreeSet::from([target]);
        let mut copied: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for index in (0..=target).rev() {
            if !needed.contains(&index) {
                continue;
            }
            for member in self.chain(index).1 {
                for step in &member.instructions {
                    let Kind::Copy(copy) = &step.kind else {
                        continue;
                    };
                    let Some(from) = &copy.from else { continue };
                    if let Some(source) = self.copy_source(member.index, from, &step.text)? {
                        needed.insert(source);
                        let paths = copied.entry(source).or_default();
                        for path in &copy.sources {
                            if !paths.contains(path) {
                                paths.push(path.clone());
                            }
                        }
                    }
                }
            }
        }
        Ok(Plan {
            stages: needed.into_iter().collect(),
            copied,
        })
    }
}

/// What is built for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Stages in order; the last one is the target.
    pub stages: Vec<usize>,
    /// Paths, as written, that later stages copy from a stage.
    pub copied: BTreeMap<usize, Vec<String>>,
}
