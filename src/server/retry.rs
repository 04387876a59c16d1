//! Retries inside one call, on `backon`. Retries whose schedule must survive a restart are in
//! [`super::backoff`].

use std::{iter::repeat_n, time::Duration};

use backon::Retryable as _;

use super::store::StoreError;

/// How often a step is tried that lost a race inside the database.
const CONFLICT_ATTEMPTS: usize = 3;

/// Runs one step of a store, and repeats it at once while the store reports a lost race: at most
/// three attempts. `step` must be safe to repeat, as every step of a store is.
///
/// # Errors
///
/// Returns the first error that is not [`StoreError::Conflict`], or the conflict of the last
/// attempt.
pub(crate) async fn on_conflict<T, F>(step: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    step.retry(repeat_n(Duration::ZERO, CONFLICT_ATTEMPTS - 1))
        .sleep(|_| std::future::ready(()))
        .when(|error| matches!(error, StoreError::Conflict(_)))
        .await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    async fn attempts(failures: u32, error: fn(String) -> StoreError) -> (bool, u32) {
        let calls = AtomicU32::new(0);
        let result = on_conflict(|| async {
            if calls.fetch_add(1, Ordering::SeqCst) < failures { Err(error(String::new())) } else { Ok(()) }
        });
        (result.await.is_ok(), calls.into_inner())
    }

    #[tokio::test]
    async fn a_conflict_is_retried_at_most_twice_and_another_error_never() {
        assert_eq!(attempts(0, StoreError::Conflict).await, (true, 1));
        assert_eq!(attempts(2, StoreError::Conflict).await, (true, 3));
        assert_eq!(attempts(3, StoreError::Conflict).await, (false, 3));
        assert_eq!(attempts(1, StoreError::Busy).await, (false, 1));
    }
}
