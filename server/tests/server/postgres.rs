//! PostgreSQL, against a server of its own on a socket in a directory of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::deployment::{Deployment, new_dir};
use crate::keys::come_rotate_and_go;
use crate::write_ahead::told_of_is_written_down;

/// A running PostgreSQL.
struct Postgres {
    programs: PathBuf,
    dir: PathBuf,
}

impl Postgres {
    /// Starts one; `None` where it is not installed, which is an error in CI.
    fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(std::env::var("CI").is_err(), "CI needs PostgreSQL (`cargo xtask setup --test`)");
            println!("PostgreSQL test skipped: no PostgreSQL (`cargo xtask setup --test`)");
            return None;
        };
        let dir = new_dir();
        if is_root() {
            // PostgreSQL refuses to run as root.
            succeed(Command::new("chown").arg("postgres").arg(&dir));
        }
        let postgres = Self { programs, dir };
        let data = postgres.dir.join("data");
        succeed(
            postgres.program("initdb").args(["-A", "trust", "-U", "postgres", "--no-sync", "-D"]).arg(&data),
        );
        let options = format!("-k {} -c listen_addresses='' -c fsync=off", postgres.dir.display());
        let log = postgres.dir.join("log");
        succeed(
            postgres
                .program("pg_ctl")
                .args(["-w", "-o", &options, "-l"])
                .arg(log)
                .arg("-D")
                .arg(data)
                .arg("start"),
        );
        Some(postgres)
    }

    fn url(&self) -> String {
        format!("postgres:///postgres?user=postgres&host={}", self.dir.display())
    }

    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if is_root() {
            let mut runuser = Command::new("runuser");
            runuser.args(["-u", "postgres", "--"]).arg(program);
            runuser
        } else {
            Command::new(program)
        };
        command.current_dir(&self.dir).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = self.program("pg_ctl");
        let _ = stop.args(["-w", "-m", "immediate", "-D"]).arg(self.dir.join("data")).arg("stop").status();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Finds the newest installed version, on the search path or where Debian has it.
fn programs() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    debian.sort();
    on_path.chain(debian.into_iter().rev()).find(|dir| has_programs(dir))
}

fn has_programs(dir: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|name| dir.join(name).is_file())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

fn succeed(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

#[tokio::test]
async fn on_postgresql_keys_come_and_go_and_events_are_written_as_on_sqlite() {
    let Some(postgres) = Postgres::start() else { return };
    let deployment = Deployment::with_database(&postgres.url());
    come_rotate_and_go(&deployment).await;
    told_of_is_written_down(&deployment, &postgres.url()).await;

    // A master key must be named, for there is no file that it could lie beside.
    std::fs::remove_file(deployment.master_key_file()).unwrap();
    assert!(deployment.failure(&["keys", "list"]).contains("but there is no file"));
    let mut config = deployment.config();
    config.master_key.file = None;
    let problem = parlor_server::Server::start(config).await.unwrap_err().to_string();
    assert!(problem.contains("needs a master key"), "{problem}");
}
