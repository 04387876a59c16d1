//! What the pages show.

use crate::{
    app::api::{OrderOutcome, OrderSummary, Storefront},
    domain::{money::*, payment::SessionId, preorder::*, product::*},
};

pub async fn storefront() -> Storefront {
    let price = Money::new(29_900, Currency::USD).ok();
    Storefront {
        offers: Some(
            ProductColor::ALL
                .into_iter()
                .map(|color| Offer { color, price: price.filter(|_| color != ProductColor::Red) })
                .collect(),
        ),
        selected: None,
        email: String::new(),
        attempt: "1763800000-stub".to_owned(),
        error: None,
        cancelled: false,
        development: true,
        request_id: "req_stub".to_owned(),
    }
}

pub async fn order_outcome(session: &str) -> OrderOutcome {
    OrderOutcome::Order(OrderSummary {
        number: "ROL-7K3M9QXZ".parse().unwrap(),
        status: PreorderStatus::Paid,
        color: Some(ProductColor::SakuraPink),
        amount: Money::new(29_900, Currency::USD).ok(),
        city: Some("Portland".to_owned()),
        country: Some("US".to_owned()),
        masked_email: "j•••@example.com".to_owned(),
        session: SessionId::parse(session).unwrap(),
    })
}
