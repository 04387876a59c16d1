//! How many connections this process can hold: a matter of file descriptors.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More connections than this are not served at a time, whatever the machine allows.
const MAX_CONNECTIONS: usize = 4096;

/// Raises the process's soft limit of descriptors to its hard one: the soft one is low for programs that use `select`, and
/// this is none (<https://0pointer.net/blog/file-descriptor-limits.html>). Returns what it is now; `None` is no limit.
pub fn raise_descriptor_limit() -> Option<u64> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // A refusal leaves the limit as it was, and the number of connections follows from that.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current
}

/// How many connections may be open at a time, by the limit of now.
pub fn max_connections() -> usize {
    connections_for(getrlimit(Resource::Nofile).current)
}

/// Half of the descriptors: a request may need another one, to the database or to the provider, and there are files besides.
/// So accepting never runs out of them.
fn connections_for(limit: Option<u64>) -> usize {
    limit.map_or(MAX_CONNECTIONS, |limit| {
        usize::try_from(limit / 2).unwrap_or(MAX_CONNECTIONS).clamp(1, MAX_CONNECTIONS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_what_they_ask_for() {
        assert_eq!(connections_for(None), MAX_CONNECTIONS);
        assert_eq!(connections_for(Some(1_048_576)), MAX_CONNECTIONS);
        assert_eq!(connections_for(Some(1024)), 512);
        assert_eq!(connections_for(Some(1)), 1);
    }

    #[test]
    fn the_limit_is_raised_as_far_as_it_goes() {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        assert_eq!(raise_descriptor_limit(), maximum);
    }
}
