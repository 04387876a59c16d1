//! Chaos, for the fault harness only: a process that strikes itself at named points, and rules that are broken on purpose. Only
//! a build with the feature `chaos` has it, and only a variable of the run switches anything on.
//!
//! `ROLITT_CHAOS` is a list of words: `kill@before_commit=37` (at the 37th pass), `stop@message_leased=5`, `panic@lock_held=9`,
//! `lease_ms=4000`, `hurry=10` (pauses between tries are that much shorter), `control=inline_send`.

mod controls;
mod names;

use std::{
    str::FromStr,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustix::process::{Signal, getpid, kill_process};

pub use self::{
    controls::{body, divert},
    names::{Control, Point},
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Blow {
    /// SIGKILL: nothing is flushed, rolled back or given back.
    Kill,
    /// SIGSTOP: the process sleeps with all that it holds until somebody wakes it.
    Stop,
    Panic,
}

/// One blow, at the given pass of a point; every point counts its own passes.
#[derive(Debug)]
struct Strike {
    blow: Blow,
    point: Point,
    at: u64,
    passed: AtomicU64,
}

#[derive(Debug, Default)]
struct Plan {
    strikes: Vec<Strike>,
    lease: Option<Duration>,
    hurry: Option<u32>,
    control: Option<Control>,
}

static PLAN: OnceLock<Plan> = OnceLock::new();

/// Switches on what `spec` asks for. Called once, before anything is served.
pub fn start(spec: Option<&str>) -> Result<(), String> {
    let plan = spec.map_or(Ok(Plan::default()), str::parse).map_err(|word| format!("ROLITT_CHAOS: {word}"))?;
    PLAN.set(plan).map_err(|_| "chaos was started before".to_owned())
}

/// The process passes this point, unless it is struck here.
///
/// # Panics
/// Where the plan says so.
pub fn pass(point: Point) {
    for strike in PLAN.get().into_iter().flat_map(|plan| &plan.strikes).filter(|strike| strike.point == point) {
        if strike.passed.fetch_add(1, Ordering::Relaxed) + 1 != strike.at {
            continue;
        }
        eprintln!("chaos: {:?} at {}", strike.blow, point.as_str());
        let signal = match strike.blow {
            Blow::Kill => Signal::KILL,
            Blow::Stop => Signal::STOP,
            Blow::Panic => panic!("chaos"),
        };
        let _ = kill_process(getpid(), signal);
    }
}

/// Whether this rule is to be broken.
pub fn breaks(control: Control) -> bool {
    PLAN.get().is_some_and(|plan| plan.control == Some(control))
}

/// How long a lease is: shorter than usual, so that a run need not wait for it.
pub fn lease(usual: Duration) -> Duration {
    PLAN.get().and_then(|plan| plan.lease).unwrap_or(usual)
}

/// Which draw of an order's names is taken. By chance where the unique index is missing: an order's id follows from its session, so
/// the primary key alone would keep doubles away.
pub fn draw(usual: u32) -> u32 {
    if breaks(Control::NoUniqueIndex) { rand::random() } else { usual }
}

/// How long to wait before something is tried again: less than usual, so that a run sees many tries.
pub fn pause(usual: Duration) -> Duration {
    usual / PLAN.get().and_then(|plan| plan.hurry).unwrap_or(1).max(1)
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(spec: &str) -> Result<Self, String> {
        let mut plan = Self::default();
        for word in spec.split([';', ',']).map(str::trim).filter(|word| !word.is_empty()) {
            let wrong = || format!("{word}: not understood");
            let (name, value) = word.split_once('=').ok_or_else(wrong)?;
            match name.split_once('@') {
                Some((blow, point)) => plan.strikes.push(Strike {
                    blow: match blow {
                        "kill" => Blow::Kill,
                        "stop" => Blow::Stop,
                        "panic" => Blow::Panic,
                        _ => return Err(wrong()),
                    },
                    point: Point::ALL.into_iter().find(|known| known.as_str() == point).ok_or_else(wrong)?,
                    at: value.parse().map_err(|_| wrong())?,
                    passed: AtomicU64::new(0),
                }),
                None if name == "lease_ms" => {
                    plan.lease = Some(Duration::from_millis(value.parse().map_err(|_| wrong())?));
                }
                None if name == "hurry" => plan.hurry = Some(value.parse().map_err(|_| wrong())?),
                None if name == "control" => {
                    plan.control =
                        Some(Control::ALL.into_iter().find(|known| known.as_str() == value).ok_or_else(wrong)?);
                }
                None => return Err(wrong()),
            }
        }
        Ok(plan)
    }
}
