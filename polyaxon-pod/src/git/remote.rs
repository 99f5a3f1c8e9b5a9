//! Addresses of repositories: what the user wrote, and what git is given.

use std::fmt;

use crate::git::access::{Access, Credentials};

/// A repository as git will reach it.
#[derive(Debug)]
pub(crate) struct Remote {
    /// The address for clone and fetch, without credentials.
    pub(crate) fetch_url: String,
    /// The address that the clone keeps as `origin`, without credentials.
    pub(crate) recorded_url: String,
    /// `scheme://host[:port]`, the only place that may get the credentials.
    pub(crate) scope: Option<String>,
    /// Credentials that stood in the address itself.
    pub(crate) embedded: Option<Credentials>,
}

/// The forms of an address that have to be told apart.
#[derive(Debug, PartialEq, Eq)]
enum Address<'a> {
    Http {
        scheme: &'a str,
        user_info: Option<&'a str>,
        authority: &'a str,
        path: &'a str,
    },
    Ssh {
        host: &'a str,
        path: &'a str,
    },
    Other,
}

impl Remote {
    /// Chooses the address for the credentials at hand.
    ///
    /// With https credentials, an ssh address becomes an https one; with an ssh key, an http
    /// address becomes an ssh one; all others stay. An address of plain http is not upgraded.
    pub(crate) fn new(url: &str, access: &Access) -> Self {
        let address = parse(url);
        let recorded_url = match &address {
            Address::Http {
                scheme,
                authority,
                path,
                ..
            } => format!("{scheme}://{authority}/{path}"),
            _ => url.to_owned(),
        };
        let fetch_url = match (access, &address) {
            (Access::Credentials(_) | Access::Store(_), Address::Ssh { host, path }) => {
                format!("https://{host}/{}", without_git(path))
            }
            (Access::Credentials(_), Address::Other) if is_host_and_path(url) => {
                format!("https://{url}")
            }
            (
                Access::Ssh { .. },
                Address::Http {
                    authority, path, ..
                },
            ) => {
                let host = authority.split(':').next().unwrap_or(authority);
                format!("git@{host}:{}.git", without_git(path))
            }
            _ => recorded_url.clone(),
        };
        let embedded = credentials_in(url);
        let scope = match parse(&fetch_url) {
            Address::Http {
                scheme, authority, ..
            } => Some(format!("{scheme}://{authority}")),
            _ => None,
        };
        Self {
            fetch_url,
            recorded_url,
            scope,
            embedded,
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.recorded_url)
    }
}

/// The credentials in the address itself.
pub(crate) fn credentials_in(url: &str) -> Option<Credentials> {
    match parse(url) {
        Address::Http { user_info, .. } => user_info.map(Credentials::parse),
        _ => None,
    }
}

fn parse(url: &str) -> Address<'_> {
    if let Some((scheme, rest)) = url.split_once("://") {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user_info, host) = match authority.rsplit_once('@') {
            Some((user_info, host)) => (Some(user_info), host),
            None => (None, authority),
        };
        return match scheme {
            "http" | "https" => Address::Http {
                scheme,
                user_info,
                authority: host,
                path,
            },
            "ssh" | "git+ssh" | "ssh+git" => Address::Ssh {
                host: host.split(':').next().unwrap_or(host),
                path,
            },
            _ => Address::Other,
        };
    }
    match url.split_once(':') {
        Some((login, path)) if !login.contains('/') && !path.is_empty() => Address::Ssh {
            host: login.rsplit_once('@').map_or(login, |(_, host)| host),
            path: path.trim_start_matches('/'),
        },
        _ => Address::Other,
    }
}

fn without_git(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.strip_suffix(".git").unwrap_or(path)
}

/// `github.com/owner/name`: neither a path nor a file name.
fn is_host_and_path(url: &str) -> bool {
    url.split_once('/').is_some_and(|(host, path)| {
        host.contains('.') && !host.starts_with('.') && !path.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::path::PathBuf;

    fn access(kind: &str) -> Access {
        match kind {
            "credentials" => Access::Credentials(Credentials::parse("user:pass")),
            "store" => Access::Store(PathBuf::from("/s")),
            "ssh" => Access::Ssh {
                folder: PathBuf::from("/k"),
                key: "id_rsa".to_owned(),
            },
            _ => Access::Anonymous,
        }
    }

    #[rstest]
    #[case("none", "https://h/o/r", "https://h/o/r", Some("https://h"))]
    #[case("none", "git@h:o/r.git", "git@h:o/r.git", None)]
    #[case("none", "/srv/r.git", "/srv/r.git", None)]
    #[case("none", "file:///srv/r.git", "file:///srv/r.git", None)]
    #[case(
        "credentials",
        "https://h/o/r.git",
        "https://h/o/r.git",
        Some("https://h")
    )]
    #[case("credentials", "git@h:o/r.git", "https://h/o/r", Some("https://h"))]
    #[case(
        "credentials",
        "ssh://git@h:22/o/r.git",
        "https://h/o/r",
        Some("https://h")
    )]
    #[case(
        "credentials",
        "h.example/o/r",
        "https://h.example/o/r",
        Some("https://h.example")
    )]
    #[case("credentials", "../o/r", "../o/r", None)]
    #[case(
        "credentials",
        "http://127.0.0.1:80/r",
        "http://127.0.0.1:80/r",
        Some("http://127.0.0.1:80")
    )]
    #[case("store", "git@h:o/r.git", "https://h/o/r", Some("https://h"))]
    #[case("store", "https://h/o/r", "https://h/o/r", Some("https://h"))]
    #[case("ssh", "https://h/o/r", "git@h:o/r.git", None)]
    #[case("ssh", "http://h:8080/o/r.git", "git@h:o/r.git", None)]
    #[case("ssh", "git@h:o/r.git", "git@h:o/r.git", None)]
    fn addresses_follow_the_credentials(
        #[case] kind: &str,
        #[case] url: &str,
        #[case] fetch_url: &str,
        #[case] scope: Option<&str>,
    ) {
        let remote = Remote::new(url, &access(kind));
        assert_eq!(remote.fetch_url, fetch_url);
        assert_eq!(remote.recorded_url, url);
        assert_eq!(remote.scope.as_deref(), scope);
    }

    #[test]
    fn credentials_in_the_address_are_taken_out() {
        let remote = Remote::new("https://user:p%40ss@h:8443/o/r.git", &Access::Anonymous);
        assert_eq!(remote.fetch_url, "https://h:8443/o/r.git");
        assert_eq!(remote.to_string(), "https://h:8443/o/r.git");
        assert_eq!(remote.scope.as_deref(), Some("https://h:8443"));
        let credentials = remote.embedded.unwrap();
        assert_eq!(credentials.pair(), ("user", "p@ss"));
    }
}
