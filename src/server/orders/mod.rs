//! Everything that creates or changes an order: checkout, fulfilment, refunds and bank transfers.
//!
//! Every change of an order goes through [`fulfilment`], so that a webhook, the return page, a
//! reconciliation and the merchant's commands cannot disagree.

pub mod bank_transfer;
pub mod checkout;
pub mod fulfilment;
pub mod invoice_history;
pub mod messages;
pub mod order_link;
pub mod refund;
