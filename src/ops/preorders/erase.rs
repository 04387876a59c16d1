//! `rolitt preorders erase`: erases one customer's personal data here, and names who else holds a
//! copy.

use clap::Args;
use serde_json::json;

use super::{
    super::UsageError,
    {ShopContext, print_json, print_line},
};
use crate::{
    domain::preorder::PreorderNumber,
    server::privacy::erasure::{self, ErasureOptions, ErasureReport, Subject},
};

/// Copies that the shop cannot erase.
const ELSEWHERE: [&str; 2] = [
    "Stripe has its own copy: redact it there (Dashboard: Settings, Compliance and documents, or a redaction job)",
    "Klaviyo has its own copy: delete the profile there (Dashboard: Profiles, or its data privacy API)",
];

#[derive(Args)]
pub struct Erase {
    #[command(flatten)]
    customer: Customer,
    #[command(flatten)]
    confirmation: Confirmation,
    /// Also erase data that open orders still need, and parked events.
    #[arg(long)]
    force: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Customer {
    /// One order. Other orders of the same customer stay unchanged.
    number: Option<PreorderNumber>,
    /// Every order of this email address, and all other data that contain the address.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
}

#[derive(Args)]
struct Confirmation {
    /// Erase the data. This cannot be undone.
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Report what would be erased; change nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Erase {
    /// Fails if some of the customer's personal data is left here. Without `--yes` and `--dry-run`
    /// it reports what would be erased, and ends with a usage error.
    pub(super) async fn run(self, context: &ShopContext) -> anyhow::Result<()> {
        let (Customer { number, email }, Confirmation { yes, dry_run }) = (self.customer, self.confirmation);
        let subject =
            number.map(Subject::Order).or(email.map(Subject::Address)).ok_or(UsageError("name an order or --email"))?;
        let options = ErasureOptions { dry_run: !yes, force: self.force };
        let report = erasure::erase(&context.shop, &subject, options).await?;
        // What is left decides the exit status, even if the output could not be written.
        let printed = if self.json { print_as_json(&report) } else { print(&report) };
        complete(&report)?;
        printed?;
        if !yes && !dry_run {
            return Err(UsageError("nothing was erased; add --yes to erase for good, or --dry-run to only look").into());
        }
        Ok(())
    }
}

fn complete(report: &ErasureReport) -> anyhow::Result<()> {
    let refused = report.orders.iter().filter(|order| order.refused.is_some()).count();
    anyhow::ensure!(
        refused == 0,
        "{refused} order(s) are still needed, and with them their customer's data; erase again when they are complete, \
         or add --force"
    );
    anyhow::ensure!(
        report.waiting == 0,
        "{} event(s) are still to be applied; erase again when they are (--force erases those that are parked)",
        report.waiting
    );
    anyhow::ensure!(
        report.unreadable == 0,
        "{} row(s) cannot be read and may contain personal data; look at the rows in the database and repair them, then \
         erase again",
        report.unreadable
    );
    Ok(())
}

fn print_as_json(report: &ErasureReport) -> anyhow::Result<()> {
    let mut object = serde_json::to_value(report)?;
    object["complete"] = json!(report.is_complete());
    object["elsewhere"] = json!(ELSEWHERE);
    print_json(&object)
}

fn print(report: &ErasureReport) -> anyhow::Result<()> {
    let erased = if report.dry_run { "would be erased" } else { "erased" };
    for order in &report.orders {
        let (number, status) = (&order.number, order.status);
        match &order.refused {
            None => print_line(&format!("{number}  {status:<16} {erased}"))?,
            Some(reason) => print_line(&format!("{number}  {status:<16} NOT ERASED: {reason}"))?,
        }
    }
    print_line(&format!(
        "{} order(s), {} event(s), {} message(s), {} customer(s) {erased}",
        report.orders.iter().filter(|order| order.refused.is_none()).count(),
        report.events,
        report.messages,
        report.customers
    ))?;
    ELSEWHERE.iter().try_for_each(|line| print_line(line))
}
