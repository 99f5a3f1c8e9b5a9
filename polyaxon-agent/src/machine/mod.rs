//! The life of one attempt, without any input or output: events and the time go in, orders
//! come out. Whoever drives it obeys the orders and reports back with further events.

mod report;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

pub use report::{Confirmation, End, Outcome, StatusUpdate};

use crate::executor::{Created, Ending, Isolation, Observation};
use crate::planning::{KeptPlan, Refusal};

/// How long a final status waits for the log's last bytes.
const DRAIN: Duration = Duration::from_secs(10);

/// The same after a stop, which must be quick.
const DRAIN_STOPPED: Duration = Duration::from_millis(500);

/// Time between two tries at something that the executor could not do.
const RETRY: Duration = Duration::from_secs(2);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The attempt was leased (or must be launched again): launch it.
    Launch,
    /// The hub gave it (back) to this agent, which had its object already.
    Adopt,
    /// It cannot be planned or may not run here.
    Refused(Refusal),
    /// The executor answered a creation.
    Created(Created),
    /// The executor could not create it, for now.
    CreateFailed(String),
    /// The executor saw something.
    Observed(Observation),
    /// It is certain what stands between the attempt and its node: later reports say it.
    Isolated(Isolation),
    /// The registry answered, or it is certain that it will not.
    Confirmed(Confirmation),
    /// Everything that the containers wrote is durable in the hub.
    LogsDrained,
    /// The hub wants it to end.
    Stop {
        /// Why.
        reason: String,
    },
    /// The hub has the final status.
    OutcomeAcknowledged,
    /// The hub asks for the newest report.
    ReportAgain,
    /// The hub has no use for the objects.
    Delete,
    /// The objects are gone.
    Removed,
    /// The time that `deadline` named has come.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Create the object; answer with `Created` or `CreateFailed`.
    Create,
    /// Tell the hub what became of the launch.
    AckLaunch(LaunchOutcome),
    /// Watch the attempt and ship its logs; answer with `Observed` and `LogsDrained`.
    Run,
    /// Tell the hub.
    Report(Box<StatusUpdate>),
    /// End the containers.
    Stop,
    /// Read the digest and ask the registry; answer with `Confirmed`.
    Confirm,
    /// Remove the objects; answer with `Removed`.
    Remove,
    /// Nothing is left to do: forget the attempt.
    Forget,
}

/// What became of a launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaunchOutcome {
    /// The object is new.
    Created {
        /// Id that the engine gave.
        uid: String,
    },
    /// It was there for the same work.
    Adopted {
        /// Id that the engine gave.
        uid: String,
    },
    /// The name belongs to something else.
    Conflict {
        /// What has the name.
        found: String,
    },
    /// It is not launched.
    Rejected {
        /// One word.
        reason: String,
        /// A sentence.
        message: String,
    },
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    /// Nothing was done yet.
    Idle,
    /// The executor is asked to create the object.
    Creating,
    /// A creation failed; it is tried again at the time.
    Waiting { until: Instant },
    /// The object exists; main does not run yet.
    Pending,
    /// Main runs.
    Running,
    /// Main has ended; the executor still works for the attempt.
    Finishing { ending: Box<Ending> },
    /// The registry is asked for the digest.
    Confirming { ending: Box<Ending> },
    /// The outcome is known; the log's end is awaited.
    Draining { outcome: Outcome, until: Instant },
    /// The final status was reported.
    Reported,
    /// The hub has the final status; the log's end is awaited before the objects go.
    Acknowledged,
    /// The objects are being removed.
    Removing,
    /// Nothing is left.
    Gone,
}

/// What a machine must know of its attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Image that a build pushes; `None` for anything else.
    pub image: Option<String>,
    /// False for a build that does not push.
    pub pushes: bool,
    /// A digest that the registry did not confirm fails the run.
    pub require_confirmation: bool,
}

impl Facts {
    /// Facts of a planned attempt.
    pub fn of(plan: &KeptPlan, require_confirmation: bool) -> Self {
        Self {
            image: plan.build.as_ref().map(|build| build.image.clone()),
            pushes: plan.build.as_ref().is_some_and(|build| build.pushes),
            require_confirmation,
        }
    }
}

/// One attempt's life.
#[derive(Debug, Clone)]
pub struct Machine {
    facts: Facts,
    state: State,
    stop: Option<String>,
    drained: bool,
    isolation: Option<Isolation>,
    last: Option<StatusUpdate>,
}

impl Machine {
    /// A machine that waits for its first event.
    pub fn new(facts: Facts) -> Self {
        Self {
            facts,
            state: State::Idle,
            stop: None,
            drained: false,
            isolation: None,
            last: None,
        }
    }

    /// When `Tick` is due; `None`: never.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { until } | State::Draining { until, .. } => Some(until),
            _ => None,
        }
    }

    /// Whether the attempt takes one of the agent's slots.
    pub fn is_live(&self) -> bool {
        !matches!(
            self.state,
            State::Reported | State::Acknowledged | State::Removing | State::Gone
        )
    }

    /// Whether its object is still to be made.
    pub fn is_launching(&self) -> bool {
        matches!(self.state, State::Creating | State::Waiting { .. })
    }

    /// Whether nothing is left to do.
    pub fn is_gone(&self) -> bool {
        self.state == State::Gone
    }

    /// Takes an event and says what to do, in this order.
    pub fn on(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match event {
            Event::Launch => self.launch(),
            Event::Adopt => self.adopt(),
            Event::Refused(refusal) => self.refused(refusal),
            Event::Created(created) => self.created(created, now),
            Event::CreateFailed(reason) => self.create_failed(reason, now),
            Event::Observed(observation) => self.observed(observation, now),
            Event::Isolated(isolation) => {
                self.isolation = Some(isolation);
                Vec::new()
            }
            Event::Confirmed(confirmation) => self.confirmed(confirmation, now),
            Event::LogsDrained => self.logs_drained(),
            Event::Stop { reason } => self.stop(reason, now),
            Event::OutcomeAcknowledged => self.acknowledged(),
            Event::ReportAgain => self.report_again(),
            Event::Delete => self.delete(),
            Event::Removed => self.removed(),
            Event::Tick => self.tick(now),
        }
    }

    fn launch(&mut self) -> Vec<Action> {
        match self.state {
            State::Idle if self.stop.is_some() => self.end_without_object(),
            State::Idle => {
                self.state = State::Creating;
                vec![Action::Create]
            }
            _ => Vec::new(),
        }
    }

    fn adopt(&mut self) -> Vec<Action> {
        if self.state != State::Idle {
            return Vec::new();
        }
        self.state = State::Pending;
        vec![Action::Run]
    }

    fn refused(&mut self, refusal: Refusal) -> Vec<Action> {
        if !matches!(self.state, State::Idle | State::Creating) {
            return Vec::new();
        }
        self.state = State::Gone;
        vec![
            Action::AckLaunch(LaunchOutcome::Rejected {
                reason: refusal.reason,
                message: refusal.message,
            }),
            Action::Forget,
        ]
    }

    fn created(&mut self, created: Created, now: Instant) -> Vec<Action> {
        if self.state != State::Creating {
            return Vec::new();
        }
        let outcome = match created {
            Created::New { uid } => LaunchOutcome::Created { uid },
            Created::Adopted { uid } => LaunchOutcome::Adopted { uid },
            Created::Conflict { found } => {
                self.state = State::Gone;
                return vec![
                    Action::AckLaunch(LaunchOutcome::Conflict { found }),
                    Action::Forget,
                ];
            }
        };
        let mut actions = vec![Action::AckLaunch(outcome)];
        if self.stop.is_some() {
            self.drained = true;
            actions.extend(self.finish(Outcome::stopped(self.stop_reason()), now));
            return actions;
        }
        self.state = State::Pending;
        actions.push(self.report(StatusUpdate::starting()));
        actions.push(Action::Run);
        actions
    }

    fn create_failed(&mut self, reason: String, now: Instant) -> Vec<Action> {
        if self.state != State::Creating {
            return Vec::new();
        }
        if self.stop.is_some() {
            return self.end_without_object();
        }
        self.state = State::Waiting { until: now + RETRY };
        vec![self.report(StatusUpdate::warning("EngineUnavailable", reason))]
    }

    fn observed(&mut self, observation: Observation, now: Instant) -> Vec<Action> {
        let is_watched = matches!(
            self.state,
            State::Pending | State::Running | State::Finishing { .. }
        );
        if !is_watched {
            return Vec::new();
        }
        match observation {
            Observation::Waiting { .. } if self.stop.is_some() => Vec::new(),
            Observation::Waiting { reason, message } => {
                vec![self.report(StatusUpdate::warning(&reason, message))]
            }
            Observation::Starting if self.stop.is_some() || self.state != State::Pending => {
                Vec::new()
            }
            Observation::Starting => vec![self.report(StatusUpdate::starting())],
            Observation::Running if self.state != State::Pending => Vec::new(),
            Observation::Running => {
                self.state = State::Running;
                if self.stop.is_some() {
                    return Vec::new();
                }
                vec![self.report(StatusUpdate::running())]
            }
            Observation::Finishing(ending) if self.stop.is_none() => {
                self.state = State::Finishing {
                    ending: Box::new(ending),
                };
                Vec::new()
            }
            Observation::Finishing(ending) | Observation::Ended(ending) => self.ended(ending, now),
            Observation::Vanished => self.vanished(now),
        }
    }

    fn vanished(&mut self, now: Instant) -> Vec<Action> {
        // Main's end was seen; only what still worked for it is gone.
        if let State::Finishing { ending } = &self.state {
            let ending = (**ending).clone();
            return self.ended(ending, now);
        }
        let outcome = match &self.stop {
            Some(reason) => Outcome::stopped(reason.clone()),
            None => Outcome::vanished(),
        };
        self.finish(outcome, now)
    }

    fn ended(&mut self, ending: Ending, now: Instant) -> Vec<Action> {
        if ending.succeeded() {
            return self.main_succeeded(ending, now);
        }
        let outcome = match &self.stop {
            Some(reason) => Outcome::stopped(reason.clone()),
            None => Outcome::failed(ending),
        };
        self.finish(outcome, now)
    }

    fn main_succeeded(&mut self, ending: Ending, now: Instant) -> Vec<Action> {
        match &self.facts.image {
            None => self.finish(Outcome::succeeded(), now),
            Some(image) if !self.facts.pushes => {
                let outcome = Outcome::not_pushed(image, &ending);
                self.finish(outcome, now)
            }
            Some(image) if self.stop.is_some() => {
                let (image, unasked) = (image.clone(), report::unasked());
                let strict = self.facts.require_confirmation;
                self.finish(Outcome::built(image, unasked, &ending, strict), now)
            }
            Some(_) => {
                self.state = State::Confirming {
                    ending: Box::new(ending),
                };
                vec![Action::Confirm]
            }
        }
    }

    fn confirmed(&mut self, confirmation: Confirmation, now: Instant) -> Vec<Action> {
        let State::Confirming { ending } = &self.state else {
            return Vec::new();
        };
        let image = self.facts.image.clone().unwrap_or_default();
        let outcome = Outcome::built(image, confirmation, ending, self.facts.require_confirmation);
        self.finish(outcome, now)
    }

    fn stop(&mut self, reason: String, now: Instant) -> Vec<Action> {
        let first = self.stop.is_none();
        if first {
            self.stop = Some(reason);
        }
        match &self.state {
            State::Idle | State::Waiting { .. } => self.end_without_object(),
            State::Pending | State::Running if first => vec![Action::Stop],
            // What still works for it may take minutes, and cannot be told to be quick.
            State::Finishing { ending } if first => {
                let ending = (**ending).clone();
                self.ended(ending, now)
            }
            State::Confirming { .. } if first => self.confirmed(report::unasked(), now),
            State::Draining { outcome, until } => {
                let until = (*until).min(now + DRAIN_STOPPED);
                self.state = State::Draining {
                    outcome: outcome.clone(),
                    until,
                };
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn report_again(&mut self) -> Vec<Action> {
        if matches!(self.state, State::Removing | State::Gone) {
            return Vec::new();
        }
        self.last
            .clone()
            .map(|last| Action::Report(Box::new(last)))
            .into_iter()
            .collect()
    }

    fn acknowledged(&mut self) -> Vec<Action> {
        if self.state != State::Reported {
            return Vec::new();
        }
        if self.drained {
            self.state = State::Removing;
            return vec![Action::Remove];
        }
        self.state = State::Acknowledged;
        Vec::new()
    }

    fn logs_drained(&mut self) -> Vec<Action> {
        self.drained = true;
        match &self.state {
            State::Draining { outcome, .. } => {
                let update = outcome.clone().into();
                self.state = State::Reported;
                vec![self.report(update)]
            }
            State::Acknowledged => {
                self.state = State::Removing;
                vec![Action::Remove]
            }
            _ => Vec::new(),
        }
    }

    fn delete(&mut self) -> Vec<Action> {
        match self.state {
            State::Removing | State::Gone => Vec::new(),
            State::Creating => {
                self.stop.get_or_insert_default();
                Vec::new()
            }
            _ => {
                self.state = State::Removing;
                vec![Action::Remove]
            }
        }
    }

    fn removed(&mut self) -> Vec<Action> {
        if self.state != State::Removing {
            return Vec::new();
        }
        self.state = State::Gone;
        vec![Action::Forget]
    }

    fn tick(&mut self, now: Instant) -> Vec<Action> {
        match &self.state {
            State::Waiting { until } if *until <= now => {
                self.state = State::Creating;
                vec![Action::Create]
            }
            State::Draining { outcome, until } if *until <= now => {
                let update = outcome.clone().into();
                self.state = State::Reported;
                vec![self.report(update)]
            }
            _ => Vec::new(),
        }
    }

    /// The outcome is known: report it once the log's end is durable.
    fn finish(&mut self, outcome: Outcome, now: Instant) -> Vec<Action> {
        if self.drained {
            self.state = State::Reported;
            return vec![self.report(outcome.into())];
        }
        let wait = if self.stop.is_some() {
            DRAIN_STOPPED
        } else {
            DRAIN
        };
        self.state = State::Draining {
            outcome,
            until: now + wait,
        };
        Vec::new()
    }

    /// A stop came before there was an object: there is no log and nothing to remove.
    fn end_without_object(&mut self) -> Vec<Action> {
        self.drained = true;
        self.state = State::Reported;
        let reason = self.stop_reason();
        vec![self.report(Outcome::stopped(reason).into())]
    }

    fn stop_reason(&self) -> String {
        self.stop.clone().unwrap_or_default()
    }

    fn report(&mut self, mut update: StatusUpdate) -> Action {
        update.isolation = self.isolation;
        self.last = Some(update.clone());
        Action::Report(Box::new(update))
    }
}
