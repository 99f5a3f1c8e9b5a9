//! Images: the ones that plans name are pulled, our own comes from an archive.

use std::path::Path;
use std::time::Duration;

use bollard::Docker;
use bollard::auth::DockerCredentials;
use bollard::query_parameters::{
    CreateImageOptionsBuilder, ImportImageOptionsBuilder, TagImageOptionsBuilder,
};
use futures::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tokio::sync::Mutex;
use tokio_util::io::ReaderStream;

use super::failure::{existing, said, unavailable};
use super::objects::{Kind, Objects};
use super::options::PodImage;
use crate::executor::ExecutorError;
use polyaxon_registry::{Credentials, Reference, credentials_of};

/// Repository of our own image in the engine; the tag is a hash of its archive.
const POD_IMAGE: &str = "localhost/polyaxon-pod";

/// Tries at a pull that fails for a reason that may pass.
const PULLS: u32 = 4;

/// Why an image is not there.
#[derive(Debug)]
pub(super) enum ImageError {
    /// It will not be there later either.
    Definite(String),
    /// The engine is not there.
    Executor(ExecutorError),
}

/// Images of one engine.
pub(super) struct Images {
    docker: Docker,
    pod_image: PodImage,
    /// Name of the pod image once it is in the engine; one task loads it.
    loaded: Mutex<Option<String>>,
}

impl Images {
    pub(super) fn new(docker: Docker, pod_image: PodImage) -> Self {
        Self {
            docker,
            pod_image,
            loaded: Mutex::new(None),
        }
    }

    /// Makes sure that an image is there.
    pub(super) async fn ensure(
        &self,
        image: &str,
        always: bool,
        secrets: &[String],
        objects: &Objects,
    ) -> Result<(), ImageError> {
        let here = self.is_here(image).await?;
        if here && !always {
            return Ok(());
        }
        if image.starts_with("localhost/") {
            // Such a name is of an image that was made here: nobody else has it.
            return if here {
                Ok(())
            } else {
                Err(ImageError::Definite(format!(
                    "the engine does not have the image `{image}`"
                )))
            };
        }
        let credentials = pull_credentials(image, secrets, objects);
        let mut last = String::new();
        for tried in 0..PULLS {
            if tried > 0 {
                tokio::time::sleep(Duration::from_secs(1 << tried)).await;
            }
            match self.pull(image, credentials.clone()).await {
                Ok(()) => return Ok(()),
                Err(reason) => last = reason,
            }
            if is_definite(&last) {
                break;
            }
        }
        Err(ImageError::Definite(format!(
            "the image `{image}` cannot be pulled: {last}"
        )))
    }

    async fn is_here(&self, image: &str) -> Result<bool, ImageError> {
        existing(self.docker.inspect_image(image).await)
            .map(|found| found.is_some())
            .map_err(|error| {
                ImageError::Executor(unavailable(format!("looking for the image `{image}`"))(
                    error,
                ))
            })
    }

    async fn pull(
        &self,
        image: &str,
        credentials: Option<DockerCredentials>,
    ) -> Result<(), String> {
        let options = CreateImageOptionsBuilder::default()
            .from_image(image)
            .build();
        let mut progress = self
            .docker
            .create_image(Some(options), None, credentials)
            .boxed();
        while let Some(step) = progress.next().await {
            step.map_err(|error| said(&error))?;
        }
        match self.docker.inspect_image(image).await {
            Ok(_) => Ok(()),
            Err(error) => Err(said(&error)),
        }
    }

    /// Name of the image of our own containers; it is in the engine.
    pub(super) async fn pod_image(&self, objects: &Objects) -> Result<String, ImageError> {
        let path = match &self.pod_image {
            PodImage::Reference(image) => {
                self.ensure(image, false, &[], objects).await?;
                return Ok(image.clone());
            }
            PodImage::Archive(path) => path,
        };
        let mut loaded = self.loaded.lock().await;
        if let Some(name) = &*loaded
            && self.is_here(name).await?
        {
            return Ok(name.clone());
        }
        let tag = content_tag(path).await.map_err(|error| {
            ImageError::Definite(format!(
                "cannot read the image of init containers `{}`: {error}; build it with `make pod-image`, \
                 or set `engine.podImage`",
                path.display()
            ))
        })?;
        let name = format!("{POD_IMAGE}:{tag}");
        if !self.is_here(&name).await? {
            self.load(path, &tag).await.map_err(|reason| {
                ImageError::Definite(format!(
                    "the engine does not take the image `{}`: {reason}",
                    path.display()
                ))
            })?;
        }
        *loaded = Some(name.clone());
        Ok(name)
    }

    async fn load(&self, path: &Path, tag: &str) -> Result<(), String> {
        let file = tokio::fs::File::open(path)
            .await
            .map_err(|error| error.to_string())?;
        let answers: Vec<_> = self
            .docker
            .import_image_stream(
                ImportImageOptionsBuilder::default().build(),
                ReaderStream::new(file),
                None,
            )
            .try_collect()
            .await
            .map_err(|error| said(&error))?;
        let text: String = answers
            .into_iter()
            .filter_map(|answer| answer.stream)
            .collect();
        let image = loaded_image(&text).ok_or_else(|| format!("it answered `{text}`"))?;
        let options = TagImageOptionsBuilder::default()
            .repo(POD_IMAGE)
            .tag(tag)
            .build();
        self.docker
            .tag_image(image, Some(options))
            .await
            .map_err(|error| said(&error))
    }

    /// The image with its digest, where the engine knows it; else its id.
    pub(super) async fn digest_reference(&self, image: &str) -> String {
        let Ok(found) = self.docker.inspect_image(image).await else {
            return image.to_owned();
        };
        let repository = polyaxon_spec::plan::image_repository(image);
        let digests = found.repo_digests.unwrap_or_default();
        digests
            .iter()
            .find(|reference| polyaxon_spec::plan::image_repository(reference) == repository)
            .or_else(|| digests.first())
            .cloned()
            .or(found.id)
            .unwrap_or_else(|| image.to_owned())
    }
}

/// `Loaded image: NAME` of Docker and Podman, `Loaded image ID: ID` of Docker.
fn loaded_image(answer: &str) -> Option<&str> {
    answer
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Loaded image"))
        .filter_map(|rest| rest.split_once(": "))
        .map(|(_, name)| name.split(',').next().unwrap_or(name).trim())
        .rfind(|name| !name.is_empty())
}

async fn content_tag(path: &Path) -> std::io::Result<String> {
    let mut file = tokio::fs::File::open(path).await?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = file.read(&mut buffer).await?;
        if read == 0 {
            break;
        }
        hash.update(buffer.get(..read).unwrap_or_default());
    }
    let digest = hash.finalize();
    Ok(digest.iter().take(8).fold(String::new(), |mut tag, byte| {
        use std::fmt::Write as _;
        let _infallible = write!(tag, "{byte:02x}");
        tag
    }))
}

fn pull_credentials(
    image: &str,
    secrets: &[String],
    objects: &Objects,
) -> Option<DockerCredentials> {
    let host = Reference::parse(image).ok()?.registry;
    for secret in secrets {
        let Ok(folder) = objects.folder(Kind::Secret, secret) else {
            continue;
        };
        if let Ok(Credentials::Password { user, password }) = credentials_of(&folder, &host) {
            use secrecy::ExposeSecret;
            return Some(DockerCredentials {
                username: Some(user),
                password: Some(password.expose_secret().to_owned()),
                serveraddress: Some(host),
                ..DockerCredentials::default()
            });
        }
    }
    None
}

/// Whether another try is useless.
fn is_definite(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    [
        "not found",
        "unknown",
        "unauthorized",
        "denied",
        "no such image",
        "invalid reference",
        "authentication required",
        "does not exist",
        "no such host",
    ]
    .iter()
    .any(|word| reason.contains(word))
        && !reason.contains("unknown authority")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_says_what_it_loaded() {
        for (answer, expected) in [
            ("Loaded image: localhost/a:b\n", Some("localhost/a:b")),
            ("Loaded image ID: sha256:00\n", Some("sha256:00")),
            ("Loaded image(s): a:1,b:2", Some("a:1")),
            ("nothing", None),
        ] {
            assert_eq!(loaded_image(answer), expected, "{answer}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (reason, definite) in [
            ("manifest unknown", true),
            ("dial tcp 127.0.0.1:1: connect: connection refused", false),
            ("unauthorized: authentication required", true),
            ("EOF", false),
        ] {
            assert_eq!(is_definite(reason), definite, "{reason}");
        }
    }
}
