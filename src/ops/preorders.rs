//! `rolitt preorders …`: what a merchant sees of orders, and does to them.

use serde::Serialize;
use serde_json::json;

use super::context::{ShopContext, print_json, print_line};
use crate::{
    domain::{
        customer::mask,
        lifecycle::{DisputeStatus, MerchantAction, OrderState},
        money::Money,
        payment::ProviderId,
        preorder::{Preorder, PreorderNumber},
        product::ProductColor,
    },
    server::{
        orders::{
            bank_transfer::{self, TransferChange},
            fulfilment,
            refund::{self, RefundRequest},
        },
        store::{Applied, PreorderFilter, Purchase, PurchaseKey},
    },
};

/// One order, as it is listed. The address is masked: a list is read over shoulders, and pasted.
#[derive(Serialize)]
struct Row<'a> {
    number: &'a str,
    status: &'static str,
    provider: &'static str,
    color: Option<&'static str>,
    amount_minor: Option<i64>,
    currency: Option<String>,
    refunded_minor: i64,
    email: String,
    livemode: bool,
    tracking_number: Option<&'a str>,
    review: Option<String>,
    open_disputes: usize,
    erased: bool,
}

impl<'a> Row<'a> {
    fn of(purchase: &'a Purchase) -> Self {
        let details = &purchase.preorder.details;
        Self {
            number: purchase.preorder.number.as_str(),
            status: details.status.as_str(),
            provider: details.provider.as_str(),
            color: details.color.map(ProductColor::as_str),
            amount_minor: details.amount.map(Money::minor),
            currency: details.amount.map(|amount| amount.currency().to_string()),
            refunded_minor: details.refunded_minor,
            email: if details.erased_at.is_some() { String::new() } else { mask(&details.email) },
            livemode: details.livemode,
            tracking_number: details.tracking.as_deref(),
            review: details.review.is_open().then(|| details.review.text()),
            open_disputes: purchase.case.disputes.iter().filter(|dispute| !dispute.status.is_over()).count(),
            erased: details.erased_at.is_some(),
        }
    }
}

/// `rolitt preorders list`.
pub async fn list(context: &ShopContext, filter: &PreorderFilter, limit: u32, as_json: bool) -> anyhow::Result<()> {
    let found = context.shop.store.purchases(filter, limit).await?;
    if as_json {
        return print_json(&found.iter().map(Row::of).collect::<Vec<_>>());
    }
    for purchase in &found {
        let row = Row::of(purchase);
        let amount = purchase.preorder.details.amount.map(Money::display).unwrap_or_default();
        let mut line = format!(
            "{}  {:<16} {:<8} {:<14} {:>10}  {}",
            row.number,
            row.status,
            row.provider,
            row.color.unwrap_or("?"),
            amount,
            if row.erased { "erased" } else { &row.email }
        );
        if let Some(review) = row.review {
            line = format!("{line}  REVIEW: {review}");
        }
        if row.open_disputes > 0 {
            line = format!("{line}  DISPUTED");
        }
        print_line(&line)?;
    }
    print_line(&format!("{} order(s)", found.len()))
}

/// `rolitt preorders show`: the order and all that is known of its payment.
pub async fn show(context: &ShopContext, number: &PreorderNumber, as_json: bool) -> anyhow::Result<()> {
    let purchase = find(context, number).await?;
    let details = &purchase.preorder.details;
    if as_json {
        let OrderState { payment, refunds, disputes, .. } = &purchase.case;
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
        return print_json(&json!({
            "order": Row::of(&purchase), "session": details.session, "shipping": details.shipping, "locale": details.locale,
            "payment": payment, "refunds": refunds, "disputes": disputes,
        }));
    }
    print(&purchase)
}

fn print(purchase: &Purchase) -> anyhow::Result<()> {
    let (details, row) = (&purchase.preorder.details, Row::of(purchase));
    let amount = details.amount.map_or_else(|| "-".to_owned(), Money::display);
    print_line(&format!("{}  {}", row.number, row.status))?;
    print_line(&format!("  color     {}", row.color.unwrap_or("?")))?;
    print_line(&format!("  amount    {amount} by {}, session {}", row.provider, details.session))?;
    let erased = details.erased_at.and_then(|at| time::OffsetDateTime::from_unix_timestamp(at).ok());
    let customer = erased.map_or_else(|| details.email.clone(), |at| format!("erased on {}", at.date()));
    print_line(&format!("  customer  {customer}"))?;
    if let Some(tracking) = &details.tracking {
        print_line(&format!("  tracking  {tracking}"))?;
    }
    if let Some(payment) = &purchase.case.payment {
        let failure = payment.failure.as_ref().map(|(_, code)| format!(", last failure {code}")).unwrap_or_default();
        print_line(&format!("  payment   {} {}{failure}", payment.intent, payment.status.as_str()))?;
    }
    for refund in &purchase.case.refunds {
        print_line(&format!("  refund    {} {} {}", refund.id, refund.amount.display(), refund.status.as_str()))?;
    }
    for dispute in &purchase.case.disputes {
        let due = due_text(dispute.status, dispute.due_by);
        print_line(&format!(
            "  dispute   {} {} {}{due}",
            dispute.id,
            dispute.amount.display(),
            dispute.status.as_str()
        ))?;
    }
    if let Some(review) = row.review {
        print_line(&format!("  REVIEW    {review}"))?;
    }
    Ok(())
}

fn due_text(status: DisputeStatus, due_by: Option<i64>) -> String {
    let due = due_by.and_then(|due| time::OffsetDateTime::from_unix_timestamp(due).ok());
    match due {
        Some(due) if !status.is_over() => format!(", evidence until {}", due.date()),
        _ => String::new(),
    }
}

/// `rolitt preorders ship|deliver|approve`.
pub async fn act(context: &ShopContext, number: &PreorderNumber, act: &MerchantAction) -> anyhow::Result<()> {
    let provider = find(context, number).await?.preorder.details.provider;
    report(number, &fulfilment::apply_action(&context.shop, provider, number, act).await?)
}

/// `rolitt preorders refund`.
pub async fn refund(context: &ShopContext, number: &PreorderNumber, asked: RefundRequest) -> anyhow::Result<()> {
    let refund = refund::refund(&context.shop, number, asked).await?;
    print_line(&format!("{number}: refund {} of {} is {}", refund.id, refund.amount.display(), refund.status.as_str()))
}

/// `rolitt preorders mark-paid`.
pub async fn mark_paid(context: &ShopContext, number: &PreorderNumber, received: Option<i64>) -> anyhow::Result<()> {
    settled(number, &bank_transfer::mark_paid(&context.shop, number, received).await?)
}

/// `rolitt preorders cancel`.
pub async fn cancel(context: &ShopContext, number: &PreorderNumber) -> anyhow::Result<()> {
    settled(number, &bank_transfer::cancel(&context.shop, number).await?)
}

fn settled(number: &PreorderNumber, settled: &TransferChange) -> anyhow::Result<()> {
    let details = &settled.preorder().details;
    let already = if matches!(settled, TransferChange::AlreadyMade(_)) { " already" } else { "" };
    let review =
        if details.review.is_open() { format!("; HELD FOR REVIEW: {}", details.review.text()) } else { String::new() };
    print_line(&format!("{number}: {}{already}{review}", details.status.as_str()))
}

/// Says what became of an act.
pub fn report(number: &PreorderNumber, applied: &Applied) -> anyhow::Result<()> {
    let status =
        |preorder: &Option<Preorder>| preorder.as_ref().map_or("-", |preorder| preorder.details.status.as_str());
    match applied {
        Applied::Changed(preorder) => print_line(&format!("{number}: {}", status(preorder))),
        Applied::Unchanged(preorder) => print_line(&format!("{number}: {} already", status(preorder))),
        Applied::Duplicate => print_line(&format!("{number}: done already")),
        Applied::Ignored(reason) => anyhow::bail!("{number}: {reason}"),
    }
}

async fn find(context: &ShopContext, number: &PreorderNumber) -> anyhow::Result<Purchase> {
    let purchase = context.shop.store.purchase(PurchaseKey::Number(number)).await?;
    purchase.ok_or_else(|| anyhow::anyhow!("there is no preorder {number}"))
}

/// The provider of this name.
pub fn provider(name: &str) -> Result<ProviderId, String> {
    ProviderId::from_name(name).ok_or_else(|| "not a provider: stripe or invoice".to_owned())
}
