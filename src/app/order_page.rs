//! The return page: the outcome of the checkout, in every state that an order can have. It reports
//! nothing to any tracker, and shows no more than a link may show.

use std::borrow::Cow;

use leptos::{either::EitherOf4, prelude::*};
use leptos_meta::{Meta, Title};
use leptos_router::hooks::use_query_map;

use super::{
    Reference,
    api::load_order,
    await_payment::AwaitPayment,
    companion::Companion,
    copy_number::CopyNumber,
    countries::country_name,
    frame::mailto_about,
    timeline::{Progress, Step, Timeline},
    transfer_slip::TransferSlip,
};
use crate::{
    domain::{
        batch::{BATCH, CONTACT_EMAIL, NEXT_UPDATE, SHIP_WINDOW},
        money::Money,
        preorder::PreorderStatus,
        product::ProductColor,
    },
    wire::{
        names::CHECKOUT_SUCCESS,
        page::{OrderOutcome, OrderSummary, Transfer},
    },
};

/// Shows `/checkout/success?session_id=…`.
#[component]
pub fn OrderPage() -> impl IntoView {
    let session = use_query_map().with_untracked(|query| query.get("session_id")).unwrap_or_default();
    let again = [CHECKOUT_SUCCESS, "?session_id=", &session].concat();
    let outcome = Resource::new(|| (), move |()| load_order(session.clone()));
    view! {
        <Title text="Your pre-order · Rolitt"/>
        <Meta name="robots" content="noindex"/>
        <Meta name="referrer" content="no-referrer"/>
        <Suspense>
            {move || {
                let again = again.clone();
                Suspend::new(async move {
                    match outcome.await.unwrap_or(OrderOutcome::Unreachable) {
                        OrderOutcome::Order(order) => EitherOf4::A(view! { <Order order/> }),
                        OrderOutcome::Unfinished { color } => EitherOf4::B(view! { <Unfinished color/> }),
                        OrderOutcome::NotFound => EitherOf4::C(view! { <Unknown/> }),
                        OrderOutcome::Unreachable => EitherOf4::D(view! { <Unreachable again/> }),
                    }
                })
            }}
        </Suspense>
    }
}

/// The texts of one state of a preorder.
struct Wording {
    title: &'static str,
    lede: String,
    /// How many of the four steps are done. `None` where there is nothing to wait for.
    done: Option<usize>,
    /// The label of the link that starts again, where that makes sense.
    retry: Option<&'static str>,
}

/// Returns the address for the middle of a sentence. An erased order has none.
fn address(order: &OrderSummary) -> &str {
    if order.masked_email.is_empty() { "the address you gave" } else { &order.masked_email }
}

fn wording(order: &OrderSummary) -> Wording {
    let writes = |before: &str, after: &str| [before, address(order), after].concat();
    if let Some(wording) = order.transfer.as_ref().and_then(|transfer| wording_of_transfer(order, transfer)) {
        return wording;
    }
    match order.status {
        PreorderStatus::AwaitingPayment => Wording {
            title: "Your bank is still confirming",
            lede: writes(
                "Your pre-order is noted and your place in the batch is kept. Some ways to pay take minutes, some take days. We write to ",
                " as soon as the money is confirmed.",
            ),
            done: Some(0),
            retry: None,
        },
        PreorderStatus::PaymentFailed => Wording {
            title: "The payment did not go through",
            lede: "Your bank did not confirm the payment, so nothing was taken. If you see a reserved amount, your bank releases it by \
                   itself. Your color is kept: try again with the same or another way to pay."
                .to_owned(),
            done: None,
            retry: Some("Try again"),
        },
        PreorderStatus::Cancelled => Wording {
            title: "This pre-order was cancelled",
            lede: "Nothing will be built or charged for it. If that is a surprise to you, write to us with the number below.".to_owned(),
            done: None,
            retry: Some("Pre-order again"),
        },
        PreorderStatus::Paid => Wording {
            title: "Thank you. Your Rolitt is pre-ordered",
            lede: writes("Your payment has arrived. The confirmation, and all news about your batch, go to ", "."),
            done: Some(1),
            retry: None,
        },
        PreorderStatus::Shipped => Wording {
            title: "Your Rolitt is on its way",
            lede: writes("The tracking number is in the mail that we sent to ", "."),
            done: Some(4),
            retry: None,
        },
        PreorderStatus::Delivered => Wording {
            title: "Your Rolitt has arrived",
            lede: "You have 30 days from delivery to send it back, and two years of warranty.".to_owned(),
            done: Some(4),
            retry: None,
        },
        PreorderStatus::Refunded => Wording {
            title: "This pre-order was refunded",
            lede: "The full amount has left us, to the way you paid. Banks take five to ten days to show it.".to_owned(),
            done: None,
            retry: Some("Pre-order again"),
        },
    }
}

/// Returns the texts that only an order by bank transfer has.
fn wording_of_transfer(order: &OrderSummary, transfer: &Transfer) -> Option<Wording> {
    let until = transfer.until.as_deref();
    match order.status {
        PreorderStatus::AwaitingPayment if transfer.overdue => Some(Wording {
            title: "We are waiting for your transfer",
            lede: [
                "It was due by ",
                until.unwrap_or_default(),
                ", and nothing has arrived yet. If it is on its way, there is nothing to do. If you still want your Rolitt, transfer now: \
                 your place is kept until we write to you.",
            ]
            .concat(),
            done: Some(0),
            retry: None,
        }),
        PreorderStatus::AwaitingPayment => Some(Wording {
            title: "Your pre-order is noted. One transfer to go",
            lede: [
                "Nothing was charged. Your color and your place in the batch are kept",
                &until.map(|until| [" until ", until].concat()).unwrap_or_default(),
                ". When your transfer has arrived, we write to ",
                address(order),
                ".",
            ]
            .concat(),
            done: Some(0),
            retry: None,
        }),
        PreorderStatus::Cancelled => Some(Wording {
            title: "This pre-order was cancelled",
            lede: "Nothing was charged, and nothing will be built for it. Please do not transfer any more. If you have, write to us with the \
                   number below, and the whole amount goes back to you."
                .to_owned(),
            done: None,
            retry: Some("Pre-order again"),
        }),
        PreorderStatus::Refunded => Some(Wording {
            title: "This pre-order was refunded",
            lede: "The full amount has left us, to the account that it came from. Banks take a few days to show it.".to_owned(),
            done: None,
            retry: Some("Pre-order again"),
        }),
        _ => None,
    }
}

/// Shows an order in any state.
#[component]
pub fn Order(order: Box<OrderSummary>) -> impl IntoView {
    let Wording { title, lede, done, retry } = wording(&order);
    let awaiting = order.status == PreorderStatus::AwaitingPayment;
    let by_transfer = order.transfer.is_some();
    let steps = done.map(|done| steps(&order, done));
    let color = order.color.unwrap_or(ProductColor::HoneyKhaki);
    let number = order.number.as_str().to_owned();
    let subject = ["Pre-order ", &number].concat();
    let place = match (&order.city, &order.country) {
        (Some(city), Some(country)) => Some([city.as_str(), ", ", country_name(country)].concat()),
        (Some(city), None) => Some(city.clone()),
        (None, Some(country)) => Some(country_name(country).to_owned()),
        (None, None) if by_transfer && done.is_some() => Some("We ask you by mail, in good time".to_owned()),
        (None, None) => None,
    };
    let amount_label = match order.status {
        PreorderStatus::AwaitingPayment => "To be paid",
        PreorderStatus::PaymentFailed | PreorderStatus::Cancelled => "Not charged",
        PreorderStatus::Refunded => "Refunded",
        _ => "Paid",
    };
    view! {
        <section class="order" data-color=color.slug() data-status=order.status.as_str()>
            <div class="order-head">
                <div class="stage stage-small"><Companion/></div>
                <div class="order-words">
                    <h1>{title}</h1>
                    <p class="lede">{lede}</p>
                    {(awaiting && !by_transfer).then(|| view! {
                        <AwaitPayment/>
                        <noscript><meta http-equiv="refresh" content="10"/></noscript>
                    })}
                    {retry.map(|label| view! { <p><a class="button" href=storefront(order.color)>{label}</a></p> })}
                </div>
            </div>
            {order.transfer.clone().filter(|_| awaiting).map(|transfer| {
                view! { <TransferSlip transfer amount=order.amount number=number.clone()/> }
            })}
            <dl class="facts">
                <div>
                    <dt>"Pre-order number"</dt>
                    <dd class="number"><code id="number">{number.clone()}</code> <CopyNumber/></dd>
                </div>
                {order.color.map(|color| view! { <div><dt>"Color"</dt><dd>{color.as_str()}</dd></div> })}
                {order.amount.map(|amount| view! { <div><dt>{amount_label}</dt><dd>{Money::display(amount)}</dd></div> })}
                {place.map(|place| view! { <div><dt>"Ships to"</dt><dd>{place}</dd></div> })}
                {(!order.masked_email.is_empty()).then(|| view! { <div><dt>"We write to"</dt><dd>{order.masked_email.clone()}</dd></div> })}
                {done.map(|_| view! { <div><dt>"Ships"</dt><dd>{SHIP_WINDOW} ", " {BATCH}</dd></div> })}
            </dl>
            {steps.map(|steps| view! {
                <section class="next" aria-labelledby="next">
                    <h2 id="next">"What happens next"</h2>
                    <Timeline steps/>
                </section>
            })}
            <section class="change" aria-labelledby="change">
                <h2 id="change">"To change or cancel"</h2>
                <p>
                    "Write to " <a href=mailto_about(&subject)>{CONTACT_EMAIL}</a>
                    " and name your number. Color and address can be changed until four weeks before it ships. You can cancel any time
                     before it ships, for a full refund, without a reason. This page's address leads back here: keep it."
                </p>
            </section>
        </section>
    }
}

/// Returns the four steps that the storefront promised. The first `done` of them are done.
fn steps(order: &OrderSummary, done: usize) -> Vec<Step> {
    let payment = match &order.transfer {
        Some(Transfer { until: Some(until), overdue: false, .. }) if done == 0 => (
            Cow::Owned(["Until ", until].concat()),
            "Your transfer",
            "The pre-order counts from the moment you placed it. The transfer takes one to three days.",
        ),
        Some(_) => ("Now".into(), "Your transfer", "The pre-order counts from the moment you placed it."),
        None => ("Today".into(), "Payment", "The pre-order counts from the moment you finished checkout."),
    };
    let about = [
        payment,
        (
            "December – March".into(),
            "We build your batch",
            "2,000 pieces, in the order in which they were pre-ordered.",
        ),
        (
            NEXT_UPDATE.into(),
            "We write to you",
            "How it goes, even if nothing changed, and a reminder before addresses are locked.",
        ),
        (SHIP_WINDOW.into(), "It ships", "With a tracking number. You have 30 days to send it back after it arrives."),
    ];
    about
        .into_iter()
        .enumerate()
        .map(|(index, (when, what, about))| Step {
            progress: match index {
                index if index < done => Progress::Done,
                index if index == done => Progress::Now,
                _ => Progress::Ahead,
            },
            when: if index == 0 && done > 0 { "Done".into() } else { when },
            what,
            about: about.to_owned(),
        })
        .collect()
}

/// Returns the URL of the storefront with this color selected.
fn storefront(color: Option<ProductColor>) -> String {
    match color {
        Some(color) => ["/?color=", color.slug()].concat(),
        None => "/".to_owned(),
    }
}

#[component]
fn Unfinished(color: Option<ProductColor>) -> impl IntoView {
    view! {
        <section class="letter">
            <h1>"The payment was not finished"</h1>
            <p>"Nothing was charged. Your color is kept, and you can continue whenever you like."</p>
            <p><a class="button" href=storefront(color)>"Continue your pre-order"</a></p>
        </section>
    }
}

/// Shows the one page for every link that is wrong.
#[component]
pub fn Unknown() -> impl IntoView {
    view! {
        <section class="letter">
            <h1>"We do not know this order"</h1>
            <p>
                "The address may be incomplete: please open the whole link. If you have paid, your money and your order are safe, and we
                 find them by your email address: "
                <a href=mailto_about("My pre-order")>{CONTACT_EMAIL}</a> "."
            </p>
            <p><a class="button" href="/">"Go to the shop"</a></p>
        </section>
    }
}

/// Says that the order cannot be looked up, and links to `again`.
#[component]
pub fn Unreachable(again: String) -> impl IntoView {
    view! {
        <section class="letter">
            <h1>"We cannot look up your order right now"</h1>
            <p>
                "If you have paid, the payment is safe and your pre-order is being recorded. There is no need to pay again. Reload this
                 page in a minute, or write to us: "
                <a href=mailto_about("My pre-order")>{CONTACT_EMAIL}</a> "."
            </p>
            <p><a class="button" href=again>"Reload this page"</a></p>
            {use_context::<Reference>().map(|Reference(id)| view! { <p class="problem-id">"Reference: " <code>{id}</code></p> })}
        </section>
    }
}
