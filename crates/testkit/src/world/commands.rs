//! What a test has participants do.

use super::*;

impl World {
    /// Adds a participant. Its peer id is `name`, followed by a number when the identity is fresh.
    ///
    /// # Panics
    /// When the operating system gives no randomness for a certificate.
    pub fn add_node(&mut self, name: &str, identity: Identity) -> NodeId {
        let id = NodeId(self.nodes.len());
        let certificate = Certificate::generate().expect("the operating system gives randomness");
        let [high, low] = u16::try_from(id.0 + 1).unwrap_or(u16::MAX).to_be_bytes();
        let home = IpAddr::V4(Ipv4Addr::new(10, 0, high, low));
        let session = self.make_session();
        self.nodes.push(Node {
            session,
            name: name.to_owned(),
            address: home,
            home,
            moves: 0,
            muted: false,
            due: None,
            fresh_ids: identity == Identity::Fresh,
            connects: 0,
            connection: None,
            closing: None,
            config: LinkConfig::new(self.config.epoch, certificate),
            random: Random::new(self.random.bits()),
            links: BTreeMap::new(),
            next_port: 5000,
            peers: BTreeMap::new(),
            peer_states: BTreeMap::new(),
            streams: BTreeMap::new(),
            tracks: BTreeMap::new(),
            channels: BTreeMap::new(),
            packets_sent: 0,
            sent: BTreeMap::new(),
            received: BTreeMap::new(),
            messages: Vec::new(),
            events: Vec::new(),
            ids: BTreeSet::new(),
            lives: Vec::new(),
        });
        id
    }

    pub(super) fn make_session(&mut self) -> Session {
        Session::new(Config::new(Credential::Key(Secret::new("pk_test")), self.random.bits()))
    }

    /// Gives a session a command.
    pub fn command(&mut self, node: NodeId, command: Command) {
        self.input(node, Input::Command(command));
        self.run_down(node);
    }

    /// Has a participant join a channel.
    pub fn join(&mut self, node: NodeId, channel: &str) -> RequestId {
        let request = RequestId::new(self.take_id());
        self.command(node, Command::Join { request, channel: channel.to_owned() });
        request
    }

    /// Has a participant leave.
    pub fn leave(&mut self, node: NodeId) -> RequestId {
        let request = RequestId::new(self.take_id());
        self.command(node, Command::Leave { request });
        request
    }

    /// Has a participant add a stream with these tracks and the metadata `{"role": <role>}`.
    pub fn add_stream(&mut self, node: NodeId, role: &str, kinds: &[MediaKind]) -> StreamId {
        let id = StreamId::new(self.take_id());
        let tracks = kinds.iter().map(|kind| self.make_track(*kind)).collect();
        let metadata = serde_json::json!({ "role": role }).as_object().cloned();
        let msid = format!("stream-{}", id.get());
        self.command(node, Command::AddStream(LocalStream { id, msid, metadata, tracks }));
        id
    }

    /// Makes a track that can be added to a stream.
    pub fn make_track(&mut self, kind: MediaKind) -> LocalTrack {
        let id = self.take_id();
        LocalTrack { id: TrackId::new(id), msid_track: format!("track-{id}"), kind }
    }

    /// Has a participant send data to everyone, or to the peer with this id on the wire.
    ///
    /// # Panics
    /// When it sees no such peer.
    pub fn send(&mut self, node: NodeId, to: Option<&str>, data: serde_json::Value) -> RequestId {
        let request = RequestId::new(self.take_id());
        let to = to.map(|to| self.peer(node, to).expect("the peer is in the channel"));
        self.command(node, Command::Send { request, to, data });
        request
    }

    /// Opens a data channel to the peer with this id on the wire; its id is returned.
    ///
    /// # Panics
    /// When the participant sees no such peer.
    pub fn open_channel(&mut self, node: NodeId, to: &str, label: &str) -> ChannelId {
        let peer = self.peer(node, to).expect("the peer is in the channel");
        let channel = ChannelId::new(self.take_id());
        let (label, options) = (label.to_owned(), ChannelOptions::default());
        self.command(node, Command::OpenChannel { channel, peer, label, options });
        channel
    }

    /// Sends a text on an open data channel; returns whether the link took it.
    pub fn send_message(&mut self, node: NodeId, channel: ChannelId, text: &str) -> bool {
        let now = self.now;
        let sent = self.nodes[node.0].links.values_mut().any(|link| {
            let carrier = link.carrier(channel);
            carrier.is_some_and(|carrier| {
                link.stack().send_channel(now, carrier, false, text.as_bytes()).is_ok()
            })
        });
        self.run_down(node);
        sent
    }

    /// Returns the messages that came on data channels, in order.
    pub fn messages(&self, node: NodeId) -> &[(ChannelId, bytes::Bytes)] {
        &self.nodes[node.0].messages
    }

    fn peer(&self, node: NodeId, wire_id: &str) -> Option<PeerId> {
        self.nodes[node.0].peers.iter().find(|(_, id)| *id == wire_id).map(|(peer, _)| *peer)
    }
}
