//! The loop that every worker runs: a step at a time, a rest when there is nothing to do, on and on until the end. What a
//! step does is its use case's business.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::store::StoreError;

/// What one step found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Nothing was due.
    Idle,
    Worked,
}

/// Takes steps until `end`; rests for `idle`, or until `wake`, when nothing was due. A step that panics is a step that
/// failed: the worker goes on.
pub async fn run<F>(name: &'static str, wake: &Notify, idle: Duration, end: CancellationToken, step: impl Fn() -> F)
where
    F: Future<Output = Result<Progress, StoreError>>,
{
    while !end.is_cancelled() {
        let woken = wake.notified();
        match AssertUnwindSafe(step()).catch_unwind().await {
            Ok(Ok(Progress::Worked)) => continue,
            Ok(Ok(Progress::Idle)) => {}
            Ok(Err(error)) => tracing::warn!(worker = name, %error, "a worker cannot work now"),
            Err(_) => tracing::error!(worker = name, "a worker's step panicked"),
        }
        tokio::select! {
            () = end.cancelled() => {}
            () = woken => {}
            () = tokio::time::sleep(idle) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_step_that_panics_or_fails_does_not_end_the_worker() {
        let (steps, end) = (AtomicU32::new(0), CancellationToken::new());
        run("test", &Notify::new(), Duration::from_secs(1), end.clone(), || async {
            match steps.fetch_add(1, Ordering::SeqCst) {
                0 => panic!("as steps may"),
                1 => Err(StoreError::Unavailable("as stores may be".to_owned())),
                2 => Ok(Progress::Worked),
                _ => {
                    end.cancel();
                    Ok(Progress::Idle)
                }
            }
        })
        .await;
        assert_eq!(steps.load(Ordering::SeqCst), 4);
    }
}
