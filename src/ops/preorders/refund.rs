//! `rolitt preorders refund`.

use clap::Args;

use super::{ShopContext, print_line};
use crate::{
    domain::preorder::PreorderNumber,
    server::{
        orders::refund::{self, RefundRequest},
        payments::capability::RefundReason,
    },
};

#[derive(Args)]
pub struct Refund {
    /// The order's number, such as ROL-7Q4X9ZK2.
    number: PreorderNumber,
    /// The amount in minor units of the charged currency (500 is 5.00 USD) [default: all that is
    /// not refunded yet].
    #[arg(long, value_name = "MINOR")]
    amount_minor: Option<i64>,
    /// The reason that the provider records.
    #[arg(long)]
    reason: Option<RefundReason>,
    /// Allow a second refund of the same amount, which is otherwise rejected as a repeat.
    #[arg(long)]
    again: bool,
}

impl Refund {
    pub(super) async fn run(self, context: &ShopContext) -> anyhow::Result<()> {
        let Self { number, amount_minor, reason, again } = self;
        let request = RefundRequest { minor: amount_minor, reason, allow_repeat: again };
        let refund = refund::refund(&context.shop, &number, request).await?;
        let (amount, status) = (refund.amount.display(), refund.status.as_str());
        print_line(&format!("{number}: refund {} of {amount} is {status}", refund.id))
    }
}
