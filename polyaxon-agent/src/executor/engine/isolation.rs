//! What stands between a build and the machine of the engine.

use bollard::Docker;

use super::failure::unavailable;
use crate::executor::Isolation;

/// What the engine gives its containers; the lesser where it does not say.
pub(super) async fn isolation(docker: &Docker) -> Isolation {
    let told = docker
        .info()
        .await
        .map_err(unavailable("asking the engine what it does"));
    match told {
        Ok(info) => isolation_of(&info.security_options.unwrap_or_default()),
        Err(error) => {
            tracing::debug!(%error, "whether builds have user namespaces is not known");
            Isolation::DroppedCapabilities
        }
    }
}

/// An engine without root, or with remapped users, has its containers in a user namespace.
fn isolation_of(security_options: &[String]) -> Isolation {
    let names = security_options
        .iter()
        .flat_map(|option| option.split(','))
        .filter_map(|field| field.strip_prefix("name="));
    if names
        .into_iter()
        .any(|name| matches!(name, "rootless" | "userns"))
    {
        Isolation::UserNamespace
    } else {
        Isolation::DroppedCapabilities
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_say_how_they_run() {
        for (options, isolation) in [
            (
                vec!["name=seccomp,profile=default"],
                Isolation::DroppedCapabilities,
            ),
            (
                vec!["name=seccomp,profile=default", "name=rootless"],
                Isolation::UserNamespace,
            ),
            (vec!["name=userns"], Isolation::UserNamespace),
            (
                vec!["name=seccomp,profile=userns"],
                Isolation::DroppedCapabilities,
            ),
            (Vec::new(), Isolation::DroppedCapabilities),
        ] {
            let told: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
            assert_eq!(isolation_of(&told), isolation, "{options:?}");
        }
    }
}
