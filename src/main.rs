//! The process: command line, configuration, telemetry, state, listeners, drain. No rule of the shop is in here.

mod cli;
mod serve;

use std::{path::Path, process::ExitCode};

use clap::Parser as _;
use rolitt::server::{
    config::Config,
    telemetry::{self, LogFormat, LogOutput},
};
use secrecy::SecretString;

use self::cli::{Cli, Command};

/// The environment, with `.env` behind it in development. Read here and nowhere else.
struct Environment {
    dotenv: Vec<(String, String)>,
}

impl Environment {
    /// `.env` is read unless the process itself says production. A line that does not read is an error: left out in silence,
    /// it would be a setting that is believed to be there.
    fn read() -> anyhow::Result<Self> {
        let production = std::env::var("APP_ENV").is_ok_and(|value| value.trim() == "production");
        let dotenv = match dotenvy::dotenv_iter() {
            _ if production => Vec::new(),
            Err(error) if error.not_found() => Vec::new(),
            Err(_) => anyhow::bail!("the file .env cannot be read"),
            Ok(lines) => lines.collect::<Result<_, _>>().map_err(|_| {
                anyhow::anyhow!("the file .env has a line that does not read; put values with spaces or quotes in '…'")
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
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let environment = match Environment::read() {
        Ok(environment) => environment,
        Err(error) => return failed(&error),
    };
    let json = environment.is("LOG_FORMAT", "json")
        || (environment.is("APP_ENV", "production") && !environment.is("LOG_FORMAT", "text"));
    let command = cli.command.unwrap_or(Command::Serve);
    let output =
        if matches!(command, Command::Serve | Command::Sandbox) { LogOutput::Stdout } else { LogOutput::Stderr };
    let format = if json { LogFormat::Json } else { LogFormat::Text };
    telemetry::start(format, output, environment.get("RUST_LOG").as_deref());
    if let Err(error) = rolitt::chaos::start(environment.get("ROLITT_CHAOS").as_deref()) {
        return failed(&anyhow::anyhow!(error));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let ended = runtime.block_on(run(command, &environment));
    // Not dropped: that would wait for a name that is being looked up, for as long as it takes.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn run(command: Command, environment: &Environment) -> anyhow::Result<()> {
    let fresh_secret = || SecretString::from(format!("whsec_{}", nanoid::nanoid!(32)));
    let config = Config::from_lookup(&|name| environment.get(name), fresh_secret)?;
    let path = std::env::var_os("PATH");
    match command {
        Command::Serve => serve::serve(config, leptos_options(environment)?, path).await,
        Command::Sandbox => serve::sandbox_alone(&config).await,
        command => cli::answer(command, &config, path).await,
    }
}

/// What Leptos.toml says, where there is one beside the working folder, under the variables.
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

/// The one line (or, for a configuration, the list) that the operator needs, on standard error.
fn failed(error: &anyhow::Error) -> ExitCode {
    // Whoever reads the output has read enough: `rolitt preorders list | head -1`.
    let piped = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::BrokenPipe;
    if error.downcast_ref::<std::io::Error>().is_some_and(piped) {
        return ExitCode::SUCCESS;
    }
    eprintln!("rolitt: {error:#}");
    ExitCode::FAILURE
}
