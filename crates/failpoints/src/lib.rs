//! Named points at which a test build can be killed, stopped or made to panic.
//!
//! A program marks the places where a crash would hurt most with [`fail_point!`]. A test build,
//! which turns on the feature `enabled`, reads [`Settings`] from a variable and passes the rules to
//! `arm`. In every other build the macros expand to nothing.
//!
//! ```
//! use failpoints::{Settings, fail_point};
//!
//! const ROW_WRITTEN: &str = "row_written";
//!
//! let settings: Settings = "kill@row_written=3; lease_ms=4000; speedup=10".parse()?;
//! settings.check(&[ROW_WRITTEN], &[])?;
//! failpoints::when_enabled! {
//!     failpoints::arm(settings.rules)?;
//! }
//! fail_point!(ROW_WRITTEN); // The third time, a test build ends here by SIGKILL.
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`shop`] lists the names that the programs of this repository use.

#![warn(missing_docs)]

#[cfg(feature = "enabled")]
mod armed;
mod counter;
mod settings;
pub mod shop;

#[cfg(feature = "enabled")]
pub use self::armed::{AlreadyArmed, arm, hit};
pub use self::{
    counter::HitCounter,
    settings::{Action, Rule, Settings, SettingsError},
};

/// Whether failpoints act in this build.
pub const ENABLED: bool = cfg!(feature = "enabled");

/// Begins the line that a failpoint writes to standard error before it acts:
/// `failpoint: kill at row_written`.
pub const MARKER: &str = "failpoint: ";

/// Marks a failpoint. `$name` is a constant `&str`. This build acts here if a rule says so.
#[cfg(feature = "enabled")]
#[macro_export]
macro_rules! fail_point {
    ($name:expr) => {{
        const NAME: &str = $name;
        $crate::hit(NAME);
    }};
}

/// Marks a failpoint. `$name` is a constant `&str`. In this build nothing is left of it.
#[cfg(not(feature = "enabled"))]
#[macro_export]
macro_rules! fail_point {
    ($name:expr) => {{
        const _: &str = $name;
    }};
}

/// Holds code for builds with failpoints. In this build the code is compiled.
#[cfg(feature = "enabled")]
#[macro_export]
macro_rules! when_enabled {
    ($($code:tt)*) => { $($code)* };
}

/// Holds code for builds with failpoints. In this build nothing is left of it.
#[cfg(not(feature = "enabled"))]
#[macro_export]
macro_rules! when_enabled {
    ($($code:tt)*) => {};
}
