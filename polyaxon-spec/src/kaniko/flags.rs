//! The executor's command line, as far as it has to be understood.

/// Flags that builds may not set: they weaken TLS or credentials, or are ours. A `*` stands for any ending.
pub const REFUSED: [&str; 12] = [
    "insecure*",
    "skip-tls-verify*",
    "skip-push-permission-check",
    "registry-*",
    "credential-helpers",
    "force",
    "kaniko-dir",
    "cleanup",
    "pre-cleanup",
    "digest-file",
    "image-name-with-digest-file",
    "image-name-tag-with-digest-file",
];

/// Variables that builds may not set: they do what the refused flags do, or change the executor itself.
const REFUSED_VARIABLES: [&str; 6] = [
    "LD_*",
    "KANIKO_DIR",
    "KANIKO_REGISTRY_*",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "BUILDER_OUTPUT",
];

/// Flags without a value of their own: the next argument is another one.
const SWITCHES: [&str; 25] = [
    "cache",
    "cache-copy-layers",
    "cache-run-layers",
    "cleanup",
    "compressed-caching",
    "dryrun",
    "force",
    "force-build-metadata",
    "help",
    "ignore-var-run",
    "insecure",
    "insecure-pull",
    "log-timestamp",
    "materialize",
    "no-push",
    "no-push-cache",
    "pre-cleanup",
    "preserve-context",
    "push-ignore-immutable-tag-errors",
    "reproducible",
    "single-snapshot",
    "skip-default-registry-fallback",
    "skip-push-permission-check",
    "skip-unused-stages",
    "use-new-run",
];

/// Short forms and their long ones.
const SHORT: [(char, &str); 5] = [
    ('c', "context"),
    ('d', "destination"),
    ('f', "dockerfile"),
    ('v', "verbosity"),
    ('h', "help"),
];

pub(super) fn is_refused(name: &str) -> bool {
    matches_any(&REFUSED, name)
}

pub(super) fn is_refused_variable(name: &str) -> bool {
    matches_any(&REFUSED_VARIABLES, name)
}

fn matches_any(patterns: &[&str], name: &str) -> bool {
    patterns
        .iter()
        .any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => *pattern == name,
        })
}

/// The flags of a command line, by their long names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arguments {
    flags: Vec<Flag>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Flag {
    name: String,
    value: Option<String>,
    index: usize,
}

impl Arguments {
    /// Reads `--name=value`, `--name value`, `--switch`, and the short forms.
    pub fn parse(args: &[String]) -> Self {
        let mut flags = Vec::new();
        let mut rest = args.iter().enumerate();
        while let Some((index, arg)) = rest.next() {
            let (name, mut value) = if let Some(long) = arg.strip_prefix("--") {
                match long.split_once('=') {
                    Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                    None => (long.to_owned(), None),
                }
            } else if let Some(short) = arg.strip_prefix('-') {
                let mut characters = short.chars();
                let known = characters
                    .next()
                    .and_then(|first| SHORT.iter().find(|(letter, _)| *letter == first));
                let Some((_, name)) = known else { continue };
                let attached = characters.as_str();
                let attached = attached.strip_prefix('=').unwrap_or(attached);
                let value = (!attached.is_empty()).then(|| attached.to_owned());
                ((*name).to_owned(), value)
            } else {
                continue;
            };
            if name.is_empty() {
                break;
            }
            let is_switch = SWITCHES.contains(&name.as_str())
                || (name.starts_with("skip-tls-verify") && !name.ends_with("registry"));
            if value.is_none() && !is_switch {
                value = rest.next().map(|(_, value)| value.clone());
            }
            flags.push(Flag { name, value, index });
        }
        Self { flags }
    }

    /// Names with the index of their argument.
    pub fn flags(&self) -> impl Iterator<Item = (&str, usize)> {
        self.flags
            .iter()
            .map(|flag| (flag.name.as_str(), flag.index))
    }

    /// Whether the flag is there at all.
    pub fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| flag.name == name)
    }

    /// Whether a switch is on; the last one counts.
    pub fn is_on(&self, name: &str) -> bool {
        let last = self.flags.iter().rev().find(|flag| flag.name == name);
        last.is_some_and(|flag| {
            !matches!(
                flag.value.as_deref(),
                Some("false" | "0" | "f" | "F" | "False" | "FALSE")
            )
        })
    }

    /// All values of a flag, in order.
    pub fn values(&self, name: &str) -> Vec<String> {
        self.flags
            .iter()
            .filter(|flag| flag.name == name)
            .filter_map(|flag| flag.value.clone())
            .collect()
    }
}
