//! The stage of a run: a folder, a PostgreSQL behind a proxy, a sandbox, and instances of the shop behind a balancer.

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
use rolitt::domain::product::ProductColor;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

use super::{
    balancer::Balancer,
    cluster::Cluster,
    instance::{Instance, Recipe, Strikes, Tally, free_address},
    ledger::Ledger,
    oracle::Oracle,
    proxy::Proxy,
};

/// What signs the sandbox's deliveries.
pub const WEBHOOK_SECRET: &str = "whsec_faults_0123456789abcdef";

/// What every scenario stands on.
pub struct Ground {
    pub seed: u64,
    pub programs: PathBuf,
}

/// How a stage is built.
pub struct Build {
    pub instances: usize,
    pub strikes: Strikes,
    /// Variables of the instances beside the usual ones.
    pub variables: BTreeMap<String, String>,
    /// Where the database's files lie; in the run's own folder by default.
    pub database: Option<PathBuf>,
}

impl Default for Build {
    fn default() -> Self {
        Self { instances: 1, strikes: Strikes::None, variables: BTreeMap::new(), database: None }
    }
}

pub struct Stage {
    pub folder: PathBuf,
    pub cluster: Cluster,
    pub proxy: Proxy,
    pub ledger: Arc<Ledger>,
    pub oracle: Oracle,
    pub balancer: Balancer,
    pub instances: Vec<Instance>,
    pub tally: Tally,
    pub http: reqwest::Client,
    sandbox: Child,
    rolitt: PathBuf,
    variables: BTreeMap<String, String>,
}

impl Stage {
    pub async fn build(ground: &Ground, build: Build) -> anyhow::Result<Self> {
        let rolitt = fs::canonicalize(&ground.programs).context("no programs; run script/faults")?.join("rolitt");
        let chaos = rolitt.with_file_name("rolitt-chaos");
        let folder = folder(ground.seed)?;
        let data = build.database.clone().unwrap_or_else(|| folder.join("database"));
        fs::create_dir_all(&data)?;
        let cluster = Cluster::start(&rolitt, &data).await?;
        let oracle = Oracle::new(&cluster.url()?)?;
        let proxy = Proxy::start(cluster.address()?, ground.seed).await?;
        let program = if build.strikes == Strikes::None { &rolitt } else { &chaos };
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build()?;
        let sandbox_address = free_address()?;
        let tally = Tally::default();
        let mut variables = variables(&sandbox_address.to_string(), &proxy.before(&cluster.url()?)?)?;
        variables.extend(build.variables);
        // Before any instance: so that the oracle can watch from the first row on.
        command(&rolitt, &folder, &variables, &cluster.url()?, &["migrate"]).await?;
        oracle.watch().await?;
        let recipe = Recipe {
            program: program.clone(),
            folder: folder.clone(),
            variables: variables.clone(),
            strikes: build.strikes,
        };
        let instances = (0..build.instances)
            .map(|name| Instance::start(name, recipe.clone(), ground.seed + 1 + name as u64, tally.clone()))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let balancer = Balancer::start(instances.iter().map(|instance| instance.public).collect()).await?;
        let sandbox = Command::new(&rolitt)
            .arg("sandbox")
            .env_clear()
            .env("SANDBOX_ADDR", sandbox_address.to_string())
            // Where it delivers to.
            .env("LEPTOS_SITE_ADDR", balancer.address.to_string())
            .env("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET)
            .env("RUST_LOG", "warn")
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(fs::File::create(folder.join("sandbox.log"))?)
            .kill_on_drop(true)
            .spawn()?;
        let ledger = Arc::new(Ledger::new(format!("http://{sandbox_address}"), http.clone()));
        let stage = Self {
            folder,
            cluster,
            proxy,
            ledger,
            oracle,
            balancer,
            instances,
            tally,
            http,
            sandbox,
            rolitt,
            variables,
        };
        stage.ready().await?;
        Ok(stage)
    }

    /// What the merchant types.
    pub async fn command(&self, arguments: &[&str]) -> anyhow::Result<String> {
        command(&self.rolitt, &self.folder, &self.variables, &self.cluster.url()?, arguments).await
    }

    /// Where customers and the sandbox reach the shop.
    pub fn shop(&self) -> String {
        format!("http://{}", self.balancer.address)
    }

    /// Starts the database again where it is not running, and lets everybody find it.
    pub async fn revive_database(&self) -> anyhow::Result<()> {
        self.cluster.again().await?;
        self.proxy.repoint(self.cluster.address()?);
        self.oracle.repoint(&self.cluster.url()?)
    }

    /// Waits until every instance, and the sandbox, can be used.
    pub async fn ready(&self) -> anyhow::Result<()> {
        let mut addresses: Vec<String> =
            self.instances.iter().map(|instance| format!("http://{}/readyz", instance.operations)).collect();
        addresses.push(format!("{}/sandbox", self.ledger.origin));
        for address in addresses {
            let began = Instant::now();
            while !self.http.get(&address).send().await.is_ok_and(|answer| answer.status().is_success()) {
                anyhow::ensure!(
                    began.elapsed() < Duration::from_mins(1),
                    "{address} does not answer; see {}",
                    self.folder.display()
                );
                sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// Ends everything; what it left behind is kept where the run failed.
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

/// A folder that PostgreSQL, which gives up root, can get into.
fn folder(seed: u64) -> anyhow::Result<PathBuf> {
    let name = format!("rolitt-faults-{seed}-{}", nanoid::nanoid!(6, &nanoid::alphabet::SAFE));
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder)?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// The shop against the sandbox as against the real ones: a key, a product, prices, and a secret.
fn variables(sandbox: &str, database: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let prices: BTreeMap<&str, String> = ProductColor::ALL
        .into_iter()
        .map(|color| (color.as_str(), format!("price_sandbox_{}", color.slug().replace('-', "_"))))
        .collect();
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
        // What the webhooks and the outbox can do is shown without the help of a comparison.
        ("RECONCILE_EVERY", "off"),
        ("RUST_LOG", "info"),
        ("LOG_FORMAT", "json"),
    ];
    Ok(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// A command of the shop, directly at the database; what it printed.
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
