//! `rolitt preorders approve`, `ship` and `deliver`: the merchant's changes that every provider's
//! orders allow.

use clap::Args;

use super::{ShopContext, find, print_line};
use crate::{
    domain::{
        lifecycle::MerchantAction,
        preorder::{Preorder, PreorderNumber},
    },
    server::{orders::fulfilment, store::Applied},
};

#[derive(Args)]
pub struct Ship {
    /// The order's number, such as ROL-7Q4X9ZK2.
    number: PreorderNumber,
    /// The carrier's tracking number.
    #[arg(long)]
    tracking: Option<String>,
}

impl Ship {
    pub(super) async fn run(self, context: &ShopContext) -> anyhow::Result<()> {
        act(context, &self.number, &MerchantAction::Ship { tracking: self.tracking }).await
    }
}

pub(super) async fn approve(context: &ShopContext, number: &PreorderNumber) -> anyhow::Result<()> {
    act(context, number, &MerchantAction::Approve).await
}

pub(super) async fn deliver(context: &ShopContext, number: &PreorderNumber) -> anyhow::Result<()> {
    act(context, number, &MerchantAction::Deliver).await
}

async fn act(context: &ShopContext, number: &PreorderNumber, action: &MerchantAction) -> anyhow::Result<()> {
    let provider = find(context, number).await?.preorder.details.provider;
    print(number, &fulfilment::apply_action(&context.shop, provider, number, action).await?)
}

/// Prints the order's new status. Fails if the order does not allow the action.
fn print(number: &PreorderNumber, applied: &Applied) -> anyhow::Result<()> {
    let status =
        |preorder: &Option<Preorder>| preorder.as_ref().map_or("-", |preorder| preorder.details.status.as_str());
    match applied {
        Applied::Changed(preorder) => print_line(&format!("{number}: {}", status(preorder))),
        Applied::Unchanged(preorder) => print_line(&format!("{number}: {} already", status(preorder))),
        Applied::Duplicate => print_line(&format!("{number}: done already")),
        Applied::Ignored(reason) => anyhow::bail!("{number}: {reason}"),
    }
}
