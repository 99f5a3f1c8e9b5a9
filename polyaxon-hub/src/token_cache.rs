//! Tokens seen lately, and when they were used.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::access::TokenRecord;
use crate::domain::time::Millis;
use crate::topics::{Subscription, Topics};

/// How long another process's revocation may go unnoticed; our own is immediate.
const CACHE_TIME: Duration = Duration::from_secs(10);
/// Entries of the cache before it is emptied; a hub has far fewer live tokens.
const CACHE_ENTRIES: usize = 4096;
/// The one topic of revocations.
const REVOCATIONS: &str = "";

/// Remembers tokens for a short while, so that a call does not cost a query.
#[derive(Debug, Default)]
pub struct TokenCache {
    entries: Mutex<HashMap<String, Entry>>,
    uses: Mutex<HashMap<String, Millis>>,
    revocations: Topics,
}

#[derive(Debug, Clone)]
struct Entry {
    record: TokenRecord,
    until: Millis,
}

impl TokenCache {
    /// Forgets everything, after a token was revoked.
    pub fn clear(&self) {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.revocations.wake(REVOCATIONS);
    }

    /// Wakes when a token was revoked: whoever serves a call that lasts looks again.
    pub fn revocations(&self) -> Subscription {
        self.revocations.subscribe(REVOCATIONS)
    }

    /// Takes the uses since the last call: token id and time.
    pub fn take_uses(&self) -> Vec<(String, Millis)> {
        self.uses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain()
            .collect()
    }

    /// The record under this hash, while it is fresh.
    pub(crate) fn get(&self, hash: &str, now: Millis) -> Option<TokenRecord> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries
            .get(hash)
            .filter(|entry| entry.until > now)
            .map(|entry| entry.record.clone())
    }

    /// Remembers a record.
    pub(crate) fn put(&self, record: TokenRecord, now: Millis) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= CACHE_ENTRIES {
            entries.clear();
        }
        entries.insert(
            record.hash.clone(),
            Entry {
                record,
                until: now.plus(CACHE_TIME),
            },
        );
    }

    /// Notes that a token was used.
    pub(crate) fn used(&self, id: &str, now: Millis) {
        self.uses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.to_owned(), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Scope;

    #[test]
    fn a_record_is_forgotten_in_time_and_uses_are_taken_once() {
        let record = TokenRecord {
            id: "1".into(),
            name: "ci".into(),
            scope: Scope::User,
            hash: "h".into(),
            created_at: Millis(0),
            expires_at: None,
            last_used_at: None,
            revoked_at: None,
        };
        let cache = TokenCache::default();
        let now = Millis(1000);
        cache.put(record.clone(), now);
        assert_eq!(cache.get("h", now), Some(record.clone()));
        assert_eq!(cache.get("other", now), None);
        assert_eq!(cache.get("h", now.plus(CACHE_TIME)), None);
        cache.clear();
        assert_eq!(cache.get("h", now), None);
        cache.used("1", now);
        assert_eq!(cache.take_uses(), [("1".to_owned(), now)]);
        assert!(cache.take_uses().is_empty());
    }
}
