//! Tests: what is told outside at which state, what is no longer true when it is about to be told, and what a merchant may do.

use super::{
    tests::{PRICE, charge, dispute, facts, intent, live, payment, preorder, refund, session, usd},
    *,
};
use crate::domain::{
    checkout::Attempt,
    customer::ShippingAddress,
    payment::{ProviderId, RefundId},
    preorder::AccessHash,
};

/// An order in each state, with what is told of it from the first moment on.
fn states() -> Vec<(OrderState, Vec<Notification>)> {
    let by_invoice = |outcome| {
        let facts = SessionUpdate { provider: ProviderId::Invoice, ..facts(outcome) };
        PaymentUpdate::Session(Box::new(facts))
    };
    let case = |history: &[PaymentUpdate]| live(history).0;
    let paid = case(&[session(SessionOutcome::Paid)]);
    let acted = |case: &OrderState, act_: MerchantAction| match act(case, &act_) {
        Ok(Change::Put(case)) => *case,
        other => panic!("{act_:?}: {other:?}"),
    };
    let shipped = acted(&paid, MerchantAction::Ship { tracking: None });
    let delivered = acted(&shipped, MerchantAction::Deliver);
    let refunded = RefundId::parse("re_1").unwrap();
    let back = [session(SessionOutcome::Paid), refund("re_1", PRICE, RefundStatus::Succeeded)];
    vec![
        (case(&[session(SessionOutcome::Pending)]), vec![]),
        (case(&[by_invoice(SessionOutcome::Pending)]), vec![Notification::AwaitingPayment]),
        (case(&[session(SessionOutcome::Failed)]), vec![Notification::PaymentFailed]),
        (case(&[session(SessionOutcome::Cancelled)]), vec![Notification::Cancelled]),
        (paid, vec![Notification::Paid]),
        (shipped, vec![Notification::Paid, Notification::Shipped]),
        (delivered, vec![Notification::Paid, Notification::Shipped]),
        (case(&back), vec![Notification::Paid, Notification::Refunded(refunded)]),
    ]
}

#[test]
fn each_state_tells_what_it_is() {
    for (case, told) in states() {
        assert_eq!(notifications(&OrderState::default(), &case), told);
        assert_eq!(notifications(&case, &case), [], "and tells it once");
    }
}

#[test]
fn what_is_told_holds_as_long_as_the_state_does() {
    let names = ["awaiting_payment", "payment_failed", "cancelled", "paid", "shipped", "refunded:re_1"];
    let every = names.map(|name| name.parse::<Notification>().unwrap());
    let holding = |case: &OrderState| -> Vec<&str> {
        every.iter().zip(names).filter(|(told, _)| still_applies(told, case)).map(|(_, name)| name).collect()
    };
    let expected: [&[&str]; 8] = [
        &["awaiting_payment"],
        &["awaiting_payment"],
        &["payment_failed"],
        &["cancelled"],
        &["paid"],
        &["paid", "shipped"],
        &["paid", "shipped"],
        // Everything went back: nobody is told of a success any more. What was sent was sent.
        &["shipped", "refunded:re_1"],
    ];
    for ((case, _), expected) in states().iter().zip(expected) {
        assert_eq!(holding(case), expected, "{:?}", case.preorder.as_ref().map(|preorder| preorder.status));
    }
    assert!(holding(&OrderState::default()).is_empty());
    let other = live(&[session(SessionOutcome::Paid), refund("re_2", 1, RefundStatus::Succeeded)]).0;
    assert_eq!(holding(&other), ["paid"], "another refund");
    let failed = live(&[session(SessionOutcome::Paid), refund("re_1", 1, RefundStatus::Failed)]).0;
    assert_eq!(holding(&failed), ["paid"]);
}

#[test]
fn a_success_no_longer_holds_once_all_of_it_is_back_and_does_again_when_a_refund_fails() {
    let back = [session(SessionOutcome::Paid), refund("re_1", PRICE, RefundStatus::Succeeded)];
    assert!(!still_applies(&Notification::Paid, &live(&back).0));
    let failed = [&back[..], &[refund("re_1", PRICE, RefundStatus::Failed)]].concat();
    assert!(still_applies(&Notification::Paid, &live(&failed).0), "the customer has paid, and has nothing back");
}

#[test]
fn a_refund_of_another_payment_is_not_told_with_this_order() {
    let mut case = live(&[session(SessionOutcome::Paid), refund("re_1", 1, RefundStatus::Succeeded)]).0;
    case.refunds[0].intent = IntentId::parse("pi_2").unwrap();
    assert_eq!(notifications(&OrderState::default(), &case), [Notification::Paid]);
}

#[test]
fn what_the_session_does_not_say_is_learned_from_a_later_one_and_what_it_said_stays() {
    let first = SessionUpdate {
        intent: None,
        email: None,
        color: Some("Blue".into()),
        amount: None,
        completed_at: Some(100),
        ..facts(SessionOutcome::Pending)
    };
    let later = SessionUpdate { completed_at: Some(90), ..facts(SessionOutcome::Paid) };
    let made = preorder(&[PaymentUpdate::Session(Box::new(first.clone())), PaymentUpdate::Session(Box::new(later))]);
    assert_eq!((made.intent, made.email.as_str(), made.amount), (Some(intent()), "jo@example.com", Some(usd(PRICE))));
    assert_eq!((made.color, made.completed_at), (Some(ProductColor::Red), Some(90)));
    let other = SessionUpdate {
        intent: IntentId::parse("pi_2"),
        email: Some("al@example.com".into()),
        color: Some("Sakura Pink".into()),
        ..facts(SessionOutcome::Paid)
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
fn what_leads_to_the_customer_is_learned_once_and_kept() {
    let about = |name: &str| SessionUpdate {
        attempt: Attempt::parse(&format!("attempt-of-{name}-0123456789")),
        shipping: Some(ShippingAddress { name: Some(name.to_owned()), ..ShippingAddress::default() }),
        access: Some(AccessHash::from_digest(*name.repeat(32).as_bytes().first_chunk().unwrap())),
        ..facts(SessionOutcome::Paid)
    };
    let told = |facts: &[&SessionUpdate]| {
        let history: Vec<PaymentUpdate> =
            facts.iter().map(|facts| PaymentUpdate::Session(Box::new((*facts).clone()))).collect();
        let made = preorder(&history);
        (made.attempt, made.shipping, made.access)
    };
    let (silent, jo, albert) = (facts(SessionOutcome::Paid), about("Jo"), about("Albert"));
    let known = (jo.attempt.clone(), jo.shipping.clone(), jo.access.clone());
    assert!(known.0.is_some());
    assert_eq!(told(&[&silent, &jo]), known, "learned");
    assert_eq!(told(&[&jo, &silent]), known, "kept where nothing is said");
    assert_eq!(told(&[&jo, &albert]), known, "kept where something else is said");
}

#[test]
fn a_session_without_an_address_is_a_doubt_whenever_it_is_told() {
    let silent = PaymentUpdate::Session(Box::new(SessionUpdate { email: None, ..facts(SessionOutcome::Paid) }));
    for history in [[silent.clone(), session(SessionOutcome::Paid)], [session(SessionOutcome::Paid), silent]] {
        assert_eq!(preorder(&history).review.open().collect::<Vec<_>>(), [&ReviewReason::EmailMissing]);
    }
}

#[test]
fn a_session_marks_its_payment_as_ours_and_a_payment_alone_is_nobodys_yet() {
    let PaymentUpdate::Intent(mut foreign) = payment(IntentStatus::Succeeded, None) else { unreachable!() };
    foreign.ours = false;
    let heard = live(&[PaymentUpdate::Intent(foreign)]).0;
    assert!(heard.preorder.is_none() && !heard.payment.unwrap().ours);
    assert!(live(&[session(SessionOutcome::Paid)]).0.payment.unwrap().ours);
}

#[test]
fn what_the_session_does_not_say_or_says_wrongly_is_a_doubt() {
    for (amount, expected, doubt) in [
        (None, ExpectedAmount::NotStated, Some(ReviewReason::AmountMissing)),
        (None, ExpectedAmount::Unreadable, Some(ReviewReason::AmountMissing)),
        (Some(usd(PRICE)), ExpectedAmount::Unreadable, Some(ReviewReason::ExpectedAmountUnreadable)),
        (Some(usd(PRICE)), ExpectedAmount::Amount(usd(PRICE)), None),
        (Some(usd(PRICE)), ExpectedAmount::NotStated, None),
    ] {
        let told = SessionUpdate { amount, expected, ..facts(SessionOutcome::Paid) };
        let made = preorder(&[PaymentUpdate::Session(Box::new(told))]);
        assert_eq!(made.review.blocks_notifications(), doubt.is_some());
        assert_eq!(made.review.open().cloned().collect::<Vec<_>>(), doubt.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn only_a_refund_that_had_been_promised_and_failed_asks_for_a_person() {
    let paid = [session(SessionOutcome::Paid)];
    let review =
        |refunds: &[PaymentUpdate]| preorder(&[&paid[..], refunds].concat()).review.open().cloned().collect::<Vec<_>>();
    for status in RefundStatus::ALL {
        assert_eq!(review(&[refund("re_1", 100, status)]), [], "{status:?}");
    }
    let failed = refund("re_1", 100, RefundStatus::Failed);
    let told = review(&[refund("re_1", 100, RefundStatus::Pending), failed]);
    assert_eq!(told, [ReviewReason::RefundFailed(RefundId::parse("re_1").unwrap())]);
}

#[test]
fn a_free_sample_is_paid_and_not_refunded() {
    let free =
        SessionUpdate { amount: Some(usd(0)), expected: ExpectedAmount::NotStated, ..facts(SessionOutcome::Paid) };
    let made = preorder(&[PaymentUpdate::Session(Box::new(free)), charge(0)]);
    assert_eq!(made.status, PreorderStatus::Paid);
}

#[test]
fn a_payment_that_is_called_off_cancels_the_order_unless_its_money_came() {
    let cancelled = payment(IntentStatus::Cancelled, None);
    assert_eq!(preorder(&[session(SessionOutcome::Pending), cancelled.clone()]).status, PreorderStatus::Cancelled);
    assert_eq!(preorder(&[session(SessionOutcome::Paid), cancelled]).status, PreorderStatus::Paid);
}

#[test]
fn refunds_and_disputes_are_kept_by_their_ids() {
    let history = ["re_2", "re_1", "re_2"].map(|id| refund(id, 1, RefundStatus::Succeeded));
    let case = live(&history).0;
    assert_eq!(case.refunds.iter().map(|refund| refund.id.as_str()).collect::<Vec<_>>(), ["re_1", "re_2"]);
    let case = live(&[dispute(DisputeStatus::NeedsResponse), dispute(DisputeStatus::Won)]).0;
    assert_eq!(case.disputes.iter().map(|dispute| dispute.status).collect::<Vec<_>>(), [DisputeStatus::Won]);
}

#[test]
fn a_merchant_cannot_send_twice_or_bring_what_was_not_sent() {
    let paid = live(&[session(SessionOutcome::Paid)]).0;
    let Ok(Change::Put(shipped)) = act(&paid, &MerchantAction::Ship { tracking: Some("JD1".into()) }) else { panic!() };
    let tracking = |case: &OrderState| case.preorder.as_ref().and_then(|preorder| preorder.tracking.clone());
    assert_eq!(tracking(&shipped).as_deref(), Some("JD1"));
    assert_eq!(act(&shipped, &MerchantAction::Ship { tracking: None }), Ok(Change::None), "the number stays");
    let Ok(Change::Put(corrected)) = act(&shipped, &MerchantAction::Ship { tracking: Some("JD2".into()) }) else {
        panic!()
    };
    assert_eq!(tracking(&corrected).as_deref(), Some("JD2"));
    let Ok(Change::Put(delivered)) = act(&shipped, &MerchantAction::Deliver) else { panic!() };
    let status = |case: &OrderState| case.preorder.as_ref().map(|preorder| preorder.status);
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
