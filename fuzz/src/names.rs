//! The small texts that strangers write: numbers, addresses, references, language tags. Accepted ones read back as they are.

use std::str::FromStr;

use rolitt::domain::{
    checkout::Attempt,
    customer::{Email, Locale, mask},
    lifecycle::Notification,
    money::Currency,
    payment::{EventId, IntentId},
    preorder::{AccessHash, PreorderNumber, Review},
    product::ProductColor,
    sanitize::clean,
};

use super::{is_clean, is_reference};

/// A language tag is taken exactly where it has the alphabet and the lengths of BCP 47.
pub fn locale(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let parts: Vec<&str> = text.split('-').collect();
    let alphabet = |part: &str, allowed: fn(&u8) -> bool| part.as_bytes().iter().all(allowed);
    let good = text.len() <= 35
        && parts.iter().all(|part| (1..=8).contains(&part.len()) && alphabet(part, u8::is_ascii_alphanumeric))
        && parts[0].len() >= 2
        && alphabet(parts[0], u8::is_ascii_alphabetic);
    let read = Locale::parse(text);
    assert_eq!(read.as_ref().map(Locale::as_str), good.then_some(text));
    if let Some(locale) = read {
        let json = serde_json::to_string(&locale).unwrap();
        assert_eq!(serde_json::from_str::<Locale>(&json).unwrap(), locale);
    }
}

pub fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    number(text);
    address(text);
    references(text);
    let cleaned = clean(text, 40);
    assert!(is_clean(&cleaned, 40) && cleaned.trim() == cleaned);
    assert_eq!(clean(&cleaned, 40), cleaned, "clean stays clean");
    reads_back::<Notification>(text, ToString::to_string);
    reads_back::<ProductColor>(text, ToString::to_string);
    if let Ok(currency) = text.parse::<Currency>() {
        assert_eq!(currency.code(), text.to_ascii_lowercase());
    }
    let review = Review::from_codes(Some(text), None);
    assert_eq!(Review::from_codes(Some(&review.open_codes()), None), review);
}

fn number(text: &str) {
    let Ok(number) = text.parse::<PreorderNumber>() else { return };
    let written = number.as_str();
    assert_eq!(written.parse::<PreorderNumber>().as_ref(), Ok(&number));
    assert_eq!(text.trim().to_ascii_lowercase().parse::<PreorderNumber>(), Ok(number.clone()));
    let symbols = written.strip_prefix("ROL-").unwrap();
    assert!(symbols.len() == 8 && symbols.chars().all(|symbol| PreorderNumber::ALPHABET.contains(&symbol)));
}

fn address(text: &str) {
    let masked = mask(text);
    if let Ok(email) = Email::parse(text) {
        assert_eq!(email.as_str(), text.trim());
        assert!(email.as_str().len() <= Email::MAX && email.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
        let (local, domain) = email.as_str().split_once('@').unwrap();
        assert!(!local.is_empty() && domain.contains('.') && !domain.contains('@'));
        assert!(local.len() < 2 || !masked.contains(local) || domain.contains(local), "the mask covers it");
        assert!(!format!("{email:?}").contains(domain));
    }
}

fn references(text: &str) {
    assert_eq!(IntentId::parse(text).is_some(), is_reference(text));
    if let Some(id) = EventId::parse(text) {
        assert!(id.as_str() == text && is_clean(text, 255));
    }
    if let Some(attempt) = Attempt::parse(text) {
        assert!(attempt.as_str() == text && text.len() <= 64);
        if let Some(seconds) = attempt.issued_at() {
            assert!(text.starts_with(&format!("{seconds}-")) || text.starts_with(['0', '+', '-']), "{text}");
        }
    }
    if let Some(hash) = AccessHash::parse(text) {
        assert!(hash.as_str() == text && text.len() == 64 && !text.contains(|c: char| c.is_ascii_uppercase()));
    }
}

fn reads_back<T: FromStr + PartialEq>(text: &str, write: impl Fn(&T) -> String) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(write(&value), text);
    }
}
