//! Installs hub and agent with our Helm charts into a namespace, as docs/kubernetes.md does.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::namespace::{Namespace, kubectl, variable};
use super::{LIMIT, is_testbed};
use crate::command::run;

/// Names of the charts, of their releases, of what they install and of the programs in there.
pub(super) const HUB: &str = "polyaxon-hub";
pub(super) const AGENT: &str = "polyaxon-agent";

const CHARTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/helm");
const BINARIES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../deploy/testbed/cluster-binaries.sh"
);

/// The user of the images.
const USER: u32 = 65532;

/// Installs both, the agent with this file and without a pod: its token comes from the hub. Files are kept in `folder`. On the
/// testbed the hub's data is in `folder/hub`; elsewhere the default storage class has a volume.
pub(super) fn install(
    namespace: &Namespace,
    folder: &Path,
    agent_file: &str,
) -> Result<Option<Volume>> {
    let restricted = "pod-security.kubernetes.io/enforce=restricted";
    kubectl(&["label", "namespace", namespace.name(), restricted])?;
    let volume = is_testbed().then(|| Volume::create(namespace, &folder.join("hub")));
    let volume = volume.transpose()?;
    put_certificate(namespace, folder)?;
    install_chart(namespace, folder, HUB, &hub_values()?)?;
    let values = agent_values(namespace, agent_file)?;
    install_chart(namespace, folder, AGENT, &values)?;
    Ok(volume)
}

/// A folder of the testbed's node for the hub; it goes away when dropped.
#[derive(Debug)]
pub(super) struct Volume(String);

impl Volume {
    fn create(namespace: &Namespace, folder: &Path) -> Result<Self> {
        // A folder of the node gets no owner from its pod.
        chown(folder, Some(USER), Some(USER))?;
        let name = namespace.name();
        namespace.put(&json!({
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "claimRef": {"namespace": name, "name": format!("data-{HUB}-0")},
                "hostPath": {"path": folder},
            },
        }))?;
        Ok(Self(name.to_owned()))
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // It stays until its claim is gone.
        let _ = kubectl(&["delete", "persistentvolume", &self.0, "--wait=false"]);
    }
}

/// A certificate of the hub, and the authority that signed it.
fn put_certificate(namespace: &Namespace, folder: &Path) -> Result<()> {
    openssl(folder, "hub-ca", "CA:TRUE", &["/CN=tests"])?;
    let service = format!("DNS:{HUB}.{}.svc", namespace.name());
    let names = format!("subjectAltName=DNS:localhost,{service}");
    let signed = ["-CA", "hub-ca.crt", "-CAkey", "hub-ca.key"];
    let subject = [["/CN=hub", "-addext", &names].as_slice(), &signed].concat();
    openssl(folder, "hub", "CA:FALSE", &subject)?;
    let file = |option: &str, name: &str| format!("--{option}={}", folder.join(name).display());
    let (certificate, key) = (file("cert", "hub.crt"), file("key", "hub.key"));
    namespace.kubectl(&["create", "secret", "tls", "hub-tls", &certificate, &key])?;
    let authority = file("from-file=ca.crt", "hub-ca.crt");
    namespace.kubectl(&["create", "configmap", "hub-ca", &authority])?;
    Ok(())
}

fn install_chart(namespace: &Namespace, folder: &Path, chart: &str, values: &str) -> Result<()> {
    let file = folder.join(format!("{chart}-values.yaml"));
    fs::write(&file, values)?;
    run(
        Command::new(helm()?)
            .args(["install", chart, &format!("{CHARTS}/{chart}")])
            .args(["--namespace", namespace.name(), "--values"])
            .arg(&file),
        LIMIT,
    )?
    .expect_status(0)
    .with_context(|| values.to_owned())?;
    Ok(())
}

fn hub_values() -> Result<String> {
    let image = image("POLYAXON_E2E_CLUSTER_HUB_IMAGE")?;
    Ok(format!(
        "image: {image}\ntls: {{secretName: hub-tls}}\npersistence: {{size: 1Gi}}\n"
    ))
}

fn agent_values(namespace: &Namespace, agent_file: &str) -> Result<String> {
    let url = format!("https://{HUB}.{}.svc:8000", namespace.name());
    let config: Vec<String> = agent_file.lines().map(|line| format!("  {line}")).collect();
    Ok(format!(
        "replicas: 0
image: {image}
podImage: {pod_image}
hub: {{url: '{url}', ca: {{configMap: hub-ca}}}}
# Registries and git servers of tests have private addresses.
networkPolicy: {{runs: {{enabled: false}}}}
config:
{config}
",
        image = image("POLYAXON_E2E_CLUSTER_AGENT_IMAGE")?,
        pod_image = variable("POLYAXON_E2E_CLUSTER_POD_IMAGE")?,
        config = config.join("\n"),
    ))
}

/// `image` of a chart.
fn image(name: &str) -> Result<Value> {
    let reference = variable(name)?;
    let (repository, tag) = reference
        .rsplit_once(':')
        .with_context(|| format!("`{name}` is `{reference}`, which has no tag"))?;
    Ok(json!({"repository": repository, "tag": tag}))
}

fn helm() -> Result<PathBuf> {
    if let Some(helm) = std::env::var_os("HELM") {
        return Ok(helm.into());
    }
    let folder = run(Command::new(BINARIES).arg("helm"), 5 * LIMIT)?.expect_status(0)?;
    Ok(Path::new(folder.stdout.trim()).join("helm"))
}

/// Makes `NAME.key` and `NAME.crt` with this subject and what else is said.
fn openssl(folder: &Path, name: &str, kind: &str, subject: &[&str]) -> Result<()> {
    let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
    let constraints = format!("basicConstraints=critical,{kind}");
    run(
        Command::new("openssl")
            .current_dir(folder)
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
            .args(["-keyout", &key, "-out", &certificate])
            .args(["-addext", &constraints, "-subj"])
            .args(subject),
        LIMIT,
    )?
    .expect_status(0)?;
    Ok(())
}
