//! Verifies Stripe's webhook signature: HMAC-SHA256 over the timestamp and the raw bytes. The body
//! is not decoded here.
//!
//! Source: <https://docs.stripe.com/webhooks#verify-manually>.

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use time::OffsetDateTime;

use super::super::SignatureError;

/// The largest difference between a signature's time and ours, in seconds, in both directions.
/// Stripe's libraries have the same default for the past.
const TOLERANCE_SECONDS: i64 = 300;

/// The longest header, in bytes. No rotation of secrets needs more signatures than fit.
const MAX_HEADER_BYTES: usize = 4096;

/// The active webhook secrets: two while one is being rotated.
pub struct WebhookSecrets(Vec<SecretString>);

impl WebhookSecrets {
    pub fn new(secrets: Vec<SecretString>) -> Self {
        Self(secrets)
    }

    /// Verifies a signature. Compares every `v1` of the header with every active secret in constant
    /// time. Ignores other schemes, so that an attacker cannot choose a weaker one.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: OffsetDateTime) -> Result<(), SignatureError> {
        let mut values = headers.get_all("stripe-signature").iter();
        let header = values.next().ok_or(SignatureError::Missing)?;
        if values.next().is_some() || header.len() > MAX_HEADER_BYTES {
            return Err(SignatureError::Malformed);
        }
        let header = header.to_str().map_err(|_| SignatureError::Malformed)?;
        let signature = Signature::parse(header)?;
        if now.unix_timestamp().abs_diff(signature.seconds) > TOLERANCE_SECONDS.unsigned_abs() {
            return Err(SignatureError::Stale);
        }
        let mut good = Choice::from(0);
        for secret in &self.0 {
            let expected = sign(secret.expose_secret().as_bytes(), signature.timestamp, body);
            for candidate in &signature.v1 {
                good |= expected.ct_eq(candidate);
            }
        }
        if bool::from(good) { Ok(()) } else { Err(SignatureError::Mismatch) }
    }
}

fn sign(secret: &[u8], timestamp: &str, body: &[u8]) -> [u8; 32] {
    // HMAC accepts keys of any length, so the constructor's error does not occur.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return [0; 32];
    };
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

struct Signature<'a> {
    /// The timestamp as text: the signed payload contains it literally.
    timestamp: &'a str,
    seconds: i64,
    v1: Vec<[u8; 32]>,
}

impl<'a> Signature<'a> {
    fn parse(header: &'a str) -> Result<Self, SignatureError> {
        let (mut timestamp, mut v1) = (None, Vec::new());
        for element in header.split(',') {
            let (scheme, value) = element.trim().split_once('=').ok_or(SignatureError::Malformed)?;
            match scheme {
                "t" if timestamp.is_none() => timestamp = Some(value),
                "t" => return Err(SignatureError::Malformed),
                "v1" => {
                    let mut bytes = [0; 32];
                    // A malformed signature cannot match; another one in the header still can.
                    if hex::decode_to_slice(value, &mut bytes).is_ok() {
                        v1.push(bytes);
                    }
                }
                _ => {}
            }
        }
        let timestamp = timestamp.ok_or(SignatureError::Malformed)?;
        let digits = (1..=12).contains(&timestamp.len()) && timestamp.bytes().all(|b| b.is_ascii_digit());
        let seconds = timestamp.parse().ok().filter(|_| digits).ok_or(SignatureError::Malformed)?;
        if v1.is_empty() {
            return Err(SignatureError::Malformed);
        }
        Ok(Self { timestamp, seconds, v1 })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_751_300_000;
    const BODY: &[u8] = br#"{"id":"evt_1","object":"event","type":"x"}"#;
    /// Made by npm `stripe` 18.3.0 for the secret `whsec_test`, the time `NOW` and the bytes of
    /// `BODY`.
    const V1: &str = "2d0feaa7f68c25d92a81e1af2e2a6e13960b411faf4c1253ac35cacc50cdfb31";

    fn check(secrets: &[&str], header: &str, body: &[u8], now: i64) -> Result<(), SignatureError> {
        let secrets = WebhookSecrets::new(secrets.iter().map(|s| SecretString::from(*s)).collect());
        let mut headers = HeaderMap::new();
        headers.insert("stripe-signature", HeaderValue::from_str(header).unwrap());
        secrets.verify(&headers, body, OffsetDateTime::from_unix_timestamp(now).unwrap())
    }

    fn signed(secret: &str, seconds: i64, body: &[u8]) -> String {
        hex::encode(sign(secret.as_bytes(), &seconds.to_string(), body))
    }

    #[test]
    fn a_signature_of_stripes_own_client_is_verified() {
        assert_eq!(check(&["whsec_test"], &format!("t={NOW},v1={V1}"), BODY, NOW), Ok(()));
    }

    #[test]
    fn any_v1_signature_may_match_any_active_secret_in_any_position() {
        let good = signed("whsec_old", NOW, BODY);
        let bad = signed("whsec_other", NOW, BODY);
        for header in [
            format!("t={NOW},v1={bad},v1={good}"),
            format!("t={NOW},v1={good},v1={bad},v0=junk"),
            format!("v0={bad},v1=zz,v1={good},t={NOW}"),
        ] {
            assert_eq!(check(&["whsec_new", "whsec_old"], &header, BODY, NOW), Ok(()), "{header}");
            assert_eq!(check(&["whsec_old", "whsec_new"], &header, BODY, NOW), Ok(()), "{header}");
            assert_eq!(check(&["whsec_new"], &header, BODY, NOW), Err(SignatureError::Mismatch), "{header}");
        }
    }

    #[test]
    fn a_repeated_signature_is_accepted() {
        let good = signed("whsec_test", NOW, BODY);
        assert_eq!(check(&["whsec_test"], &format!("t={NOW},v1={good},v1={good}"), BODY, NOW), Ok(()));
        assert_eq!(check(&["whsec_test", "whsec_test"], &format!("t={NOW},v1={good}"), BODY, NOW), Ok(()));
    }

    #[test]
    fn the_signature_header_must_be_single_and_of_bounded_length() {
        let secrets = WebhookSecrets::new(vec![SecretString::from("whsec_test")]);
        let good = format!("t={NOW},v1={}", signed("whsec_test", NOW, BODY));
        let check = |headers: &[&[u8]]| {
            let mut map = HeaderMap::new();
            for value in headers {
                map.append("stripe-signature", HeaderValue::from_bytes(value).unwrap());
            }
            secrets.verify(&map, BODY, OffsetDateTime::from_unix_timestamp(NOW).unwrap())
        };
        assert_eq!(check(&[]), Err(SignatureError::Missing));
        assert_eq!(check(&[good.as_bytes()]), Ok(()));
        assert_eq!(check(&[good.as_bytes(), good.as_bytes()]), Err(SignatureError::Malformed));
        assert_eq!(check(&[format!("{good},x=\u{e4}").as_bytes()]), Err(SignatureError::Malformed));
        let padded = |length: usize| format!("{good},x={}", "y".repeat(length - good.len() - 3));
        assert_eq!(check(&[padded(MAX_HEADER_BYTES).as_bytes()]), Ok(()));
        assert_eq!(check(&[padded(MAX_HEADER_BYTES + 1).as_bytes()]), Err(SignatureError::Malformed));
    }

    #[test]
    fn a_signature_of_another_scheme_is_ignored() {
        let good = signed("whsec_test", NOW, BODY);
        assert_eq!(check(&["whsec_test"], &format!("t={NOW},v0={good}"), BODY, NOW), Err(SignatureError::Malformed));
    }

    #[test]
    fn the_window_is_300_seconds_either_way() {
        for (age, result) in
            [(300, Ok(())), (301, Err(SignatureError::Stale)), (-300, Ok(())), (-301, Err(SignatureError::Stale))]
        {
            let then = NOW - age;
            let header = format!("t={then},v1={}", signed("whsec_test", then, BODY));
            assert_eq!(check(&["whsec_test"], &header, BODY, NOW), result, "{age}");
        }
    }

    #[test]
    fn a_malformed_signature_header_is_rejected() {
        let good = signed("whsec_test", NOW, BODY);
        for header in [
            "",
            "t",
            "v1=",
            "t=,v1=",
            "t=x,v1=00",
            "t=-1,v1=00",
            &format!("v1={good}"),
            &format!("t={NOW}"),
            &format!("t={NOW},t={NOW},v1={good}"),
            &format!("t=+{NOW},v1={good}"),
            &format!("t={NOW}9999999999,v1={good}"),
            &format!("t=000{NOW},v1={good}"),
        ] {
            assert_eq!(check(&["whsec_test"], header, BODY, NOW), Err(SignatureError::Malformed), "{header}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_body_timestamp_or_secret_never_verifies(
            body in proptest::collection::vec(any::<u8>(), 1..200),
            flip in any::<proptest::sample::Index>(),
            bit in 0_u8..8,
        ) {
            let header = format!("t={NOW},v1={}", signed("whsec_test", NOW, &body));
            prop_assert_eq!(check(&["whsec_test"], &header, &body, NOW), Ok(()));
            let mut forged = body.clone();
            forged[flip.index(body.len())] ^= 1 << bit;
            prop_assert_eq!(check(&["whsec_test"], &header, &forged, NOW), Err(SignatureError::Mismatch));
            let moved = header.replacen(&NOW.to_string(), &(NOW + 1).to_string(), 1);
            prop_assert_eq!(check(&["whsec_test"], &moved, &body, NOW), Err(SignatureError::Mismatch));
            prop_assert_eq!(check(&["whsec_tesu"], &header, &body, NOW), Err(SignatureError::Mismatch));
        }

        #[test]
        fn verifying_a_random_header_never_panics(header in "[ -~]{0,120}", body in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert!(check(&["whsec_test"], &header, &body, NOW).is_err());
        }
    }
}
