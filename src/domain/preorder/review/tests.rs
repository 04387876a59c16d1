//! Tests: codes survive storage, old sentences are still understood, and no decision depends on
//! words.

use proptest::prelude::*;

use super::*;

fn usd(minor: i64) -> Money {
    Money::new(minor, "usd".parse().unwrap()).unwrap()
}

/// Every reason, with the code that databases hold, the sentence that the first releases stored,
/// and whether it blocks notifications.
fn every_reason() -> Vec<(ReviewReason, &'static str, &'static str, bool)> {
    let refund = RefundId::parse("re_1").unwrap();
    vec![
        (
            ReviewReason::AmountDiffers { paid: usd(1), expected: usd(29_900) },
            "amount differs:1 usd:29900 usd",
            "paid 0.01 usd, asked 299.00 usd",
            true,
        ),
        (ReviewReason::AmountMissing, "amount missing", "the provider told no amount", true),
        (ReviewReason::ExpectedAmountUnreadable, "expected amount unreadable", "what was asked does not read", true),
        (ReviewReason::UnknownColor, "unknown color", "the session names no color of ours", true),
        (ReviewReason::EmailMissing, "email missing", "the provider has no email address", true),
        (
            ReviewReason::SecondPayment,
            "a second payment",
            "a second payment for one attempt: it was ordered once and paid twice",
            false,
        ),
        (
            ReviewReason::OtherIntent(IntentId::parse("pi_2").unwrap()),
            "other intent:pi_2",
            "the session was paid by pi_2 too",
            true,
        ),
        (
            ReviewReason::RefundCurrencyDiffers(refund.clone()),
            "refund currency differs:re_1",
            "refund re_1 is not in the currency that was charged",
            false,
        ),
        (ReviewReason::RefundFailed(refund), "refund failed:re_1", "refund re_1 did not reach the customer", false),
        (
            ReviewReason::DisputeLost(DisputeId::parse("du_1").unwrap()),
            "dispute lost:du_1",
            "dispute du_1 was lost",
            false,
        ),
        (ReviewReason::Unknown("of tomorrow:1".into()), "of tomorrow:1", "of tomorrow:1", true),
    ]
}

#[test]
fn each_reason_survives_storage_and_blocks_notifications_or_only_flags() {
    for (reason, code, sentence, blocks) in every_reason() {
        assert_eq!(reason.code(), code);
        assert_eq!(ReviewReason::from_code(code), reason);
        assert_eq!(ReviewReason::from_code(sentence), reason, "a sentence of the first releases");
        assert_eq!(reason.blocks_notifications(), blocks, "{code}");
        assert!(!code.contains(Review::SEPARATOR));
        let review = Review { reasons: [reason.clone()].into(), ..Review::default() };
        assert_eq!(review.text(), reason.to_string());
        assert_eq!(review.blocks_notifications(), blocks);
    }
}

/// The migration that rewrites sentences knows each of them.
#[test]
fn the_migration_maps_every_sentence_to_its_code() {
    let migration = include_str!("../../../../migrations/20261127000001_review_codes.up.sql");
    for (reason, code, ..) in every_reason() {
        let word = code.split(':').next().unwrap();
        assert!(matches!(reason, ReviewReason::Unknown(_)) || migration.contains(&format!("'{word}")), "{word}");
    }
}

#[test]
fn a_reason_is_open_until_a_person_has_resolved_it() {
    let mut review = Review::default();
    assert!(!review.is_open() && !review.blocks_notifications() && review.text().is_empty());
    review.add(ReviewReason::SecondPayment);
    review.add(ReviewReason::RefundFailed(RefundId::parse("re_1").unwrap()));
    assert!(review.is_open() && !review.blocks_notifications());
    review.add(ReviewReason::AmountMissing);
    assert!(review.blocks_notifications());
    review.resolved.insert(ReviewReason::AmountMissing);
    assert!(review.is_open() && !review.blocks_notifications());
    review.resolve_all();
    assert!(!review.is_open() && review.text().is_empty());
    assert_eq!(review.open().count(), 0);
}

#[test]
fn open_and_resolved_reasons_are_stored_as_two_texts() {
    let mut review = Review::default();
    for reason in [ReviewReason::UnknownColor, ReviewReason::AmountMissing, ReviewReason::EmailMissing] {
        review.add(reason);
    }
    review.resolved.insert(ReviewReason::EmailMissing);
    let (open, resolved) = (review.open_codes(), review.resolved_codes());
    assert_eq!((open.as_str(), resolved.as_str()), ("amount missing; unknown color", "email missing"));
    assert_eq!(Review::from_codes(Some(&open), Some(&resolved)), review);
    assert_eq!(Review::from_codes(None, None), Review::default());
    // A reason that stands in both texts is resolved, and not lost.
    assert_eq!(Review::from_codes(Some("amount missing; email missing; unknown color"), Some(&resolved)), review);
}

proptest! {
    /// Whatever a database holds, reading and writing it again loses nothing and blocks rather than
    /// flags.
    #[test]
    fn a_stored_text_of_any_words_is_read_without_loss(words in "[a-z0-9:_ ]{0,40}") {
        let reason = ReviewReason::from_code(&words);
        prop_assert_eq!(ReviewReason::from_code(&reason.code()), reason.clone());
        if reason == ReviewReason::Unknown(words.clone()) {
            prop_assert_eq!(reason.code(), words);
            prop_assert!(reason.blocks_notifications());
        }
    }
}
