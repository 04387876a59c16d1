//! One instance of the shop: a supervisor starts it, sends it signals, and starts it again whenever
//! it ends, until the run is over.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    net::SocketAddr,
    num::NonZeroU32,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use failpoints::{
    Action, MARKER, Rule, Settings,
    shop::{AFTER_COMMIT, EVENT_LEASED, FAILPOINTS, PAGE_COMPARED},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    sync::mpsc,
    time::sleep,
};

/// How long a lease lasts in a failpoint build: shorter than the shop's minute, so that a run need
/// not wait for what a killed instance held, and longer than most calls.
pub const LEASE: Duration = Duration::from_secs(4);

/// How much shorter retry delays are in a failpoint build with armed failpoints.
const SPEEDUP: Option<NonZeroU32> = NonZeroU32::new(10);

/// How long a stopped instance sleeps: longer than its leases.
const STALL: Duration = Duration::from_secs(6);

/// How an instance is run.
#[derive(Clone)]
pub struct InstanceOptions {
    pub program: PathBuf,
    pub folder: PathBuf,
    pub variables: BTreeMap<String, String>,
    pub failpoints: FailpointUse,
}

/// What the failpoints of an instance do.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum FailpointUse {
    /// The released program, which has none.
    None,
    /// A failpoint build with no failpoint armed; retry delays are divided by this number.
    Speedup(NonZeroU32),
    /// A failpoint build. Each start draws a failpoint, an action, and the hit at which it acts,
    /// which is at most `within`; 0 arms none. `control` names the rule that the program breaks, if
    /// any.
    Random { within: u64, control: Option<&'static str> },
}

/// How often which fault met the instances.
#[derive(Clone, Default)]
pub struct FaultCounts(Arc<Mutex<BTreeMap<String, u64>>>);

impl FaultCounts {
    /// Counts one fault.
    pub fn add(&self, fault: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(fault.to_owned()).or_default() += 1;
    }

    /// Returns all counts by fault.
    pub fn all(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the sum of all faults that begin with `word`.
    pub fn beginning_with(&self, word: &str) -> u64 {
        self.all().iter().filter(|(fault, _)| fault.starts_with(word)).map(|(_, count)| count).sum()
    }
}

/// What a supervisor is to do.
enum Request {
    /// Sends SIGKILL now.
    Kill,
    /// Sends SIGTERM, and starts the instance again when it has ended.
    Restart,
    /// Arms no failpoint from the next start on.
    Disarm,
    /// Sends SIGTERM, and does not start the instance again.
    End,
}

pub struct Instance {
    pub public: SocketAddr,
    pub operations: SocketAddr,
    requests: mpsc::UnboundedSender<Request>,
    supervisor: tokio::task::JoinHandle<anyhow::Result<()>>,
    process: Arc<Mutex<Option<u32>>>,
}

impl Instance {
    /// Starts an instance on free addresses. `seed` draws its failpoints.
    pub fn start(name: usize, options: InstanceOptions, seed: u64, faults: FaultCounts) -> anyhow::Result<Self> {
        let [public, operations] = [free_address()?, free_address()?];
        let (requests, received) = mpsc::unbounded_channel();
        let process = Arc::new(Mutex::new(None));
        let supervisor = Supervisor {
            name,
            options,
            addresses: [public, operations],
            dice: StdRng::seed_from_u64(seed),
            faults,
            process: process.clone(),
        };
        let supervisor = tokio::spawn(supervisor.run(received));
        Ok(Self { public, operations, requests, supervisor, process })
    }

    /// Kills the process by SIGKILL. It is started again.
    pub fn kill(&self) {
        let _ = self.requests.send(Request::Kill);
    }

    /// Ends the process by SIGTERM. It is started again.
    pub fn restart(&self) {
        let _ = self.requests.send(Request::Restart);
    }

    /// Arms no failpoint from the next start on; the running process keeps its own.
    pub fn disarm(&self) {
        let _ = self.requests.send(Request::Disarm);
    }

    /// Returns the id of the process that runs now.
    pub fn process(&self) -> Option<u32> {
        *self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the process by SIGTERM, and waits for that.
    pub async fn end(self) -> anyhow::Result<()> {
        let _ = self.requests.send(Request::End);
        self.supervisor.await?
    }
}

struct Supervisor {
    name: usize,
    options: InstanceOptions,
    addresses: [SocketAddr; 2],
    dice: StdRng,
    faults: FaultCounts,
    process: Arc<Mutex<Option<u32>>>,
}

impl Supervisor {
    async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Request>) -> anyhow::Result<()> {
        let mut ending = false;
        while !ending {
            let mut child = self.spawn()?;
            let id = child.id();
            *self.process.lock().unwrap_or_else(PoisonError::into_inner) = id;
            if let Some(lines) = child.stderr.take() {
                tokio::spawn(watch_errors(lines, id, self.faults.clone(), self.log()?));
            }
            let ended = loop {
                tokio::select! {
                    ended = child.wait() => break ended?,
                    request = requests.recv() => match request {
                        Some(Request::Kill) => {
                            self.faults.add("kill from outside");
                            send_signal(id, Signal::KILL);
                        }
                        Some(Request::Restart) => send_signal(id, Signal::TERM),
                        Some(Request::Disarm) => self.disarm(),
                        Some(Request::End) | None => {
                            ending = true;
                            send_signal(id, Signal::TERM);
                        }
                    },
                }
            };
            if ended.success() {
                self.faults.add("clean end");
            } else if std::os::unix::process::ExitStatusExt::signal(&ended).is_none() {
                // The process gave up by itself: an address or a database is not there yet.
                self.faults.add("failed start");
                sleep(Duration::from_millis(300)).await;
            }
        }
        Ok(())
    }

    fn disarm(&mut self) {
        if let FailpointUse::Random { within, .. } = &mut self.options.failpoints {
            *within = 0;
        }
    }

    fn spawn(&mut self) -> anyhow::Result<Child> {
        let mut command = Command::new(&self.options.program);
        command
            .arg("serve")
            .env_clear()
            .envs(&self.options.variables)
            .env("LEPTOS_SITE_ADDR", self.addresses[0].to_string())
            .env("OPS_ADDR", self.addresses[1].to_string())
            .current_dir(&self.options.folder)
            .stdin(Stdio::null())
            .stdout(self.log()?)
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(settings) = self.draw_settings() {
            command.env("ROLITT_FAILPOINTS", settings.to_string());
        }
        Ok(command.spawn()?)
    }

    /// Draws what the next process does to itself: one action at one hit of one failpoint.
    fn draw_settings(&mut self) -> Option<Settings> {
        let (within, control) = match self.options.failpoints {
            FailpointUse::None => return None,
            FailpointUse::Speedup(speedup) => {
                return Some(Settings { speedup: Some(speedup), ..Settings::default() });
            }
            FailpointUse::Random { within, control } => (within, control),
        };
        let mut rules = Vec::new();
        if within > 0 {
            let failpoint = FAILPOINTS[self.dice.random_range(0..FAILPOINTS.len())];
            // Stored events and compared pages are rare.
            let within = if [EVENT_LEASED, PAGE_COMPARED].contains(&failpoint) { 3 } else { within };
            let action = match self.dice.random_range(0..20) {
                0 => Action::Stop,
                1 | 2 => Action::Panic,
                _ => Action::Kill,
            };
            let mut rule = |action, failpoint: &str, hits| {
                rules.push(Rule { action, failpoint: failpoint.to_owned(), hit: self.dice.random_range(hits) });
            };
            rule(action, failpoint, 1..=within);
            // A failpoint that is never hit again must not keep the process alive for ever.
            rule(Action::Kill, AFTER_COMMIT, within * 4..=within * 8);
        }
        Some(Settings { rules, lease: Some(LEASE), speedup: SPEEDUP, control: control.map(str::to_owned) })
    }

    fn log(&self) -> anyhow::Result<File> {
        let path = self.options.folder.join(format!("instance-{}.log", self.name));
        Ok(OpenOptions::new().create(true).append(true).open(path)?)
    }
}

/// Copies a process's standard error to the log, counts its failpoint actions, and wakes it up some
/// time after it stopped itself.
async fn watch_errors(lines: impl AsyncRead + Unpin, id: Option<u32>, faults: FaultCounts, mut log: File) {
    use std::io::Write as _;
    let mut lines = BufReader::new(lines).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let _ = writeln!(log, "{line}");
        let Some(fault) = line.strip_prefix(MARKER) else { continue };
        faults.add(fault);
        if fault.starts_with(Action::Stop.as_str()) {
            sleep(STALL).await;
            send_signal(id, Signal::CONT);
        }
    }
}

fn send_signal(id: Option<u32>, signal: Signal) {
    if let Some(pid) = id.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Returns a loopback address that nothing listens on at this moment.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
