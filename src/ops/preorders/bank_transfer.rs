//! `rolitt preorders mark-paid` and `cancel`: orders by bank transfer, for which no provider sends
//! events.

use clap::Args;

use super::{ShopContext, print_line};
use crate::{
    domain::preorder::PreorderNumber,
    server::orders::bank_transfer::{self, TransferChange},
};

#[derive(Args)]
pub struct MarkPaid {
    /// The order's number, such as ROL-7Q4X9ZK2.
    number: PreorderNumber,
    /// The amount received, in minor units (29900 is 299.00), if it differs from the order's
    /// amount. The order is then held for review.
    #[arg(long, value_name = "MINOR")]
    received_minor: Option<i64>,
}

impl MarkPaid {
    pub(super) async fn run(self, context: &ShopContext) -> anyhow::Result<()> {
        let Self { number, received_minor } = self;
        print(&number, &bank_transfer::mark_paid(&context.shop, &number, received_minor).await?)
    }
}

pub(super) async fn cancel(context: &ShopContext, number: &PreorderNumber) -> anyhow::Result<()> {
    print(number, &bank_transfer::cancel(&context.shop, number).await?)
}

fn print(number: &PreorderNumber, change: &TransferChange) -> anyhow::Result<()> {
    let details = &change.preorder().details;
    let already = if matches!(change, TransferChange::AlreadyMade(_)) { " already" } else { "" };
    let review =
        if details.review.is_open() { format!("; HELD FOR REVIEW: {}", details.review.text()) } else { String::new() };
    print_line(&format!("{number}: {}{already}{review}", details.status.as_str()))
}
