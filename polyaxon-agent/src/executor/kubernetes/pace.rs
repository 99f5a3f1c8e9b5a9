//! How fast the API server is asked: a bucket of requests that fills slower after each refusal
//! and faster again with each success.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::Error;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::failure::code;

/// Requests per second at the start.
const START: f64 = 20.0;
/// The most and the least of them.
const MOST: f64 = 400.0;
const LEAST: f64 = 1.0;
/// What a success adds, in requests per second.
const STEP: f64 = 0.5;
/// Seconds of the present rate that may be asked at once.
const BURST_SECONDS: f64 = 2.0;
/// Requests that are on their way at a time: each has a connection of its own.
const AT_ONCE: usize = 32;
/// Requests that may wait for their turn at a time: a launch that waits has its whole plan with it.
const WAITING: f64 = 100.0;
/// Tries of one request that the server has no time for.
const TRIES: u32 = 4;

#[derive(Debug)]
struct Bucket {
    rate: f64,
    tokens: f64,
    filled: Instant,
    /// Nothing is asked before, because the server said so.
    closed_until: Instant,
}

/// The pace of all requests of one agent but those of watches and logs.
#[derive(Debug)]
pub(super) struct Pace {
    bucket: Mutex<Bucket>,
    /// Held by the one whose turn is next; the others wait behind it in their order.
    next: tokio::sync::Mutex<()>,
    /// Requests that are on their way.
    running: Semaphore,
}

impl Default for Pace {
    fn default() -> Self {
        let now = Instant::now();
        let bucket = Bucket {
            rate: START,
            tokens: START * BURST_SECONDS,
            filled: now,
            closed_until: now,
        };
        Self {
            bucket: Mutex::new(bucket),
            next: tokio::sync::Mutex::default(),
            running: Semaphore::new(AT_ONCE),
        }
    }
}

impl Bucket {
    /// Takes a request out, or says how long to wait for one.
    fn take(&mut self, now: Instant) -> Option<Duration> {
        if now < self.closed_until {
            return Some(self.closed_until - now);
        }
        let gained = now.duration_since(self.filled).as_secs_f64() * self.rate;
        self.filled = now;
        self.tokens = (self.tokens + gained).min((self.rate * BURST_SECONDS).max(1.0));
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return None;
        }
        Some(Duration::from_secs_f64((1.0 - self.tokens) / self.rate))
    }

    fn succeeded(&mut self) {
        self.rate = (self.rate + STEP).min(MOST);
    }

    fn refused(&mut self, now: Instant, wait: Duration) {
        // Many requests may be refused for the same reason: that is one reason to slow down.
        if now >= self.closed_until {
            self.rate = (self.rate / 2.0).max(LEAST);
            self.tokens = 0.0;
        }
        self.closed_until = self.closed_until.max(now + wait);
    }
}

impl Pace {
    fn lock(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests that may be asked at once, at the present rate; never none, and never very many.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the rate has bounds"
    )]
    pub(super) fn at_once(&self) -> u32 {
        (self.lock().rate * BURST_SECONDS).clamp(1.0, WAITING) as u32
    }

    /// Returns when a request may be sent, to those who ask in their order.
    async fn turn(&self) {
        let _next = self.next.lock().await;
        loop {
            let wait = self.lock().take(Instant::now());
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return,
            }
        }
    }

    /// Sends a request when it is its turn; again, later, when the server has no time for it.
    pub(super) async fn call<T, F>(&self, request: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut tries = 0;
        loop {
            self.turn().await;
            tries += 1;
            let answer = {
                // It is never closed.
                let _running = self.running.acquire().await;
                request().await
            };
            match &answer {
                Err(error) if code(error) == Some(429) => {
                    self.lock().refused(Instant::now(), retry_after(error));
                    if tries < TRIES {
                        continue;
                    }
                }
                Ok(_) => self.lock().succeeded(),
                Err(_) => {}
            }
            return answer;
        }
    }
}

fn retry_after(error: &Error) -> Duration {
    let seconds = match error {
        Error::Api(status) => status
            .details
            .as_ref()
            .map_or(0, |details| details.retry_after_seconds),
        _ => 0,
    };
    Duration::from_secs(u64::from(seconds).clamp(1, 30))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use k8s_openapi::api::batch::v1::Job;
    use kube::Api;
    use serde_json::json;

    use super::super::fake_api;
    use super::*;

    fn bucket(now: Instant) -> Bucket {
        Bucket {
            rate: 10.0,
            tokens: 2.0,
            filled: now,
            closed_until: now,
        }
    }

    #[test]
    fn requests_wait_for_their_turn() {
        let now = Instant::now();
        let mut bucket = bucket(now);
        assert_eq!((bucket.take(now), bucket.take(now)), (None, None));
        assert_eq!(bucket.take(now), Some(Duration::from_millis(100)));
        assert_eq!(bucket.take(now + Duration::from_millis(100)), None);
        let later = now + Duration::from_hours(1);
        let at_once = (0..1000)
            .take_while(|_| bucket.take(later).is_none())
            .count();
        assert_eq!(at_once, 20, "two seconds of the rate");
    }

    /// Calls a server that has no time for the first requests; answers how often and how long it was asked, whether it
    /// did it in the end, and the pace afterwards.
    async fn called(refusals: u32) -> (u32, Duration, bool, f64) {
        let asked = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&asked);
        let client = fake_api::client(move |_| {
            let number = counter.fetch_add(1, Ordering::Relaxed);
            async move {
                if number < refusals {
                    (429, fake_api::failure(429, "TooManyRequests", Some(7)))
                } else {
                    (200, json!({"metadata": {"name": "a"}}))
                }
            }
        });
        let jobs: Api<Job> = Api::namespaced(client, "default");
        let (pace, began) = (Pace::default(), Instant::now());
        let found = pace.call(|| jobs.get("a")).await;
        let rate = pace.lock().rate;
        (
            asked.load(Ordering::Relaxed),
            began.elapsed(),
            found.is_ok(),
            rate,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_without_time_is_asked_later_and_more_slowly() {
        let (asked, took, done, rate) = called(0).await;
        assert_eq!((asked, done), (1, true));
        assert!(
            took < Duration::from_secs(1) && rate > START,
            "{took:?} {rate}"
        );
        let (asked, took, done, rate) = called(2).await;
        assert_eq!((asked, done), (3, true));
        assert!(
            took >= Duration::from_secs(14),
            "as long as it said: {took:?}"
        );
        assert!((rate - (START / 4.0 + STEP)).abs() < f64::EPSILON, "{rate}");
        let (asked, _, done, _) = called(u32::MAX).await;
        assert_eq!(
            (asked, done),
            (TRIES, false),
            "then whoever wanted it hears of it"
        );
    }

    #[test]
    fn a_slow_server_is_asked_for_less_at_once() {
        let pace = Pace::default();
        assert_eq!(pace.at_once(), 40);
        for _ in 0..1000 {
            pace.lock().succeeded();
        }
        assert_eq!(pace.at_once(), 100, "however fast it is");
        let mut now = Instant::now();
        for _ in 0..20 {
            now += Duration::from_mins(1);
            pace.lock().refused(now, Duration::from_secs(1));
        }
        assert_eq!(pace.at_once(), 2);
    }

    #[test]
    fn a_refusal_halves_the_rate_once_and_successes_bring_it_back() {
        let now = Instant::now();
        let mut bucket = bucket(now);
        bucket.refused(now, Duration::from_secs(1));
        bucket.refused(now, Duration::from_secs(2));
        assert!((bucket.rate - 5.0).abs() < f64::EPSILON);
        assert_eq!(bucket.take(now), Some(Duration::from_secs(2)));
        for _ in 0..10 {
            bucket.succeeded();
        }
        assert!((bucket.rate - 10.0).abs() < f64::EPSILON);
        for _ in 0..100_000 {
            bucket.succeeded();
        }
        assert!(bucket.rate <= MOST);
    }
}
