//! `rolitt preorders list`.

use clap::Args;

use super::{ShopContext, Summary, print_json, print_line};
use crate::{
    domain::{
        money::Money,
        payment::ProviderId,
        preorder::{PreorderNumber, PreorderStatus},
    },
    server::store::{PreorderFilter, StoredOrder},
};

#[derive(Args)]
pub struct List {
    /// Only orders with this status, such as paid.
    #[arg(long)]
    status: Option<PreorderStatus>,
    /// Only orders with an open review reason.
    #[arg(long)]
    review: bool,
    /// Only orders of this email address.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Only orders of this payment provider: stripe or invoice.
    #[arg(long, value_parser = provider)]
    provider: Option<ProviderId>,
    /// Only orders older than this one: the next page.
    #[arg(long, value_name = "NUMBER")]
    after: Option<PreorderNumber>,
    /// How many orders to list, from 1 to 200.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

fn provider(name: &str) -> Result<ProviderId, String> {
    ProviderId::from_name(name).ok_or_else(|| "must be stripe or invoice".to_owned())
}

impl List {
    pub(super) async fn run(self, context: &ShopContext) -> anyhow::Result<()> {
        let Self { status, review, email, provider, after, limit, json } = self;
        let filter = PreorderFilter { status, in_review: review, provider, email, since: None, after };
        let found = context.shop.store.orders(&filter, limit).await?;
        if json {
            return print_json(&found.iter().map(Summary::of).collect::<Vec<_>>());
        }
        for purchase in &found {
            print_line(&line(purchase))?;
        }
        print_line(&format!("{} order(s)", found.len()))
    }
}

fn line(purchase: &StoredOrder) -> String {
    let summary = Summary::of(purchase);
    let mut line = format!(
        "{}  {:<16} {:<8} {:<14} {:>10}  {}",
        summary.number,
        summary.status,
        summary.provider,
        summary.color.unwrap_or("?"),
        purchase.preorder.details.amount.map(Money::display).unwrap_or_default(),
        if summary.erased { "erased" } else { &summary.email }
    );
    if let Some(review) = summary.review {
        line = format!("{line}  REVIEW: {review}");
    }
    if summary.open_disputes > 0 {
        line = format!("{line}  DISPUTED");
    }
    line
}
