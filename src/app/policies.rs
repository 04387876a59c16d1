//! Who sells, and the policies: cancellation and refund, delivery and delays, privacy.

use leptos::prelude::*;

use super::frame::{ADDRESS, COMPANY, mailto};
use crate::domain::batch::{BATCH, CONTACT_EMAIL, SHIP_WINDOW};

/// Shows who sells, with an address.
#[component]
pub fn Company() -> impl IntoView {
    view! {
        <section class="company" aria-labelledby="company">
            <h2 id="company">"Who we are"</h2>
            <div>
                <p>
                    "Six people in an old sail loft: two engineers, a textile designer, a toolmaker, a writer, and Ana, who answers the
                     mail. We have built lamps together since 2019. Rolitt is the first thing we made that moves."
                </p>
                <address>{COMPANY} <br/> {ADDRESS} <br/> <a href=mailto()>{CONTACT_EMAIL}</a></address>
            </div>
        </section>
    }
}

/// Shows the policies that apply to a pre-order placed on this page.
#[component]
pub fn Policies() -> impl IntoView {
    view! {
        <section class="policies" aria-labelledby="policies">
            <h2 id="policies">"What we promise, in writing"</h2>
            <article id="cancellation">
                <h3>"Cancellation and refund"</h3>
                <p>
                    "You may cancel at any time before your Rolitt ships, without giving a reason, by writing to "
                    <a href=mailto()>{CONTACT_EMAIL}</a>
                    ". We refund the full amount to the way you paid within five working days. After it arrives you have 30 days to
                     withdraw: tell us, send it back, and we refund everything including the outward shipping. Your legal rights,
                     such as the 14-day right of withdrawal in the European Union, stay as they are."
                </p>
            </article>
            <article id="delivery">
                <h3>"Delivery and delays"</h3>
                <p>
                    {BATCH} " ships between " {SHIP_WINDOW.replace(" – ", " and ")}
                    ". If we cannot keep that, it is our duty to tell you before the window ends, with a new date, and to let you choose
                     between waiting and a full refund. If you do not agree to a delay of more than 30 days, or we cannot name a
                     date, we cancel and refund you without being asked."
                </p>
            </article>
            <article id="privacy">
                <h3>"Privacy"</h3>
                <p>
                    "We store your email, color, amount, shipping address and language to build and send your order, and keep them as
                     long as tax law requires. Stripe handles the payment; Klaviyo sends our mail. Nothing is sold, there are no
                     advertising cookies, and visits are counted only if you agreed to it. Write to us to see, correct or delete what
                     we hold about you."
                </p>
            </article>
        </section>
    }
}
