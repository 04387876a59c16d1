//! The real program, as a process of its own.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::{Child, Command};

use super::test_app::TestApp;

/// The program with these variables and no others.
pub fn program(arguments: &[&str], variables: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolitt"));
    command.args(arguments).env_clear().kill_on_drop(true).stdin(Stdio::null());
    for (name, value) in variables {
        command.env(name.as_ref(), value.as_ref());
    }
    command
}

/// Runs it to its end: its exit status, what it said, and what it complained of.
pub async fn ended(mut command: Command) -> (i32, String, String) {
    let output = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Asks a process to end, as a service manager does, and waits for it.
pub async fn terminate(child: &mut Child) {
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    let ended = tokio::time::timeout(std::time::Duration::from_secs(30), child.wait()).await.unwrap().unwrap();
    assert!(ended.success(), "{ended}");
}

/// An address without a listener.
pub fn closed() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A folder in which there is nothing: no `.env`, no `Leptos.toml`.
pub fn empty_folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("empty");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

impl TestApp {
    /// The real program, with this shop's variables.
    pub async fn rolitt(&self, arguments: &[&str]) -> (i32, String, String) {
        self.rolitt_with(arguments, &[]).await
    }

    pub async fn rolitt_with(&self, arguments: &[&str], more: &[(&str, &str)]) -> (i32, String, String) {
        let mut command = program(arguments, &self.variables);
        command.envs(more.iter().copied());
        ended(command).await
    }
}
