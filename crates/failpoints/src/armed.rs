//! The rules of this process, and the actions on it. Only a build with the feature `enabled` has
//! this module.

use std::{error::Error, fmt, sync::OnceLock};

use rustix::process::{Signal, getpid, kill_process};

use super::{Action, HitCounter, MARKER, Rule};

static ARMED: OnceLock<HitCounter> = OnceLock::new();

/// The process has its rules already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AlreadyArmed;

impl fmt::Display for AlreadyArmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failpoints are armed already")
    }
}

impl Error for AlreadyArmed {}

/// Arms the process with `rules`. A program calls it once, before it serves.
///
/// # Errors
/// On the second call: the hits of the first rules are counted already.
pub fn arm(rules: Vec<Rule>) -> Result<(), AlreadyArmed> {
    ARMED.set(HitCounter::new(rules)).map_err(|_| AlreadyArmed)
}

/// Counts a hit of `failpoint`, and acts if it is due. [`fail_point!`](crate::fail_point) calls it.
///
/// # Panics
/// Where a rule says so.
pub fn hit(failpoint: &str) {
    for action in ARMED.get().into_iter().flat_map(|counter| counter.hit(failpoint)) {
        eprintln!("{MARKER}{action} at {failpoint}");
        let signal = match action {
            Action::Kill => Signal::KILL,
            Action::Stop => Signal::STOP,
            Action::Panic => panic!("the failpoint {failpoint} panics"),
        };
        // A process may always send a signal to itself.
        let _ = kill_process(getpid(), signal);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn an_armed_failpoint_panics_at_its_hit_and_the_process_is_armed_once() {
        let rule = Rule { action: Action::Panic, failpoint: "tested".to_owned(), hit: 2 };
        assert_eq!(arm(vec![rule]), Ok(()));
        assert_eq!(arm(Vec::new()), Err(AlreadyArmed));
        crate::fail_point!("tested");
        assert!(catch_unwind(|| crate::fail_point!("tested")).is_err());
        crate::fail_point!("tested");
    }
}
