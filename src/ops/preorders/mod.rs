//! `rolitt preorders`: what a merchant sees of orders, and does to them.

mod act;
mod bank_transfer;
mod erase;
mod list;
mod refund;
mod show;
mod summary;

use clap::{Args, Subcommand};

use self::summary::Summary;
use super::context::{ShopContext, print_json, print_line};
use crate::{
    domain::preorder::PreorderNumber,
    server::{
        config::Config,
        store::{OrderKey, StoredOrder},
    },
};

#[derive(Subcommand)]
pub enum Preorders {
    /// List orders, newest first.
    List(list::List),
    /// Show one order with its payment, refunds and disputes.
    Show(show::Show),
    /// Approve an order that is held for review: from then on it counts as sold.
    Approve(Number),
    /// Record that an order was shipped.
    Ship(act::Ship),
    /// Record that an order was delivered.
    Deliver(Number),
    /// Record that the bank transfer for an order arrived.
    MarkPaid(bank_transfer::MarkPaid),
    /// Cancel an unpaid bank-transfer order.
    Cancel(Number),
    /// Erase one customer's personal data for good: of one order, or of every order of an address.
    Erase(erase::Erase),
    /// Refund an order in full or in part.
    Refund(refund::Refund),
}

/// The argument of commands that need an order and nothing else.
#[derive(Args)]
pub struct Number {
    /// The order's number, such as ROL-7Q4X9ZK2.
    number: PreorderNumber,
}

impl Preorders {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let context = ShopContext::open(config).await?;
        let result = match self {
            Self::List(command) => command.run(&context).await,
            Self::Show(command) => command.run(&context).await,
            Self::Approve(Number { number }) => act::approve(&context, &number).await,
            Self::Ship(command) => command.run(&context).await,
            Self::Deliver(Number { number }) => act::deliver(&context, &number).await,
            Self::MarkPaid(command) => command.run(&context).await,
            Self::Cancel(Number { number }) => bank_transfer::cancel(&context, &number).await,
            Self::Erase(command) => command.run(&context).await,
            Self::Refund(command) => command.run(&context).await,
        };
        context.close().await;
        result
    }
}

async fn find(context: &ShopContext, number: &PreorderNumber) -> anyhow::Result<StoredOrder> {
    let purchase = context.shop.store.order(OrderKey::Number(number)).await?;
    purchase.ok_or_else(|| {
        anyhow::anyhow!(
            "there is no preorder {number}; `rolitt preorders list --email ADDRESS` lists a customer's orders"
        )
    })
}
