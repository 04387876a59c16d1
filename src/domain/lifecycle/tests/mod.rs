//! Tests: the state machine by example, and by property over updates in every order.

mod erasure;

use proptest::{prelude::*, sample::Index};

use super::*;
use crate::domain::{
    customer::Locale,
    money::{Currency, Money},
    payment::{DisputeId, IntentId, ProviderId, RefundId, SessionId},
};

pub const PRICE: i64 = 29_900;

pub fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD).unwrap()
}

pub fn intent() -> IntentId {
    IntentId::parse("pi_1").unwrap()
}

pub fn session_update(outcome: SessionOutcome) -> SessionUpdate {
    SessionUpdate {
        provider: ProviderId::Stripe,
        session: SessionId::parse("cs_test_1").unwrap(),
        outcome,
        intent: Some(intent()),
        customer: None,
        attempt: None,
        email: Some("jo@example.com".into()),
        color: Some("Red".into()),
        amount: Some(usd(PRICE)),
        expected: ExpectedAmount::Amount(usd(PRICE)),
        locale: Locale::parse("en"),
        shipping: None,
        livemode: false,
        completed_at: None,
        access: None,
    }
}

pub fn session(outcome: SessionOutcome) -> PaymentUpdate {
    PaymentUpdate::Session(Box::new(session_update(outcome)))
}

pub fn payment(status: IntentStatus, failed_at: Option<i64>) -> PaymentUpdate {
    PaymentUpdate::Intent(IntentUpdate {
        intent: intent(),
        status,
        amount: Some(usd(PRICE)),
        ours: true,
        failure: failed_at.map(|at| (at, "card_declined".to_owned())),
        livemode: false,
    })
}

pub fn refund(id: &str, minor: i64, status: RefundStatus) -> PaymentUpdate {
    PaymentUpdate::Refund(Refund::new(RefundId::parse(id).unwrap(), intent(), usd(minor), status, false))
}

pub fn charge(refunded: i64) -> PaymentUpdate {
    PaymentUpdate::Charge(ChargeUpdate { intent: intent(), refunded: usd(refunded), livemode: false })
}

pub fn dispute(status: DisputeStatus) -> PaymentUpdate {
    PaymentUpdate::Dispute(Dispute::new(DisputeId::parse("du_1").unwrap(), intent(), usd(PRICE), status, false))
}

/// The case after `history`, and how often each consequence followed.
pub fn live(history: &[PaymentUpdate]) -> (OrderState, Vec<Notification>) {
    let (mut state, mut reported) = (OrderState::default(), Vec::new());
    for update in history {
        if let Change::Put(next) = decide(&state, update) {
            let status = |state: &OrderState| state.preorder.as_ref().map(|preorder| preorder.status);
            assert!(status(&next) >= status(&state), "a state went back");
            reported.extend(notifications(&state, &next));
            state = *next;
        }
    }
    (state, reported)
}

pub fn preorder(history: &[PaymentUpdate]) -> PreorderDetails {
    live(history).0.preorder.unwrap()
}

#[test]
fn a_paid_session_creates_one_paid_preorder() {
    let (state, reported) = live(&[session(SessionOutcome::Paid), session(SessionOutcome::Paid)]);
    assert_eq!(state.preorder.unwrap().status, PreorderStatus::Paid);
    assert_eq!(reported, [Notification::Paid]);
}

#[test]
fn open_and_expired_sessions_create_no_preorder() {
    for outcome in [SessionOutcome::Open, SessionOutcome::Expired] {
        assert!(matches!(decide(&OrderState::default(), &session(outcome)), Change::Ignore(_)));
    }
}

#[test]
fn a_paid_session_of_another_shop_creates_no_preorder() {
    let foreign = SessionUpdate { color: None, ..session_update(SessionOutcome::Paid) };
    assert!(matches!(decide(&OrderState::default(), &PaymentUpdate::Session(Box::new(foreign))), Change::Ignore(_)));
}

#[test]
fn a_different_amount_is_recorded_and_held_for_review() {
    for (minor, code) in [(29_899, "usd"), (29_901, "usd"), (29_900, "eur"), (0, "usd"), (i64::MAX, "usd")] {
        let other = Money::new(minor, code.parse().unwrap()).unwrap();
        let reported = SessionUpdate { amount: Some(other), ..session_update(SessionOutcome::Paid) };
        let (state, reported) = live(&[PaymentUpdate::Session(Box::new(reported))]);
        let made = state.preorder.unwrap();
        assert_eq!((made.status, made.amount), (PreorderStatus::Paid, Some(other)));
        assert!(made.review.is_open(), "{minor} {code}");
        assert_eq!(reported, [], "nothing is sent while review is open");
    }
    let unasked = SessionUpdate { expected: ExpectedAmount::NotStated, ..session_update(SessionOutcome::Paid) };
    assert!(!preorder(&[PaymentUpdate::Session(Box::new(unasked))]).review.is_open());
}

#[test]
fn an_amount_mismatch_is_held_for_review_in_any_order_of_updates() {
    let placed = session(SessionOutcome::Pending);
    let short = SessionUpdate { amount: Some(usd(29_000)), ..session_update(SessionOutcome::Paid) };
    let short = PaymentUpdate::Session(Box::new(short));
    for history in [[placed.clone(), short.clone()], [short, placed]] {
        let (state, reported) = live(&history);
        let preorder = state.preorder.unwrap();
        assert_eq!(preorder.status, PreorderStatus::Paid);
        let reason = ReviewReason::AmountDiffers { paid: usd(29_000), expected: usd(29_900) };
        assert_eq!(preorder.review.open().collect::<Vec<_>>(), [&reason]);
        assert!(!reported.contains(&Notification::Paid), "{reported:?}");
    }
}

#[test]
fn the_paid_amount_replaces_the_announced_amount() {
    let less = SessionUpdate { amount: Some(usd(29_000)), ..session_update(SessionOutcome::Paid) };
    for history in [
        [session(SessionOutcome::Pending), PaymentUpdate::Session(Box::new(less.clone()))],
        [PaymentUpdate::Session(Box::new(less.clone())), session(SessionOutcome::Pending)],
    ] {
        let made = preorder(&history);
        assert_eq!(made.amount, Some(usd(29_000)));
        assert!(made.review.blocks_notifications());
    }
}

#[test]
fn an_unknown_color_or_a_missing_email_holds_a_paid_order_for_review() {
    let strange = SessionUpdate { color: Some("Blue".into()), email: None, ..session_update(SessionOutcome::Paid) };
    let made = preorder(&[PaymentUpdate::Session(Box::new(strange))]);
    assert_eq!((made.status, made.color, made.email.as_str()), (PreorderStatus::Paid, None, ""));
    assert!(made.review.reasons.contains(&ReviewReason::UnknownColor));
    assert!(made.review.reasons.contains(&ReviewReason::EmailMissing));
}

#[test]
fn approval_releases_the_notifications_of_a_held_order() {
    let odd = SessionUpdate { amount: Some(usd(1)), ..session_update(SessionOutcome::Paid) };
    let (held, _) = live(&[PaymentUpdate::Session(Box::new(odd.clone()))]);
    let Ok(Change::Put(approved)) = act(&held, &MerchantAction::Approve) else { panic!("nothing to approve") };
    assert_eq!(notifications(&held, &approved), [Notification::Paid]);
    assert_eq!(decide(&approved, &PaymentUpdate::Session(Box::new(odd))), Change::None, "a repeat does not ask again");
}

#[test]
fn a_declined_card_fails_an_order_only_after_completion() {
    let pending = PaymentUpdate::Session(Box::new(SessionUpdate {
        completed_at: Some(100),
        ..session_update(SessionOutcome::Pending)
    }));
    let refused = |at| payment(IntentStatus::Waiting, Some(at));
    for at in [99, 100] {
        assert_eq!(preorder(&[refused(at), pending.clone()]).status, PreorderStatus::AwaitingPayment, "{at}");
    }
    assert_eq!(preorder(&[refused(101), pending.clone()]).status, PreorderStatus::PaymentFailed);
    let paid = payment(IntentStatus::Succeeded, None);
    assert_eq!(preorder(&[refused(101), pending, paid]).status, PreorderStatus::Paid);
}

#[test]
fn partial_refunds_add_up_and_leave_the_order_paid() {
    let part = [session(SessionOutcome::Paid), refund("re_1", 10_000, RefundStatus::Succeeded), charge(10_000)];
    let made = preorder(&part);
    assert_eq!((made.status, made.refunded_minor), (PreorderStatus::Paid, 10_000));
    let rest = [&part[..], &[refund("re_2", 19_900, RefundStatus::Pending)]].concat();
    let (state, reported) = live(&rest);
    assert!(still_applies(&Notification::Paid, &state));
    let made = state.preorder.unwrap();
    assert_eq!((made.status, made.refunded_minor), (PreorderStatus::Paid, PRICE), "on its way is not yet back");
    let back = [&rest[..], &[refund("re_2", 19_900, RefundStatus::Succeeded)]].concat();
    assert_eq!(preorder(&back).status, PreorderStatus::Refunded);
    let refunded = |id: &str| Notification::Refunded(RefundId::parse(id).unwrap());
    assert_eq!(reported, [Notification::Paid, refunded("re_1")], "a pending refund sends nothing yet");
}

#[test]
fn the_charge_total_counts_until_its_refunds_are_reported() {
    assert_eq!(preorder(&[session(SessionOutcome::Paid), charge(PRICE)]).status, PreorderStatus::Refunded);
    let made =
        preorder(&[session(SessionOutcome::Paid), charge(15_000), refund("re_1", 10_000, RefundStatus::Succeeded)]);
    assert_eq!(made.refunded_minor, 15_000);
}

#[test]
fn a_refund_that_fails_after_success_needs_review() {
    let history = [
        session(SessionOutcome::Paid),
        refund("re_1", PRICE, RefundStatus::Succeeded),
        charge(PRICE),
        refund("re_1", PRICE, RefundStatus::Failed),
    ];
    let (state, _) = live(&history);
    assert!(!still_applies(&Notification::Refunded(RefundId::parse("re_1").unwrap()), &state));
    let made = state.preorder.unwrap();
    assert_eq!((made.status, made.refunded_minor), (PreorderStatus::Refunded, 0));
    assert!(made.review.reasons.contains(&ReviewReason::RefundFailed(RefundId::parse("re_1").unwrap())));
}

#[test]
fn a_refund_in_another_currency_is_flagged_and_not_added() {
    let euros = Money::new(PRICE, "eur".parse().unwrap()).unwrap();
    let odd = Refund::new(RefundId::parse("re_1").unwrap(), intent(), euros, RefundStatus::Succeeded, false);
    let made = preorder(&[session(SessionOutcome::Paid), PaymentUpdate::Refund(odd)]);
    assert_eq!((made.status, made.refunded_minor), (PreorderStatus::Paid, 0));
    assert!(made.review.is_open());
    assert!(made.review.reasons.contains(&ReviewReason::RefundCurrencyDiffers(RefundId::parse("re_1").unwrap())));
}

#[test]
fn an_order_refunded_before_its_notification_sends_no_success() {
    let (state, _) = live(&[refund("re_1", PRICE, RefundStatus::Succeeded), session(SessionOutcome::Paid)]);
    assert!(!still_applies(&Notification::Paid, &state));
    let part = live(&[session(SessionOutcome::Paid), refund("re_1", 1, RefundStatus::Succeeded)]).0;
    assert!(still_applies(&Notification::Paid, &part));
}

#[test]
fn a_refund_reported_before_its_order_still_notifies() {
    let PaymentUpdate::Session(mut unlinked) = session(SessionOutcome::Paid) else { unreachable!() };
    unlinked.intent = None;
    let history =
        [PaymentUpdate::Session(unlinked), refund("re_1", 100, RefundStatus::Succeeded), session(SessionOutcome::Paid)];
    let (_, reported) = live(&history);
    assert!(reported.contains(&Notification::Refunded(RefundId::parse("re_1").unwrap())), "{reported:?}");
}

#[test]
fn a_lost_dispute_needs_review_and_an_open_one_does_not() {
    let open = preorder(&[session(SessionOutcome::Paid), dispute(DisputeStatus::NeedsResponse)]);
    assert!(!open.review.is_open());
    let lost = preorder(&[session(SessionOutcome::Paid), dispute(DisputeStatus::Lost)]);
    assert_eq!(lost.status, PreorderStatus::Paid);
    let expected = ReviewReason::DisputeLost(crate::domain::payment::DisputeId::parse("du_1").unwrap());
    assert_eq!(lost.review.open().collect::<Vec<_>>(), [&expected]);
}

#[test]
fn a_second_payment_of_one_attempt_is_recorded_and_flagged() {
    let twice = OrderState { attempt_paid_elsewhere: true, ..OrderState::default() };
    let Change::Put(made) = decide(&twice, &session(SessionOutcome::Paid)) else { panic!("nothing was made") };
    assert_eq!(notifications(&twice, &made), [Notification::Paid], "the payment arrived, so the customer hears of it");
    let made = made.preorder.unwrap();
    assert_eq!(made.status, PreorderStatus::Paid);
    assert_eq!(made.review.open().collect::<Vec<_>>(), [&ReviewReason::SecondPayment]);
}

#[test]
fn only_a_paid_order_without_open_review_ships() {
    let ship = MerchantAction::Ship { tracking: Some("JD014600".into()) };
    let refused = |history: &[PaymentUpdate]| act(&live(history).0, &ship).unwrap_err();
    assert!(refused(&[]).contains("no such"));
    assert!(refused(&[session(SessionOutcome::Pending)]).contains("not paid"));
    assert!(refused(&[session(SessionOutcome::Paid), charge(PRICE)]).contains("refunded"));
    let odd = SessionUpdate { amount: Some(usd(1)), ..session_update(SessionOutcome::Paid) };
    assert!(refused(&[PaymentUpdate::Session(Box::new(odd))]).contains("review"));
    let paid = live(&[session(SessionOutcome::Paid)]).0;
    let Ok(Change::Put(shipped)) = act(&paid, &ship) else { panic!("it can be shipped") };
    assert_eq!(notifications(&paid, &shipped), [Notification::Shipped]);
    assert_eq!(act(&shipped, &ship), Ok(Change::None));
    assert!(act(&paid, &MerchantAction::Deliver).is_err());
}

#[test]
fn notifications_round_trip_through_text() {
    let refunded = Notification::Refunded(RefundId::parse("re_1").unwrap());
    for notification in [
        Notification::AwaitingPayment,
        Notification::PaymentFailed,
        Notification::Cancelled,
        Notification::Paid,
        Notification::Shipped,
        refunded,
    ] {
        assert_eq!(notification.to_string().parse(), Ok(notification));
    }
    assert!("refunded:".parse::<Notification>().is_err());
}

fn any_update() -> impl Strategy<Value = PaymentUpdate> {
    let outcomes = [
        SessionOutcome::Open,
        SessionOutcome::Paid,
        SessionOutcome::Pending,
        SessionOutcome::Failed,
        SessionOutcome::Cancelled,
        SessionOutcome::Expired,
    ];
    prop_oneof![
        3 => (any::<Index>(), proptest::option::of(98_i64..102)).prop_map(move |(outcome, completed_at)| {
            let completed_at = completed_at.filter(|_| matches!(outcome.get(&outcomes), SessionOutcome::Pending));
            PaymentUpdate::Session(Box::new(SessionUpdate { completed_at, ..session_update(*outcome.get(&outcomes)) }))
        }),
        2 => (any::<Index>(), proptest::option::of(98_i64..102))
            .prop_map(|(status, failed)| payment(*status.get(&IntentStatus::ALL), failed)),
        3 => (1..4_u8, any::<Index>()).prop_map(|(id, status)| {
            refund(&format!("re_{id}"), i64::from(id) * 10_000, *status.get(&RefundStatus::ALL))
        }),
        2 => (0..4_i64).prop_map(|tens| charge(tens * 10_000)),
        2 => any::<Index>().prop_map(|status| dispute(*status.get(&DisputeStatus::ALL))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]
    #[test]
    fn any_order_and_any_repeats_reach_the_same_state(
        (history, shuffled) in proptest::collection::vec(any_update(), 1..12)
            .prop_flat_map(|history| (Just(history.clone()), Just(history).prop_shuffle())),
        repeats in 1_usize..3,
    ) {
        let repeated: Vec<_> = shuffled.iter().flat_map(|update| std::iter::repeat_n(update.clone(), repeats)).collect();
        let ((one, reported), (other, reported_other)) = (live(&history), live(&repeated));
        prop_assert_eq!(&one, &other);
        for reported in [reported, reported_other] {
            let paid = reported.iter().filter(|reported| **reported == Notification::Paid).count();
            prop_assert!(paid <= 1, "{} notifications of the payment", paid);
        }
    }
}
