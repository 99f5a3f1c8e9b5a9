//! Settings of the command line: a file under `~/.polyaxon`, overridden by the environment.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::private_file;
use crate::setting::switch;
pub(crate) use crate::setting::{Key, Origin};
use crate::yaml_file;

/// Where a hub of `polyaxon sandbox` listens unless told otherwise.
pub(crate) const DEFAULT_HOST: &str = "http://127.0.0.1:8000";

/// What can go wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// Neither `POLYAXON_HOME` nor a home directory is known.
    #[error("no home directory is known; set `POLYAXON_HOME` to a directory for the settings")]
    NoHome,
    /// The file exists and cannot be read.
    #[error("cannot read the settings in `{}`: {reason}", path.display())]
    Read { path: PathBuf, reason: String },
    /// The file is not what this program writes.
    #[error("the settings in `{}` are not valid: {reason}; correct the file or remove it with `polyaxon config purge`", path.display())]
    Invalid { path: PathBuf, reason: String },
    /// A variable holds what its setting cannot be.
    #[error("the variable `{name}` holds `{value}`; write `true` or `false`")]
    Variable { name: &'static str, value: String },
    /// The file cannot be written.
    #[error("cannot write the settings to `{}`: {reason}", path.display())]
    Write { path: PathBuf, reason: String },
}

/// The content of `config.yaml`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "expose"
    )]
    token: Option<SecretString>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    no_api: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    debug: Option<bool>,
    /// Where the settings are instead; read from the file of the user's own home alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    home: Option<PathBuf>,
    /// Data folder of the sandbox that wrote host and token; absent once somebody else writes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sandbox: Option<PathBuf>,
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn expose<S: serde::Serializer>(
    token: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    token
        .as_ref()
        .map(ExposeSecret::expose_secret)
        .serialize(serializer)
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("host", &self.host)
            .field("owner", &self.owner)
            .field("project", &self.project)
            .field("no_api", &self.no_api)
            .field("debug", &self.debug)
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Sets or, with `None`, removes one value.
    pub(crate) fn set(&mut self, key: Key, value: Option<String>) {
        match key {
            Key::Host => self.host = value,
            Key::Token => self.token = value.map(SecretString::from),
            Key::Owner => self.owner = value,
            Key::Project => self.project = value,
            Key::NoApi => self.no_api = value.as_deref().and_then(switch),
            Key::Debug => self.debug = value.as_deref().and_then(switch),
            Key::Home => self.home = value.map(PathBuf::from),
            Key::VerifySsl => {}
        }
        if matches!(key, Key::Host | Key::Token) {
            self.sandbox = None;
        }
    }

    /// Sets host and token to those of a sandbox.
    pub(crate) fn use_sandbox(&mut self, data_dir: &Path, address: &str, admin_token: &str) {
        self.set(Key::Host, Some(address.to_owned()));
        self.set(Key::Token, Some(admin_token.to_owned()));
        self.sandbox = Some(data_dir.to_owned());
    }

    /// Whether a sandbox may write its login here, because no login of another hub or user is lost.
    fn is_free_for(&self, data_dir: &Path, address: &str, admin_token: &str) -> bool {
        let is_its_own = self.sandbox.as_deref() == Some(data_dir);
        is_its_own
            || match (self.get(Key::Host), self.get(Key::Token)) {
                (_, Some(token)) => token == admin_token,
                (Some(host), None) => host == address,
                (None, None) => true,
            }
    }

    fn get(&self, key: Key) -> Option<&str> {
        let word = |value: Option<bool>| value.map(|value| if value { "true" } else { "false" });
        match key {
            Key::NoApi => word(self.no_api),
            Key::Debug => word(self.debug),
            Key::Home | Key::VerifySsl => None,
            Key::Host => self.host.as_deref(),
            Key::Token => self.token.as_ref().map(ExposeSecret::expose_secret),
            Key::Owner => self.owner.as_deref(),
            Key::Project => self.project.as_deref(),
        }
    }
}

/// Settings of the file and the environment together.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    home: PathBuf,
    home_origin: Origin,
    file: Settings,
    environment: Environment,
}

impl Config {
    /// Reads the file, if there is one.
    pub(crate) fn load(environment: Environment) -> Result<Self, ConfigError> {
        for key in [Key::NoApi, Key::Debug] {
            if let Some(value) = environment.get(key.variable())
                && switch(value).is_none()
            {
                return Err(ConfigError::Variable {
                    name: key.variable(),
                    value: value.to_owned(),
                });
            }
        }
        let mut home = environment.home().ok_or(ConfigError::NoHome)?;
        let mut file = read(&home)?;
        let mut home_origin = Origin::Environment;
        if environment.get(Key::Home.variable()).is_none() {
            home_origin = Origin::Default;
            if let Some(elsewhere) = file.home.take() {
                file = read(&elsewhere)?;
                home = elsewhere;
                home_origin = Origin::File;
            }
        }
        Ok(Self {
            home,
            home_origin,
            file,
            environment,
        })
    }

    /// The directory of this program's files.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The settings file; it need not exist.
    pub(crate) fn path(&self) -> PathBuf {
        file_of(&self.home)
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// A value and its origin. The token is given in the clear: mask it before showing it.
    pub(crate) fn value(&self, key: Key) -> Option<(&str, Origin)> {
        match key {
            Key::Home => return Some((self.home.to_str()?, self.home_origin)),
            Key::VerifySsl => return Some(("true", Origin::Always)),
            _ => {}
        }
        if let Some(value) = self.environment.get(key.variable()) {
            return Some((value, Origin::Environment));
        }
        if let Some(value) = self.file.get(key) {
            return Some((value, Origin::File));
        }
        match key {
            Key::Host => Some((DEFAULT_HOST, Origin::Default)),
            Key::NoApi | Key::Debug => Some(("false", Origin::Default)),
            _ => None,
        }
    }

    /// Whether a switch is on.
    pub(crate) fn is_on(&self, key: Key) -> bool {
        self.value(key)
            .is_some_and(|(value, _)| switch(value) == Some(true))
    }

    /// Whether there is a hub that may be asked.
    pub(crate) fn asks_hub(&self) -> bool {
        self.has_host() && !self.is_on(Key::NoApi)
    }

    /// The hub's address.
    pub(crate) fn host(&self) -> &str {
        self.value(Key::Host)
            .map_or(DEFAULT_HOST, |(value, _)| value)
    }

    /// Whether somebody chose a hub.
    pub(crate) fn has_host(&self) -> bool {
        self.value(Key::Host)
            .is_some_and(|(_, origin)| origin != Origin::Default)
    }

    pub(crate) fn token(&self) -> Option<SecretString> {
        self.value(Key::Token)
            .map(|(value, _)| SecretString::from(value.to_owned()))
    }

    /// Owner for names that carry none; empty lets the hub choose.
    pub(crate) fn owner(&self) -> String {
        self.text(Key::Owner)
    }

    /// Project for commands without `-p`; empty lets the hub choose.
    pub(crate) fn project(&self) -> String {
        self.text(Key::Project)
    }

    fn text(&self, key: Key) -> String {
        self.value(key)
            .map(|(value, _)| value.to_owned())
            .unwrap_or_default()
    }

    /// Changes the file's settings and writes the file, readable by its owner only.
    pub(crate) fn update(&mut self, change: impl FnOnce(&mut Settings)) -> Result<(), ConfigError> {
        change(&mut self.file);
        write(&self.home, &self.file)
    }

    /// Reads and writes settings elsewhere from now on; `None` is the user's own home again. The settings of both places stay.
    pub(crate) fn move_home(&mut self, to: Option<PathBuf>) -> Result<(), ConfigError> {
        let user_home = self.environment.user_home().ok_or(ConfigError::NoHome)?;
        let to = to.filter(|folder| *folder != user_home);
        if let Some(folder) = &to {
            std::fs::create_dir_all(folder).map_err(|error| ConfigError::Write {
                path: folder.clone(),
                reason: error.to_string(),
            })?;
        }
        let mut file = read(&user_home)?;
        if file.home != to {
            file.home = to;
            write(&user_home, &file)?;
        }
        *self = Self::load(self.environment.clone())?;
        Ok(())
    }

    /// Takes over the login of a sandbox, unless the file has one that would be lost; answers whether it did.
    pub(crate) fn use_sandbox(
        &mut self,
        data_dir: &Path,
        address: &str,
        admin_token: &str,
    ) -> Result<bool, ConfigError> {
        let is_free = self.file.is_free_for(data_dir, address, admin_token);
        if is_free {
            self.update(|settings| settings.use_sandbox(data_dir, address, admin_token))?;
        }
        Ok(is_free)
    }

    /// The run that was last created from here.
    pub(crate) fn last_run(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.home.join(LAST_RUN)).ok()?;
        crate::view::run::parse_uuid(text.trim()).ok()
    }

    /// Keeps the id of a run for commands that name none.
    pub(crate) fn remember_run(&self, uuid: &str) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.home)?;
        private_file::write(&self.home.join(LAST_RUN), format!("{uuid}\n").as_bytes())
    }

    /// Removes the settings file; answers with its path if there was one.
    pub(crate) fn purge(&mut self) -> Result<Option<PathBuf>, ConfigError> {
        self.file = Settings::default();
        remove(self.path())
    }

    /// Forgets the run that was last created; answers with the path of what was removed.
    pub(crate) fn forget_run(&self) -> Result<Option<PathBuf>, ConfigError> {
        remove(self.home.join(LAST_RUN))
    }
}

/// The settings of a home; none if it has no file.
fn read(home: &Path) -> Result<Settings, ConfigError> {
    // An empty file is none.
    let settings: Option<Option<Settings>> = yaml_file::read(&file_of(home))?;
    Ok(settings.flatten().unwrap_or_default())
}

fn write(home: &Path, settings: &Settings) -> Result<(), ConfigError> {
    yaml_file::write(&file_of(home), settings)
}

/// Removes a file; answers with its path if there was one.
pub(crate) fn remove(path: PathBuf) -> Result<Option<PathBuf>, ConfigError> {
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(Some(path)),
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(ConfigError::Write {
            path,
            reason: error.to_string(),
        }),
    }
}

/// The file that names the run that was last created.
const LAST_RUN: &str = "last-run";

fn file_of(home: &Path) -> PathBuf {
    home.join("config.yaml")
}

/// A token as it may be shown: its first characters.
pub(crate) fn masked(token: &str) -> String {
    let visible: String = token.chars().take(8).collect();
    if token.chars().count() > 16 {
        format!("{visible}…")
    } else {
        "…".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, String) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().unwrap().to_owned();
        (directory, path)
    }

    #[test]
    fn what_is_written_is_read_back_and_private() {
        let (_directory, path) = home();
        let environment = Environment::of([("POLYAXON_HOME", &path)]);
        let mut config = Config::load(environment.clone()).unwrap();
        assert_eq!(config.host(), DEFAULT_HOST);
        assert!(!config.has_host());
        config
            .update(|settings| {
                settings.set(Key::Host, Some("http://hub.test:80".to_owned()));
                settings.set(Key::Token, Some("plx_secret".to_owned()));
            })
            .unwrap();
        let read = Config::load(environment).unwrap();
        assert_eq!(
            read.value(Key::Host),
            Some(("http://hub.test:80", Origin::File))
        );
        assert_eq!(read.token().unwrap().expose_secret(), "plx_secret");
        assert!(!format!("{read:?}").contains("plx_secret"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(read.path()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn the_environment_wins_and_an_empty_variable_is_absent() {
        let (_directory, path) = home();
        std::fs::write(
            file_of(Path::new(&path)),
            "host: http://file\nowner: acme\n",
        )
        .unwrap();
        let config = Config::load(Environment::of([
            ("POLYAXON_HOME", &path),
            ("POLYAXON_HOST", "http://variable"),
            ("POLYAXON_OWNER", ""),
        ]))
        .unwrap();
        assert_eq!(
            config.value(Key::Host),
            Some(("http://variable", Origin::Environment))
        );
        assert_eq!(config.value(Key::Owner), Some(("acme", Origin::File)));
    }

    #[test]
    fn an_unknown_setting_is_named() {
        let (_directory, path) = home();
        std::fs::write(file_of(Path::new(&path)), "hots: http://file\n").unwrap();
        let error = Config::load(Environment::of([("POLYAXON_HOME", &path)])).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("hots") && text.contains("config purge"),
            "{text}"
        );
    }

    #[test]
    fn purge_removes_the_file_and_may_be_repeated() {
        let (_directory, path) = home();
        let environment = Environment::of([("POLYAXON_HOME", &path)]);
        let mut config = Config::load(environment).unwrap();
        config
            .update(|settings| settings.set(Key::Owner, Some("acme".to_owned())))
            .unwrap();
        assert_eq!(config.purge().unwrap(), Some(config.path()));
        assert_eq!(config.purge().unwrap(), None);
        assert!(!config.path().exists());
        assert_eq!(config.value(Key::Owner), None);
    }

    #[test]
    fn a_moved_home_is_used_unless_a_variable_names_another() {
        let (_directory, user) = home();
        let (elsewhere, _) = home();
        let moved = elsewhere.path().join("settings");
        let environment = Environment::of([("HOME", &user)]);
        let mut config = Config::load(environment.clone()).unwrap();
        config
            .update(|settings| settings.set(Key::Owner, Some("acme".to_owned())))
            .unwrap();
        config.move_home(Some(moved.clone())).unwrap();
        assert_eq!(config.value(Key::Owner), None);
        config
            .update(|settings| settings.set(Key::Owner, Some("other".to_owned())))
            .unwrap();
        config.purge().unwrap();
        let read = Config::load(environment.clone()).unwrap();
        assert_eq!(
            read.value(Key::Home),
            Some((moved.to_str().unwrap(), Origin::File))
        );
        let (_third, variable) = home();
        let read = Config::load(Environment::of([
            ("HOME", &user),
            ("POLYAXON_HOME", &variable),
        ]))
        .unwrap();
        assert_eq!(
            read.value(Key::Home),
            Some((variable.as_str(), Origin::Environment))
        );
        config.move_home(None).unwrap();
        assert_eq!(config.value(Key::Owner), Some(("acme", Origin::File)));
        let read = Config::load(environment).unwrap();
        assert_eq!(read.owner(), "acme");
        assert_eq!(read.home(), Path::new(&user).join(".polyaxon"));
    }

    #[rstest::rstest]
    #[case::nobody_says(None, "host: http://file\n", true)]
    #[case::the_file_says(None, "host: http://file\nno_api: true\n", false)]
    #[case::the_variable_wins(Some("FALSE"), "host: http://file\nno_api: true\n", true)]
    #[case::no_host(Some("0"), "", false)]
    fn the_hub_may_be_asked(
        #[case] variable: Option<&str>,
        #[case] text: &str,
        #[case] asks: bool,
    ) {
        let (_directory, path) = home();
        std::fs::write(file_of(Path::new(&path)), text).unwrap();
        let config = Config::load(Environment::of([
            ("POLYAXON_HOME", &path),
            ("POLYAXON_NO_API", variable.unwrap_or_default()),
        ]))
        .unwrap();
        assert_eq!(config.asks_hub(), asks);
    }

    #[test]
    fn a_switch_is_true_or_false() {
        let (_directory, path) = home();
        let environment = Environment::of([("POLYAXON_HOME", &path), ("POLYAXON_DEBUG", "maybe")]);
        let text = Config::load(environment).unwrap_err().to_string();
        assert!(
            text.contains("POLYAXON_DEBUG") && text.contains("maybe"),
            "{text}"
        );
    }

    #[rstest::rstest]
    #[case::nothing_is_set("", true)]
    #[case::this_sandbox_at_another_port(
        "host: http://127.0.0.1:1\ntoken: old\nsandbox: /data\n",
        true
    )]
    #[case::its_admin_without_the_mark("host: http://127.0.0.1:1\ntoken: admin\n", true)]
    #[case::its_address_after_a_logout("host: http://127.0.0.1:8000\n", true)]
    #[case::another_sandbox("host: http://127.0.0.1:8000\ntoken: other\nsandbox: /other\n", false)]
    #[case::another_hub_of_this_machine("host: http://127.0.0.1:9000\ntoken: other\n", false)]
    #[case::another_user_of_this_sandbox("host: http://127.0.0.1:8000\ntoken: ana\n", false)]
    #[case::another_hub_before_the_login("host: https://hub.test\n", false)]
    fn a_sandbox_takes_no_login_away(#[case] text: &str, #[case] takes: bool) {
        let (_directory, path) = home();
        std::fs::write(file_of(Path::new(&path)), text).unwrap();
        let mut config = Config::load(Environment::of([("POLYAXON_HOME", &path)])).unwrap();
        let took = config.use_sandbox(Path::new("/data"), "http://127.0.0.1:8000", "admin");
        assert_eq!(took.unwrap(), takes);
        let written = std::fs::read_to_string(config.path()).unwrap();
        assert_eq!(written != text, takes, "{written}");
        assert_eq!(written.contains("sandbox: /data"), takes, "{written}");
    }

    #[test]
    fn a_login_ends_the_hold_of_a_sandbox() {
        let (_directory, path) = home();
        let mut config = Config::load(Environment::of([("POLYAXON_HOME", &path)])).unwrap();
        let take = |config: &mut Config| {
            config
                .use_sandbox(Path::new("/data"), "http://127.0.0.1:8000", "admin")
                .unwrap()
        };
        assert!(take(&mut config));
        config
            .update(|settings| settings.set(Key::Token, Some("ana".to_owned())))
            .unwrap();
        assert!(!take(&mut config));
    }

    #[rstest::rstest]
    #[case("plx_0123456789abcdefghij", "plx_0123…")]
    #[case("short", "…")]
    fn tokens_are_masked(#[case] token: &str, #[case] shown: &str) {
        assert_eq!(masked(token), shown);
    }
}
