//! Flags and environment of `polyaxon-hub`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use thiserror::Error;

/// Server of versioned components and of the run queue.
#[derive(Debug, Clone, Parser)]
#[command(name = "polyaxon-hub", version = polyaxon_proto::version::current())]
pub struct Settings {
    /// Address that serves gRPC and HTTP
    #[arg(long, env = "POLYAXON_HUB_LISTEN", default_value = "127.0.0.1:8000")]
    pub listen: SocketAddr,

    /// Folder of the database, the keys and the logs; made if absent
    #[arg(long, env = "POLYAXON_HUB_DATA_DIR", value_name = "DIR")]
    pub data_dir: PathBuf,

    /// Folder of sealed logs [default: `logs` in the data folder]
    #[arg(long, env = "POLYAXON_HUB_LOG_STORE", value_name = "DIR")]
    pub log_store: Option<PathBuf>,

    /// Form of the hub's own log on stderr
    #[arg(long, env = "POLYAXON_HUB_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,

    /// Print `http://HOST:PORT` on stdout once ready
    #[arg(long)]
    pub print_address: bool,

    /// File with an admin's token of your own, at least 32 characters, instead of one that the first start makes up
    #[arg(long, env = "POLYAXON_HUB_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,

    /// Print the admin's token that the first start wrote, and end
    #[arg(long)]
    pub print_admin_token: bool,

    /// Certificate chain of this hub, PEM
    #[arg(
        long,
        env = "POLYAXON_HUB_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,

    /// Private key of the certificate, PEM
    #[arg(
        long,
        env = "POLYAXON_HUB_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,

    /// Serve a network without TLS because a proxy in front has it
    #[arg(long, env = "POLYAXON_HUB_INSECURE_BEHIND_PROXY")]
    pub insecure_behind_proxy: bool,
}

/// Form of the hub's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

/// Settings that do not go together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// Tokens would cross the network in the clear.
    #[error(
        "`--listen {listen}` is not a loopback address and tokens would cross the network in the clear: pass `--tls-cert` and `--tls-key`, or put a proxy with TLS in front and pass `--insecure-behind-proxy`"
    )]
    InsecureAddress {
        /// The address asked for.
        listen: SocketAddr,
    },
}

impl Settings {
    /// Files of certificate and key.
    #[must_use]
    pub fn tls(&self) -> Option<(&Path, &Path)> {
        Some((self.tls_cert.as_deref()?, self.tls_key.as_deref()?))
    }

    /// Checks what single flags cannot.
    ///
    /// # Errors
    /// When the address would carry tokens in the clear.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.listen.ip().is_loopback() || self.tls().is_some() || self.insecure_behind_proxy {
            Ok(())
        } else {
            Err(SettingsError::InsecureAddress {
                listen: self.listen,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_address_wants_tls() {
        let parse = |more: &[&str]| {
            let words = ["polyaxon-hub", "--data-dir", "d"].iter().chain(more);
            Settings::try_parse_from(words).unwrap().check()
        };
        assert_eq!(parse(&[]), Ok(()));
        assert_eq!(parse(&["--listen", "[::1]:0"]), Ok(()));
        let error = parse(&["--listen", "0.0.0.0:8000"]).unwrap_err();
        assert!(
            error.to_string().contains("--insecure-behind-proxy"),
            "{error}"
        );
        for more in [
            &["--insecure-behind-proxy"][..],
            &["--tls-cert", "c", "--tls-key", "k"],
        ] {
            assert_eq!(
                parse(&[&["--listen", "0.0.0.0:8000"], more].concat()),
                Ok(())
            );
        }
        let half = ["polyaxon-hub", "--data-dir", "d", "--tls-cert", "c"];
        assert!(Settings::try_parse_from(half).is_err());
    }
}
