//! What happened.

use super::{Subject, after, plain, quoted, word_after};
use crate::classify::class::Class;

/// What happened.
#[expect(clippy::too_many_lines, reason = "one table, one line per class")]
pub(in crate::classify) fn message(class: Class, subject: &Subject<'_>) -> String {
    let words = quoted(subject.words);
    match class {
        Class::Success => "the image was built".to_owned(),
        Class::CacheDegraded => format!(
            "the image was built, but its layers could not be stored in the cache: {}",
            plain::tail(&words)
        ),
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
        Class::Unschedulable => format!(
            "no node can take the build: {}",
            plain::first_sentence(&words)
        ),
        Class::ExecutorImagePull => match plain::pulled(subject.words) {
            Some((image, reason)) => format!("the image `{image}` cannot be fetched: {reason}"),
            None => format!("the image of a container cannot be fetched: {words}"),
        },
        Class::StartError => format!(
            "the container could not be started: {}",
            plain::start(&quoted(plain::start(subject.words)))
        ),
        Class::InitGit => format!("the git repository could not be fetched: {words}"),
        Class::InitUpload => format!("the uploaded context could not be fetched: {words}"),
        Class::Config => match plain::reference(&words) {
            Some(image) => format!("`{image}` is not a valid name of an image"),
            None => format!("an option of the build is not valid: {words}"),
        },
        Class::NotInContainer => {
            "Kaniko refused to run because it saw no sign of a container".to_owned()
        }
        Class::PushAuth => format!(
            "{} did not accept the login for pushing {}",
            subject.registry(),
            subject.image("the image")
        ),
        Class::PushDenied => format!(
            "{} does not allow this login to push {}: {}",
            subject.registry(),
            subject.image("the image"),
            plain::tail(&words)
        ),
        Class::PushRepoMissing => format!(
            "{} has no repository for {}",
            subject.registry(),
            subject.image("the destination")
        ),
        Class::PushImmutable => format!(
            "{} exists already and the registry does not let a tag move",
            subject.image("the tag")
        ),
        Class::PushTooLarge => format!(
            "{} refused a layer of {} as too large (status 413)",
            subject.registry(),
            subject.image("the image")
        ),
        Class::PushUnconfirmed => format!("Kaniko ended well, but {words}"),
        Class::RegistryTls => format!(
            "no trusted connection to {} was possible: {}",
            subject.registry(),
            plain::tail(&words)
        ),
        Class::RegistryNetwork => format!(
            "{} could not be reached or failed: {}",
            subject.registry(),
            plain::tail(&words)
        ),
        Class::RegistryRateLimit => format!(
            "{} answers that too many requests were made (status 429)",
            subject.registry()
        ),
        Class::BaseImageMissing => format!(
            "the base image {} does not exist",
            subject.image("of the Dockerfile")
        ),
        Class::BaseImageAuth => format!(
            "{} does not let this build read the base image {}",
            subject.registry(),
            subject.image("of the Dockerfile")
        ),
        Class::BaseImagePlatform => match plain::platform(&words) {
            Some((platform, image)) => {
                format!("the base image `{image}` is not made for {platform}")
            }
            None => format!("the base image is not made for this processor: {words}"),
        },
        Class::MirrorOnlyMiss => match after(&words, "mapped registries for ") {
            Some(image) => format!("no registry mirror has the base image `{image}`"),
            None => format!("the registry mirrors do not have the base image: {words}"),
        },
        Class::UnpackFailed if subject.instruction.is_some() => format!(
            "{} may not write its files: {words}",
            subject.the_instruction()
        ),
        Class::UnpackFailed => format!("the base image could not be unpacked: {words}"),
        Class::UnpackNetwork => {
            format!(
                "the download of the base image broke off: {}",
                plain::tail(&words)
            )
        }
        Class::MountConflict => match plain::read_only(&words) {
            Some(path) => format!("the build cannot write `{path}`: it is read-only"),
            None => format!("a mounted path is in the way of the build: {words}"),
        },
        Class::ContextMissing => format!(
            "the build context could not be read: {}",
            plain::context(&words)
        ),
        Class::DockerfileMissing if words.contains("provide a valid path") => {
            "there is no Dockerfile at the given path".to_owned()
        }
        Class::DockerfileMissing => {
            format!(
                "the Dockerfile could not be read: {}",
                plain::context(&words)
            )
        }
        Class::DockerfileParse => plain::dockerfile(&words),
        Class::DockerfileStage => match plain::stage(&words) {
            Some(stage) => format!("the Dockerfile has no stage `{stage}`"),
            None => format!("the Dockerfile names a stage that it does not have: {words}"),
        },
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
        Class::SecretMissing => match after(&words, "secret not defined: ") {
            Some(secret) => format!("the build secret `{secret}` is not there"),
            None => format!("a build secret is not there: {words}"),
        },
        Class::SnapshotTimeout => match after(&words, "snapshotting FS in ") {
            Some(limit) => format!("looking for changed files took longer than {limit}"),
            None => format!("looking for changed files took too long: {words}"),
        },
        Class::SnapshotFailed => format!("saving changed files failed{}: {words}", subject.at()),
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
