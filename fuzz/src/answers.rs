//! What providers answer: a byte that chooses the status, then the body. No text of a customer's passes into an error.

use axum::http::StatusCode;
use rolitt::{
    domain::checkout::CheckoutError,
    server::{
        marketing::klaviyo::codes,
        payments::{
            PaymentError,
            stripe::{decode::raw_page, error::classify},
        },
    },
};

const STATUSES: [u16; 12] = [400, 401, 402, 403, 404, 409, 424, 429, 500, 503, 599, 418];

pub fn answers(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let status = StatusCode::from_u16(STATUSES[usize::from(*first) % STATUSES.len()]).unwrap();
    let refusal = classify(status, None, body);
    let told = format!("{} {} {}", refusal.error, refusal.code, refusal.param);
    let own = |c: char| c.is_ascii_alphanumeric() || " _-.[]?:;,()'".contains(c);
    assert!(told.chars().all(own) && told.len() <= 1_000, "a provider's names only: {told}");
    let soon = matches!(refusal.error.for_customer(), CheckoutError::Network);
    assert_eq!(refusal.error.retryable(), soon, "a customer is told to try again where that helps");

    let named = codes(body);
    assert!(super::is_clean(&named, 200));

    match raw_page(body) {
        Ok(page) => {
            for object in &page.objects {
                assert!(serde_json::from_slice::<&serde_json::value::RawValue>(object).is_ok(), "an object is JSON");
            }
            assert!(page.next.is_none() || !page.objects.is_empty(), "another page follows an object");
        }
        Err(error) => assert!(matches!(error, PaymentError::Unreadable(_))),
    }
}
