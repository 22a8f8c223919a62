//! The server's side of a world: the hub behind signalling connections, as `parlor-server` drives it.

use hub::{Claim, Resume};
use protocol::{CloseCode, ServerFrame};

use super::*;

/// After how long without a word from a client it is asked whether it is still there.
const PROBE_AFTER: Duration = Duration::from_secs(30);

/// How long it then has to say something before it is given up.
const PROBE_GRACE: Duration = Duration::from_secs(10);

/// A connection as the server knows it.
#[derive(Debug)]
pub(super) struct Socket {
    node: NodeId,
    heard: Time,
    probed: bool,
}

impl Socket {
    fn due(&self) -> Time {
        self.heard + if self.probed { PROBE_AFTER + PROBE_GRACE } else { PROBE_AFTER }
    }
}

impl World {
    pub(super) fn break_connection(&mut self, node: NodeId, connection: ConnectionId) {
        self.signalling.lose(connection);
        self.signalling.send(self.now, node, connection, Delivery::ToServer(ToServer::Broken));
        self.signalling.send(self.now, node, connection, Delivery::ToSession(ToSession::Closed(1006)));
    }

    /// Breaks all connections and forgets everything; the next run is another one.
    pub(super) fn end_run(&mut self) {
        self.epoch = format!("after-{}", self.now.as_micros());
        self.hub = Hub::new(self.config.hub.clone(), self.epoch.clone());
        for (connection, socket) in std::mem::take(&mut self.sockets) {
            self.break_connection(socket.node, connection);
        }
    }

    pub(super) fn arrived_at_server(&mut self, node: NodeId, connection: ConnectionId, what: ToServer) {
        if let ToServer::Open(resume) = what {
            self.accept(node, connection, resume);
            return;
        }
        let Some(socket) = self.sockets.get_mut(&connection) else { return };
        socket.heard = self.now;
        socket.probed = false;
        match what {
            ToServer::Open(_) | ToServer::Alive => {}
            ToServer::Text(text) => match ClientFrame::parse(&text) {
                Ok(frame) if self.loses(node, &frame) => {
                    if let ClientFrame::Send { request_id: Some(request_id), .. } = frame {
                        let ack = ServerFrame::Ack { request_id }.to_json();
                        self.signalling.send(
                            self.now,
                            node,
                            connection,
                            Delivery::ToSession(ToSession::Text(ack)),
                        );
                    }
                }
                Ok(frame) => self.tell_hub(hub::Input::Frame { connection, frame }),
                Err(error) => self.tell_hub(hub::Input::BadFrame { connection, error }),
            },
            ToServer::Pong(payload) => self.tell_hub(hub::Input::Pong { connection, payload }),
            ToServer::Close { code } => {
                self.sockets.remove(&connection);
                let clean = [CloseCode::NORMAL, CloseCode::GOING_AWAY].contains(&CloseCode::new(code));
                self.tell_hub(hub::Input::Closed { connection, clean });
                self.signalling.send(
                    self.now,
                    node,
                    connection,
                    Delivery::ToSession(ToSession::Closed(code)),
                );
            }
            ToServer::Broken => {
                self.sockets.remove(&connection);
                self.tell_hub(hub::Input::Closed { connection, clean: false });
            }
        }
    }

    fn accept(&mut self, node: NodeId, connection: ConnectionId, resume: Option<session::Resume>) {
        if !self.server_up {
            self.signalling.send(self.now, node, connection, Delivery::ToSession(ToSession::Failed));
            return;
        }
        self.sockets.insert(connection, Socket { node, heard: self.now, probed: false });
        let new = self.new_connection(node, connection, resume);
        let (peer_id, this) = (new.welcome.peer_id.clone(), &mut self.nodes[node.0]);
        this.ids.insert((this.lives.len(), peer_id.clone()));
        self.wire_ids.insert(peer_id, node);
        self.tell_hub(hub::Input::Connected(new));
    }

    fn new_connection(
        &mut self,
        node: NodeId,
        connection: ConnectionId,
        resume: Option<session::Resume>,
    ) -> NewConnection {
        let this = &self.nodes[node.0];
        let own = (!this.fresh_ids).then(|| this.name.clone());
        let claim = resume.filter(|_| self.config.resume).and_then(|resume| read_token(&resume));
        // What a token of ours names is the peer id; what a token of the app names wins over it.
        let claim = claim.filter(|claim| own.as_ref().is_none_or(|own| *own == claim.peer));
        let app = AppId::new(1);
        let resume = claim.as_ref().and_then(|claim| self.hub.resumption(self.now, app, claim));
        let peer_id = own
            .or_else(|| claim.filter(|_| resume.is_some()).map(|claim| claim.peer))
            .unwrap_or_else(|| format!("{}-{}", this.name, this.connects));
        let token = make_token(&self.epoch, connection, &peer_id);
        NewConnection {
            connection,
            app,
            key: KeyId::new("pk_test"),
            expires_at: None,
            grants: Arc::new(Grants {
                channels: vec![Pattern::parse("**").expect("the pattern for everything is one")],
                actions: Actions::all(),
            }),
            peer_metadata: None,
            resume,
            welcome: Welcome {
                peer_id,
                expires_at: None,
                server_time: self.now.as_millis() / 1000,
                max_message_size: 65_536,
                metadata: None,
                epoch: self.config.resume.then(|| self.epoch.clone()),
                resume: self.config.resume.then_some(token),
                resumed: matches!(resume, Some(Resume::Session { .. })),
            },
        }
    }

    pub(super) fn tell_hub(&mut self, input: hub::Input) {
        self.hub.handle(self.now, input);
        while let Some(output) = self.hub.poll() {
            let (connection, what) = match output {
                hub::Output::Send { connection, text } => (connection, ToSession::Text(text.to_string())),
                hub::Output::Ping { connection, payload } => (connection, ToSession::Ping(payload)),
                hub::Output::Close { connection, code, reason } => {
                    self.check_close(connection, code, reason);
                    (connection, ToSession::Closed(code.get()))
                }
                hub::Output::Lifecycle { .. } | hub::Output::Bus(_) => continue,
            };
            let closes = matches!(what, ToSession::Closed(_));
            if let Some(socket) = self.sockets.get(&connection) {
                self.signalling.send(self.now, socket.node, connection, Delivery::ToSession(what));
            }
            if closes {
                self.sockets.remove(&connection);
            }
        }
    }

    /// Nothing that sessions do in a world is a reason to throw out a connection that is still in use: neither their
    /// haste nor another connection of their own.
    fn check_close(&mut self, connection: ConnectionId, code: CloseCode, reason: &str) {
        let Some(socket) = self.sockets.get(&connection) else { return };
        let node = &self.nodes[socket.node.0];
        if node.connection == Some(connection) {
            let name = &node.name;
            self.violations.push(format!("{name} was thrown out with {code} ({reason}) at {:?}", self.now));
        }
    }

    pub(super) fn next_probe(&self) -> Option<Time> {
        self.sockets.values().map(Socket::due).min()
    }

    /// Asks who has been silent whether they are still there, and gives up who does not answer.
    pub(super) fn probe_sockets(&mut self) {
        let now = self.now;
        let due = self.sockets.iter_mut().filter(|(_, socket)| socket.due() <= now);
        let mut dead = Vec::new();
        for (&connection, socket) in due {
            if socket.probed {
                dead.push((connection, socket.node));
            } else {
                socket.probed = true;
                self.signalling.send(now, socket.node, connection, Delivery::ToSession(ToSession::Probe));
            }
        }
        for (connection, node) in dead {
            self.sockets.remove(&connection);
            self.tell_hub(hub::Input::Closed { connection, clean: false });
            self.signalling.send(now, node, connection, Delivery::ToSession(ToSession::Closed(1006)));
        }
    }

    pub(super) fn arrived_at_session(&mut self, node: NodeId, connection: ConnectionId, what: ToSession) {
        let this = &mut self.nodes[node.0];
        // Events of a connection that the session has replaced must not reach it.
        if this.connection != Some(connection) && this.closing != Some(connection) {
            return;
        }
        let answer = |to_server| Delivery::ToServer(to_server);
        let event = match what {
            ToSession::Text(text) => SignalEvent::Text(text),
            ToSession::Ping(payload) => {
                self.signalling.send(self.now, node, connection, answer(ToServer::Pong(payload)));
                return;
            }
            ToSession::Probe => {
                self.signalling.send(self.now, node, connection, answer(ToServer::Alive));
                return;
            }
            ToSession::Closed(code) => {
                this.connection = None;
                this.closing = None;
                SignalEvent::Closed { code, reason: String::new() }
            }
            ToSession::Failed => {
                this.connection = None;
                SignalEvent::Failed { reason: "the server is down".to_owned() }
            }
        };
        self.input(node, Input::Signal(event));
        self.run_down(node);
    }
}

/// Makes what a session shows to be resumed; a real server signs it.
fn make_token(epoch: &str, connection: ConnectionId, peer: &str) -> Secret {
    Secret::new(format!("{epoch}/{}/{peer}", connection.get()))
}

fn read_token(shown: &session::Resume) -> Option<Claim> {
    let mut parts = shown.token.expose().splitn(3, '/');
    let (epoch, generation, peer) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
    Some(Claim {
        epoch: epoch.to_owned(),
        generation: ConnectionId::new(generation),
        peer: peer.to_owned(),
        cursor: shown.cursor,
    })
}
