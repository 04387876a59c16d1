//! The checkout's form, as it comes in a request's body.

use rolitt::domain::{
    checkout::{Attempt, CheckoutError, CheckoutRequest},
    payment::ProviderId,
};

pub fn form(data: &[u8]) {
    let Ok(fields) = serde_urlencoded::from_bytes::<Vec<(String, String)>>(data) else { return };
    let request = match read(&fields) {
        Ok(request) => request,
        Err(error) => {
            assert!(error.field().is_some() && error.kind() == "invalid_input", "the customer can mend it: {error:?}");
            for (_, value) in fields.iter().filter(|(_, value)| value.len() > 40) {
                assert!(!error.message().contains(value.as_str()), "nothing that was typed comes back");
            }
            return;
        }
    };
    let backwards: Vec<_> = fields.iter().rev().cloned().collect();
    assert_eq!(read(&backwards).as_ref(), Ok(&request), "fields come in any order");
    assert!(fields.len() <= 5, "no field counts twice, and no other counts");
    assert!(request.email.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
    let again: Vec<(String, String)> = [
        ("color", Some(request.color.as_str())),
        ("email", Some(request.email.as_str())),
        ("locale", Some(request.locale.as_str())),
        ("attempt", request.attempt.as_ref().map(Attempt::as_str)),
        ("method", request.method.map(ProviderId::as_str)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
    .collect();
    let encoded = serde_urlencoded::to_string(&again).unwrap();
    let decoded: Vec<(String, String)> = serde_urlencoded::from_str(&encoded).unwrap();
    assert_eq!(read(&decoded), Ok(request), "what was read reads back");
}

fn read(fields: &[(String, String)]) -> Result<CheckoutRequest, CheckoutError> {
    CheckoutRequest::from_fields(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}
