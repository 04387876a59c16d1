//! The choice of a way to pay, where there is one: a real radio group, which works without
//! WebAssembly. The inputs hold the choice, and only the style sheet follows them.

use leptos::prelude::*;

use crate::{domain::payment::ProviderId, wire::checkout_seed::MethodChoice};

/// Shows the ways to pay in the merchant's order.
#[component]
pub fn PaymentMethod(choice: MethodChoice) -> impl IntoView {
    let MethodChoice { methods, chosen, transfer_days } = choice;
    let ways = methods.into_iter().map(|method| {
        let (title, about) = match method {
            ProviderId::Stripe => ("Card and more", "Now, on the payment page of Stripe.".to_owned()),
            ProviderId::Invoice => {
                ("Bank transfer", ["Within ", &transfer_days.to_string(), " days. Our account comes next."].concat())
            }
        };
        view! {
            <label class="way-to-pay">
                <input type="radio" name="method" value=method.as_str() checked=method == chosen/>
                <span class="way-name">{title}</span>
                <span class="way-about">{about}</span>
            </label>
        }
    });
    view! {
        <fieldset class="ways-to-pay">
            <legend>"How to pay"</legend>
            {ways.collect::<Vec<_>>()}
        </fieldset>
    }
}
