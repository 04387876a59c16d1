//! The process: command line, environment, telemetry, and the command. No rule of the shop is in
//! here.

mod cli;
mod serve;

use std::{io::ErrorKind, path::Path, process::ExitCode};

use clap::{CommandFactory as _, Parser as _};
use rolitt::{
    ops::UsageError,
    server::{
        config::Config,
        telemetry::{self, LogFormat, LogOutput},
    },
};
use secrecy::SecretString;

use self::cli::{Cli, Command, Run};

/// The environment's variables, then those of `.env` in development. Nothing else reads them.
struct Environment {
    dotenv: Vec<(String, String)>,
}

impl Environment {
    /// Reads `.env`, unless the process's own `APP_ENV` is `production`.
    ///
    /// A line that cannot be parsed is an error: if it were skipped, its setting would silently be
    /// missing.
    fn read() -> anyhow::Result<Self> {
        let production = std::env::var("APP_ENV").is_ok_and(|value| value.trim() == "production");
        let dotenv = match dotenvy::dotenv_iter() {
            _ if production => Vec::new(),
            Err(error) if error.not_found() => Vec::new(),
            Err(_) => anyhow::bail!("the file .env cannot be read; correct its permissions, or remove it"),
            Ok(lines) => lines.collect::<Result<_, _>>().map_err(|_| {
                anyhow::anyhow!(
                    "the file .env has a line that cannot be parsed; put values with spaces or quotes in '…'"
                )
            })?,
        };
        Ok(Self { dotenv })
    }

    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name)
            .ok()
            .or_else(|| self.dotenv.iter().find(|(variable, _)| variable == name).map(|(_, value)| value.clone()))
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.get(name).is_some_and(|text| text.trim() == value)
    }

    /// JSON in production and text in development, unless `LOG_FORMAT` names the other. A wrong
    /// value is reported later, with the other faults of the configuration.
    fn log_format(&self) -> LogFormat {
        let json =
            self.is("LOG_FORMAT", "json") || (self.is("APP_ENV", "production") && !self.is("LOG_FORMAT", "text"));
        if json { LogFormat::Json } else { LogFormat::Text }
    }
}

fn main() -> ExitCode {
    let command = Cli::parse().command_or_serve();
    let environment = match Environment::read() {
        Ok(environment) => environment,
        Err(error) => return failed(&error),
    };
    let output = match command {
        Command::Run(_) => LogOutput::Stdout,
        Command::Task(_) => LogOutput::Stderr,
    };
    telemetry::start(environment.log_format(), output, environment.get("RUST_LOG").as_deref());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let ended = runtime.block_on(run(command, &environment));
    // Dropping the runtime would wait for a DNS lookup in progress, for as long as it takes.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn run(command: Command, environment: &Environment) -> anyhow::Result<()> {
    let fresh_secret = || SecretString::from(format!("whsec_{}", nanoid::nanoid!(32)));
    let config = Config::from_lookup(&|name| environment.get(name), fresh_secret)?;
    failpoints::when_enabled! {
        failpoints::arm(config.failpoints.rules.clone())?;
    }
    match command {
        Command::Run(Run::Serve) => serve::serve(config, leptos_options(environment)?).await,
        Command::Run(Run::Sandbox) => serve::sandbox_alone(&config).await,
        Command::Task(task) => task.run(&config).await,
    }
}

/// Reads the front end's options from `Leptos.toml` in the working directory, if it exists, and
/// from `LEPTOS_…` variables, which take precedence.
fn leptos_options(environment: &Environment) -> anyhow::Result<leptos::config::LeptosOptions> {
    const FILE: &str = "Leptos.toml";
    let file = Path::new(FILE).exists().then_some(FILE);
    let mut options = leptos::config::get_configuration(file)?.leptos_options;
    if environment.is("APP_ENV", "production") {
        options.env = leptos::config::Env::PROD;
    }
    let hash_file = std::env::current_exe()?.with_file_name(&*options.hash_file);
    if options.hash_files && !hash_file.exists() {
        anyhow::bail!(
            "the front end is not built: {} is missing; run `cargo leptos build`, or script/server",
            hash_file.display()
        );
    }
    Ok(options)
}

/// Prints the error on standard error and returns its exit status: 2 for wrong usage, 1 for any
/// other failure. A configuration's error is a list; every other error is one line.
fn failed(error: &anyhow::Error) -> ExitCode {
    // The reader of a pipe closed it after it had enough: `rolitt preorders list | head -1`.
    let broken_pipe = |cause: &std::io::Error| cause.kind() == ErrorKind::BrokenPipe;
    if error.downcast_ref::<std::io::Error>().is_some_and(broken_pipe) {
        return ExitCode::SUCCESS;
    }
    if let Some(usage) = error.downcast_ref::<UsageError>() {
        Cli::command().error(clap::error::ErrorKind::ValueValidation, usage).exit();
    }
    eprintln!("rolitt: {error:#}");
    ExitCode::FAILURE
}
