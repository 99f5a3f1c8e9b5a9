//! What to change.

use super::{Subject, plain};
use crate::classify::class::{Class, Retry};

/// Whether a command ended with this exit status.
fn ends(subject: &Subject<'_>, status: i32) -> bool {
    subject.words.trim_end() == format!("exit status {status}")
}

/// What to change.
#[expect(clippy::too_many_lines, reason = "one table, one line per class")]
pub(in crate::classify) fn hint(class: Class, subject: &Subject<'_>) -> String {
    let hint = match class {
        Class::Success => "nothing to do",
        Class::CacheDegraded => {
            "create the cache repository and give the connection's login the right to push to it, or name another one with `--cache-repo`; until then every build starts without a cache"
        }
        Class::Cancelled => "start it again with `polyaxon run` if the stop was not meant",
        Class::TimedOut => "raise `termination.timeout`, or make the named instruction faster",
        Class::Preempted => {
            "nothing to change: another attempt may run; `environment.priorityClassName` can protect the next build"
        }
        Class::Evicted | Class::NodeLost => {
            "nothing to change: another attempt may run on another node"
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
            "check that the secrets, config maps and the command exist that the operation names"
        }
        Class::InitGit if subject.retry == Some(Retry::Yes) => {
            "check that the git server can be reached from the cluster; a new attempt may pass"
        }
        Class::InitGit => "check the url, the revision and the credentials of the git connection",
        Class::InitUpload => "upload the folder again with `polyaxon run -u`",
        Class::Config if plain::reference(subject.words).is_some() => {
            "write it as `registry/name:tag`, the name in lower case"
        }
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
            "add a login for this registry or a mirror (`registryMirrors`); another attempt follows after a pause"
        }
        Class::BaseImageMissing => "correct its name or tag in the Dockerfile",
        Class::BaseImageAuth => {
            "check the name for typing errors, since some registries answer so where there is no image at all; if it is right, give the connection's login the right to read it"
        }
        Class::BaseImagePlatform => {
            "choose a base image for this platform, or build on a node of the image's platform (`environment.nodeSelector`)"
        }
        Class::MirrorOnlyMiss => {
            "an administrator must add the image to the mirror, or allow the default registry"
        }
        Class::UnpackFailed => {
            "an administrator must let the build run as root with the capabilities CHOWN, DAC_OVERRIDE and FOWNER"
        }
        Class::UnpackNetwork => "a new attempt may pass; a registry mirror nearby makes this rare",
        Class::MountConflict if subject.words.contains("/kaniko/") => {
            "let the container write to its root (no `readOnlyRootFilesystem`)"
        }
        Class::MountConflict => {
            "mount the volume elsewhere, or leave the path out of the instruction"
        }
        Class::ContextMissing if subject.retry == Some(Retry::Yes) => {
            "check that the server of the context can be reached; a new attempt may pass"
        }
        Class::ContextMissing => {
            "check the `context` input; an archive must be a complete `.tar.gz`"
        }
        Class::DockerfileMissing => {
            "check the `dockerfile` input: the path starts in the context, and upper and lower case differ"
        }
        Class::DockerfileParse => "correct the Dockerfile there",
        Class::DockerfileStage => "correct the stage's name in `--target`, `FROM` or `COPY --from`",
        Class::CopyMissing => {
            "check the path against the context and its `.dockerignore`, or against what the named stage made"
        }
        Class::RunFailed if ends(subject, 127) => {
            "a program that it calls is not in the image: correct its name, or install it in an earlier instruction"
        }
        Class::RunFailed if ends(subject, 126) => {
            "a file that it calls cannot be executed: give it the right with `chmod +x` or `COPY --chmod=755`"
        }
        Class::RunFailed => "read what the command printed last, and correct it or what it needs",
        Class::RunNoShell if plain::shell(subject.words) => {
            "choose a base image that has a shell, or call a program without one: `RUN [\"program\", \"argument\"]`"
        }
        Class::RunNoShell => {
            "correct the path of the program, or install it in an earlier instruction"
        }
        Class::RunUser => {
            "create the user in an earlier instruction (`RUN adduser …`), or use a numeric id"
        }
        Class::SecretMissing => "declare the secret in the build's arguments under this id",
        Class::SnapshotTimeout => {
            "use `--snapshot-mode=redo`, leave large paths out with `--ignore-path`, or raise the limit (`SNAPSHOT_TIMEOUT_DURATION`)"
        }
        Class::SnapshotFailed => {
            "make sure that no process is left running at the end of the instruction"
        }
        Class::ExecutorBug => {
            "run it again; if it comes back, report it with the log to the maintainers of Kaniko"
        }
        Class::Unknown => {
            "read the last lines of the log; if the reason is clear from them, please report it so that it gets a name"
        }
    };
    hint.to_owned()
}
