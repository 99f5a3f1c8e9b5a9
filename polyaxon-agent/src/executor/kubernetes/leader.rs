//! One of several agents of a name leads, and holds a Lease to say so. It saves work; that two
//! leaders do no harm is what fences and names are for.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Api;
use kube::api::PostParams;
use tokio::time::Instant;

use super::failure::{code, existing, unavailable};
use super::{ExecutorError, KubernetesExecutor};

/// How long a Lease is good that nobody renews, in seconds.
const DURATION: i32 = 15;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(3);

/// How long renewing may fail before the leader stops to be one.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an agent does about the Lease that it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    /// Write it with our name.
    Take,
    /// Somebody else holds it.
    Wait,
}

/// Whose the Lease is after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Us,
    SomebodyElse,
    /// It was written between our reading and our writing; the next look says by whom.
    Unclear,
}

/// The Lease as it was seen last, by our own clock: those of two machines may differ.
#[derive(Debug, Default)]
struct Seen {
    renewed: Option<(String, Timestamp)>,
    since: Option<Instant>,
}

impl Seen {
    fn decide(&mut self, lease: &LeaseSpec, me: &str, now: Instant) -> Move {
        let holder = lease.holder_identity.as_deref().unwrap_or_default();
        if holder.is_empty() || holder == me {
            return Move::Take;
        }
        let renewed = lease
            .renew_time
            .as_ref()
            .map(|at| (holder.to_owned(), at.0));
        if self.renewed != renewed || self.since.is_none() {
            self.renewed = renewed;
            self.since = Some(now);
        }
        let good = lease.lease_duration_seconds.unwrap_or(DURATION);
        let good = Duration::from_secs(u64::try_from(good).unwrap_or_default());
        match self.since {
            Some(since) if now.duration_since(since) < good => Move::Wait,
            _ => Move::Take,
        }
    }
}

impl KubernetesExecutor {
    fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.client.clone(), &self.options.namespace)
    }

    /// Returns when the agent called `me` leads.
    pub async fn lead(&self, me: &str) -> Result<(), ExecutorError> {
        let mut seen = Seen::default();
        let mut told = false;
        loop {
            let looked = self.take_lease(me, &mut seen).await?;
            if looked == Holder::Us {
                break;
            }
            if looked == Holder::SomebodyElse && !told {
                let holder = seen.renewed.as_ref().map(|(holder, _)| holder.as_str());
                tracing::info!(
                    lease = self.options.agent,
                    holder,
                    "another agent leads, waiting"
                );
                told = true;
            }
            tokio::time::sleep(LOOK).await;
        }
        tracing::info!(lease = self.options.agent, "this agent leads");
        Ok(())
    }

    /// Renews the Lease; returns when it is lost.
    pub async fn lose(&self, me: &str) {
        let mut renewed = Instant::now();
        let mut seen = Seen::default();
        loop {
            tokio::time::sleep(LOOK).await;
            match self.take_lease(me, &mut seen).await {
                Ok(Holder::Us) => renewed = Instant::now(),
                Ok(Holder::SomebodyElse) => return,
                Ok(Holder::Unclear) => tracing::debug!("the lease was written by somebody else"),
                Err(error) => tracing::warn!(%error, "the lease is not renewed"),
            }
            if renewed.elapsed() > PATIENCE {
                return;
            }
        }
    }

    /// Hands the Lease back, so that the next one need not wait.
    pub async fn release(&self, me: &str) {
        let leases = self.leases();
        let held = async {
            let mut lease = leases.get(&self.options.agent).await?;
            let spec = lease.spec.get_or_insert_default();
            if spec.holder_identity.as_deref() == Some(me) {
                spec.holder_identity = Some(String::new());
                spec.lease_duration_seconds = Some(1);
                leases
                    .replace(&self.options.agent, &PostParams::default(), &lease)
                    .await?;
            }
            Ok::<_, kube::Error>(())
        };
        if let Err(error) = held.await {
            tracing::debug!(%error, "the lease was not handed back");
        }
    }

    /// Takes or renews the Lease if it is ours to take.
    async fn take_lease(&self, me: &str, seen: &mut Seen) -> Result<Holder, ExecutorError> {
        let leases = self.leases();
        let name = &self.options.agent;
        let action = || format!("holding the Lease `{}/{name}`", self.options.namespace);
        let found = existing(leases.get(name).await).map_err(unavailable(action()))?;
        let parameters = PostParams::default();
        let written = match found {
            None => {
                let lease = Lease {
                    metadata: ObjectMeta {
                        name: Some(name.clone()),
                        ..ObjectMeta::default()
                    },
                    spec: Some(taken(LeaseSpec::default(), me)),
                };
                leases.create(&parameters, &lease).await
            }
            Some(mut lease) => {
                let spec = lease.spec.take().unwrap_or_default();
                if seen.decide(&spec, me, Instant::now()) == Move::Wait {
                    return Ok(Holder::SomebodyElse);
                }
                lease.spec = Some(taken(spec, me));
                leases.replace(name, &parameters, &lease).await
            }
        };
        match written {
            Ok(_) => Ok(Holder::Us),
            Err(error) if code(&error) == Some(409) => Ok(Holder::Unclear),
            Err(error) => Err(unavailable(action())(error)),
        }
    }
}

fn taken(mut spec: LeaseSpec, me: &str) -> LeaseSpec {
    let now = MicroTime(Timestamp::now());
    if spec.holder_identity.as_deref() != Some(me) {
        spec.lease_transitions = Some(spec.lease_transitions.map_or(0, |count| count + 1));
        spec.acquire_time = Some(now.clone());
    }
    spec.holder_identity = Some(me.to_owned());
    spec.lease_duration_seconds = Some(DURATION);
    spec.renew_time = Some(now);
    spec
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::super::fake_api;
    use super::*;

    /// An executor that finds its own Lease, whose writes are answered with these statuses; after them somebody else
    /// holds it.
    fn answered(writes: &[u16]) -> KubernetesExecutor {
        let writes = std::sync::Arc::new(std::sync::Mutex::new(writes.to_vec()));
        let client = fake_api::client(move |request| {
            let mut writes = writes.lock().expect("no panic");
            let holder = if writes.is_empty() { "other" } else { "me" };
            let code = if request.method() == Method::GET {
                200
            } else {
                writes.remove(0)
            };
            let lease = json!({"metadata": {"name": "me"}, "spec": {"holderIdentity": holder}});
            async move {
                match code {
                    200 => (code, lease),
                    _ => (code, fake_api::failure(code, "Conflict", None)),
                }
            }
        });
        fake_api::executor(client)
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_was_written_meanwhile_is_lost_only_if_somebody_else_holds_it() {
        for (writes, seconds) in [
            // Somebody annotated it.
            (&[200, 409, 200, 409, 200][..], 18),
            (&[500, 500, 200], 12),
            // For longer than the next one waits for.
            (&[200, 409, 409, 500, 409, 200, 200], 15),
            (&[], 3),
        ] {
            let start = Instant::now();
            answered(writes).lose("me").await;
            assert_eq!(start.elapsed().as_secs(), seconds, "{writes:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_was_written_meanwhile_is_looked_at_again() {
        let start = Instant::now();
        let led = answered(&[409, 200]).lead("me").await;
        assert!(led.is_ok());
        assert_eq!(start.elapsed(), LOOK);
    }

    fn lease(holder: &str, renewed: i64) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(15),
            renew_time: Timestamp::from_second(renewed).ok().map(MicroTime),
            ..LeaseSpec::default()
        }
    }

    #[test]
    fn a_lease_is_taken_once_nobody_renews_it() {
        let (mut seen, start) = (Seen::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        // Its clock may be a day ahead or behind: only its changes count.
        assert_eq!(seen.decide(&lease("other", 1), "me", at(0)), Move::Wait);
        assert_eq!(seen.decide(&lease("other", 1), "me", at(14)), Move::Wait);
        assert_eq!(seen.decide(&lease("other", 2), "me", at(14)), Move::Wait);
        assert_eq!(seen.decide(&lease("other", 2), "me", at(28)), Move::Wait);
        assert_eq!(seen.decide(&lease("other", 2), "me", at(29)), Move::Take);
        assert_eq!(seen.decide(&lease("third", 2), "me", at(30)), Move::Wait);
    }

    #[test]
    fn an_own_or_free_lease_is_taken_at_once() {
        for holder in ["", "me"] {
            let mut seen = Seen::default();
            let decided = seen.decide(&lease(holder, 1), "me", Instant::now());
            assert_eq!(decided, Move::Take, "{holder}");
        }
        let spec = taken(lease("other", 1), "me");
        assert_eq!(spec.lease_transitions, Some(0));
        let again = taken(spec.clone(), "me");
        assert_eq!(
            (again.lease_transitions, again.acquire_time),
            (Some(0), spec.acquire_time)
        );
    }
}
