//! Bugs that tests plant into the simulated parts, one for each invariant.

/// A bug.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Plant {
    /// None: everything is as it is in the programs.
    #[default]
    Nothing,
    /// The storage forgets runs that it has said to have, those without a key.
    ForgottenRun,
    /// The storage does not look at idempotency keys.
    BlindToKeys,
    /// The cluster creates a second object under a name that is taken.
    SecondObject,
    /// The cluster says that an object has failed while it still runs.
    EarlyEnd,
    /// The storage keeps the end of a run twice.
    TwoEnds,
    /// The storage writes a late `starting` into a run's history as if it counted.
    LateStart,
    /// The storage takes whatever number an agent names for the right one.
    BlindToFences,
    /// The storage tells every session the same epoch.
    StandingEpoch,
    /// The storage acknowledges stops and does not write them down.
    DeafToStops,
    /// The cluster clears away what has ended.
    TidyCluster,
    /// A message of a log stream gets lost in the hub.
    LostLogMessage,
    /// The storage says nothing about objects that it does not know.
    SilentSync,
    /// The storage gives no time to agents after a restart.
    NoGrace,
    /// The storage counts free slots itself, and loses some when the hub is killed.
    CountedSlots,
}
