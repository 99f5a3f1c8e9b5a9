//! One sentence on what happened and one on what to change, for people who do not know Kaniko.

use super::class::{Class, Retry};
use super::registry_error;

/// What the sentences speak of.
#[derive(Debug, Clone, Default)]
pub(super) struct Subject<'a> {
    /// The executor's or the platform's words, without prefixes.
    pub(super) words: &'a str,
    /// The instruction that failed.
    pub(super) instruction: Option<&'a str>,
    /// Exit status of the executor.
    pub(super) exit_code: Option<i32>,
    /// A path that was not found.
    pub(super) missing_path: Option<&'a str>,
    /// The verdict.
    pub(super) retry: Option<Retry>,
}

/// Characters of foreign words quoted in a sentence.
const MAX_QUOTED: usize = 300;

fn quoted(words: &str) -> String {
    let line = words.lines().next().unwrap_or_default().trim();
    let line = match line.split_once(", last error: ") {
        Some((attempts, error)) if attempts.starts_with("unable to complete operation") => error,
        _ => line,
    };
    let mut text: String = line.chars().take(MAX_QUOTED).collect();
    if text.len() < line.len() {
        text.push('…');
    }
    text
}

fn after<'a>(words: &'a str, mark: &str) -> Option<&'a str> {
    words.split_once(mark).map(|(_, rest)| rest.trim())
}

fn word_after<'a>(words: &'a str, mark: &str) -> Option<&'a str> {
    after(words, mark)?.split_whitespace().next()
}

impl Subject<'_> {
    fn host(&self) -> String {
        registry_error::host(self.words)
            .map_or_else(|| "the registry".to_owned(), |host| format!("`{host}`"))
    }

    fn image(&self, otherwise: &str) -> String {
        registry_error::image(self.words)
            .map_or_else(|| otherwise.to_owned(), |image| format!("`{image}`"))
    }

    fn at(&self) -> String {
        self.instruction.map_or_else(String::new, |instruction| {
            format!(" at `{}`", quoted(instruction))
        })
    }

    fn the_instruction(&self) -> String {
        self.instruction.map_or_else(
            || "a command of the Dockerfile".to_owned(),
            |instruction| format!("`{}`", quoted(instruction)),
        )
    }

    fn path(&self) -> String {
        let path = self.missing_path.unwrap_or_default();
        let path = path.strip_prefix("/workspace/").unwrap_or(path);
        match path.strip_prefix("/kaniko/deps/") {
            Some(path) => path
                .split_once('/')
                .map_or(path, |(_, path)| path)
                .to_owned(),
            None => path.to_owned(),
        }
    }
}

/// What happened.
#[expect(clippy::too_many_lines, reason = "one table, one line per class")]
pub(super) fn message(class: Class, subject: &Subject<'_>) -> String {
    let words = quoted(subject.words);
    match class {
        Class::Success => "the image was built".to_owned(),
        Class::CacheDegraded => {
            format!("the image was built, but its layers could not be stored in the cache: {words}")
        }
        Class::Cancelled => format!("the build was stopped{}", subject.at()),
        Class::TimedOut => format!("the build ran into its time limit{}", subject.at()),
        Class::Preempted => format!(
            "a pod of higher priority took the build's place{}",
            subject.at()
        ),
        Class::Evicted => format!("the cluster moved the build off its node{}", subject.at()),
        Class::NodeLost => format!("the node of the build went away{}", subject.at()),
        Class::Oom => format!("the build ran out of memory{}", subject.at()),
        Class::DiskFull => format!("the build ran out of disk space{}: {words}", subject.at()),
        Class::Unschedulable => format!("no node can take the build: {words}"),
        Class::ExecutorImagePull => format!("the image of a container cannot be fetched: {words}"),
        Class::StartError => format!("the container could not be started: {words}"),
        Class::InitGit => format!("the git repository could not be fetched: {words}"),
        Class::InitUpload => format!("the uploaded context could not be fetched: {words}"),
        Class::Config => format!("an option of the build is not valid: {words}"),
        Class::NotInContainer => {
            "the executor refused to run because it saw no sign of a container".to_owned()
        }
        Class::PushAuth => format!(
            "{} did not accept the login for pushing {}",
            subject.host(),
            subject.image("the image")
        ),
        Class::PushDenied => format!(
            "{} does not allow this login to push {}: {}",
            subject.host(),
            subject.image("the image"),
            tail(&words)
        ),
        Class::PushRepoMissing => format!(
            "the repository of {} does not exist at {}",
            subject.image("the destination"),
            subject.host()
        ),
        Class::PushImmutable => format!(
            "{} exists already and the registry does not let a tag move",
            subject.image("the tag")
        ),
        Class::PushTooLarge => format!(
            "{} refused a layer of {} as too large (status 413)",
            subject.host(),
            subject.image("the image")
        ),
        Class::PushUnconfirmed => format!("the registry does not have the pushed image: {words}"),
        Class::RegistryTls => format!(
            "no trusted connection to {} was possible: {}",
            subject.host(),
            tail(&words)
        ),
        Class::RegistryNetwork => format!(
            "{} could not be reached or failed: {}",
            subject.host(),
            tail(&words)
        ),
        Class::RegistryRateLimit => format!(
            "{} answers that too many requests were made (status 429)",
            subject.host()
        ),
        Class::BaseImageMissing => format!(
            "the base image {} does not exist",
            subject.image("of the Dockerfile")
        ),
        Class::BaseImageAuth => format!(
            "{} does not let this build read the base image {}",
            subject.host(),
            subject.image("of the Dockerfile")
        ),
        Class::BaseImagePlatform => {
            format!("the base image is not made for this processor: {words}")
        }
        Class::MirrorOnlyMiss => {
            format!("the registry mirrors do not have the base image: {words}")
        }
        Class::UnpackFailed => format!("the base image could not be unpacked: {words}"),
        Class::UnpackNetwork => {
            format!("the download of the base image broke off: {}", tail(&words))
        }
        Class::MountConflict => format!("a mounted path is in the way of the build: {words}"),
        Class::ContextMissing => format!("the build context could not be read: {words}"),
        Class::DockerfileMissing => format!("there is no Dockerfile to read: {words}"),
        Class::DockerfileParse => format!("the Dockerfile cannot be read: {words}"),
        Class::DockerfileStage => format!("the Dockerfile has no such stage: {words}"),
        Class::CopyMissing if subject.missing_path.is_some() => format!(
            "{} asks for `{}`, which is not there",
            subject.the_instruction(),
            subject.path()
        ),
        Class::CopyMissing => format!(
            "{} could not get what it copies: {words}",
            subject.the_instruction()
        ),
        Class::RunFailed => match after(&words, "exit status ") {
            Some(status) => format!(
                "{} ended with exit status {status}",
                subject.the_instruction()
            ),
            None => format!("{} failed: {words}", subject.the_instruction()),
        },
        Class::RunNoShell => format!(
            "the image has no `{}`, which {} needs",
            word_after(&words, "fork/exec ")
                .unwrap_or("/bin/sh")
                .trim_end_matches(':'),
            subject.the_instruction()
        ),
        Class::RunUser => match word_after(&words, "user ") {
            Some(user) => format!(
                "{} names the user `{user}`, which the image does not have",
                subject.the_instruction()
            ),
            None => format!(
                "{} names a user that the image does not have: {words}",
                subject.the_instruction()
            ),
        },
        Class::SecretMissing => format!("a build secret is not there: {words}"),
        Class::SnapshotTimeout => format!("saving the file system took too long: {words}"),
        Class::SnapshotFailed => format!("saving the file system failed{}: {words}", subject.at()),
        Class::ExecutorBug => format!("the build program crashed: {words}"),
        Class::Unknown => match subject.exit_code {
            Some(code) if words.is_empty() => {
                format!("the build ended with exit status {code} and no reason that is known")
            }
            _ if words.is_empty() => "the build ended without a reason that is known".to_owned(),
            _ => format!("the build failed for a reason that is not known yet: {words}"),
        },
    }
}

/// The end of a chain of errors: what really happened.
fn tail(words: &str) -> String {
    let words = words.trim_end();
    for mark in [
        "x509: ",
        "remote error: ",
        "http: server gave",
        "dial tcp",
        "read tcp",
        "write tcp",
        "unexpected status code ",
        "DENIED: ",
        "UNSUPPORTED: ",
    ] {
        if let Some(position) = words.rfind(mark) {
            return words.get(position..).unwrap_or(words).to_owned();
        }
    }
    words.to_owned()
}

/// What to change.
#[expect(clippy::too_many_lines, reason = "one table, one line per class")]
pub(super) fn hint(class: Class, subject: &Subject<'_>) -> String {
    let hint = match class {
        Class::Success => "nothing to do",
        Class::CacheDegraded => {
            "give the connection's login the right to push to the cache repository, or name another one with `--cache-repo`"
        }
        Class::Cancelled => "start it again with `polyaxon run` if the stop was not meant",
        Class::TimedOut => "raise `termination.timeout`, or make the named instruction faster",
        Class::Preempted => {
            "nothing to change; a new attempt is made, and `environment.priorityClassName` can protect the next build"
        }
        Class::Evicted | Class::NodeLost => {
            "nothing to change; a new attempt is made on another node"
        }
        Class::Oom => {
            "raise the memory limit in `container.resources`, or make the named instruction use less"
        }
        Class::DiskFull => {
            "raise the `ephemeral-storage` request or the size of the volume, or write less in one instruction"
        }
        Class::Unschedulable => {
            "lower the requests in `container.resources`, or check `environment.nodeSelector` and `tolerations` against the nodes"
        }
        Class::ExecutorImagePull => {
            "an administrator must check the image's name in the agent's settings and that the nodes can reach its registry"
        }
        Class::StartError => {
            "check that the secrets, config maps and the command that the operation names exist"
        }
        Class::InitGit if subject.retry == Some(Retry::Yes) => {
            "check that the git server can be reached from the cluster; a new attempt may pass"
        }
        Class::InitGit => "check the url, the revision and the credentials of the git connection",
        Class::InitUpload => "upload the folder again with `polyaxon run -u`",
        Class::Config => "correct the named option in the component or in the operation's params",
        Class::NotInContainer => "an administrator must add `--force` to the build arguments",
        Class::PushAuth => {
            "put a valid login for this registry into the secret of the destination's connection; check that the name in it has the registry's port, and that `DOCKER_AUTH_CONFIG` does not hide it"
        }
        Class::PushDenied => {
            "give the login write access to this repository, or push to one that it may write"
        }
        Class::PushRepoMissing => {
            "create the repository in the registry first, or correct the destination's name"
        }
        Class::PushImmutable => "use a new tag, or allow tags to move in the registry",
        Class::PushTooLarge => {
            "raise the body limit of the proxy before the registry (nginx: `client_max_body_size 0`), or split the instruction that makes the layer"
        }
        Class::PushUnconfirmed => "look into the registry's log, then run the build again",
        Class::RegistryTls => {
            "give the agent the registry's CA (`caBundle`), or mark the connection's registry as plain HTTP"
        }
        Class::RegistryNetwork => {
            "check the host's name and that builds can reach it; a new attempt may pass"
        }
        Class::RegistryRateLimit => {
            "add a login for this registry or a mirror (`registryMirrors`); a new attempt waits"
        }
        Class::BaseImageMissing => "correct the name or the tag in `FROM`",
        Class::BaseImageAuth => {
            "check the name in `FROM` (some registries answer so to typing errors) and give the connection's login read access"
        }
        Class::BaseImagePlatform => "choose a base image that has this platform",
        Class::MirrorOnlyMiss => {
            "an administrator must add the image to the mirror, or allow the default registry"
        }
        Class::UnpackFailed => {
            "an administrator must let the build run as root with the capabilities CHOWN, DAC_OVERRIDE and FOWNER"
        }
        Class::UnpackNetwork => "a new attempt may pass; a registry mirror nearby makes this rare",
        Class::MountConflict => {
            "mount the volume elsewhere, or leave the path out of the instruction"
        }
        Class::ContextMissing if subject.retry == Some(Retry::Yes) => {
            "check that the server of the context can be reached; a new attempt may pass"
        }
        Class::ContextMissing => {
            "check the `context` input, and that an archive is a whole gzip one"
        }
        Class::DockerfileMissing => {
            "check the `dockerfile` input; names are case sensitive and relative to the context"
        }
        Class::DockerfileParse => "correct the named line of the Dockerfile",
        Class::DockerfileStage => "correct the stage's name in `--target`, `FROM` or `COPY --from`",
        Class::CopyMissing => {
            "check the path against the context and its `.dockerignore`, or against what the named stage made"
        }
        Class::RunFailed => {
            "read the command's output above; the same command fails in the same way anywhere"
        }
        Class::RunNoShell => {
            "choose a base image that has the program, or use the form `RUN [\"program\", \"argument\"]`"
        }
        Class::RunUser => {
            "create the user in an earlier instruction (`RUN adduser …`), or use a numeric id"
        }
        Class::SecretMissing => "declare the secret in the build's arguments under this id",
        Class::SnapshotTimeout => {
            "use `--snapshot-mode=redo`, leave large paths out with `--ignore-path`, or raise the limit"
        }
        Class::SnapshotFailed => {
            "make sure that no process is left running at the end of the instruction"
        }
        Class::ExecutorBug => {
            "run it again; if it comes back, report it with the log to the maintainers of the executor"
        }
        Class::Unknown => {
            "read the last lines of the log; if the reason is clear from them, please report it so that it gets a name"
        }
    };
    hint.to_owned()
}
