//! The webhook's signature: accepted exactly where a second reading of Stripe's rules accepts it.
//!
//! An input is a header, a line break, and a body. In the header `@t` stands for the time now, `@o` and `@y` for the oldest and
//! the youngest time that counts, `@s` and `@p` for a good signature by the current and the previous secret at the time now:
//! no fuzzer would find one.

use std::sync::OnceLock;

use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use rolitt::server::payments::{
    PaymentProvider,
    stripe::{Capabilities, Stripe, StripeConfig},
};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

const NOW: i64 = 1_751_300_000;
const SECRETS: [&str; 2] = ["whsec_current", "whsec_previous"];

/// The adapter as it is configured in a shop; it is asked nothing that takes a network.
pub fn provider() -> &'static Stripe {
    static PROVIDER: OnceLock<Stripe> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        let config = StripeConfig {
            secret_key: SecretString::from("sk_test_fuzz"),
            livemode: false,
            webhook_secrets: SECRETS.map(SecretString::from).to_vec(),
            api_base: "http://127.0.0.1:1".parse().unwrap(),
            capabilities: Capabilities::default(),
        };
        Stripe::new(&config, rolitt::server::http::client::client().unwrap())
    })
}

pub fn signature(data: &[u8]) {
    let cut = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (header, body) = (&data[..cut], data.get(cut + 1..).unwrap_or_default());
    let header = filled_in(header, body);
    let Ok(value) = HeaderValue::from_bytes(&header) else { return };
    let headers = HeaderMap::from_iter([("stripe-signature".parse().unwrap(), value)]);
    let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
    let verified = provider().verify(&headers, Bytes::copy_from_slice(body), now);
    assert_eq!(verified.is_ok(), believed(&header, body), "{}", String::from_utf8_lossy(&header));
    if let Ok(event) = verified {
        let own = serde_json::from_slice::<serde_json::Value>(body).ok();
        let own = own.as_ref().and_then(|event| event.get("id")?.as_str()).map(str::to_owned);
        let hash = format!("sha256:{}", hex::encode(Sha256::digest(body)));
        assert!(Some(event.id().as_str()) == own.as_deref() || event.id().as_str() == hash, "{}", event.id());
        assert_eq!(event.into_parts().2, body, "what was signed is what is kept");
    }
}

fn filled_in(header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut filled = Vec::with_capacity(header.len());
    let mut bytes = header.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'@' {
            filled.push(*byte);
            continue;
        }
        match bytes.next() {
            Some(b't') => filled.extend(NOW.to_string().bytes()),
            Some(b'o') => filled.extend((NOW - 300).to_string().bytes()),
            Some(b'y') => filled.extend((NOW + 300).to_string().bytes()),
            Some(b's') => filled.extend(sign(SECRETS[0], &NOW.to_string(), body).bytes()),
            Some(b'p') => filled.extend(sign(SECRETS[1], &NOW.to_string(), body).bytes()),
            Some(other) => filled.push(*other),
            None => {}
        }
    }
    filled
}

/// Lower-case hexadecimal.
fn sign(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update([timestamp.as_bytes(), b".", body].concat().as_slice());
    hex::encode(mac.finalize().into_bytes())
}

/// Stripe's rules, read a second time: <https://docs.stripe.com/webhooks#verify-manually>.
fn believed(header: &[u8], body: &[u8]) -> bool {
    let Ok(header) = std::str::from_utf8(header) else { return false };
    if header.len() > 4096 || !header.chars().all(|c| c == '\t' || (' '..='~').contains(&c)) {
        return false;
    }
    let elements: Vec<&str> = header.split(',').map(str::trim).collect();
    if !elements.iter().all(|element| element.contains('=')) {
        return false;
    }
    let of = |scheme: &'static str| elements.iter().filter_map(move |element| element.strip_prefix(scheme));
    let times: Vec<&str> = of("t=").collect();
    let [timestamp] = times[..] else { return false };
    let digits = !timestamp.is_empty() && timestamp.len() <= 12 && timestamp.chars().all(|c| c.is_ascii_digit());
    let fresh = |seconds: i64| (NOW - 300..=NOW + 300).contains(&seconds);
    digits
        && timestamp.parse().is_ok_and(fresh)
        && SECRETS.iter().any(|secret| {
            let good = sign(secret, timestamp, body);
            of("v1=").any(|candidate| candidate.eq_ignore_ascii_case(&good))
        })
}
