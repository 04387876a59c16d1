//! The loop of every background worker: one step at a time, and a pause when nothing is due. The
//! use case supplies the step.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt as _;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::store::StoreError;

/// The result of one step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Nothing was due.
    Idle,
    /// Something was done, so more may be due.
    Worked,
}

/// Runs `step` until `end` is cancelled. When nothing was due, or the step failed, it pauses for
/// `idle` or until `wake` is notified.
///
/// A step that panics counts as failed: the worker goes on.
pub async fn run<F>(name: &'static str, wake: &Notify, idle: Duration, end: CancellationToken, step: impl Fn() -> F)
where
    F: Future<Output = Result<Progress, StoreError>>,
{
    while !end.is_cancelled() {
        let woken = wake.notified();
        match AssertUnwindSafe(step()).catch_unwind().await {
            Ok(Ok(Progress::Worked)) => continue,
            Ok(Ok(Progress::Idle)) => {}
            Ok(Err(error)) => {
                tracing::warn!(worker = name, %error, "worker step failed; the worker retries after its pause");
            }
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
