//! Customers who were erased: what it takes, and that nothing brings them back.

use proptest::prelude::*;

use super::*;
use crate::domain::{customer::ShippingAddress, preorder::AccessHash};

const ERASE: MerchantAction = MerchantAction::Erase { at: 1_763_900_000, force: false };

/// As the provider tells it again and again, with all that is personal.
fn personal(fact: PaymentUpdate) -> PaymentUpdate {
    let PaymentUpdate::Session(mut facts) = fact else { return fact };
    facts.shipping = Some(ShippingAddress { name: Some("Jo Buyer".to_owned()), ..ShippingAddress::default() });
    facts.access = Some(AccessHash::from_digest([7; 32]));
    PaymentUpdate::Session(facts)
}

fn erased(case: &OrderState, force: bool) -> OrderState {
    match act(case, &MerchantAction::Erase { at: 1_763_900_000, force }).unwrap() {
        Change::Put(case) => *case,
        _ => panic!("nothing was erased"),
    }
}

#[test]
fn what_an_order_still_needs_is_not_erased_unless_that_is_said() {
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
fn nobody_asks_for_the_address_of_an_erased_order() {
    let gone = erased(&live(&[session(SessionOutcome::Paid)]).0, true);
    let nameless = SessionUpdate { email: None, ..facts(SessionOutcome::Paid) };
    assert_eq!(decide(&gone, &PaymentUpdate::Session(Box::new(nameless))), Change::None);
}

proptest! {
    /// Wherever in a life the customer was erased: the order goes on as it would have, and nothing personal comes back.
    #[test]
    fn an_erased_order_lives_on_without_its_customer(
        before in proptest::collection::vec(any_fact().prop_map(personal), 0..6),
        after in proptest::collection::vec(any_fact().prop_map(personal), 0..8),
    ) {
        let (known, _) = live(&before);
        prop_assume!(known.preorder.is_some());
        let mut gone = erased(&known, true);
        for fact in &after {
            if let Change::Put(next) = decide(&gone, fact) {
                prop_assert_eq!(notifications(&gone, &next), [], "somebody was told");
                gone = *next;
            }
        }
        let (mut whole, told) = live(&[before, after].concat());
        prop_assert!(told.iter().all(|consequence| !still_applies(consequence, &gone)));
        let preorder = whole.preorder.as_mut().unwrap();
        let kept = gone.preorder.as_ref().unwrap();
        prop_assert_eq!((&kept.email, &kept.shipping, &kept.access, &kept.tracking), (&String::new(), &None, &None, &None));
        preorder.erased_at = kept.erased_at;
        preorder.enforce_erasure();
        prop_assert_eq!(whole, gone, "money, status and review are those of any other order");
    }
}
