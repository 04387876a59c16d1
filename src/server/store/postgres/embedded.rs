//! PostgreSQL for development and tests: an installed server with a cluster of its own in the data
//! folder, started and stopped with the process. A cluster that runs already (left by a kill, or
//! shared with a subcommand) is used as it is. Never in production.

use std::{
    env::split_paths,
    ffi::OsString,
    fs::{self, File},
    io,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use secrecy::SecretString;
use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection};
use thiserror::Error;

#[derive(Debug, Error)]
pub enum EmbeddedError {
    #[error("no PostgreSQL server is installed; run script/setup, or set DATABASE_URL")]
    NotInstalled,
    #[error("as root, PostgreSQL needs another user to run as, and there is neither `postgres` nor `nobody`")]
    NoUser,
    #[error("{what} failed: {why}")]
    Failed { what: &'static str, why: String },
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
}

/// What the cluster is for, which says how much safety it may trade for speed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    Development,
    /// No fsync: a test's data may be lost.
    Tests,
}

/// A running PostgreSQL cluster, used by this process and perhaps by others. The last one to leave
/// stops it.
#[derive(Debug)]
pub struct Embedded {
    url: SecretString,
    server: Server,
    /// Held shared by every process that uses the cluster.
    users: File,
}

#[derive(Debug, Clone)]
struct Server {
    bin: PathBuf,
    data: PathBuf,
    /// This file exists while the cluster is to run on without users.
    keep: PathBuf,
    user: Option<(u32, u32)>,
}

impl Embedded {
    /// Starts the cluster of `data_dir`, creating it where there is none, or uses it where it
    /// runs. `path` is the search path of programs. The URL is also written to
    /// `data_dir/database-url`, readable by the owner only.
    pub async fn start(data_dir: &Path, path: Option<OsString>, purpose: Purpose) -> Result<Self, EmbeddedError> {
        let dir = data_dir.to_owned();
        let (server, users, port, password) =
            tokio::task::spawn_blocking(move || start(&dir, path, purpose))
                .await
                .map_err(|error| EmbeddedError::Failed { what: "starting PostgreSQL", why: error.to_string() })??;
        // Explicit, because the PG… variables of a developer's shell are for another server.
        let url = |database: &str| format!("postgres://rolitt:{password}@127.0.0.1:{port}/{database}?sslmode=disable");
        let embedded = Self { url: SecretString::from(url("rolitt")), server, users };
        let ready = match create_database(&url("postgres")).await {
            Ok(()) => write_private(&data_dir.join("database-url"), &url("rolitt")),
            Err(error) => Err(error),
        };
        match ready {
            Ok(()) => Ok(embedded),
            Err(error) => {
                embedded.stop().await;
                Err(error)
            }
        }
    }

    pub fn url(&self) -> &SecretString {
        &self.url
    }

    /// Lets the cluster run on without users, until `stop_any`.
    pub fn leave_running(&self) -> Result<(), EmbeddedError> {
        File::create(&self.server.keep).map(drop).map_err(|error| EmbeddedError::Io(self.server.keep.clone(), error))
    }

    /// Leaves the cluster, and stops it if no other process uses it; its data stay.
    pub async fn stop(self) {
        let Self { server, users, .. } = self;
        let _ = tokio::task::spawn_blocking(move || {
            // No other process holds it: this was the last one.
            let last = users.unlock().is_ok() && users.try_lock().is_ok();
            if last && !server.keep.exists() {
                let _ = server.stop();
            }
        })
        .await;
    }

    /// Stops the cluster of `data_dir`, even while others use it. Does nothing when it does not
    /// run.
    pub fn stop_any(data_dir: &Path, path: Option<OsString>) -> Result<(), EmbeddedError> {
        let server = Server::find(data_dir, path)?;
        let _ = fs::remove_file(&server.keep);
        if server.running_port().is_some() {
            server.stop()?;
        }
        Ok(())
    }
}

impl Server {
    fn find(data_dir: &Path, path: Option<OsString>) -> Result<Self, EmbeddedError> {
        let absolute = std::path::absolute(data_dir).map_err(|error| EmbeddedError::Io(data_dir.to_owned(), error))?;
        fs::create_dir_all(&absolute).map_err(|error| EmbeddedError::Io(absolute.clone(), error))?;
        let user = drop_to(&absolute)?;
        let mut home = absolute.join("postgres");
        if user.is_some() && !reachable(&absolute) {
            // Another user cannot get through a private folder such as root's home.
            let name = hex::encode(&Sha256::digest(absolute.as_os_str().as_encoded_bytes())[..6]);
            home = Path::new("/var/tmp").join(format!("rolitt-postgres-{name}"));
        }
        Ok(Self {
            bin: find_bin(path).ok_or(EmbeddedError::NotInstalled)?,
            data: home.join("data"),
            keep: absolute.join("postgres.keep"),
            user,
        })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.stdin(Stdio::null()).current_dir("/").env("LC_ALL", "C.UTF-8").env_remove("PGDATA").process_group(0);
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn run(command: &mut Command, what: &'static str) -> Result<(), EmbeddedError> {
        let output = command.output().map_err(|error| EmbeddedError::Failed { what, why: error.to_string() })?;
        if output.status.success() {
            return Ok(());
        }
        Err(EmbeddedError::Failed { what, why: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
    }

    fn stop(&self) -> Result<(), EmbeddedError> {
        Self::run(
            self.command("pg_ctl").arg("-D").arg(&self.data).args(["-m", "fast", "-w", "-t", "30", "stop"]),
            "stopping PostgreSQL",
        )
    }

    /// Returns the port of a server that runs on this data and responds.
    fn running_port(&self) -> Option<u16> {
        let pid_file = fs::read_to_string(self.data.join("postmaster.pid")).ok()?;
        let port = pid_file.lines().nth(3)?.trim().parse().ok()?;
        TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), Duration::from_secs(1)).ok()?;
        Some(port)
    }
}

fn start(
    data_dir: &Path,
    path: Option<OsString>,
    purpose: Purpose,
) -> Result<(Server, File, u16, String), EmbeddedError> {
    let server = Server::find(data_dir, path)?;
    // The lock of users first, so that no process stops what this one is about to use; then the
    // lock of starters: one at a time.
    let users = lock_file(data_dir, "postgres.users")?;
    users.lock_shared().map_err(|error| EmbeddedError::Io(data_dir.to_owned(), error))?;
    let starter = lock_file(data_dir, "postgres.lock")?;
    starter.lock().map_err(|error| EmbeddedError::Io(data_dir.to_owned(), error))?;
    let home = server.data.parent().unwrap_or(Path::new("/")).to_owned();
    let password_file = home.join("password");
    if !server.data.join("PG_VERSION").exists() {
        initialize(&server, &home, &password_file)?;
    }
    let password =
        fs::read_to_string(&password_file).map_err(|error| EmbeddedError::Io(password_file, error))?.trim().to_owned();
    if let Some(port) = server.running_port() {
        return Ok((server, users, port, password));
    }
    let speed =
        if purpose == Purpose::Tests { "-c fsync=off -c synchronous_commit=off -c full_page_writes=off" } else { "" };
    let mut last = None;
    for _ in 0..3 {
        let port = free_port().map_err(|error| EmbeddedError::Io(home.clone(), error))?;
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 {speed}"
        );
        let status = server
            .command("pg_ctl")
            .arg("-D")
            .arg(&server.data)
            .arg("-l")
            .arg(home.join("log"))
            .args(["-w", "-t", "60", "-o", &options, "start"])
            // The server keeps what it inherits open: a pipe here would never close.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match status {
            Ok(status) if status.success() => return Ok((server, users, port, password)),
            Ok(status) => last = Some(format!("{status}; see {}", home.join("log").display())),
            Err(error) => last = Some(error.to_string()),
        }
    }
    Err(EmbeddedError::Failed { what: "starting PostgreSQL", why: last.unwrap_or_default() })
}

fn lock_file(data_dir: &Path, name: &str) -> Result<File, EmbeddedError> {
    let path = data_dir.join(name);
    fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| EmbeddedError::Io(path, error))
}

/// Creates the cluster in another folder and moves it into place whole: an interrupted attempt
/// leaves no half of one.
fn initialize(server: &Server, home: &Path, password_file: &Path) -> Result<(), EmbeddedError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| EmbeddedError::Io(path, error)
    };
    fs::create_dir_all(home).map_err(io(home))?;
    fs::set_permissions(home, fs::Permissions::from_mode(0o700)).map_err(io(home))?;
    let draft = home.join("data.new");
    if draft.exists() {
        fs::remove_dir_all(&draft).map_err(io(&draft))?;
    }
    write_private(password_file, &nanoid::nanoid!(32, &nanoid::alphabet::SAFE))?;
    if let Some((uid, gid)) = server.user {
        for path in [home, password_file] {
            chown(path, Some(uid), Some(gid)).map_err(io(path))?;
        }
    }
    Server::run(
        server.command("initdb").arg("-D").arg(&draft).arg(format!("--pwfile={}", password_file.display())).args([
            "-U",
            "rolitt",
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--no-instructions",
        ]),
        "making a PostgreSQL cluster",
    )?;
    fs::rename(&draft, &server.data).map_err(io(&server.data))
}

/// Creates the database of the shop where it is missing.
async fn create_database(url: &str) -> Result<(), EmbeddedError> {
    let failed =
        |error: sqlx::Error| EmbeddedError::Failed { what: "connecting to PostgreSQL", why: error.to_string() };
    let mut connection = PgConnection::connect(url).await.map_err(failed)?;
    let exists = sqlx::query("select 1 from pg_database where datname = 'rolitt'")
        .fetch_optional(&mut connection)
        .await
        .map_err(failed)?;
    if exists.is_none() {
        let made = sqlx::query("create database rolitt").execute(&mut connection).await;
        // Another process may have created it between the two: a duplicate database, or a
        // duplicate row of the catalog.
        if let Err(error) = made
            && !error
                .as_database_error()
                .and_then(sqlx::error::DatabaseError::code)
                .is_some_and(|code| code == "42P04" || code == "23505")
        {
            return Err(failed(error));
        }
    }
    connection.close().await.map_err(failed)
}

/// Returns the folder of an installed server's programs.
fn find_bin(path: Option<OsString>) -> Option<PathBuf> {
    let complete = |dir: &PathBuf| ["initdb", "pg_ctl", "postgres"].iter().all(|program| dir.join(program).is_file());
    let on_path = path.iter().flat_map(split_paths).find(complete);
    let pg_config = || {
        let output = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output().ok()?;
        Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim())).filter(complete)
    };
    let debian = || {
        let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .filter(complete)
            .collect();
        found.sort_by_key(|dir| dir.parent().and_then(|version| version.file_name()?.to_str()?.parse::<u32>().ok()));
        found.pop()
    };
    on_path.or_else(pg_config).or_else(debian)
}

/// Returns the user that the server runs as when this process is root, as which PostgreSQL refuses
/// to run.
fn drop_to(data_dir: &Path) -> Result<Option<(u32, u32)>, EmbeddedError> {
    let is_root = fs::metadata("/proc/self").map_err(|error| EmbeddedError::Io(data_dir.to_owned(), error))?.uid() == 0;
    if !is_root {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| {
            let entry = passwd.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            let mut fields = entry.split(':').skip(1);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        })
        .map(Some)
        .ok_or(EmbeddedError::NoUser)
}

/// Whether every folder of the path lets other users through.
fn reachable(dir: &Path) -> bool {
    dir.ancestors().all(|folder| fs::metadata(folder).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0))
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Writes a file that appears whole or not at all: several processes may write and read it at
/// once.
fn write_private(path: &Path, text: &str) -> Result<(), EmbeddedError> {
    let failed = |error| EmbeddedError::Io(path.to_owned(), error);
    let draft = path.with_extension(nanoid::nanoid!(8, &nanoid::alphabet::SAFE));
    let mut file = fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    let mut file = file.write(true).create_new(true).open(&draft).map_err(failed)?;
    io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
    fs::rename(&draft, path).map_err(failed)
}
