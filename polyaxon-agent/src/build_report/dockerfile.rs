//! The Dockerfile of a planned build.

use polyaxon_spec::dockerfile::{Dockerfile, generate};
use polyaxon_spec::kaniko::Arguments;
use polyaxon_spec::plan::{ContainerPlan, PodPlan, Role};

/// Values of a flag of the executor.
pub(super) fn flag(pod: &PodPlan, name: &str) -> Vec<String> {
    let Some(main) = pod.main() else {
        return Vec::new();
    };
    let words: Vec<String> = main.command.iter().chain(&main.args).cloned().collect();
    Arguments::parse(&words).values(name)
}

/// The Dockerfile as the executor is told to find it.
fn wanted(pod: &PodPlan) -> String {
    let named = flag(pod, "dockerfile").pop();
    named.unwrap_or_else(|| "Dockerfile".to_owned())
}

/// Its path in the main container.
pub(super) fn path(pod: &PodPlan) -> Option<String> {
    let file = wanted(pod);
    if file.starts_with('/') {
        return Some(file);
    }
    let context = flag(pod, "context").pop()?;
    let folder = context.strip_prefix("dir://").unwrap_or(&context);
    let below = flag(pod, "context-sub-path").pop().unwrap_or_default();
    folder.starts_with('/').then(|| {
        let parts = [folder.trim_end_matches('/'), below.trim_matches('/'), &file];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("/")
    })
}

/// The text that an init step of the pod writes, if that is the Dockerfile of the build.
pub(super) fn generated(pod: &PodPlan) -> Option<String> {
    let wanted = wanted(pod);
    pod.init_containers
        .iter()
        .filter(|init| init.role == Role::Dockerfile)
        .filter_map(written)
        .find(|(path, _)| {
            *path == wanted || path.ends_with(&format!("/{}", wanted.trim_start_matches("./")))
        })
        .map(|(_, text)| text)
}

/// Path and text that an init step writes.
fn written(init: &ContainerPlan) -> Option<(String, String)> {
    let value = |name: &str| init.args.iter().find_map(|arg| arg.strip_prefix(name));
    let fields = serde_json::from_str(value("--build-context=")?).ok()?;
    let dockerfile = Dockerfile::from_json(&fields).ok()?;
    let folder = value("--destination=")?.trim_end_matches('/');
    let path = format!("{folder}/{}", dockerfile.filename);
    Some((path, generate(&dockerfile)))
}
