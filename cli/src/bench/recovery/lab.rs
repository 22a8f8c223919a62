//! Three network namespaces around a router, which is a fourth: two sessions and a server, each in a network of its
//! own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use parlor::api::{Error, Result, Status};

use crate::bench::failed;

const SERVER_PORT: u16 = 8443;

/// A namespace of the lab.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    A,
    B,
    Server,
    Router,
}

impl Side {
    const ALL: [Self; 4] = [Self::A, Self::B, Self::Server, Self::Router];

    const fn letter(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
            Self::Server => 's',
            Self::Router => 'r',
        }
    }

    /// The network between this side and the router.
    const fn network(self) -> u8 {
        match self {
            Self::A => 1,
            Self::B => 2,
            Self::Server => 3,
            Self::Router => 0,
        }
    }
}

/// The namespaces; gone when this is dropped.
pub(super) struct Lab {
    prefix: String,
    folder: PathBuf,
    server: Option<Child>,
    /// The network and host number that side A has.
    a: (u8, usize),
}

impl Lab {
    /// Makes the namespaces and a certificate for the server.
    pub(super) fn new() -> Result<Self> {
        let prefix = format!("parlor{}", std::process::id());
        let folder = std::env::temp_dir().join(&prefix);
        let lab = Self { prefix, folder, server: None, a: (Side::A.network(), 2) };
        lab.build()?;
        lab.make_certificate()?;
        Ok(lab)
    }

    fn build(&self) -> Result<()> {
        for side in Side::ALL {
            ip(&["netns", "add", &self.namespace(side)])?;
            self.ip(side, "link set lo up")?;
        }
        let forwarding = ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"];
        run(self.command_in(Side::Router, forwarding[0]).args(&forwarding[1..]))?;
        for side in [Side::A, Side::B, Side::Server] {
            self.connect(side, side.network(), 2)?;
        }
        Ok(())
    }

    /// Connects a side to the router with a new pair of interfaces.
    fn connect(&self, side: Side, network: u8, host: usize) -> Result<()> {
        let (ours, theirs) = (self.namespace(side), self.namespace(Side::Router));
        let far = format!("to-{}{network}", side.letter());
        ip(&["link", "add", "eth0", "netns", &ours, "type", "veth", "peer", "name", &far, "netns", &theirs])?;
        self.ip(Side::Router, &format!("addr add 10.77.{network}.1/24 dev {far}"))?;
        self.ip(Side::Router, &format!("link set {far} up"))?;
        self.ip(side, "link set eth0 up")?;
        self.ip(side, &format!("addr add 10.77.{network}.{host}/24 dev eth0"))?;
        self.ip(side, &format!("route add default via 10.77.{network}.1"))
    }

    fn make_certificate(&self) -> Result<()> {
        let made = |error: &dyn std::fmt::Display| failed("no certificate for the server", error);
        let certified =
            rcgen::generate_simple_self_signed(vec![server_host()]).map_err(|error| made(&error))?;
        fs::create_dir_all(&self.folder).map_err(|error| made(&error))?;
        fs::write(self.certificate(), certified.cert.pem()).map_err(|error| made(&error))?;
        fs::write(self.folder.join("key.pem"), certified.signing_key.serialize_pem())
            .map_err(|error| made(&error))
    }

    /// Returns the file with the certificate that sessions must trust.
    pub(super) fn certificate(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    /// Returns the server's origin.
    pub(super) fn url() -> String {
        format!("wss://{}:{SERVER_PORT}", server_host())
    }

    /// Returns a command that runs a program in a namespace.
    pub(super) fn command_in(&self, side: Side, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(side), program]);
        command
    }

    /// Starts the server and waits until it listens.
    pub(super) fn start_server(&mut self) -> Result<()> {
        let program = std::env::current_exe().map_err(|error| failed("this program's path", error))?;
        let mut child = self
            .command_in(Side::Server, &program.to_string_lossy())
            .args(["serve", "--dev", "--listen", &format!("0.0.0.0:{SERVER_PORT}")])
            .arg("--tls-certificate")
            .arg(self.certificate())
            .arg("--tls-key")
            .arg(self.folder.join("key.pem"))
            .arg("--master-key-file")
            .arg(self.folder.join("master.key"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| failed("the server does not start", error))?;
        let mut line = String::new();
        let output = child.stdout.take().map(BufReader::new);
        let read = output.and_then(|mut output| output.read_line(&mut line).ok());
        self.server = Some(child);
        if read.unwrap_or_default() == 0 {
            return Err(Error::new(Status::ConnectionFailed, "the server ended before it listened"));
        }
        Ok(())
    }

    /// Kills the server.
    pub(super) fn stop_server(&mut self) {
        if let Some(mut server) = self.server.take() {
            // `ip netns exec` became the server, so this is the server's own process. It may have ended already.
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Gives side A another address in its network.
    pub(super) fn replace_address(&mut self, run: usize) -> Result<()> {
        let (network, before) = self.a;
        let host = 10 + run % 200;
        self.batch(
            Side::A,
            &format!(
                "addr del 10.77.{network}.{before}/24 dev eth0\n\
                 addr add 10.77.{network}.{host}/24 dev eth0\n\
                 route add default via 10.77.{network}.1\n"
            ),
        )?;
        self.a = (network, host);
        Ok(())
    }

    /// Gives side A another interface, in another network.
    pub(super) fn replace_interface(&mut self, run: usize) -> Result<()> {
        let network = if self.a.0 == 4 { Side::A.network() } else { 4 };
        let host = 10 + run % 200;
        self.ip(Side::A, "link del eth0")?;
        self.connect(Side::A, network, host)?;
        self.a = (network, host);
        Ok(())
    }

    /// Drops what the two sessions send each other.
    pub(super) fn cut_path(&self) -> Result<()> {
        self.path_rules("add")
    }

    /// Lets it through again.
    pub(super) fn heal_path(&self) -> Result<()> {
        self.path_rules("del")
    }

    fn path_rules(&self, verb: &str) -> Result<()> {
        let (a, b) = (self.a.0, Side::B.network());
        self.batch(
            Side::Router,
            &format!(
                "rule {verb} from 10.77.{a}.0/24 to 10.77.{b}.0/24 blackhole\n\
                 rule {verb} from 10.77.{b}.0/24 to 10.77.{a}.0/24 blackhole\n"
            ),
        )
    }

    /// Drops what comes from the server and goes to it.
    pub(super) fn cut_server(&self) -> Result<()> {
        self.server_rules("add")
    }

    /// Lets it through again.
    pub(super) fn heal_server(&self) -> Result<()> {
        self.server_rules("del")
    }

    fn server_rules(&self, verb: &str) -> Result<()> {
        let network = Side::Server.network();
        self.batch(
            Side::Router,
            &format!(
                "rule {verb} from 10.77.{network}.0/24 blackhole\nrule {verb} to 10.77.{network}.0/24 blackhole\n"
            ),
        )
    }

    fn namespace(&self, side: Side) -> String {
        format!("{}{}", self.prefix, side.letter())
    }

    fn ip(&self, side: Side, arguments: &str) -> Result<()> {
        let namespace = self.namespace(side);
        let mut all = vec!["-n", &namespace];
        all.extend(arguments.split(' '));
        ip(&all)
    }

    /// Runs several `ip` commands in one process, so that little time passes between them.
    fn batch(&self, side: Side, commands: &str) -> Result<()> {
        let file = self.folder.join("batch");
        fs::write(&file, commands).map_err(|error| failed("a file for ip", error))?;
        ip(&["-n", &self.namespace(side), "-batch", &file.to_string_lossy()])
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop_server();
        for side in Side::ALL {
            // One that was not made yet cannot be deleted.
            let _ = ip(&["netns", "del", &self.namespace(side)]);
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn server_host() -> String {
    format!("10.77.{}.2", Side::Server.network())
}

fn ip(arguments: &[&str]) -> Result<()> {
    run(Command::new("ip").args(arguments))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed("`ip` (Debian: iproute2) cannot be run", error))?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(failed("network namespaces cannot be made or changed (are you root?)", why))
}
