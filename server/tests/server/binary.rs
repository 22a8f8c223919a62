//! The server's binary as a child process.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

/// Prepares the binary, with no settings but those that the test gives.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlor-server"));
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("PARLOR_") {
            command.env_remove(variable);
        }
    }
    command.current_dir(std::env::temp_dir()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A server process that has said where it listens.
pub struct Process {
    child: Child,
    out: BufReader<ChildStdout>,
    log: BufReader<ChildStderr>,
    pub url: String,
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let Some(url) = line.strip_prefix("Parlor listens on ") else {
            log.read_to_string(&mut line).unwrap();
            panic!("{line}");
        };
        Self { url: url.trim_end().to_owned(), child, out, log }
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let asked = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(asked.unwrap().success());
    }

    /// Reads the log up to the line that has a text.
    pub fn until_logged(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "the log ended without {text:?}");
        }
    }

    /// Asks the process to stop and waits for its end.
    pub fn stop(self) -> (bool, String, String) {
        self.signal("TERM");
        self.end()
    }

    /// Waits for the process's end and returns whether it succeeded, the rest of its output and of its log.
    pub fn end(mut self) -> (bool, String, String) {
        let (mut out, mut log) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        self.log.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().success(), out, log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when the process was stopped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
