//! Counts hits, and decides which of them acts.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Action, Rule};

/// Rules with the number of hits that each has seen. Several threads may hit at the same time.
#[derive(Debug, Default)]
pub struct HitCounter(Vec<(Rule, AtomicU64)>);

impl HitCounter {
    /// Starts to count for `rules`.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self(rules.into_iter().map(|rule| (rule, AtomicU64::new(0))).collect())
    }

    /// Counts one hit of `failpoint` for each rule about it, and returns the actions that are due
    /// now. Each rule's action is due once.
    pub fn hit(&self, failpoint: &str) -> Vec<Action> {
        let about = self.0.iter().filter(|(rule, _)| rule.failpoint == failpoint);
        about
            .filter(|(rule, seen)| seen.fetch_add(1, Ordering::Relaxed) + 1 == rule.hit)
            .map(|(rule, _)| rule.action)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(action: Action, failpoint: &str, hit: u64) -> Rule {
        Rule { action, failpoint: failpoint.to_owned(), hit }
    }

    #[test]
    fn each_rule_of_a_failpoint_acts_at_its_own_hit_and_once() {
        let counter = HitCounter::new(vec![
            rule(Action::Stop, "locked", 2),
            rule(Action::Kill, "locked", 3),
            rule(Action::Panic, "written", 1),
        ]);
        let seen: Vec<_> = ["locked", "locked", "written", "written", "locked", "locked", "unknown"]
            .into_iter()
            .map(|name| counter.hit(name))
            .collect();
        let (none, stop, kill, panic) = (vec![], vec![Action::Stop], vec![Action::Kill], vec![Action::Panic]);
        assert_eq!(seen, [none.clone(), stop, panic, none.clone(), kill, none.clone(), none]);
    }

    #[test]
    fn no_rule_means_no_action() {
        assert_eq!(HitCounter::default().hit("locked"), []);
    }
}
