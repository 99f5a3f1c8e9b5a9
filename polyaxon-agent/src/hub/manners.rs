//! Whether a process may speak for its agent, or stands by.

use std::time::Duration;

use super::HubError;

/// How long a process that stands by waits before it asks again, until a hub has said how often it wants to be heard.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// What to do after a session could not be opened or has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Open one soon.
    TryAgain,
    /// Another process speaks: ask later.
    StandBy {
        /// This is news.
        first: bool,
    },
}

/// Whether this process may fence others. The one that was started last speaks; one that was fenced asks whether the
/// session is free, so that two processes of one agent do not take turns.
#[derive(Debug)]
pub(super) struct Manners {
    /// The next session is asked for only if nobody else is heard.
    pub(super) polite: bool,
    standing_by: bool,
    /// The token was refused, and that was said.
    denied: bool,
    /// How long to wait while standing by.
    pub(super) ask_again: Duration,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            polite: false,
            standing_by: false,
            denied: false,
            ask_again: ASK_AGAIN,
        }
    }
}

impl Manners {
    /// A session is open; says whether this process stood by before.
    pub(super) fn opened(&mut self, renew_every: Duration) -> bool {
        self.polite = false;
        self.denied = false;
        self.ask_again = renew_every;
        std::mem::take(&mut self.standing_by)
    }

    /// The token is refused; says whether that is news.
    pub(super) fn denied(&mut self) -> bool {
        !std::mem::replace(&mut self.denied, true)
    }

    /// There is no session, or none any more; says what to do about it.
    pub(super) fn failed(&mut self, error: &HubError) -> Next {
        match error {
            HubError::Fenced(_) => self.polite = true,
            HubError::Taken(_) => {
                let first = !std::mem::replace(&mut self.standing_by, true);
                return Next::StandBy { first };
            }
            _ => {}
        }
        Next::TryAgain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_fenced_asks_until_the_session_is_free() {
        let fenced = || HubError::Fenced("newer".to_owned());
        let taken = || HubError::Taken("the process `b` speaks".to_owned());
        let away = || HubError::Unavailable("no hub".to_owned());
        let mut manners = Manners::default();
        assert!(!manners.polite, "a process that was just started speaks");
        assert_eq!(manners.failed(&away()), Next::TryAgain);
        assert!(!manners.polite, "a hub that was away fences nobody");
        assert!(!manners.opened(Duration::from_secs(1)));
        assert_eq!(manners.failed(&fenced()), Next::TryAgain);
        assert!(manners.polite);
        assert_eq!(manners.failed(&taken()), Next::StandBy { first: true });
        assert_eq!(manners.failed(&away()), Next::TryAgain);
        assert_eq!(manners.failed(&taken()), Next::StandBy { first: false });
        assert!(manners.polite, "it goes on asking");
        assert_eq!(manners.ask_again, Duration::from_secs(1));
        assert!(manners.opened(Duration::from_secs(2)), "it stood by");
        assert!(!manners.polite && !manners.standing_by);
    }

    #[test]
    fn a_refused_token_is_said_once() {
        let mut manners = Manners::default();
        assert!(manners.denied());
        assert!(!manners.denied());
        manners.opened(ASK_AGAIN);
        assert!(manners.denied());
    }
}
