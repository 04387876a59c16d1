//! One instance of the shop: started, struck from outside, woken, started again, until it is told to end.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    net::SocketAddr,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use rolitt::chaos::{Control, Point};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    sync::mpsc,
    time::sleep,
};

/// Shorter than the shop's own, so that a run need not wait a minute for what a killed instance held; longer than most calls.
pub const LEASE: Duration = Duration::from_secs(4);

/// How long a stopped instance sleeps: beyond its leases.
const STALL: Duration = Duration::from_secs(6);

/// How an instance is run.
#[derive(Clone)]
pub struct Recipe {
    pub program: PathBuf,
    pub folder: PathBuf,
    pub variables: BTreeMap<String, String>,
    pub strikes: Strikes,
}

/// What strikes an instance.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Strikes {
    /// Nothing but what the run does from outside.
    None,
    /// A build with chaos that nothing strikes: its pauses between tries are this many times shorter.
    Hurry(u32),
    /// A build with chaos: a blow at a drawn point, after at most this many passes of it; perhaps a broken rule.
    Points { within: u64, control: Option<Control> },
}

/// What was done to instances, by what and where.
#[derive(Clone, Default)]
pub struct Tally(Arc<Mutex<BTreeMap<String, u64>>>);

impl Tally {
    pub fn add(&self, what: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(what.to_owned()).or_default() += 1;
    }

    pub fn all(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many begin with this word.
    pub fn of(&self, word: &str) -> u64 {
        self.all().iter().filter(|(what, _)| what.starts_with(word)).map(|(_, count)| count).sum()
    }
}

/// Asked of the supervisor.
enum Order {
    /// SIGKILL now.
    Kill,
    /// SIGTERM, and started again when it ended.
    Restart,
    /// From the next start on nothing strikes any more.
    Peace,
    /// SIGTERM, and that was it.
    End,
}

pub struct Instance {
    pub public: SocketAddr,
    pub operations: SocketAddr,
    orders: mpsc::UnboundedSender<Order>,
    supervisor: tokio::task::JoinHandle<anyhow::Result<()>>,
    process: Arc<Mutex<Option<u32>>>,
}

impl Instance {
    pub fn start(name: usize, recipe: Recipe, seed: u64, tally: Tally) -> anyhow::Result<Self> {
        let [public, operations] = [free_address()?, free_address()?];
        let (orders, taken) = mpsc::unbounded_channel();
        let process = Arc::new(Mutex::new(None));
        let supervisor = Supervisor {
            name,
            recipe,
            addresses: [public, operations],
            dice: StdRng::seed_from_u64(seed),
            tally,
            process: process.clone(),
        };
        let supervisor = tokio::spawn(supervisor.run(taken));
        Ok(Self { public, operations, orders, supervisor, process })
    }

    pub fn kill(&self) {
        let _ = self.orders.send(Order::Kill);
    }

    pub fn restart(&self) {
        let _ = self.orders.send(Order::Restart);
    }

    pub fn peace(&self) {
        let _ = self.orders.send(Order::Peace);
    }

    /// The process that runs now.
    pub fn process(&self) -> Option<u32> {
        *self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it and waits.
    pub async fn end(self) -> anyhow::Result<()> {
        let _ = self.orders.send(Order::End);
        self.supervisor.await?
    }
}

struct Supervisor {
    name: usize,
    recipe: Recipe,
    addresses: [SocketAddr; 2],
    dice: StdRng,
    tally: Tally,
    process: Arc<Mutex<Option<u32>>>,
}

impl Supervisor {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) -> anyhow::Result<()> {
        let mut ending = false;
        while !ending {
            let mut child = self.spawn()?;
            let id = child.id();
            *self.process.lock().unwrap_or_else(PoisonError::into_inner) = id;
            if let Some(lines) = child.stderr.take() {
                tokio::spawn(listen(lines, id, self.tally.clone(), self.log()?));
            }
            let ended = loop {
                tokio::select! {
                    ended = child.wait() => break ended?,
                    order = orders.recv() => match order {
                        Some(Order::Kill) => {
                            self.tally.add("kill from outside");
                            strike(id, Signal::KILL);
                        }
                        Some(Order::Restart) => strike(id, Signal::TERM),
                        Some(Order::Peace) => self.pacify(),
                        Some(Order::End) | None => {
                            ending = true;
                            strike(id, Signal::TERM);
                        }
                    },
                }
            };
            if ended.success() {
                self.tally.add("clean end");
            } else if std::os::unix::process::ExitStatusExt::signal(&ended).is_none() {
                // It gave up by itself: an address or a database that is not there yet.
                self.tally.add("failed start");
                sleep(Duration::from_millis(300)).await;
            }
        }
        Ok(())
    }

    fn pacify(&mut self) {
        if let Strikes::Points { within, .. } = &mut self.recipe.strikes {
            *within = 0;
        }
    }

    fn spawn(&mut self) -> anyhow::Result<Child> {
        let mut command = Command::new(&self.recipe.program);
        command
            .arg("serve")
            .env_clear()
            .envs(&self.recipe.variables)
            .env("LEPTOS_SITE_ADDR", self.addresses[0].to_string())
            .env("OPS_ADDR", self.addresses[1].to_string())
            .current_dir(&self.recipe.folder)
            .stdin(Stdio::null())
            .stdout(self.log()?)
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(spec) = self.spec() {
            command.env("ROLITT_CHAOS", spec);
        }
        Ok(command.spawn()?)
    }

    /// What strikes the next process: one blow, at a drawn pass of a drawn point.
    fn spec(&mut self) -> Option<String> {
        let (within, control) = match self.recipe.strikes {
            Strikes::None => return None,
            Strikes::Hurry(times) => return Some(format!("hurry={times}")),
            Strikes::Points { within, control } => (within, control),
        };
        let mut words = vec![format!("lease_ms={}", LEASE.as_millis()), "hurry=10".to_owned()];
        words.extend(control.map(|control| format!("control={}", control.as_str())));
        if within > 0 {
            let point = Point::ALL[self.dice.random_range(0..Point::ALL.len())];
            // Kept events and compared pages are rare.
            let within = if matches!(point, Point::EventLeased | Point::PageCompared) { 3 } else { within };
            let blow = match self.dice.random_range(0..20) {
                0 => "stop",
                1 | 2 => "panic",
                _ => "kill",
            };
            words.push(format!("{blow}@{}={}", point.as_str(), self.dice.random_range(1..=within)));
            // A point that is never passed again must not keep the process alive for ever.
            words.push(format!("kill@after_commit={}", self.dice.random_range(within * 4..=within * 8)));
        }
        Some(words.join(";"))
    }

    fn log(&self) -> anyhow::Result<File> {
        let path = self.recipe.folder.join(format!("instance-{}.log", self.name));
        Ok(OpenOptions::new().create(true).append(true).open(path)?)
    }
}

/// Copies what a process complains of, counts its blows, and wakes it when it stopped itself.
async fn listen(lines: impl AsyncRead + Unpin, id: Option<u32>, tally: Tally, mut log: File) {
    use std::io::Write as _;
    let mut lines = BufReader::new(lines).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let _ = writeln!(log, "{line}");
        let Some(blow) = line.strip_prefix("chaos: ") else { continue };
        tally.add(&blow.to_lowercase());
        if blow.starts_with("Stop") {
            sleep(STALL).await;
            strike(id, Signal::CONT);
        }
    }
}

fn strike(id: Option<u32>, signal: Signal) {
    if let Some(pid) = id.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
