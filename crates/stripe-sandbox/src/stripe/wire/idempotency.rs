//! `Idempotency-Key` as in Stripe's v1 API: the first response to a key is replayed, whatever it
//! was.
//!
//! The middleware decides which responses are stored; this module stores them.

use std::collections::HashMap;

use axum::body::Bytes;
use sha2::{Digest, Sha256};

use super::form::Params;

/// A hash of a request's content: two requests with the same key must have the same one.
pub(crate) type Fingerprint = [u8; 32];

/// A stored response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    /// The id of the request that first got this response.
    pub(crate) request_id: String,
}

/// What a key means for the request that sends it.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Claim {
    /// The key is new: the request may do its work, and [`Keys::finish`] must follow.
    New,
    Replay(Answer),
    /// The key was used with other parameters.
    Reused,
    /// Another request with this key is still in progress.
    InUse,
}

#[derive(Default)]
pub(crate) struct Keys {
    known: HashMap<String, Known>,
    pruned: i64,
}

struct Known {
    fingerprint: Fingerprint,
    at: i64,
    /// `None` while the work is in progress.
    answer: Option<Answer>,
}

/// Stripe may remove a key after this many seconds, and the sandbox does.
const KEPT: i64 = 24 * 60 * 60;

impl Keys {
    pub(crate) fn claim(&mut self, key: &str, fingerprint: Fingerprint, now: i64) -> Claim {
        match self.known.get(key) {
            Some(known) if known.fingerprint != fingerprint => Claim::Reused,
            Some(Known { answer: Some(answer), .. }) => Claim::Replay(answer.clone()),
            Some(_) => Claim::InUse,
            None => {
                self.known.insert(key.to_owned(), Known { fingerprint, at: now, answer: None });
                Claim::New
            }
        }
    }

    /// Ends a claim: with a response to store, or with none, so that the key becomes free again.
    pub(crate) fn finish(&mut self, key: &str, answer: Option<Answer>) {
        match answer {
            None => {
                self.known.remove(key);
            }
            Some(answer) => {
                if let Some(known) = self.known.get_mut(key) {
                    known.answer = Some(answer);
                }
            }
        }
    }

    /// Removes keys that are older than a day; runs at most once a minute.
    pub(crate) fn prune(&mut self, now: i64) {
        if now - self.pruned < 60 {
            return;
        }
        self.pruned = now;
        self.known.retain(|_, known| known.answer.is_none() || now - known.at < KEPT);
    }
}

/// Returns the fingerprint of a request.
pub(crate) fn fingerprint(method: &str, path: &str, params: &Params) -> Fingerprint {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    add(method);
    add(path);
    for (name, value) in params.flattened() {
        add(&name);
        add(&value);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(text: &str) -> Fingerprint {
        fingerprint("POST", "/v1/prices", &Params::parse(text.as_bytes()).unwrap())
    }

    fn answer(status: u16) -> Answer {
        Answer { status, body: Bytes::from_static(b"{}"), request_id: "req_1".to_owned() }
    }

    #[test]
    fn the_first_answer_is_given_again_even_a_failure() {
        for status in [200, 402, 500] {
            let mut keys = Keys::default();
            assert_eq!(keys.claim("k", print("a=1"), 0), Claim::New);
            keys.finish("k", Some(answer(status)));
            assert_eq!(keys.claim("k", print("a=1"), 1), Claim::Replay(answer(status)));
        }
    }

    #[test]
    fn a_key_belongs_to_what_it_first_said() {
        let mut keys = Keys::default();
        keys.claim("k", print("a=1&b=2"), 0);
        keys.finish("k", Some(answer(200)));
        assert_eq!(keys.claim("k", print("a=1&b=3"), 0), Claim::Reused);
        assert_eq!(keys.claim("k", print("b=2&a=1"), 0), Claim::Replay(answer(200)));
        let elsewhere = fingerprint("POST", "/v1/products", &Params::parse(b"a=1&b=2").unwrap());
        assert_eq!(keys.claim("k", elsewhere, 0), Claim::Reused);
    }

    #[test]
    fn a_key_is_taken_while_its_work_goes_on_and_free_when_nothing_came_of_it() {
        let mut keys = Keys::default();
        assert_eq!(keys.claim("k", print("a=1"), 0), Claim::New);
        assert_eq!(keys.claim("k", print("a=1"), 0), Claim::InUse);
        keys.finish("k", None);
        assert_eq!(keys.claim("k", print("a=2"), 0), Claim::New);
    }

    #[test]
    fn keys_are_forgotten_after_a_day_but_not_before_and_not_at_work() {
        let mut keys = Keys::default();
        keys.claim("done", print("a=1"), 0);
        keys.finish("done", Some(answer(200)));
        keys.claim("working", print("a=1"), 0);
        keys.prune(KEPT - 1);
        assert_eq!(keys.claim("done", print("a=1"), 0), Claim::Replay(answer(200)));
        keys.prune(KEPT + 60);
        assert_eq!(keys.claim("done", print("a=1"), 0), Claim::New);
        assert_eq!(keys.claim("working", print("a=1"), 0), Claim::InUse);
    }
}
