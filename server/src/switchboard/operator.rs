//! What the REST interface, the webhooks and the metrics do with the hub.

use std::sync::Arc;

use hub::{AppId, Input, KeyId, Usage};
use protocol::{Map, Member};
use serde_json::Value;

use super::Switchboard;

impl Switchboard {
    /// Sends to every member of a channel. `from` and `from_metadata` are what the members are told.
    pub(crate) fn publish(
        &self,
        app: AppId,
        channel: String,
        from: String,
        from_metadata: Option<Map>,
        data: Value,
    ) {
        self.input(Input::Publish { app, channel, from, from_metadata, data });
    }

    /// Closes a peer's sockets with 4020 and returns how many there were.
    pub(crate) fn kick(&self, app: AppId, peer: &str) -> usize {
        let state = self.lock();
        let sockets = usize::from(state.hub.connection_of(app, peer).is_some());
        self.run(state, Input::Kick { app, peer: peer.to_owned() });
        sockets
    }

    /// Closes with 4001 what a key has admitted.
    pub(crate) fn revoke(&self, app: AppId, key: KeyId) {
        self.input(Input::Revoke { app, key });
    }

    /// Returns the channels with how many members each has, in the order of their names.
    pub(crate) fn channels(&self, app: AppId) -> Vec<(Arc<str>, usize)> {
        let state = self.lock();
        state.hub.channels(app).map(|(name, members)| (Arc::clone(name), members)).collect()
    }

    /// Returns the members of a channel, in the order of their ids.
    pub(crate) fn members(&self, app: AppId, channel: &str) -> Vec<Member> {
        self.lock().hub.members(app, channel)
    }

    /// Returns everyone with the channels that they are in, in the order of their ids.
    pub(crate) fn peers(&self, app: AppId) -> Vec<(Member, Vec<Arc<str>>)> {
        self.lock().hub.peers(app)
    }

    /// Returns what an app has used since the server's start.
    pub(crate) fn usage(&self, app: AppId) -> Usage {
        self.lock().hub.usage(app)
    }

    /// Returns how many connections are open and how many channels there are.
    pub(crate) fn totals(&self) -> (usize, usize) {
        self.lock().hub.totals()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use hub::{Actions, Grants, Lifecycle, Pattern};
    use protocol::ClientFrame;

    use super::*;
    use crate::auth::Admission;
    use crate::switchboard::{LifecycleEvent, Outgoing, Receiver, ResumeQuery};

    const APP: AppId = AppId::new(1);

    fn admission(key: &str, peer: &str) -> Admission {
        let grants = Grants { channels: vec![Pattern::parse("**").unwrap()], actions: Actions::all() };
        Admission {
            app: APP,
            key: KeyId::new(key),
            grants: Arc::new(grants),
            peer_id: Some(peer.to_owned()),
            peer_metadata: None,
            metadata: None,
            expires_at: None,
            turn: true,
            place: None,
        }
    }

    fn join(switchboard: &Switchboard, key: &str, peer: &str) -> Receiver {
        let (connection, receiver) =
            switchboard.connect(admission(key, peer), &ResumeQuery::default()).unwrap();
        let (channel, request_id) = ("demo".to_owned(), None);
        let frame = ClientFrame::Subscribe { channel, request_id, include_sender_metadata: false };
        switchboard.input(Input::Frame { connection, frame });
        receiver
    }

    /// Reads until the queue's next close or broadcast.
    async fn next_close_or_message(receiver: &mut Receiver) -> String {
        loop {
            match receiver.recv().await {
                Some(Outgoing::Close { code, .. }) => return code.to_string(),
                Some(Outgoing::Text(text)) if text.contains(r#""type":"message""#) => {
                    return text.to_string();
                }
                Some(_) => {}
                None => return "cut".to_owned(),
            }
        }
    }

    #[tokio::test]
    async fn the_operator_sees_and_moves_what_is_in_the_hub() {
        let config = hub::Config { snapshot_wait: std::time::Duration::ZERO, ..hub::Config::default() };
        let switchboard = Arc::new(Switchboard::new(config, &[], 10, &[7; 32], None, Arc::default()));
        let mut recording = switchboard.record();
        recording.let_go();
        let mut ann = join(&switchboard, "sk_id_a", "ann");
        let mut bob = join(&switchboard, "sk_id_b", "bob");
        assert_eq!(switchboard.channels(APP), [("demo".into(), 2)]);
        assert_eq!(switchboard.members(APP, "demo").len(), 2);
        assert_eq!(switchboard.peers(APP).len(), 2);
        assert_eq!(switchboard.totals(), (2, 1));

        switchboard.publish(APP, "demo".to_owned(), "news".to_owned(), None, Value::from(1));
        let message = r#"{"type":"message","channel":"demo","from":"news","data":1}"#;
        assert_eq!(next_close_or_message(&mut ann).await, message);
        assert_eq!(switchboard.usage(APP).messages, 1);

        assert_eq!((switchboard.kick(APP, "ann"), switchboard.kick(APP, "ann")), (1, 0));
        assert_eq!(next_close_or_message(&mut ann).await, "4020");
        switchboard.revoke(APP, KeyId::new("sk_id_b"));
        assert_eq!(next_close_or_message(&mut bob).await, message);
        assert_eq!(next_close_or_message(&mut bob).await, "4001");

        let told = std::iter::from_fn(|| recording.try_next()).map(|event| {
            let LifecycleEvent { app, event, .. } = event.unwrap();
            assert_eq!(app, APP);
            match event {
                Lifecycle::ChannelOpened { .. } => "opened".to_owned(),
                Lifecycle::PeerJoined { peer, .. } => format!("+{peer}"),
                Lifecycle::PeerLeft { peer, .. } => format!("-{peer}"),
                Lifecycle::ChannelClosed { .. } => "closed".to_owned(),
            }
        });
        let told: Vec<String> = told.collect();
        assert_eq!(told, ["opened", "+ann", "+bob", "-ann", "-bob", "closed"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_admission_ends_before_its_token_does() {
        let switchboard =
            Arc::new(Switchboard::new(hub::Config::default(), &[], 10, &[7; 32], None, Arc::default()));
        let timers = tokio::spawn({
            let switchboard = Arc::clone(&switchboard);
            async move { switchboard.run_timers().await }
        });
        let start = tokio::time::Instant::now();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let admission = Admission { expires_at: Some(now + 60), ..admission("sk_id_a", "ann") };
        let (_, mut queue) = switchboard.connect(admission, &ResumeQuery::default()).unwrap();
        assert_eq!(next_close_or_message(&mut queue).await, "4002");
        let seconds = start.elapsed().as_secs_f64();
        assert!((58.7..59.8).contains(&seconds), "{seconds}");
        timers.abort();
    }
}
