//! The classes of an ended build and what each means for another attempt.

use std::fmt;

/// Whether another attempt can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same input fails again.
    No,
    /// Trouble outside of the build; a new attempt may pass.
    Yes,
    /// A new attempt helps only with a changed setting (more memory, more disk).
    Once,
    /// A new attempt helps after a longer pause.
    Wait,
}

impl Retry {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Yes => "yes",
            Self::Once => "once",
            Self::Wait => "wait",
        }
    }
}

macro_rules! classes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $retry:ident;)+) => {
        /// What an ended build was.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Class { $($(#[$doc])* $variant,)+ }

        impl Class {
            /// Every class.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word on the wire, in lists and in metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The usual verdict; a rule may know better in a single case.
            pub const fn retry(self) -> Retry {
                match self { $(Self::$variant => Retry::$retry,)+ }
            }
        }
    };
}

classes! {
    /// The image was built.
    Success = "success", No;
    /// The image was built; its layers could not be stored in the cache.
    CacheDegraded = "cache_degraded", No;
    /// Somebody stopped it.
    Cancelled = "cancelled", No;
    /// It ran into its time limit.
    TimedOut = "timed_out", No;
    /// A pod of higher priority took its place.
    Preempted = "preempted", Yes;
    /// The cluster moved it away.
    Evicted = "evicted", Yes;
    /// Its node went away.
    NodeLost = "node_lost", Yes;
    /// Memory ran out.
    Oom = "oom", Once;
    /// A disk or volume ran full.
    DiskFull = "disk_full", Once;
    /// No node takes the pod.
    Unschedulable = "unschedulable", Wait;
    /// The image of a container could not be fetched.
    ExecutorImagePull = "executor_image_pull", Yes;
    /// The container could not be started.
    StartError = "start_error", No;
    /// The git step failed.
    InitGit = "init_git", No;
    /// The step that fetches the uploaded context failed.
    InitUpload = "init_upload", No;
    /// An option of the executor is wrong.
    Config = "config", No;
    /// The executor saw no sign of a container.
    NotInContainer = "not_in_container", Once;
    /// The registry wants a login that it was not given.
    PushAuth = "push_auth", No;
    /// The login is good and may not write there.
    PushDenied = "push_denied", No;
    /// The repository does not exist.
    PushRepoMissing = "push_repo_missing", No;
    /// The tag exists and may not be moved.
    PushImmutable = "push_immutable", No;
    /// A layer is larger than the registry takes.
    PushTooLarge = "push_too_large", No;
    /// The registry does not have the digest that the executor named.
    PushUnconfirmed = "push_unconfirmed", Yes;
    /// The registry's certificate or scheme is not accepted.
    RegistryTls = "registry_tls", No;
    /// The registry could not be reached or answered with an error of its own.
    RegistryNetwork = "registry_network", Yes;
    /// The registry asks for a pause.
    RegistryRateLimit = "registry_rate_limit", Wait;
    /// A base image does not exist.
    BaseImageMissing = "base_image_missing", No;
    /// A base image may not be read.
    BaseImageAuth = "base_image_auth", No;
    /// A base image does not exist for this processor.
    BaseImagePlatform = "base_image_platform", No;
    /// The mirrors do not have a base image and are the only source.
    MirrorOnlyMiss = "mirror_only_miss", No;
    /// The base image could not be unpacked.
    UnpackFailed = "unpack_failed", No;
    /// A layer of the base image broke off.
    UnpackNetwork = "unpack_network", Yes;
    /// A mounted path is in the way.
    MountConflict = "mount_conflict", No;
    /// The build context is missing or broken.
    ContextMissing = "context_missing", No;
    /// There is no Dockerfile.
    DockerfileMissing = "dockerfile_missing", No;
    /// The Dockerfile cannot be read.
    DockerfileParse = "dockerfile_parse", No;
    /// A stage is named that does not exist.
    DockerfileStage = "dockerfile_stage", No;
    /// `COPY` or `ADD` names something that is not there.
    CopyMissing = "copy_missing", No;
    /// A command of the Dockerfile failed.
    RunFailed = "run_failed", No;
    /// The program that should run a command is not in the image.
    RunNoShell = "run_no_shell", No;
    /// A user is named that the image does not have.
    RunUser = "run_user", No;
    /// A build secret is not there.
    SecretMissing = "secret_missing", No;
    /// Taking a snapshot took too long.
    SnapshotTimeout = "snapshot_timeout", No;
    /// Taking a snapshot failed.
    SnapshotFailed = "snapshot_failed", Once;
    /// The executor itself crashed.
    ExecutorBug = "executor_bug", Once;
    /// Nothing known fits.
    Unknown = "unknown", Once;
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
