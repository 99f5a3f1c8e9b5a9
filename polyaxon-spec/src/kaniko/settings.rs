//! The admin's settings for builds.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::plan::VolumeSource;

/// The executor that builds run with unless the admin names another one.
pub const DEFAULT_EXECUTOR_IMAGE: &str = "ghcr.io/osscontainertools/kaniko:v1.28.3";

/// Repositories whose images make an operation with an image destination a build.
pub const EXECUTOR_IMAGES: [&str; 3] = [
    "ghcr.io/osscontainertools/kaniko",
    "gcr.io/kaniko-project/executor",
    "martizih/kaniko",
];

/// What the admin decides about builds.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildSettings {
    /// Image that replaces the executor which the component names.
    pub executor_image: String,
    /// Whether the component's executor is kept.
    pub keep_executor_image: bool,
    /// Mirrors of Docker Hub, asked in order.
    pub registry_mirrors: Vec<String>,
    /// Registries (`host:port`) that are spoken to over plain HTTP.
    pub insecure_registries: Vec<String>,
    /// Registries (`host:port`) whose certificates are not checked.
    pub skip_tls_verify_registries: Vec<String>,
    /// Further certificate authorities.
    pub ca_bundle: Option<CaBundle>,
    /// Proxies, as variables and as build arguments; they never get into the image.
    pub proxies: Proxies,
    /// Requests and limits of builds that set none.
    pub resources: Value,
    /// Repetitions of a push.
    pub push_retry: u32,
    /// Repetitions of reading a base image's manifest.
    pub download_retry: u32,
    /// Repetitions of unpacking a base image.
    pub extract_retry: u32,
}

impl Default for BuildSettings {
    fn default() -> Self {
        Self {
            executor_image: DEFAULT_EXECUTOR_IMAGE.to_owned(),
            keep_executor_image: false,
            registry_mirrors: Vec::new(),
            insecure_registries: Vec::new(),
            skip_tls_verify_registries: Vec::new(),
            ca_bundle: None,
            proxies: Proxies::default(),
            resources: json!({"requests": {"cpu": "250m", "memory": "512Mi"}}),
            push_retry: 3,
            download_retry: 3,
            extract_retry: 2,
        }
    }
}

/// A PEM file with certificate authorities: the usual ones and the company's.
#[derive(Debug, Clone, PartialEq)]
pub struct CaBundle {
    /// Volume that has the file, or is it.
    pub source: VolumeSource,
    /// File in the volume; `None` where the volume is the file.
    pub key: Option<String>,
}

/// Addresses of proxies. They may hold passwords, so they are never printed.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Proxies {
    /// For plain HTTP.
    pub http: Option<String>,
    /// For HTTPS.
    pub https: Option<String>,
    /// Hosts that are reached directly, comma separated.
    pub no_proxy: Option<String>,
}

impl Proxies {
    /// Variables in both spellings that programs look for.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("HTTP_PROXY", &self.http),
            ("http_proxy", &self.http),
            ("HTTPS_PROXY", &self.https),
            ("https_proxy", &self.https),
            ("NO_PROXY", &self.no_proxy),
            ("no_proxy", &self.no_proxy),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

impl std::fmt::Debug for Proxies {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.variables().map(|(name, _)| name).collect();
        formatter.debug_tuple("Proxies").field(&names).finish()
    }
}
