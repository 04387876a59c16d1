//! Throttles the calls of a reconciliation to a provider: below its limits, and as its rate-limit
//! responses ask.

use std::time::Duration;

use crate::server::payments::PaymentError;

/// The pause between calls. Stripe allows 25 calls a second in test mode and 100 in live mode;
/// customers come first.
const CALL_INTERVAL: Duration = Duration::from_millis(100);

/// The longest wait. If a provider asks for more, the pass ends until the next cycle.
const MAX_WAIT: Duration = Duration::from_secs(30);

const MAX_ATTEMPTS: u32 = 4;

/// Makes one call, and retries it if the error may pass.
pub async fn throttled<T, F>(call: impl Fn() -> F) -> Result<T, PaymentError>
where
    F: Future<Output = Result<T, PaymentError>>,
{
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match call().await {
            Ok(answer) => {
                tokio::time::sleep(CALL_INTERVAL).await;
                return Ok(answer);
            }
            Err(error) => error,
        };
        let wait = match &error {
            PaymentError::RateLimited { retry_after } => retry_after.unwrap_or(Duration::from_secs(1)) * tries,
            error if error.retryable() => Duration::from_secs(1) * tries,
            _ => return Err(error),
        };
        if tries == MAX_ATTEMPTS || wait > MAX_WAIT {
            return Err(error);
        }
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_limit_is_retried_and_an_authentication_error_is_not() {
        let calls = AtomicU32::new(0);
        let limited = || async {
            let number = calls.fetch_add(1, Ordering::SeqCst);
            let error = PaymentError::RateLimited { retry_after: Some(Duration::from_secs(2)) };
            if number < 2 { Err(error) } else { Ok(number) }
        };
        let began = tokio::time::Instant::now();
        assert_eq!(throttled(limited).await, Ok(2));
        assert!(began.elapsed() >= Duration::from_secs(6));
        let refused = || async {
            calls.fetch_add(1, Ordering::SeqCst);
            Err::<(), _>(PaymentError::Authentication("401".into()))
        };
        assert!(throttled(refused).await.is_err());
        assert_eq!(calls.load(Ordering::SeqCst), 4, "one call more");
    }
}
