//! The details of a bank transfer, which a customer copies into their bank's form. One click
//! selects a whole value.

use leptos::prelude::*;

use super::frame::mailto_about;
use crate::{
    domain::{batch::CONTACT_EMAIL, money::Money},
    wire::page::{Transfer, TransferAccount},
};

/// Shows holder, IBAN, amount, reference and the last day, or whom to ask where the shop takes no
/// more transfers.
#[component]
pub fn TransferSlip(transfer: Transfer, amount: Option<Money>, number: String) -> impl IntoView {
    let Transfer { account, until, .. } = transfer;
    let subject = ["Transfer for ", &number].concat();
    let slip = account.map(|TransferAccount { holder, iban, bic }| {
        let exact = |amount: Money| [&amount.decimal(), " ", &amount.currency().code().to_uppercase()].concat();
        view! {
            <dl class="slip">
                <div><dt>"Account holder"</dt><dd><code>{holder}</code></dd></div>
                <div><dt>"IBAN"</dt><dd><code>{iban}</code></dd></div>
                {amount.map(|amount| view! { <div><dt>"Amount"</dt><dd><code>{exact(amount)}</code></dd></div> })}
                <div><dt>"Reference"</dt><dd><code>{number}</code></dd></div>
                {until.map(|until| view! { <div><dt>"Until"</dt><dd>{until}</dd></div> })}
                {bic.map(|bic| view! { <div><dt>"BIC"</dt><dd><code>{bic}</code></dd></div> })}
            </dl>
            <p class="slip-note">
                "The reference is how we find your transfer among all others: copy it as it is. Your bank may charge a fee of its own; the
                 whole amount has to reach us."
            </p>
        }
    });
    let ask = slip.is_none().then(|| {
        view! {
            <p>
                "We take no new transfers at this account. If yours is on its way, it is safe. Otherwise write to "
                <a href=mailto_about(&subject)>{CONTACT_EMAIL}</a> " and we find another way."
            </p>
        }
    });
    view! {
        <section class="transfer" aria-labelledby="transfer">
            <h2 id="transfer">"Where to transfer"</h2>
            {slip}
            {ask}
        </section>
    }
}
