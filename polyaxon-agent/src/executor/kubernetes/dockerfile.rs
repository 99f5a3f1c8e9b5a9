//! The Dockerfile of a build that came into its pod: what the sidecar handed over.

use kube::api::LogParams;
use polyaxon_spec::k8s::{MAX_DOCKERFILE, SIDECAR, handed_over};

use super::KubernetesExecutor;
use super::failure::{code, unavailable};
use crate::attempt::AttemptKey;
use crate::executor::ExecutorError;

/// Bytes of the sidecar's log that are read: it hands over before it does anything else.
const MAX_LOG: usize = MAX_DOCKERFILE + 4 * 1024;

impl KubernetesExecutor {
    /// The text of the file, if the sidecar of the attempt handed it over.
    pub(super) async fn handed_over(
        &self,
        key: &AttemptKey,
        path: &str,
    ) -> Result<Option<Vec<u8>>, ExecutorError> {
        let source = self.source(key, SIDECAR).await?;
        let parameters = LogParams {
            container: Some(source.container),
            limit_bytes: i64::try_from(MAX_LOG).ok(),
            ..LogParams::default()
        };
        match source.pods.logs(&source.pod, &parameters).await {
            Ok(log) => Ok(handed_over(&log, path).map(|text| text.as_bytes().to_vec())),
            // A pod without such a container, or one that never started.
            Err(error) if matches!(code(&error), Some(400 | 404)) => Ok(None),
            Err(error) => Err(unavailable("reading the log of the sidecar")(error)),
        }
    }
}
