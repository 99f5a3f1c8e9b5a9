//! Named places at which a test kills the agent, as a crash or a lost node would.
//!
//! They exist only with the feature `failpoints`, which no released program has. The variable
//! `POLYAXON_FAILPOINT` names the one that kills.

/// A place between two steps that must not be lost or done twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failpoint {
    /// A leased run has no containers yet.
    BeforeCreate,
    /// The containers exist, the hub does not know.
    AfterCreate,
    /// An init container runs.
    DuringInit,
    /// The main container runs.
    DuringMain,
    /// The attempt has ended, the hub does not know.
    BeforeFinalReport,
    /// The hub knows how it ended, the agent does not know that it knows.
    AfterFinalReport,
}

impl Failpoint {
    /// The name in `POLYAXON_FAILPOINT`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforeCreate => "before-create",
            Self::AfterCreate => "after-create",
            Self::DuringInit => "during-init",
            Self::DuringMain => "during-main",
            Self::BeforeFinalReport => "before-final-report",
            Self::AfterFinalReport => "after-final-report",
        }
    }

    /// Kills the process here if a test asks for it.
    #[cfg(feature = "failpoints")]
    pub fn hit(self) {
        if std::env::var("POLYAXON_FAILPOINT").is_ok_and(|name| name == self.name()) {
            // SIGKILL: nothing is flushed, nothing is closed in order.
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            );
            // The first process of a container does not get that signal from itself.
            std::process::abort();
        }
    }

    /// Nothing: this program was built without the feature `failpoints`.
    #[cfg(not(feature = "failpoints"))]
    #[inline]
    pub fn hit(self) {}
}
