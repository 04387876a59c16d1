//! Headers of strangers: a byte that chooses one, then its value; of `X-Forwarded-For` a number of trusted proxies before it.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use rolitt::server::{
    backoff::retry_after, config::RateLimitConfig, http::limits::RateLimits, storefront::email_cookie,
};
use url::Url;

pub fn headers(data: &[u8]) {
    match data.split_first() {
        Some((0..=85, rest)) => forwarded(rest),
        Some((86..=170, rest)) => cookies(rest),
        Some((_, rest)) => retries(rest),
        None => {}
    }
}

/// An address counts only where a trusted proxy wrote it: whatever stands before that changes nothing.
fn forwarded(data: &[u8]) {
    const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)), 4000);
    let Some((hops, value)) = data.split_first() else { return };
    let hops = usize::from(hops % 4);
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    let limits = RateLimits::new(&RateLimitConfig {
        per_ip_per_minute: None,
        global_per_second: None,
        trusted_proxy_hops: hops,
    });
    let name = HeaderName::from_static("x-forwarded-for");
    let client = limits.client(PEER, &HeaderMap::from_iter([(name.clone(), value.clone())]));
    if let IpAddr::V6(client) = client {
        assert_eq!(client.segments()[4..], [0; 4], "a customer of IPv6 is a network");
    }
    let Ok(text) = value.to_str() else {
        assert_eq!(client, PEER.ip());
        return;
    };
    if hops == 0 || text.split(',').count() < hops {
        assert_eq!(client, PEER.ip(), "nobody who is believed wrote any of it");
    } else {
        let mut with_a_lie = HeaderMap::from_iter([(name.clone(), HeaderValue::from_static("6.6.6.6, 7.7.7.7"))]);
        with_a_lie.append(name, value);
        assert_eq!(limits.client(PEER, &with_a_lie), client, "a client cannot choose its address");
    }
}

fn cookies(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let text = value.to_str().unwrap_or_default();
    if let Some(email) = email_cookie::read(text) {
        assert!(email.len() <= 254 && text.contains("rolitt_email"));
    }
    // As the form's answer sets it.
    let Ok(typed) = std::str::from_utf8(data) else { return };
    let set = email_cookie::write(typed, &Url::parse("https://shop.example").unwrap());
    assert_eq!(set.is_some(), typed.len() <= 254);
    let Some(set) = set else { return };
    let pair = set.to_str().unwrap().split(';').next().unwrap();
    let request_header = format!("a=b; {pair}; c=d");
    assert_eq!(email_cookie::read(&request_header).as_deref(), Some(typed), "what was typed comes back as it was");
}

fn retries(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let read = retry_after(&HeaderMap::from_iter([(header::RETRY_AFTER, value.clone())]));
    let text = value.to_str().unwrap_or_default().trim().to_owned();
    let digits = text.strip_prefix('+').unwrap_or(&text);
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let told = number.then(|| digits.parse::<u64>().ok()).flatten();
    assert_eq!(read, told.map(|seconds| Duration::from_secs(seconds.min(3600))));
}
