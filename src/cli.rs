//! The command line: what can be typed, and which body answers. No rule of the shop is in here.

use std::{ffi::OsString, time::Duration};

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum, error::ErrorKind};
use rolitt::{
    domain::{
        lifecycle::MerchantAction,
        payment::ProviderId,
        preorder::{PreorderNumber, PreorderStatus},
    },
    ops::{
        books, commands,
        context::ShopContext,
        erase,
        preorders::{self, provider},
        store,
    },
    server::{
        config::Config, orders::refund::RefundRequest, payments::capability::RefundReason, privacy::erasure::Subject,
        reconcile::ReconcileOptions, store::PreorderFilter, store_copy,
    },
};

/// A pre-order shop and its payments.
#[derive(Parser)]
#[command(name = "rolitt", version, about)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Serve the shop (the default).
    Serve,
    /// Bring the database's schema up to date.
    Migrate,
    /// Check the configuration and the connections; change nothing.
    Check {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Look whether the provider is set up to tell this shop what happens.
    Doctor {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Compare the books with the provider's, and repair what differs.
    Reconcile {
        /// How far back to look (24h, 7d) instead of from the last comparison on.
        #[arg(long, value_name = "DURATION", value_parser = since)]
        since: Option<Duration>,
        /// Say what differs, and change nothing.
        #[arg(long)]
        dry_run: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// See orders, and act on them.
    #[command(subcommand)]
    Preorders(Preorders),
    /// Move the shop from one store to the other.
    #[command(subcommand)]
    Store(Stores),
    /// Run the sandbox for Stripe and Klaviyo alone.
    Sandbox,
    /// Start or stop the embedded PostgreSQL of development.
    Postgres { action: PostgresAction },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum PostgresAction {
    /// Start it and leave it running; its URL is then in ROLITT_DATA_DIR/database-url.
    Start,
    Stop,
}

#[derive(Subcommand)]
pub enum Stores {
    /// Copy all that is not there yet, then compare everything; may be repeated, and goes on after it was interrupted.
    Copy {
        #[arg(long, value_name = "STORE")]
        from: StoreName,
        #[arg(long, value_name = "STORE")]
        to: StoreName,
        /// Say what would be written, and change nothing.
        #[arg(long)]
        dry_run: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoreName {
    Postgres,
    Firestore,
}

impl From<StoreName> for store::Name {
    fn from(name: StoreName) -> Self {
        match name {
            StoreName::Postgres => Self::Postgres,
            StoreName::Firestore => Self::Firestore,
        }
    }
}

#[derive(Subcommand)]
pub enum Preorders {
    /// List orders, newest first.
    List(Listing),
    /// Show one order with its payment, refunds and disputes.
    Show {
        number: PreorderNumber,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Say that a held order was looked at: it counts as sold from now on.
    Approve { number: PreorderNumber },
    /// Say that an order was sent.
    Ship {
        number: PreorderNumber,
        /// The carrier's number.
        #[arg(long)]
        tracking: Option<String>,
    },
    /// Say that an order arrived.
    Deliver { number: PreorderNumber },
    /// Say that the transfer for an order by invoice arrived.
    MarkPaid {
        number: PreorderNumber,
        /// What came, in minor units, where it is not what was asked: the order is then held for review.
        #[arg(long, value_name = "MINOR")]
        received_minor: Option<i64>,
    },
    /// Call off an order by invoice that was not paid.
    Cancel { number: PreorderNumber },
    /// Take away what is personal about one customer, for ever: of one order, or of all that an address has.
    Erase(Erasing),
    /// Give money back, all that is left of it or a part.
    Refund {
        number: PreorderNumber,
        /// In minor units of what was charged: 500 is 5 USD.
        #[arg(long, value_name = "MINOR")]
        amount_minor: Option<i64>,
        #[arg(long)]
        reason: Option<Reason>,
        /// Another one of the same amount as one that was made before: without this, a repeat is refused.
        #[arg(long)]
        again: bool,
    },
}

#[derive(Args)]
pub struct Erasing {
    #[command(flatten)]
    whom: Customer,
    #[command(flatten)]
    sure: Sure,
    /// Erase also what orders still need, and events that wait for a person.
    #[arg(long)]
    force: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Whether it is meant.
#[derive(Args)]
pub struct Sure {
    /// Do it: there is no way back.
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Say what would be erased, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct Customer {
    /// One order; other orders of the same customer stay as they are.
    number: Option<PreorderNumber>,
    /// Every order of this address, and everything that holds it.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
}

#[derive(Args)]
pub struct Listing {
    /// Only orders in this state, such as paid.
    #[arg(long)]
    status: Option<PreorderStatus>,
    /// Only orders that a person must look at.
    #[arg(long)]
    review: bool,
    #[arg(long)]
    email: Option<String>,
    #[arg(long, value_parser = provider)]
    provider: Option<ProviderId>,
    /// Only orders older than this one: the next page.
    #[arg(long, value_name = "NUMBER")]
    after: Option<PreorderNumber>,
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Reason {
    Duplicate,
    Fraudulent,
    RequestedByCustomer,
}

impl From<Reason> for RefundReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Duplicate => Self::Duplicate,
            Reason::Fraudulent => Self::Fraudulent,
            Reason::RequestedByCustomer => Self::RequestedByCustomer,
        }
    }
}

/// A duration of at most ten years.
fn since(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_hours(10 * 366 * 24);
    let since = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if since > LONGEST { Err("that is longer ago than anything".to_owned()) } else { Ok(since) }
}

/// Answers the commands that end by themselves.
pub async fn answer(command: Command, config: &Config, path: Option<OsString>) -> anyhow::Result<()> {
    match command {
        Command::Serve | Command::Sandbox => Ok(()),
        Command::Migrate => commands::migrate(config, path).await,
        Command::Check { json } => commands::check(config, json).await,
        Command::Doctor { json } => books::doctor(config, json).await,
        Command::Reconcile { since, dry_run, json } => {
            books::reconcile(config, path, ReconcileOptions { since, dry_run }, json).await
        }
        Command::Preorders(Preorders::Erase(asked)) => {
            let sure = asked.sure.yes || asked.sure.dry_run;
            erase_customer(config, path, asked).await?;
            if !sure {
                let told = "nothing was erased: there is no way back, so say --yes when you mean it";
                Cli::command().error(ErrorKind::MissingRequiredArgument, told).exit()
            }
            Ok(())
        }
        Command::Preorders(command) => {
            let context = ShopContext::open(config, path).await?;
            let result = preorder(&context, command).await;
            context.close().await;
            result
        }
        Command::Store(Stores::Copy { from, to, .. }) if from == to => {
            Cli::command().error(ErrorKind::ArgumentConflict, "--from and --to name the same store").exit()
        }
        Command::Store(Stores::Copy { from, to, dry_run, json }) => {
            let options = store_copy::CopyOptions { dry_run, ..store_copy::CopyOptions::default() };
            store::copy(config, path, from.into(), to.into(), options, json).await
        }
        Command::Postgres { action: PostgresAction::Start } => commands::start_postgres(config, path).await,
        Command::Postgres { action: PostgresAction::Stop } => commands::stop_postgres(config, path),
    }
}

async fn erase_customer(config: &Config, path: Option<OsString>, asked: Erasing) -> anyhow::Result<()> {
    let Some(whom) = asked.whom.number.map(Subject::Order).or(asked.whom.email.map(Subject::Address)) else {
        return Ok(());
    };
    let context = ShopContext::open(config, path).await?;
    let options = rolitt::server::privacy::erasure::ErasureOptions { dry_run: !asked.sure.yes, force: asked.force };
    let result = erase::erase(&context, &whom, options, asked.json).await;
    context.close().await;
    result
}

async fn preorder(context: &ShopContext, command: Preorders) -> anyhow::Result<()> {
    match command {
        Preorders::List(Listing { status, review, email, provider, after, limit, json }) => {
            let filter = PreorderFilter { status, in_review: review, provider, email, since: None, after };
            preorders::list(context, &filter, limit, json).await
        }
        Preorders::Show { number, json } => preorders::show(context, &number, json).await,
        Preorders::Approve { number } => preorders::act(context, &number, &MerchantAction::Approve).await,
        Preorders::Ship { number, tracking } => {
            preorders::act(context, &number, &MerchantAction::Ship { tracking }).await
        }
        Preorders::Deliver { number } => preorders::act(context, &number, &MerchantAction::Deliver).await,
        Preorders::MarkPaid { number, received_minor } => preorders::mark_paid(context, &number, received_minor).await,
        Preorders::Cancel { number } => preorders::cancel(context, &number).await,
        // Answered before: it may end the process, after the context is closed.
        Preorders::Erase(_) => Ok(()),
        Preorders::Refund { number, amount_minor, reason, again } => {
            let asked = RefundRequest { minor: amount_minor, reason: reason.map(Into::into), allow_repeat: again };
            preorders::refund(context, &number, asked).await
        }
    }
}
