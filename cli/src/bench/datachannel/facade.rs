//! Two connections of the `webrtc` crate: the stack that Parlor's links use, under its own driver.

use std::sync::Arc;

use bytes::BytesMut;
use parlor::api::{Error, Result, Status};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    Registry, SettingEngineBuilder, register_default_interceptors,
};

use super::{CONNECT_BOUND, Pair, ROOM_BOUND, Received};

/// How much may wait in the channel.
const LIMIT: usize = 4 << 20;

pub(super) struct Facade {
    runtime: Runtime,
    channel: Arc<dyn DataChannel>,
    _connections: [Box<dyn PeerConnection>; 2],
}

/// What a connection hears.
struct Ear {
    gathered: watch::Sender<bool>,
    received: Arc<Received>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Ear {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.send_replace(true);
        }
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        let received = Arc::clone(&self.received);
        tokio::spawn(async move {
            while let Some(event) = channel.poll().await {
                if let DataChannelEvent::OnMessage(message) = event {
                    received.take(message.data.len());
                }
            }
        });
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::new(Status::Internal, format!("webrtc: {error}"))
}

async fn open(received: Arc<Received>) -> Result<(Box<dyn PeerConnection>, watch::Receiver<bool>)> {
    let (gathered, is_gathered) = watch::channel(false);
    let mut engine = MediaEngine::default();
    engine.register_default_codecs().map_err(failed)?;
    let registry = register_default_interceptors(Registry::new(), &mut engine).map_err(failed)?;
    let runtime = webrtc::runtime::default_runtime().ok_or_else(|| failed("no runtime"))?;
    let connection = PeerConnectionBuilder::new()
        .with_media_engine(engine)
        .with_interceptor_registry(registry)
        .with_setting_engine(SettingEngineBuilder::new().build())
        .with_handler(Arc::new(Ear { gathered, received }))
        .with_runtime(runtime)
        .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
        .with_data_channel_send_buffer_limit(LIMIT)
        .build()
        .await
        .map_err(failed)?;
    Ok((Box::new(connection), is_gathered))
}

async fn connect(received: Arc<Received>) -> Result<(Arc<dyn DataChannel>, [Box<dyn PeerConnection>; 2])> {
    let (first, mut first_gathered) = open(Arc::default()).await?;
    let (second, mut second_gathered) = open(received).await?;
    let channel = first.create_data_channel("bench", None).await.map_err(failed)?;
    let offer = first.create_offer(None).await.map_err(failed)?;
    first.set_local_description(offer).await.map_err(failed)?;
    first_gathered.wait_for(|gathered| *gathered).await.map_err(failed)?;
    let offer = first.local_description().await.ok_or_else(|| failed("no offer"))?;
    second.set_remote_description(offer).await.map_err(failed)?;
    let answer = second.create_answer(None).await.map_err(failed)?;
    second.set_local_description(answer).await.map_err(failed)?;
    second_gathered.wait_for(|gathered| *gathered).await.map_err(failed)?;
    let answer = second.local_description().await.ok_or_else(|| failed("no answer"))?;
    first.set_remote_description(answer).await.map_err(failed)?;
    // Its events must be taken for as long as it lives.
    let (opened, mut is_open) = mpsc::channel(1);
    let events = Arc::clone(&channel);
    tokio::spawn(async move {
        while let Some(event) = events.poll().await {
            if matches!(event, DataChannelEvent::OnOpen) {
                let _ = opened.try_send(());
            }
        }
    });
    is_open.recv().await.ok_or_else(|| failed("the channel was closed"))?;
    Ok((channel, [first, second]))
}

impl Pair for Facade {
    const NAME: &'static str = "webrtc";

    fn connect(received: Arc<Received>) -> Result<Self> {
        let runtime = Runtime::new().map_err(failed)?;
        // A timeout is made where the runtime's clock is.
        let connected = runtime.block_on(async { timeout(CONNECT_BOUND, connect(received)).await });
        let (channel, connections) = connected.map_err(failed)??;
        Ok(Self { runtime, channel, _connections: connections })
    }

    /// Waits for room by itself, as an app in async code would.
    fn send(&mut self, message: &[u8]) -> Result<bool> {
        self.runtime.block_on(self.channel.send(BytesMut::from(message))).map_err(failed)?;
        Ok(true)
    }

    fn wait_for_room(&mut self) -> Result<()> {
        let writable = async { timeout(ROOM_BOUND, self.channel.writable()).await };
        self.runtime.block_on(writable).map_err(failed)?.map_err(failed)
    }
}
