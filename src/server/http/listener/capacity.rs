//! How many connections this process can hold: a matter of file descriptors.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The most connections that are served at a time, whatever the machine allows.
const MAX_CONNECTIONS: usize = 4096;

/// Raises the process's soft limit of file descriptors to its hard limit. The soft limit is low for
/// programs that use `select`, and this program does not
/// (<https://0pointer.net/blog/file-descriptor-limits.html>). Returns the new limit; `None` means
/// that there is none.
pub fn raise_descriptor_limit() -> Option<u64> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // If the system refuses, the limit stays, and the number of connections follows from it.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current
}

/// Returns how many connections may be open at a time under the current descriptor limit.
pub fn max_connections() -> usize {
    connections_for(getrlimit(Resource::Nofile).current)
}

/// Returns half of the descriptors, so that `accept` never runs out of them: each request may need
/// another descriptor for the database or the provider, and there are files in addition.
fn connections_for(limit: Option<u64>) -> usize {
    limit.map_or(MAX_CONNECTIONS, |limit| {
        usize::try_from(limit / 2).unwrap_or(MAX_CONNECTIONS).clamp(1, MAX_CONNECTIONS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_half_of_the_file_descriptors_free() {
        assert_eq!(connections_for(None), MAX_CONNECTIONS);
        assert_eq!(connections_for(Some(1_048_576)), MAX_CONNECTIONS);
        assert_eq!(connections_for(Some(1024)), 512);
        assert_eq!(connections_for(Some(1)), 1);
    }

    #[test]
    fn the_soft_descriptor_limit_is_raised_to_the_hard_limit() {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        assert_eq!(raise_descriptor_limit(), maximum);
    }
}
