//! `rolitt preorders erase`: what is personal about one customer is taken away, and what others hold is named.

use serde_json::json;

use super::context::{ShopContext, print_json, print_line};
use crate::server::privacy::erasure::{self, ErasureOptions, ErasureReport, Subject};

/// Nobody but their owners can erase these.
const ELSEWHERE: [&str; 2] = [
    "Stripe has its own copy: redact it there (Dashboard: Settings, Compliance and documents, or a redaction job)",
    "Klaviyo has its own copy: delete the profile there (Dashboard: Profiles, or its data privacy API)",
];

/// Fails when something of the customer is left here.
pub async fn erase(
    context: &ShopContext,
    subject: &Subject,
    options: ErasureOptions,
    as_json: bool,
) -> anyhow::Result<()> {
    let report = erasure::erase(&context.shop, subject, options).await?;
    // Whether anybody reads on or not, the exit status says how it stands.
    let printed = if as_json {
        let mut told = serde_json::to_value(&report)?;
        told["complete"] = json!(report.is_complete());
        told["elsewhere"] = json!(ELSEWHERE);
        print_json(&told)
    } else {
        lines(&report).iter().try_for_each(|line| print_line(line))
    };
    let refused = report.orders.iter().filter(|order| order.refused.is_some()).count();
    anyhow::ensure!(refused == 0, "{refused} order(s) are still needed, and so is their customer");
    anyhow::ensure!(
        report.waiting == 0,
        "{} event(s) are still to be applied; when they are, erase again (--force erases those that are parked)",
        report.waiting
    );
    anyhow::ensure!(report.unreadable == 0, "{} row(s) do not read, and may hold anything", report.unreadable);
    printed
}

fn lines(report: &ErasureReport) -> Vec<String> {
    let erased = if report.dry_run { "would be erased" } else { "erased" };
    let mut lines: Vec<String> = report
        .orders
        .iter()
        .map(|order| match &order.refused {
            None => format!("{}  {:<16} {erased}", order.number, order.status),
            Some(reason) => format!("{}  {:<16} NOT ERASED: {reason}", order.number, order.status),
        })
        .collect();
    lines.push(format!(
        "{} order(s), {} event(s), {} message(s), {} customer(s) {erased}",
        report.orders.iter().filter(|order| order.refused.is_none()).count(),
        report.events,
        report.messages,
        report.customers
    ));
    lines.extend(ELSEWHERE.map(str::to_owned));
    lines
}
