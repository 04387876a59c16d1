//! Tests: the notifications of each state, which still apply before sending, and merchant actions.

use super::{
    tests::{PRICE, charge, dispute, intent, live, payment, preorder, refund, session, session_update, usd},
    *,
};
use crate::domain::{
    checkout::Attempt,
    customer::ShippingAddress,
    payment::{ProviderId, RefundId},
    preorder::AccessHash,
};

/// Returns an order in each state, with the notifications that its history causes.
fn states() -> Vec<(OrderState, Vec<Notification>)> {
    let by_invoice = |outcome| {
        let update = SessionUpdate { provider: ProviderId::Invoice, ..session_update(outcome) };
        PaymentUpdate::Session(Box::new(update))
    };
    let state = |history: &[PaymentUpdate]| live(history).0;
    let paid = state(&[session(SessionOutcome::Paid)]);
    let acted = |state: &OrderState, action: MerchantAction| match act(state, &action) {
        Ok(Change::Put(state)) => *state,
        other => panic!("{action:?}: {other:?}"),
    };
    let shipped = acted(&paid, MerchantAction::Ship { tracking: None });
    let delivered = acted(&shipped, MerchantAction::Deliver);
    let refunded = RefundId::parse("re_1").unwrap();
    let back = [session(SessionOutcome::Paid), refund("re_1", PRICE, RefundStatus::Succeeded)];
    vec![
        (state(&[session(SessionOutcome::Pending)]), vec![]),
        (state(&[by_invoice(SessionOutcome::Pending)]), vec![Notification::AwaitingPayment]),
        (state(&[session(SessionOutcome::Failed)]), vec![Notification::PaymentFailed]),
        (state(&[session(SessionOutcome::Cancelled)]), vec![Notification::Cancelled]),
        (paid, vec![Notification::Paid]),
        (shipped, vec![Notification::Paid, Notification::Shipped]),
        (delivered, vec![Notification::Paid, Notification::Shipped]),
        (state(&back), vec![Notification::Paid, Notification::Refunded(refunded)]),
    ]
}

#[test]
fn each_state_causes_its_notifications_once() {
    for (state, reported) in states() {
        assert_eq!(notifications(&OrderState::default(), &state), reported);
        assert_eq!(notifications(&state, &state), [], "and only once");
    }
}

#[test]
fn a_notification_applies_as_long_as_its_state_does() {
    let names = ["awaiting_payment", "payment_failed", "cancelled", "paid", "shipped", "refunded:re_1"];
    let every = names.map(|name| name.parse::<Notification>().unwrap());
    let holding = |state: &OrderState| -> Vec<&str> {
        every.iter().zip(names).filter(|(reported, _)| still_applies(reported, state)).map(|(_, name)| name).collect()
    };
    let expected: [&[&str]; 8] = [
        &["awaiting_payment"],
        &["awaiting_payment"],
        &["payment_failed"],
        &["cancelled"],
        &["paid"],
        &["paid", "shipped"],
        &["paid", "shipped"],
        // After a full refund, no success is sent any more. What was sent stays sent.
        &["shipped", "refunded:re_1"],
    ];
    for ((state, _), expected) in states().iter().zip(expected) {
        assert_eq!(holding(state), expected, "{:?}", state.preorder.as_ref().map(|preorder| preorder.status));
    }
    assert!(holding(&OrderState::default()).is_empty());
    let other = live(&[session(SessionOutcome::Paid), refund("re_2", 1, RefundStatus::Succeeded)]).0;
    assert_eq!(holding(&other), ["paid"], "another refund");
    let failed = live(&[session(SessionOutcome::Paid), refund("re_1", 1, RefundStatus::Failed)]).0;
    assert_eq!(holding(&failed), ["paid"]);
}

#[test]
fn a_full_refund_withdraws_the_success_and_a_failed_refund_restores_it() {
    let back = [session(SessionOutcome::Paid), refund("re_1", PRICE, RefundStatus::Succeeded)];
    assert!(!still_applies(&Notification::Paid, &live(&back).0));
    let failed = [&back[..], &[refund("re_1", PRICE, RefundStatus::Failed)]].concat();
    assert!(still_applies(&Notification::Paid, &live(&failed).0), "the customer has paid, and has nothing back");
}

#[test]
fn a_refund_of_another_payment_causes_no_notification() {
    let mut state = live(&[session(SessionOutcome::Paid), refund("re_1", 1, RefundStatus::Succeeded)]).0;
    state.refunds[0].intent = IntentId::parse("pi_2").unwrap();
    assert_eq!(notifications(&OrderState::default(), &state), [Notification::Paid]);
}

#[test]
fn a_later_session_update_fills_gaps_and_overwrites_nothing() {
    let first = SessionUpdate {
        intent: None,
        email: None,
        color: Some("Blue".into()),
        amount: None,
        completed_at: Some(100),
        ..session_update(SessionOutcome::Pending)
    };
    let later = SessionUpdate { completed_at: Some(90), ..session_update(SessionOutcome::Paid) };
    let made = preorder(&[PaymentUpdate::Session(Box::new(first.clone())), PaymentUpdate::Session(Box::new(later))]);
    assert_eq!((made.intent, made.email.as_str(), made.amount), (Some(intent()), "jo@example.com", Some(usd(PRICE))));
    assert_eq!((made.color, made.completed_at), (Some(ProductColor::Red), Some(90)));
    let other = SessionUpdate {
        intent: IntentId::parse("pi_2"),
        email: Some("al@example.com".into()),
        color: Some("Sakura Pink".into()),
        ..session_update(SessionOutcome::Paid)
    };
    let made = preorder(&[session(SessionOutcome::Paid), PaymentUpdate::Session(Box::new(other))]);
    assert_eq!(
        (made.intent, made.email.as_str(), made.color),
        (Some(intent()), "jo@example.com", Some(ProductColor::Red))
    );
    assert!(made.review.reasons.contains(&ReviewReason::OtherIntent(IntentId::parse("pi_2").unwrap())));
    assert!(preorder(&[session(SessionOutcome::Paid), session(SessionOutcome::Paid)]).review.reasons.is_empty());
}

#[test]
fn attempt_address_and_access_hash_are_set_once() {
    let about = |name: &str| SessionUpdate {
        attempt: Attempt::parse(&format!("attempt-of-{name}-0123456789")),
        shipping: Some(ShippingAddress { name: Some(name.to_owned()), ..ShippingAddress::default() }),
        access: Some(AccessHash::from_digest(*name.repeat(32).as_bytes().first_chunk().unwrap())),
        ..session_update(SessionOutcome::Paid)
    };
    let reported = |update: &[&SessionUpdate]| {
        let history: Vec<PaymentUpdate> =
            update.iter().map(|update| PaymentUpdate::Session(Box::new((*update).clone()))).collect();
        let made = preorder(&history);
        (made.attempt, made.shipping, made.access)
    };
    let (silent, jo, albert) = (session_update(SessionOutcome::Paid), about("Jo"), about("Albert"));
    let known = (jo.attempt.clone(), jo.shipping.clone(), jo.access.clone());
    assert!(known.0.is_some());
    assert_eq!(reported(&[&silent, &jo]), known, "filled in");
    assert_eq!(reported(&[&jo, &silent]), known, "retained when an update has none");
    assert_eq!(reported(&[&jo, &albert]), known, "retained when an update differs");
}

#[test]
fn a_session_without_an_email_is_held_in_any_order_of_updates() {
    let silent =
        PaymentUpdate::Session(Box::new(SessionUpdate { email: None, ..session_update(SessionOutcome::Paid) }));
    for history in [[silent.clone(), session(SessionOutcome::Paid)], [session(SessionOutcome::Paid), silent]] {
        assert_eq!(preorder(&history).review.open().collect::<Vec<_>>(), [&ReviewReason::EmailMissing]);
    }
}

#[test]
fn only_a_session_marks_a_payment_as_ours() {
    let PaymentUpdate::Intent(mut foreign) = payment(IntentStatus::Succeeded, None) else { unreachable!() };
    foreign.ours = false;
    let heard = live(&[PaymentUpdate::Intent(foreign)]).0;
    assert!(heard.preorder.is_none() && !heard.payment.unwrap().ours);
    assert!(live(&[session(SessionOutcome::Paid)]).0.payment.unwrap().ours);
}

#[test]
fn a_missing_or_unreadable_amount_is_held_for_review() {
    for (amount, expected, doubt) in [
        (None, ExpectedAmount::NotStated, Some(ReviewReason::AmountMissing)),
        (None, ExpectedAmount::Unreadable, Some(ReviewReason::AmountMissing)),
        (Some(usd(PRICE)), ExpectedAmount::Unreadable, Some(ReviewReason::ExpectedAmountUnreadable)),
        (Some(usd(PRICE)), ExpectedAmount::Amount(usd(PRICE)), None),
        (Some(usd(PRICE)), ExpectedAmount::NotStated, None),
    ] {
        let reported = SessionUpdate { amount, expected, ..session_update(SessionOutcome::Paid) };
        let made = preorder(&[PaymentUpdate::Session(Box::new(reported))]);
        assert_eq!(made.review.blocks_notifications(), doubt.is_some());
        assert_eq!(made.review.open().cloned().collect::<Vec<_>>(), doubt.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn only_a_promised_refund_that_failed_needs_review() {
    let paid = [session(SessionOutcome::Paid)];
    let review =
        |refunds: &[PaymentUpdate]| preorder(&[&paid[..], refunds].concat()).review.open().cloned().collect::<Vec<_>>();
    for status in RefundStatus::ALL {
        assert_eq!(review(&[refund("re_1", 100, status)]), [], "{status:?}");
    }
    let failed = refund("re_1", 100, RefundStatus::Failed);
    let reported = review(&[refund("re_1", 100, RefundStatus::Pending), failed]);
    assert_eq!(reported, [ReviewReason::RefundFailed(RefundId::parse("re_1").unwrap())]);
}

#[test]
fn an_order_of_zero_amount_is_paid_and_not_refunded() {
    let free = SessionUpdate {
        amount: Some(usd(0)),
        expected: ExpectedAmount::NotStated,
        ..session_update(SessionOutcome::Paid)
    };
    let made = preorder(&[PaymentUpdate::Session(Box::new(free)), charge(0)]);
    assert_eq!(made.status, PreorderStatus::Paid);
}

#[test]
fn a_cancelled_intent_cancels_the_order_unless_it_was_paid() {
    let cancelled = payment(IntentStatus::Cancelled, None);
    assert_eq!(preorder(&[session(SessionOutcome::Pending), cancelled.clone()]).status, PreorderStatus::Cancelled);
    assert_eq!(preorder(&[session(SessionOutcome::Paid), cancelled]).status, PreorderStatus::Paid);
}

#[test]
fn refunds_and_disputes_are_deduplicated_and_sorted_by_id() {
    let history = ["re_2", "re_1", "re_2"].map(|id| refund(id, 1, RefundStatus::Succeeded));
    let state = live(&history).0;
    assert_eq!(state.refunds.iter().map(|refund| refund.id.as_str()).collect::<Vec<_>>(), ["re_1", "re_2"]);
    let state = live(&[dispute(DisputeStatus::NeedsResponse), dispute(DisputeStatus::Won)]).0;
    assert_eq!(state.disputes.iter().map(|dispute| dispute.status).collect::<Vec<_>>(), [DisputeStatus::Won]);
}

#[test]
fn shipping_and_delivery_never_repeat_or_go_back() {
    let paid = live(&[session(SessionOutcome::Paid)]).0;
    let Ok(Change::Put(shipped)) = act(&paid, &MerchantAction::Ship { tracking: Some("JD1".into()) }) else { panic!() };
    let tracking = |state: &OrderState| state.preorder.as_ref().and_then(|preorder| preorder.tracking.clone());
    assert_eq!(tracking(&shipped).as_deref(), Some("JD1"));
    assert_eq!(act(&shipped, &MerchantAction::Ship { tracking: None }), Ok(Change::None), "the number stays");
    let Ok(Change::Put(corrected)) = act(&shipped, &MerchantAction::Ship { tracking: Some("JD2".into()) }) else {
        panic!()
    };
    assert_eq!(tracking(&corrected).as_deref(), Some("JD2"));
    let Ok(Change::Put(delivered)) = act(&shipped, &MerchantAction::Deliver) else { panic!() };
    let status = |state: &OrderState| state.preorder.as_ref().map(|preorder| preorder.status);
    assert_eq!(
        (status(&shipped), status(&delivered)),
        (Some(PreorderStatus::Shipped), Some(PreorderStatus::Delivered))
    );
    assert_eq!(act(&delivered, &MerchantAction::Ship { tracking: None }), Ok(Change::None), "it does not go back");
    assert_eq!(act(&delivered, &MerchantAction::Deliver), Ok(Change::None));
    assert_eq!(act(&paid, &MerchantAction::Approve), Ok(Change::None), "there is nothing to approve");
    assert!(act(&paid, &MerchantAction::Deliver).unwrap_err().contains("not shipped"));
    let back = live(&[session(SessionOutcome::Paid), charge(PRICE)]).0;
    assert!(act(&back, &MerchantAction::Deliver).unwrap_err().contains("refunded"));
}
