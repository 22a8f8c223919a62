//! What goes wrong.

use protocol::peer::SdpKind;

use super::*;

/// A kind of message between two peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// An offer.
    Offer,
    /// An answer.
    Answer,
    /// An ICE candidate.
    Candidate,
}

impl MessageKind {
    fn of(message: &PeerMessage) -> Option<Self> {
        match message {
            PeerMessage::Description { kind: SdpKind::Offer, .. } => Some(Self::Offer),
            PeerMessage::Description { kind: SdpKind::Answer, .. } => Some(Self::Answer),
            PeerMessage::Candidate(_) => Some(Self::Candidate),
            PeerMessage::TrackMetadata { .. } => None,
        }
    }
}

/// A message that the server shall lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Loss {
    from: NodeId,
    to: NodeId,
    kind: MessageKind,
}

impl World {
    /// Returns the network between the participants, which calls each by what [`World::address`] says.
    pub fn network(&mut self) -> &mut Network {
        &mut self.network
    }

    /// Returns a participant's first address.
    pub fn address(&self, node: NodeId) -> IpAddr {
        self.nodes[node.0].home
    }

    /// Puts an address translator in front of a participant, which must not have joined yet.
    pub fn add_nat(&mut self, node: NodeId) {
        let IpAddr::V4(home) = self.address(node) else { return };
        let [_, _, high, low] = home.octets();
        self.network.add_nat(home.into(), Ipv4Addr::new(198, 18, high, low).into());
    }

    /// Lets the translator in front of a participant forget its mappings.
    pub fn rebind_nat(&mut self, node: NodeId) {
        self.network.rebind(self.address(node));
    }

    /// Gives a participant's network interface another address; the old one is dead at once, and so is the connection to
    /// the server, which does not notice. The participant does, and does what the shell does then.
    pub fn change_address(&mut self, node: NodeId) {
        let now = self.now;
        let this = &mut self.nodes[node.0];
        this.moves = this.moves.wrapping_add(1);
        let IpAddr::V4(home) = this.home else { return };
        let [_, _, high, low] = home.octets();
        let address = IpAddr::V4(Ipv4Addr::new(10, this.moves, high, low));
        self.network.move_host(this.home, this.address, address);
        this.address = address;
        let connection = this.connection.or(this.closing);
        if let Some(connection) = connection {
            self.signalling.strand(connection);
        }
        // The session first: a link that lost its path shall find the signalling as it is.
        self.input(node, Input::NetworkChanged { signalling_lost: connection.is_some() });
        for (id, link) in &mut self.nodes[node.0].links {
            // One that was opened since has the new address already.
            if link.address.ip() != address {
                self.addresses.remove(&link.address);
                let reflexive = self.network.reflexive(SocketAddr::new(address, link.address.port()));
                link.rebind(now, address, reflexive);
                self.addresses.insert(link.address, (node, *id));
            }
        }
        self.run_down(node);
    }

    /// Breaks a participant's connection to the server; both notice at once, and the session may reconnect.
    pub fn break_signalling(&mut self, node: NodeId) {
        if let Some(connection) = self.nodes[node.0].connection {
            self.break_connection(node, connection);
        }
    }

    /// Stops the server as if its process were killed: all connections break, and all it knew is gone.
    pub fn stop_server(&mut self) {
        self.server_up = false;
        self.end_run();
    }

    /// Starts the server again.
    pub fn start_server(&mut self) {
        self.server_up = true;
    }

    /// Cuts a participant off from the server: what is said waits, and nobody is told.
    pub fn cut_signalling(&mut self, node: NodeId) {
        self.signalling.cut(node);
    }

    /// Ends [`World::cut_signalling`].
    pub fn heal_signalling(&mut self, node: NodeId) {
        self.signalling.heal(self.now, node);
    }

    /// Has the server lose the next message of this kind from one participant to another; it says all the same that
    /// it took it.
    pub fn lose_message(&mut self, from: NodeId, to: NodeId, kind: MessageKind) {
        self.to_lose.push(Loss { from, to, kind });
    }

    /// Lets a participant's process crash: its session, links and sockets are gone without a word, and what it said so
    /// far is no longer among its events. It may join again as if it were new.
    pub fn crash(&mut self, node: NodeId) {
        let session = self.make_session();
        self.break_signalling(node);
        self.nodes[node.0].crash(session);
        self.addresses.retain(|_, (owner, _)| *owner != node);
    }

    /// Returns whether the server shall lose a frame, and does not any more.
    pub(super) fn loses(&mut self, from: NodeId, frame: &ClientFrame) -> bool {
        let ClientFrame::Send { to, data, .. } = frame else { return false };
        let Some(Ok(message)) = PeerMessage::from_value(data) else { return false };
        let (Some(&to), Some(kind)) = (self.wire_ids.get(to), MessageKind::of(&message)) else {
            return false;
        };
        let position = self.to_lose.iter().position(|loss| *loss == Loss { from, to, kind });
        position.map(|position| self.to_lose.remove(position)).is_some()
    }
}
