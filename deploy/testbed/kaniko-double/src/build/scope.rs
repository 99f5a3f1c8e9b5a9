//! Instructions that change the config only.

use std::collections::BTreeMap;
use std::path::Path;

use super::config::Runtime;
use crate::dockerfile::expand::{Variables, expand};
use crate::dockerfile::{Form, Instruction, Kind};
use crate::error::Failure;
use crate::files::root::absolute;
use crate::log::Log;

/// Arguments that need no `ARG`.
const PREDEFINED: &[&str] = &[
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
];
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// Config and variables at one place of a stage.
#[derive(Debug, Clone)]
pub(super) struct Scope<'a> {
    /// The config so far.
    pub config: Runtime,
    /// `ARG` of the stage so far.
    pub args: Variables,
    /// `ARG` before the first `FROM`.
    pub global: &'a Variables,
    /// Arguments of the command line.
    pub given: &'a Variables,
    /// Escape character of the Dockerfile.
    pub escape: char,
}

impl Scope<'_> {
    /// What a variable in an instruction stands for: the environment wins.
    pub(super) fn variables(&self) -> Variables {
        let mut variables = self.args.clone();
        variables.extend(self.environment());
        variables
    }

    fn environment(&self) -> impl Iterator<Item = (String, String)> {
        self.config
            .env
            .iter()
            .flatten()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    }

    /// The environment of a `RUN`, without `HOME`.
    pub(super) fn run_environment(&self) -> Variables {
        let mut variables: Variables = self
            .given
            .iter()
            .filter(|(name, _)| PREDEFINED.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        variables.extend(self.variables());
        variables
    }

    /// Expands a word.
    pub(super) fn expand(&self, word: &str) -> Result<String, Failure> {
        expand(word, &self.variables(), self.escape).map_err(Failure::command)
    }

    /// The words of a command, in the shell of the image if need be.
    pub(super) fn command(&self, form: &Form) -> Vec<String> {
        match form {
            Form::Exec(words) => words.clone(),
            Form::Shell(line) => {
                let shell = self.config.shell.clone();
                let mut words = shell.unwrap_or_else(|| SHELL.map(str::to_owned).to_vec());
                words.push(line.clone());
                words
            }
        }
    }

    /// The working folder, or the root.
    pub(super) fn working_dir(&self) -> &Path {
        if self.config.working_dir.is_empty() {
            Path::new("/")
        } else {
            Path::new(&self.config.working_dir)
        }
    }

    /// Carries out an instruction that changes the config; `false` for all others. Those are left
    /// alone but for `WORKDIR`, whose folder is noted.
    pub(super) fn apply(&mut self, step: &Instruction, log: &Log) -> Result<bool, Failure> {
        match &step.kind {
            Kind::Arg(names) => {
                for (name, default) in names {
                    let value = match (self.given.get(name), default) {
                        (Some(value), _) => Some(value.clone()),
                        (None, Some(default)) => Some(self.expand(default)?),
                        (None, None) => self.global.get(name).cloned(),
                    };
                    if let Some(value) = value {
                        self.args.insert(name.clone(), value);
                    }
                }
            }
            Kind::Env(pairs) => {
                let values: Vec<_> = pairs
                    .iter()
                    .map(|(name, value)| Ok((self.expand(name)?, self.expand(value)?)))
                    .collect::<Result<_, Failure>>()?;
                for (name, value) in values {
                    self.config.set_variable(&name, &value);
                }
            }
            Kind::Label(pairs) => {
                for (name, value) in pairs {
                    let (name, value) = (self.expand(name)?, self.expand(value)?);
                    log.info(format_args!("Applying label {name}={value}"));
                    let labels = self.config.labels.get_or_insert_default();
                    labels.insert(name, value);
                }
            }
            Kind::Expose(ports) => {
                log.info("Cmd: EXPOSE");
                for port in ports {
                    let mut port = self.expand(port)?;
                    if !port.contains('/') {
                        port.push_str("/tcp");
                    }
                    log.info(format_args!("Adding exposed port: {port}"));
                    let known = self
                        .config
                        .exposed_ports
                        .get_or_insert_with(BTreeMap::default);
                    known.insert(port, serde_json::Map::new());
                }
            }
            Kind::User(user) => {
                log.info("Cmd: USER");
                self.config.user = self.expand(user)?;
            }
            Kind::Cmd(form) => self.config.cmd = Some(self.command(form)),
            Kind::Entrypoint(form) => self.config.entrypoint = Some(self.command(form)),
            Kind::Workdir(folder) => {
                let folder = self.working_dir().join(self.expand(folder)?);
                self.config.working_dir = absolute(&folder).display().to_string();
                return Ok(false);
            }
            Kind::Copy(_) | Kind::Run(_) => return Ok(false),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::parse;
    use crate::log::{Format, Level};

    fn log() -> Log {
        Log {
            format: Format::Json,
            timestamp: false,
            threshold: Level::Fatal,
            start: std::time::Instant::now(),
        }
    }

    fn config(text: &str, given: &[(&str, &str)]) -> serde_json::Value {
        let given: Variables = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let file = parse(text, &given).unwrap();
        let mut scope = Scope {
            config: Runtime {
                env: Some(vec!["PATH=/bin".to_owned()]),
                ..Runtime::default()
            },
            args: Variables::new(),
            global: &file.global_args,
            given: &given,
            escape: file.escape,
        };
        for step in &file.stages[0].instructions {
            scope.apply(step, &log()).unwrap();
        }
        serde_json::to_value(&scope.config).unwrap()
    }

    #[test]
    fn the_config_has_the_recorded_shape() {
        let text = "FROM a\nARG A=1\nENV C=${A}\nLABEL x=1\nWORKDIR srv\nEXPOSE 8080\nUSER 1000\nENTRYPOINT echo shell form\nCMD [\"x\"]\n";
        assert_eq!(
            config(text, &[]),
            serde_json::json!({
                "Cmd": ["x"],
                "Entrypoint": ["/bin/sh", "-c", "echo shell form"],
                "Env": ["PATH=/bin", "C=1"],
                "Labels": {"x": "1"},
                "User": "1000",
                "WorkingDir": "/srv",
                "ExposedPorts": {"8080/tcp": {}}
            })
        );
    }

    #[test]
    fn arguments_come_from_the_command_line_then_the_default_then_the_head() {
        let text = "ARG G=head\nFROM a\nARG G\nARG V=dev\nARG W=w\nENV E=$G-$V-$W-$NONE\n";
        assert_eq!(config(text, &[("V", "1.2")])["Env"][1], "E=head-1.2-w-");
    }

    #[test]
    fn the_environment_wins_over_an_argument() {
        let text = "FROM a\nENV A=env\nARG A=arg\nENV B=$A\n";
        assert_eq!(config(text, &[("A", "given")])["Env"][2], "B=env");
    }
}
