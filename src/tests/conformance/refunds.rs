//! Refunds at every provider that has them: never more than was paid, never twice for one key.

use rolitt::{
    domain::{
        lifecycle::RefundStatus,
        money::Money,
        payment::{IntentId, RefundId},
    },
    server::payments::{
        PaymentError,
        capability::{RefundDraft, RefundFilter, RefundReason},
    },
};
use time::{Duration, OffsetDateTime};

use super::{
    an_hour_ago, assert_each_once, every_provider, key,
    payments::{draft, paid},
    refused, usd, without_deliveries,
};

fn refund_draft(intent: &IntentId, minor: Option<i64>) -> RefundDraft {
    RefundDraft { intent: intent.clone(), amount: minor.map(usd), reason: None }
}

fn of(intent: &IntentId) -> RefundFilter {
    RefundFilter { intent: Some(intent.clone()), since: None }
}

#[tokio::test]
async fn money_goes_back_in_parts_until_none_is_left() {
    every_provider(async |_, provider| {
        let (Some(intents), Some(refunds)) = (provider.payment_intents(), provider.refunds()) else { return };
        let payment = paid(intents, "sale", 29_900, "pm_card_visa").await.id;
        let part =
            RefundDraft { reason: Some(RefundReason::RequestedByCustomer), ..refund_draft(&payment, Some(9_900)) };
        let first = refunds.create(&part, &key("part")).await.unwrap();
        assert_eq!((first.amount, first.status, &first.intent), (usd(9_900), RefundStatus::Succeeded, &payment));
        assert_eq!(first.reason.as_deref(), Some("requested_by_customer"));
        assert!(first.counted && first.succeeded && first.livemode == provider.livemode());
        assert_eq!(refunds.create(&part, &key("part")).await.unwrap().id, first.id, "one key, one effect");
        refused(refunds.create(&refund_draft(&payment, Some(1)), &key("part")).await, "KeyReused");
        assert_eq!(refunds.list(&of(&payment), None).await.unwrap().items.len(), 1);

        refused(refunds.create(&refund_draft(&payment, Some(20_001)), &key("too-much")).await, "State");
        let yen = Money::new(100, "jpy".parse().unwrap()).unwrap();
        let foreign = RefundDraft { amount: Some(yen), ..refund_draft(&payment, None) };
        refused(refunds.create(&foreign, &key("foreign")).await, "State");

        let rest = refunds.create(&refund_draft(&payment, None), &key("rest")).await.unwrap();
        assert_eq!(rest.amount, usd(20_000));
        refused(refunds.create(&refund_draft(&payment, None), &key("nothing-left")).await, "State");
        refused(refunds.create(&refund_draft(&payment, Some(1)), &key("not-a-cent-left")).await, "State");
        let listed = refunds.list(&of(&payment), None).await.unwrap();
        assert_eq!(listed.items, [rest.clone(), first.clone()], "newest first");
        assert_eq!(refunds.retrieve(&first.id).await.unwrap(), first);
    })
    .await;
}

#[tokio::test]
async fn an_unpaid_payment_cannot_be_refunded() {
    every_provider(async |_, provider| {
        let (Some(intents), Some(refunds)) = (provider.payment_intents(), provider.refunds()) else { return };
        let unpaid = intents.create(&draft(29_900), &key("make")).await.unwrap().id;
        for amount in [None, Some(100)] {
            let name = format!("unpaid-{amount:?}").replace(['(', ')'], "");
            refused(refunds.create(&refund_draft(&unpaid, amount), &key(&name)).await, "State");
            let unknown = IntentId::parse("pi_unknown").unwrap();
            refused(refunds.create(&refund_draft(&unknown, amount), &key(&format!("{name}-2"))).await, "NotFound");
        }
        let disputed = paid(intents, "disputed", 29_900, "pm_card_createDispute").await.id;
        refused(refunds.create(&refund_draft(&disputed, None), &key("disputed")).await, "State");
        let unknown = RefundId::parse("re_unknown").unwrap();
        assert_eq!(refunds.retrieve(&unknown).await.unwrap_err(), PaymentError::NotFound);
        assert!(refunds.list(&of(&unpaid), None).await.unwrap().items.is_empty());
    })
    .await;
}

#[tokio::test]
async fn pages_of_refunds_join_up() {
    every_provider(async |app, provider| {
        let (Some(intents), Some(refunds)) = (provider.payment_intents(), provider.refunds()) else { return };
        without_deliveries(app).await;
        let payment = paid(intents, "sale", 29_900, "pm_card_visa").await.id;
        let other = paid(intents, "other", 29_900, "pm_card_visa").await.id;
        refunds.create(&refund_draft(&other, Some(1)), &key("other")).await.unwrap();
        let one = async |number: usize| {
            refunds.create(&refund_draft(&payment, Some(1)), &key(&format!("cent-{number}"))).await.unwrap().id
        };
        let expected = futures::future::join_all((0..105).map(one)).await;
        let newest_since = RefundFilter { since: Some(an_hour_ago()), ..of(&payment) };
        let mut found = Vec::new();
        let mut from = None;
        loop {
            let page = refunds.list(&newest_since, from.as_ref()).await.unwrap();
            found.extend(page.items.into_iter().map(|refund| refund.id));
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        assert_each_once(found, expected);
        let since = RefundFilter { intent: None, since: Some(an_hour_ago()) };
        assert!(refunds.list(&since, None).await.unwrap().next.is_some());
        let later = RefundFilter { intent: None, since: Some(OffsetDateTime::now_utc() + Duration::hours(1)) };
        assert!(refunds.list(&later, None).await.unwrap().items.is_empty());
    })
    .await;
}
