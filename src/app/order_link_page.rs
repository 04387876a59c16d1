//! The order page, for anyone who has its link. It reports nothing to any tracker, and shows no
//! more than a link may show.

use leptos::{either::EitherOf3, prelude::*};
use leptos_meta::{Meta, Title};
use leptos_router::hooks::{use_params_map, use_query_map};

use super::{
    api::load_order_by_link,
    order_page::{Order, Unknown, Unreachable},
};
use crate::wire::page::OrderOutcome;

/// Shows `/orders/{number}?token=…`.
#[component]
pub fn OrderLinkPage() -> impl IntoView {
    let number = use_params_map().with_untracked(|params| params.get("number")).unwrap_or_default();
    let token = use_query_map().with_untracked(|query| query.get("token")).unwrap_or_default();
    let outcome = Resource::new(|| (), move |()| load_order_by_link(number.clone(), token.clone()));
    view! {
        <Title text="Your pre-order · Rolitt"/>
        <Meta name="robots" content="noindex"/>
        <Meta name="referrer" content="no-referrer"/>
        <Suspense>
            {move || Suspend::new(async move {
                match outcome.await.unwrap_or(OrderOutcome::Unreachable) {
                    OrderOutcome::Order(order) => EitherOf3::A(view! { <Order order/> }),
                    OrderOutcome::NotFound => EitherOf3::B(view! { <Unknown/> }),
                    // An empty URL is this page's own.
                    OrderOutcome::Unfinished { .. } | OrderOutcome::Unreachable => {
                        EitherOf3::C(view! { <Unreachable again=String::new()/> })
                    }
                }
            })}
        </Suspense>
    }
}
