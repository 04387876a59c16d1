//! The testbed of a run: a folder, a PostgreSQL behind a proxy, a sandbox, and instances of the
//! shop behind a balancer.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use failpoints::shop::NO_UNIQUE_INDEX;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

use super::{
    balancer::Balancer,
    cluster::Cluster,
    contract::{COLORS, sandbox_price},
    instance::{FailpointUse, FaultCounts, Instance, InstanceOptions, free_address},
    ledger::Ledger,
    oracle::Oracle,
    proxy::Proxy,
};

/// The secret that signs the sandbox's deliveries.
pub const WEBHOOK_SECRET: &str = "whsec_faults_0123456789abcdef";

/// The options of every scenario.
pub struct RunOptions {
    pub seed: u64,
    /// The folder with the programs.
    pub programs: PathBuf,
}

/// How a testbed is set up.
pub struct Setup {
    pub instances: usize,
    pub failpoints: FailpointUse,
    /// Variables of the instances in addition to the usual ones.
    pub variables: BTreeMap<String, String>,
    /// The folder of the database; `None` for one in the run's own folder.
    pub database: Option<PathBuf>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { instances: 1, failpoints: FailpointUse::None, variables: BTreeMap::new(), database: None }
    }
}

pub struct Testbed {
    pub folder: PathBuf,
    pub cluster: Cluster,
    pub proxy: Proxy,
    pub ledger: Arc<Ledger>,
    pub oracle: Oracle,
    pub balancer: Balancer,
    pub instances: Vec<Instance>,
    pub faults: FaultCounts,
    pub http: reqwest::Client,
    sandbox: Child,
    rolitt: PathBuf,
    variables: BTreeMap<String, String>,
}

impl Testbed {
    /// Starts everything, and waits until it can be used.
    pub async fn start(options: &RunOptions, setup: Setup) -> anyhow::Result<Self> {
        let rolitt = fs::canonicalize(&options.programs).context("no programs; run script/faults")?.join("rolitt");
        let program = match setup.failpoints {
            FailpointUse::None => rolitt.clone(),
            _ => rolitt.with_file_name("rolitt-failpoints"),
        };
        let folder = folder(options.seed)?;
        let data = setup.database.clone().unwrap_or_else(|| folder.join("database"));
        fs::create_dir_all(&data)?;
        let cluster = Cluster::start(&rolitt, &data).await?;
        let oracle = Oracle::new(&cluster.url()?)?;
        let proxy = Proxy::start(cluster.address()?, options.seed).await?;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?;
        let sandbox_address = free_address()?;
        let faults = FaultCounts::default();
        let mut variables = variables(&sandbox_address.to_string(), &proxy.in_front_of(&cluster.url()?)?)?;
        variables.extend(setup.variables);
        // Before any instance starts, so that the oracle sees every change from the first row on.
        command(&rolitt, &folder, &variables, &cluster.url()?, &["migrate"]).await?;
        oracle.watch().await?;
        if let FailpointUse::Random { control: Some(NO_UNIQUE_INDEX), .. } = setup.failpoints {
            oracle.remove_order_uniqueness().await?;
        }
        let instance = InstanceOptions {
            program,
            folder: folder.clone(),
            variables: variables.clone(),
            failpoints: setup.failpoints,
        };
        let instances = (0..setup.instances)
            .map(|name| Instance::start(name, instance.clone(), options.seed + 1 + name as u64, faults.clone()))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let balancer = Balancer::start(instances.iter().map(|instance| instance.public).collect()).await?;
        let sandbox = Command::new(&rolitt)
            .arg("sandbox")
            .env_clear()
            .env("SANDBOX_ADDR", sandbox_address.to_string())
            // The receiver of its deliveries.
            .env("LEPTOS_SITE_ADDR", balancer.address.to_string())
            .env("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET)
            .env("RUST_LOG", "warn")
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(fs::File::create(folder.join("sandbox.log"))?)
            .kill_on_drop(true)
            .spawn()?;
        let ledger = Arc::new(Ledger::new(format!("http://{sandbox_address}"), http.clone()));
        let testbed = Self {
            folder,
            cluster,
            proxy,
            ledger,
            oracle,
            balancer,
            instances,
            faults,
            http,
            sandbox,
            rolitt,
            variables,
        };
        testbed.ready().await?;
        Ok(testbed)
    }

    /// Runs a command of the shop, as the merchant does. Returns its standard output.
    pub async fn command(&self, arguments: &[&str]) -> anyhow::Result<String> {
        command(&self.rolitt, &self.folder, &self.variables, &self.cluster.url()?, arguments).await
    }

    /// Returns the origin at which customers and the sandbox reach the shop.
    pub fn shop(&self) -> String {
        format!("http://{}", self.balancer.address)
    }

    /// Starts the database again if it is not running, and directs the proxy and the oracle to it.
    pub async fn revive_database(&self) -> anyhow::Result<()> {
        self.cluster.start_again().await?;
        self.proxy.repoint(self.cluster.address()?);
        self.oracle.repoint(&self.cluster.url()?)
    }

    /// Waits until every instance and the sandbox can be used, for a minute each at most.
    pub async fn ready(&self) -> anyhow::Result<()> {
        let mut addresses: Vec<String> =
            self.instances.iter().map(|instance| format!("http://{}/readyz", instance.operations)).collect();
        addresses.push(format!("{}/sandbox", self.ledger.origin));
        for address in addresses {
            let began = Instant::now();
            while !self.http.get(&address).send().await.is_ok_and(|response| response.status().is_success()) {
                anyhow::ensure!(
                    began.elapsed() < Duration::from_mins(1),
                    "{address} does not respond; see {}",
                    self.folder.display()
                );
                sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// Ends everything. Retains the folder if `keep` is set, for the logs of a run that failed.
    pub async fn end(mut self, keep: bool) -> anyhow::Result<()> {
        for instance in self.instances.drain(..) {
            instance.end().await?;
        }
        self.sandbox.start_kill()?;
        self.sandbox.wait().await?;
        self.cluster.stop().await;
        if keep {
            println!("  the logs are in {}", self.folder.display());
        } else {
            fs::remove_dir_all(&self.folder)?;
        }
        Ok(())
    }
}

/// Makes a folder that PostgreSQL can enter: it does not run as root.
fn folder(seed: u64) -> anyhow::Result<PathBuf> {
    let name = format!("rolitt-faults-{seed}-{}", nanoid::nanoid!(6, &nanoid::alphabet::SAFE));
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder)?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// Returns the variables of a shop that takes the sandbox for Stripe and Klaviyo: keys, a product,
/// prices, and a secret.
fn variables(sandbox: &str, database: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let prices: BTreeMap<&str, String> = COLORS.into_iter().map(|color| (color, sandbox_price(color))).collect();
    let base = format!("http://{sandbox}");
    let pairs = [
        ("DATABASE_URL", database),
        ("STRIPE_SECRET_KEY", "sk_test_faults"),
        ("STRIPE_API_BASE", &base),
        ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
        ("STRIPE_PRODUCT_ID", "prod_sandbox_rolitt"),
        ("COLOR_PRICE_MAP_JSON", &serde_json::to_string(&prices)?),
        ("KLAVIYO_API_KEY", "pk_faults"),
        ("KLAVIYO_API_BASE", &base),
        ("CHECKOUT_RATE_PER_IP", "off"),
        ("CHECKOUT_RATE_GLOBAL", "off"),
        // Webhooks and the outbox must hold without the help of reconciliation.
        ("RECONCILE_EVERY", "off"),
        ("RUST_LOG", "info"),
        ("LOG_FORMAT", "json"),
    ];
    Ok(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// Runs a command of the shop on the database itself, without the proxy. Returns its standard
/// output.
async fn command(
    rolitt: &Path,
    folder: &Path,
    variables: &BTreeMap<String, String>,
    database: &str,
    arguments: &[&str],
) -> anyhow::Result<String> {
    let mut command = Command::new(rolitt);
    command.args(arguments).env_clear().envs(variables).env("DATABASE_URL", database).current_dir(folder);
    let output = command.output().await?;
    anyhow::ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
