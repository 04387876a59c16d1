//! Money on its way: payment intents, what pays them, the charges that come of it, refunds and disputes.

pub mod attempt;
pub mod charge;
pub mod confirm;
pub mod dispute;
pub mod intent;
pub mod intents;
pub mod method;
pub mod refund;
pub mod tender;
