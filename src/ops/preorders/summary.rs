//! One order in a few fields, for lists.

use serde::Serialize;

use crate::{
    domain::{customer::mask, money::Money, product::ProductColor},
    server::store::StoredOrder,
};

/// One order as `list` and `show` print it. The email address is masked, because lists are pasted
/// and read over shoulders.
#[derive(Serialize)]
pub(super) struct Summary<'a> {
    pub(super) number: &'a str,
    pub(super) status: &'static str,
    pub(super) provider: &'static str,
    pub(super) color: Option<&'static str>,
    pub(super) amount_minor: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) refunded_minor: i64,
    pub(super) email: String,
    pub(super) livemode: bool,
    pub(super) tracking_number: Option<&'a str>,
    pub(super) review: Option<String>,
    pub(super) open_disputes: usize,
    pub(super) erased: bool,
}

impl<'a> Summary<'a> {
    pub(super) fn of(purchase: &'a StoredOrder) -> Self {
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
            open_disputes: purchase.state.disputes.iter().filter(|dispute| !dispute.status.is_over()).count(),
            erased: details.erased_at.is_some(),
        }
    }
}
