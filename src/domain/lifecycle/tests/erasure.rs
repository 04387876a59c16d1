//! Tests: erasure removes personal data, and no later update restores it.

use proptest::prelude::*;

use super::*;
use crate::domain::{customer::ShippingAddress, preorder::AccessHash};

const ERASE: MerchantAction = MerchantAction::Erase { at: 1_763_900_000, force: false };

/// As the provider tells it again and again, with all that is personal.
fn personal(update: PaymentUpdate) -> PaymentUpdate {
    let PaymentUpdate::Session(mut update) = update else { return update };
    update.shipping = Some(ShippingAddress { name: Some("Jo Buyer".to_owned()), ..ShippingAddress::default() });
    update.access = Some(AccessHash::from_digest([7; 32]));
    PaymentUpdate::Session(update)
}

fn erased(state: &OrderState, force: bool) -> OrderState {
    match act(state, &MerchantAction::Erase { at: 1_763_900_000, force }).unwrap() {
        Change::Put(state) => *state,
        _ => panic!("nothing was erased"),
    }
}

#[test]
fn erasure_is_refused_while_the_order_needs_personal_data_unless_forced() {
    let refused = |history: &[PaymentUpdate]| act(&live(history).0, &ERASE).unwrap_err();
    assert!(refused(&[]).contains("no such"));
    assert!(refused(&[session(SessionOutcome::Pending)]).contains("may still come"));
    assert!(refused(&[session(SessionOutcome::Paid)]).contains("needs an address"));
    let disputed = [session(SessionOutcome::Paid), charge(PRICE), dispute(DisputeStatus::UnderReview)];
    assert!(refused(&disputed).contains("dispute"));
    for over in [vec![session(SessionOutcome::Failed)], vec![session(SessionOutcome::Paid), charge(PRICE)]] {
        assert!(erased(&live(&over).0, false).preorder.unwrap().email.is_empty());
    }
    let paid = live(&[session(SessionOutcome::Paid)]).0;
    let forced = erased(&paid, true);
    assert_eq!(act(&forced, &ERASE), Ok(Change::None), "erased is erased");
    let Ok(Change::Put(sent)) = act(&forced, &MerchantAction::Ship { tracking: Some("JD1".into()) }) else {
        panic!("not sent")
    };
    let sent = sent.preorder.unwrap();
    assert_eq!((sent.status, sent.tracking), (PreorderStatus::Shipped, None));
}

#[test]
fn an_erased_order_is_not_held_for_a_missing_email() {
    let gone = erased(&live(&[session(SessionOutcome::Paid)]).0, true);
    let nameless = SessionUpdate { email: None, ..session_update(SessionOutcome::Paid) };
    assert_eq!(decide(&gone, &PaymentUpdate::Session(Box::new(nameless))), Change::None);
}

proptest! {
    /// Wherever in a life the customer was erased: the order goes on as it would have, and nothing
    /// personal comes back.
    #[test]
    fn an_erased_order_lives_on_without_its_customer(
        before in proptest::collection::vec(any_update().prop_map(personal), 0..6),
        after in proptest::collection::vec(any_update().prop_map(personal), 0..8),
    ) {
        let (known, _) = live(&before);
        prop_assume!(known.preorder.is_some());
        let mut gone = erased(&known, true);
        for update in &after {
            if let Change::Put(next) = decide(&gone, update) {
                prop_assert_eq!(notifications(&gone, &next), [], "an erased customer gets no notification");
                gone = *next;
            }
        }
        let (mut whole, reported) = live(&[before, after].concat());
        prop_assert!(reported.iter().all(|notification| !still_applies(notification, &gone)));
        let preorder = whole.preorder.as_mut().unwrap();
        let erased = gone.preorder.as_ref().unwrap();
        prop_assert_eq!((&erased.email, &erased.shipping, &erased.access, &erased.tracking), (&String::new(), &None, &None, &None));
        preorder.erased_at = erased.erased_at;
        preorder.enforce_erasure();
        prop_assert_eq!(whole, gone, "money, status and review are those of any other order");
    }
}
