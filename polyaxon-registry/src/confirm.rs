//! The digest of a build: what the executor named, and what the registry says to it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{Answer, Credentials, ImageSize, Reference, Registry};

/// How long an answer is waited for; the image is pushed, so building again would not help.
pub const PATIENCE: Duration = Duration::from_mins(5);

/// Longest pause between two questions.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Answers in a row that make an absence definite: registries copy between their own machines.
const ABSENCES: u32 = 3;

/// How long the size of a confirmed image is waited for.
const SIZE_PATIENCE: Duration = Duration::from_secs(5);

/// Characters of a reason in a message; Kubernetes keeps 4096 bytes of it.
const MAX_REASON: usize = 800;

/// What the registry said about the digest that the executor named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmation {
    /// The registry has the digest.
    Confirmed {
        /// `sha256:` and 64 hex digits.
        digest: String,
        /// How large the image is, if the registry said it.
        size: Option<ImageSize>,
    },
    /// The registry says that it does not have it, or the executor named none.
    Absent {
        /// What the executor named.
        digest: Option<String>,
        /// A sentence.
        reason: String,
    },
    /// Nobody could say within the time.
    Undecided {
        /// What the executor named.
        digest: Option<String>,
        /// A sentence.
        reason: String,
    },
    /// There are no credentials that can be used.
    NoCredentials {
        /// What the executor named.
        digest: Option<String>,
        /// A sentence.
        reason: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Confirmed,
    Absent,
    Undecided,
    NoCredentials,
}

/// A confirmation as one program leaves it to another.
#[derive(Debug, Serialize, Deserialize)]
struct Message {
    digest: Option<String>,
    confirmed: bool,
    reason: String,
    answer: Word,
    layers: Option<u32>,
    bytes: Option<u64>,
}

impl Confirmation {
    /// The digest that the executor wrote into its file; `None` when there is no file.
    pub fn claimed(content: Option<&[u8]>) -> Result<String, Self> {
        let text = content.map(|content| String::from_utf8_lossy(content).trim().to_owned());
        match text {
            Some(text) if is_digest(&text) => Ok(text),
            Some(text) => Err(Self::Absent {
                digest: None,
                reason: format!("the executor wrote `{text:.80}`, which is no digest"),
            }),
            None => Err(Self::Absent {
                digest: None,
                reason: "the executor ended with status 0 and named no digest".to_owned(),
            }),
        }
    }

    /// The confirmation as JSON of less than 4 KiB.
    pub fn to_message(&self) -> String {
        let cut = |reason: &str| reason.chars().take(MAX_REASON).collect();
        let (answer, digest, reason, size) = match self {
            Self::Confirmed { digest, size } => {
                (Word::Confirmed, Some(digest), String::new(), *size)
            }
            Self::Absent { digest, reason } => (Word::Absent, digest.as_ref(), cut(reason), None),
            Self::Undecided { digest, reason } => {
                (Word::Undecided, digest.as_ref(), cut(reason), None)
            }
            Self::NoCredentials { digest, reason } => {
                (Word::NoCredentials, digest.as_ref(), cut(reason), None)
            }
        };
        let message = Message {
            digest: digest.cloned(),
            confirmed: answer == Word::Confirmed,
            reason,
            answer,
            layers: size.map(|size| size.layers),
            bytes: size.map(|size| size.bytes),
        };
        serde_json::to_string(&message).unwrap_or_default()
    }

    /// Reads what `to_message` wrote; `None` for anything else.
    pub fn from_message(text: &str) -> Option<Self> {
        let message: Message = serde_json::from_str(text.trim()).ok()?;
        let Message { digest, reason, .. } = message;
        if digest.as_deref().is_some_and(|digest| !is_digest(digest)) {
            return None;
        }
        Some(match message.answer {
            Word::Confirmed => Self::Confirmed {
                digest: digest?,
                size: message
                    .layers
                    .zip(message.bytes)
                    .map(|(layers, bytes)| ImageSize { layers, bytes }),
            },
            Word::Absent => Self::Absent { digest, reason },
            Word::Undecided => Self::Undecided { digest, reason },
            Word::NoCredentials => Self::NoCredentials { digest, reason },
        })
    }
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl Registry {
    /// Asks for the digest of `image` until the registry has answered, for five minutes at most.
    /// The first questions are `pause` apart, and the pause doubles.
    pub async fn confirm(
        &self,
        image: &str,
        digest: String,
        credentials: impl FnOnce(&Reference) -> Result<Credentials, String>,
        mut pause: Duration,
    ) -> Confirmation {
        let reference = match Reference::parse(image) {
            Ok(reference) => reference,
            Err(error) => {
                return Confirmation::Undecided {
                    digest: Some(digest),
                    reason: error.to_string(),
                };
            }
        };
        let credentials = match credentials(&reference) {
            Ok(credentials) => credentials,
            Err(reason) => {
                return Confirmation::NoCredentials {
                    digest: Some(digest),
                    reason,
                };
            }
        };
        let until = Instant::now() + PATIENCE;
        let mut absences = 0;
        loop {
            let reason = match self.has(&reference, &digest, &credentials).await {
                Ok(Answer::Present) => {
                    let size = self.size(&reference, &digest, &credentials);
                    let size = tokio::time::timeout(SIZE_PATIENCE, size).await;
                    return Confirmation::Confirmed {
                        digest,
                        size: size.ok().flatten(),
                    };
                }
                Ok(Answer::Denied(reason)) => {
                    return Confirmation::NoCredentials {
                        digest: Some(digest),
                        reason,
                    };
                }
                Ok(Answer::Absent) => {
                    absences += 1;
                    let reason = format!(
                        "the registry `{}` does not have `{digest}` in `{}`",
                        reference.registry, reference.repository
                    );
                    if absences == ABSENCES {
                        return Confirmation::Absent {
                            digest: Some(digest),
                            reason,
                        };
                    }
                    reason
                }
                Err(error) => {
                    absences = 0;
                    error.to_string()
                }
            };
            if Instant::now() + pause > until {
                return Confirmation::Undecided {
                    digest: Some(digest),
                    reason,
                };
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_again_what_was_written() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let reason = "why".to_owned();
        for confirmation in [
            Confirmation::Confirmed {
                digest: digest.clone(),
                size: Some(ImageSize {
                    layers: 2,
                    bytes: 7,
                }),
            },
            Confirmation::Confirmed {
                digest: digest.clone(),
                size: None,
            },
            Confirmation::Absent {
                digest: None,
                reason: reason.clone(),
            },
            Confirmation::Undecided {
                digest: Some(digest.clone()),
                reason: reason.clone(),
            },
            Confirmation::NoCredentials {
                digest: Some(digest.clone()),
                reason,
            },
        ] {
            let message = confirmation.to_message();
            assert_eq!(Confirmation::from_message(&message), Some(confirmation));
        }
        let long = Confirmation::Absent {
            digest: Some(digest),
            reason: "\u{1F600}".repeat(5000),
        };
        assert!(long.to_message().len() < 4096);
    }

    #[test]
    fn a_message_that_anybody_could_have_written_is_checked() {
        for text in [
            "",
            "done",
            r#"{"confirmed":true}"#,
            r#"{"digest":"x","confirmed":true,"reason":"","answer":"confirmed","layers":null,"bytes":null}"#,
            r#"{"digest":null,"confirmed":true,"reason":"","answer":"confirmed","layers":null,"bytes":null}"#,
        ] {
            assert_eq!(Confirmation::from_message(text), None, "{text}");
        }
    }
}
