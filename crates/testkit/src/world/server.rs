//! The server's side of a world: the hub behind signalling connections.

use super::*;

impl World {
    pub(super) fn break_connection(&mut self, node: NodeId, connection: ConnectionId) {
        self.signalling.lose(connection);
        self.signalling.send(self.now, node, connection, Delivery::ToServer(ToServer::Broken));
        self.signalling.send(self.now, node, connection, Delivery::ToSession(ToSession::Closed(1006)));
    }

    pub(super) fn arrived_at_server(&mut self, node: NodeId, connection: ConnectionId, what: ToServer) {
        if what == ToServer::Open {
            if self.server_up {
                self.connections.insert(connection, node);
                let new = self.new_connection(node, connection);
                self.tell_hub(hub::Input::Connected(new));
            } else {
                self.signalling.send(self.now, node, connection, Delivery::ToSession(ToSession::Failed));
            }
            return;
        }
        if !self.connections.contains_key(&connection) {
            return;
        }
        match what {
            ToServer::Open => {}
            ToServer::Text(text) => self.tell_hub(match ClientFrame::parse(&text) {
                Ok(frame) => hub::Input::Frame { connection, frame },
                Err(error) => hub::Input::BadFrame { connection, error },
            }),
            ToServer::Pong(payload) => self.tell_hub(hub::Input::Pong { connection, payload }),
            ToServer::Close => {
                self.connections.remove(&connection);
                self.tell_hub(hub::Input::Closed { connection, clean: true });
                self.signalling.send(
                    self.now,
                    node,
                    connection,
                    Delivery::ToSession(ToSession::Closed(1000)),
                );
            }
            ToServer::Broken => {
                self.connections.remove(&connection);
                self.tell_hub(hub::Input::Closed { connection, clean: false });
            }
        }
    }

    pub(super) fn new_connection(&mut self, node: NodeId, connection: ConnectionId) -> NewConnection {
        let this = &self.nodes[node.0];
        let peer_id =
            if this.fresh_ids { format!("{}-{}", this.name, this.connects) } else { this.name.clone() };
        NewConnection {
            connection,
            app: AppId::new(1),
            key: KeyId::new("pk_test"),
            expires_at: None,
            grants: Arc::new(Grants {
                channels: vec![Pattern::parse("**").expect("the pattern for everything is one")],
                actions: Actions::all(),
            }),
            peer_metadata: None,
            resume: None,
            welcome: Welcome {
                peer_id,
                expires_at: None,
                server_time: self.now.as_millis() / 1000,
                max_message_size: 65_536,
                metadata: None,
                epoch: None,
                resume: None,
                resumed: false,
            },
        }
    }

    pub(super) fn tell_hub(&mut self, input: hub::Input) {
        self.hub.handle(self.now, input);
        while let Some(output) = self.hub.poll() {
            let (connection, what) = match output {
                hub::Output::Send { connection, text } => (connection, ToSession::Text(text.to_string())),
                hub::Output::Ping { connection, payload } => (connection, ToSession::Ping(payload)),
                hub::Output::Close { connection, code, .. } => (connection, ToSession::Closed(code.get())),
                hub::Output::Lifecycle { .. } | hub::Output::Bus(_) => continue,
            };
            let closes = matches!(what, ToSession::Closed(_));
            if let Some(&node) = self.connections.get(&connection) {
                self.signalling.send(self.now, node, connection, Delivery::ToSession(what));
            }
            if closes {
                self.connections.remove(&connection);
            }
        }
    }

    pub(super) fn arrived_at_session(&mut self, node: NodeId, connection: ConnectionId, what: ToSession) {
        let this = &mut self.nodes[node.0];
        // Events of a connection that the session has replaced must not reach it.
        if this.connection != Some(connection) && this.closing != Some(connection) {
            return;
        }
        let event = match what {
            ToSession::Text(text) => SignalEvent::Text(text),
            ToSession::Ping(payload) => {
                let pong = Delivery::ToServer(ToServer::Pong(payload));
                self.signalling.send(self.now, node, connection, pong);
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
