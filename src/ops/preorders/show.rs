//! `rolitt preorders show`: one order with all that is known about its payment.

use clap::Args;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{ShopContext, Summary, find, print_json, print_line};
use crate::{
    domain::{
        lifecycle::{DisputeStatus, OrderState},
        money::Money,
        preorder::PreorderNumber,
    },
    server::store::StoredOrder,
};

#[derive(Args)]
pub struct Show {
    /// The order's number, such as ROL-7Q4X9ZK2.
    number: PreorderNumber,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) async fn run(self, context: &ShopContext) -> anyhow::Result<()> {
        let purchase = find(context, &self.number).await?;
        if self.json { print_json(&as_json(&purchase)) } else { print(&purchase) }
    }
}

fn as_json(purchase: &StoredOrder) -> Value {
    let details = &purchase.preorder.details;
    let OrderState { payment, refunds, disputes, .. } = &purchase.state;
    let payment = payment.as_ref().map(|payment| {
        let (failed_at, failure) = payment.failure.clone().unzip();
        json!({ "intent": payment.intent, "status": payment.status.as_str(), "failed_at": failed_at, "failure": failure })
    });
    let refunds: Vec<_> = refunds
        .iter()
        .map(|refund| {
            json!({ "id": refund.id, "status": refund.status.as_str(), "amount_minor": refund.amount.minor(),
                    "currency": refund.amount.currency(), "reason": refund.reason, "failure": refund.failure })
        })
        .collect();
    let disputes: Vec<_> = disputes
        .iter()
        .map(|dispute| {
            json!({ "id": dispute.id, "status": dispute.status.as_str(), "funds": dispute.funds.as_str(),
                    "amount_minor": dispute.amount.minor(), "currency": dispute.amount.currency(),
                    "reason": dispute.reason, "due_by": dispute.due_by })
        })
        .collect();
    json!({
        "order": Summary::of(purchase), "session": details.session, "shipping": details.shipping, "locale": details.locale,
        "payment": payment, "refunds": refunds, "disputes": disputes,
    })
}

fn print(purchase: &StoredOrder) -> anyhow::Result<()> {
    let (details, summary) = (&purchase.preorder.details, Summary::of(purchase));
    let amount = details.amount.map_or_else(|| "-".to_owned(), Money::display);
    print_line(&format!("{}  {}", summary.number, summary.status))?;
    print_line(&format!("  color     {}", summary.color.unwrap_or("?")))?;
    print_line(&format!("  amount    {amount} by {}, session {}", summary.provider, details.session))?;
    let erased = details.erased_at.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let customer = erased.map_or_else(|| details.email.clone(), |at| format!("erased on {}", at.date()));
    print_line(&format!("  customer  {customer}"))?;
    if let Some(tracking) = &details.tracking {
        print_line(&format!("  tracking  {tracking}"))?;
    }
    if let Some(payment) = &purchase.state.payment {
        let failure = payment.failure.as_ref().map(|(_, code)| format!(", last failure {code}")).unwrap_or_default();
        print_line(&format!("  payment   {} {}{failure}", payment.intent, payment.status.as_str()))?;
    }
    for refund in &purchase.state.refunds {
        print_line(&format!("  refund    {} {} {}", refund.id, refund.amount.display(), refund.status.as_str()))?;
    }
    for dispute in &purchase.state.disputes {
        let (amount, status) = (dispute.amount.display(), dispute.status);
        let deadline = evidence_deadline(status, dispute.due_by);
        print_line(&format!("  dispute   {} {amount} {}{deadline}", dispute.id, status.as_str()))?;
    }
    if let Some(review) = summary.review {
        print_line(&format!("  REVIEW    {review}"))?;
    }
    Ok(())
}

/// Returns the date until which evidence can be submitted. Empty if the dispute is over.
fn evidence_deadline(status: DisputeStatus, due_by: Option<i64>) -> String {
    let due = due_by.and_then(|due| OffsetDateTime::from_unix_timestamp(due).ok());
    match due {
        Some(due) if !status.is_over() => format!(", evidence until {}", due.date()),
        _ => String::new(),
    }
}
