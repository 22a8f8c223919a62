//! An independent peer over real sockets: the stack's own driver, with its default codecs and interceptors.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use common::{CAMERA, MICROPHONE, certificate, track};
use parlor_transport::{Link, LinkConfig, LinkEvent, LinkState, LocalCandidate, RtpPayload};
use rtc::ice::mdns::MulticastDnsMode;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use units::{Codec, Time};
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::media_stream::MediaStreamTrack;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder,
    register_default_interceptors,
};

const DEADLINE: Duration = Duration::from_secs(20);

/// What the other peer tells.
#[derive(Debug, PartialEq)]
enum Told {
    Gathered,
    Connected,
    Packet { stream: String, track: String, payload: Bytes },
    Message(Bytes),
}

/// Passes on what the other peer tells.
struct Ear(mpsc::UnboundedSender<Told>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Ear {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.0.send(Told::Gathered);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if state == RTCPeerConnectionState::Connected {
            let _ = self.0.send(Told::Connected);
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let told = self.0.clone();
        tokio::spawn(async move {
            let (stream, name) = (track.stream_id().await, track.track_id().await);
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    let (stream, track) = (stream.clone(), name.clone());
                    let _ = told.send(Told::Packet { stream, track, payload: packet.payload });
                }
            }
        });
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        let told = self.0.clone();
        tokio::spawn(async move {
            while let Some(event) = channel.poll().await {
                if let DataChannelEvent::OnMessage(message) = event {
                    let _ = channel.send(BytesMut::from(&b"echo"[..])).await;
                    let _ = told.send(Told::Message(message.data.freeze()));
                }
            }
        });
    }
}

/// The other peer, which sends one video track.
struct Other<P> {
    pc: P,
    told: mpsc::UnboundedReceiver<Told>,
    heard: Vec<Told>,
    track: Arc<TrackLocalStaticRTP>,
}

async fn other() -> Other<impl PeerConnection> {
    let (tell, told) = mpsc::unbounded_channel();
    let mut engine = MediaEngine::default();
    engine.register_default_codecs().unwrap();
    let registry = register_default_interceptors(Registry::new(), &mut engine).unwrap();
    let pc = PeerConnectionBuilder::new()
        .with_media_engine(engine)
        .with_interceptor_registry(registry)
        .with_setting_engine(
            SettingEngineBuilder::new().with_multicast_dns_mode(MulticastDnsMode::Disabled).build(),
        )
        .with_handler(Arc::new(Ear(tell)))
        .with_runtime(webrtc::runtime::default_runtime().unwrap())
        .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
        .build()
        .await
        .unwrap();
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(4_711), ..Default::default() },
        codec: RTCRtpCodec { mime_type: "video/VP8".to_owned(), clock_rate: 90_000, ..Default::default() },
        ..Default::default()
    };
    let track = MediaStreamTrack::new(
        "their-stream".to_owned(),
        "their-track".to_owned(),
        String::new(),
        RtpCodecKind::Video,
        vec![encoding],
    );
    let track = Arc::new(TrackLocalStaticRTP::new(track));
    pc.add_track(track.clone() as Arc<dyn TrackLocal>).await.unwrap();
    Other { pc, told, heard: Vec::new(), track }
}

impl<P: PeerConnection> Other<P> {
    /// Returns the local description once it lists all candidates.
    async fn description(&mut self) -> String {
        tokio::time::timeout(DEADLINE, async { while self.told.recv().await != Some(Told::Gathered) {} })
            .await
            .unwrap();
        self.pc.local_description().await.unwrap().sdp
    }

    async fn offer(&mut self) -> String {
        let offer = self.pc.create_offer(None).await.unwrap();
        self.pc.set_local_description(offer).await.unwrap();
        self.description().await
    }

    async fn answer(&mut self, offer: String) -> String {
        self.pc.set_remote_description(RTCSessionDescription::offer(offer).unwrap()).await.unwrap();
        let answer = self.pc.create_answer(None).await.unwrap();
        self.pc.set_local_description(answer).await.unwrap();
        self.description().await
    }

    async fn send(&self, sequence: u16) {
        let packet = rtc::rtp::Packet {
            header: rtc::rtp::Header {
                version: 2,
                payload_type: 96,
                sequence_number: sequence,
                timestamp: 3_000 * u32::from(sequence),
                ssrc: 4_711,
                marker: true,
                ..Default::default()
            },
            payload: Bytes::from_static(b"their picture"),
        };
        self.track.write_rtp(packet).await.unwrap();
    }
}

/// Our link on a real socket.
struct Ours {
    link: Link,
    socket: UdpSocket,
    addr: SocketAddr,
    epoch: Instant,
    events: Vec<LinkEvent>,
}

impl Ours {
    async fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (addr, epoch) = (socket.local_addr().unwrap(), Instant::now());
        let mut link = Link::new(Time::ZERO, &LinkConfig::new(epoch, certificate())).unwrap();
        link.add_local_candidate(LocalCandidate::Host { addr }).unwrap();
        link.end_of_local_candidates();
        for id in [MICROPHONE, CAMERA] {
            link.add_track(track(0, id)).unwrap();
        }
        Self { link, socket, addr, epoch, events: Vec::new() }
    }

    fn now(&self) -> Time {
        Time::ZERO + self.epoch.elapsed()
    }

    async fn flush(&mut self) {
        while let Some(datagram) = self.link.poll_transmit() {
            self.socket.send_to(&datagram.data, datagram.remote).await.unwrap();
        }
        while let Some(event) = self.link.poll_event() {
            self.events.push(event);
        }
    }

    /// Waits for the next datagram or timer and handles it.
    async fn step(&mut self) {
        self.flush().await;
        let due = self.link.poll_timeout().map_or(DEADLINE, |due| due - self.now());
        let mut buffer = [0; 2_048];
        match tokio::time::timeout(due, self.socket.recv_from(&mut buffer)).await {
            Ok(received) => {
                let (length, from) = received.unwrap();
                self.link.handle_datagram(self.now(), self.addr, from, &buffer[..length]);
            }
            Err(_) => self.link.handle_timeout(self.now()),
        }
        self.flush().await;
    }
}

/// Runs our side until both have what they wait for.
async fn run_until<P: PeerConnection>(
    ours: &mut Ours,
    other: &mut Other<P>,
    what: &str,
    done: impl Fn(&[LinkEvent], &[Told]) -> bool,
) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !done(&ours.events, &other.heard) {
            tokio::select! {
                () = ours.step() => {}
                told = other.told.recv() => other.heard.extend(told),
            }
        }
    });
    assert!(waited.await.is_ok(), "{what} did not happen; we saw {:?}", ours.events);
}

/// Media both ways and an echo over a channel.
async fn expect_everything<P: PeerConnection>(ours: &mut Ours, other: &mut Other<P>) {
    run_until(ours, other, "connecting", |ours, other| {
        ours.contains(&LinkEvent::StateChanged(LinkState::Connected)) && other.contains(&Told::Connected)
    })
    .await;
    assert!(ours.events.contains(&LinkEvent::SenderReady { track: CAMERA, codec: Some(Codec::Vp8) }));
    for round in 0u16.. {
        let payload = RtpPayload {
            timestamp: 3_000 * u32::from(round),
            marker: true,
            payload: Bytes::from_static(b"our picture"),
        };
        assert_eq!(ours.link.send_rtp(ours.now(), CAMERA, &[payload]), 1);
        other.send(round).await;
        let both = |ours: &[LinkEvent], other: &[Told]| {
            let theirs = Told::Packet {
                stream: "camera-0".to_owned(),
                track: "cam-0".to_owned(),
                payload: Bytes::from_static(b"our picture"),
            };
            let ours = ours.iter().any(|event| {
                matches!(event, LinkEvent::Rtp { packet, .. }
                    if packet.payload == "their picture" && packet.codec == Codec::Vp8)
            });
            ours && other.contains(&theirs)
        };
        // The first packets may be early for one side or the other; the next ones must not be.
        if round == 50 {
            run_until(ours, other, "media", both).await;
        }
        for _ in 0..4 {
            tokio::select! {
                () = ours.step() => {}
                told = other.told.recv() => other.heard.extend(told),
            }
        }
        if both(&ours.events, &other.heard) {
            break;
        }
    }
    assert!(ours.events.iter().any(|event| {
        matches!(event, LinkEvent::TrackAdded { msid_stream, msid_track, .. }
            if msid_stream == "their-stream" && msid_track == "their-track")
    }));
}

async fn expect_echo<P: PeerConnection>(ours: &mut Ours, other: &mut Other<P>) {
    run_until(ours, other, "the channel", |ours, _| {
        ours.iter().any(|event| matches!(event, LinkEvent::ChannelOpened { incoming: false, .. }))
    })
    .await;
    let channel = ours.events.iter().find_map(|event| match event {
        LinkEvent::ChannelOpened { channel, .. } => Some(*channel),
        _ => None,
    });
    ours.link.send_channel(ours.now(), channel.unwrap(), true, b"hello").unwrap();
    run_until(ours, other, "the echo", |ours, other| {
        other.contains(&Told::Message(Bytes::from_static(b"hello")))
            && ours
                .iter()
                .any(|event| matches!(event, LinkEvent::ChannelMessage { data, .. } if data == "echo"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn we_offer_media_and_a_channel() {
    let (mut ours, mut other) = (Ours::new().await, other().await);
    ours.link.open_channel("chat", Default::default()).unwrap();
    let offer = ours.link.create_offer(ours.now(), false).unwrap();
    let answer = other.answer(offer).await;
    ours.link.accept_answer(ours.now(), &answer).unwrap();
    expect_everything(&mut ours, &mut other).await;
    expect_echo(&mut ours, &mut other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_offer_media_and_we_the_rest() {
    let (mut ours, mut other) = (Ours::new().await, other().await);
    let offer = other.offer().await;
    let answer = ours.link.accept_offer(ours.now(), &offer).unwrap();
    other.pc.set_remote_description(RTCSessionDescription::answer(answer).unwrap()).await.unwrap();
    assert!(ours.link.needs_negotiation(), "the microphone found no section");
    expect_everything(&mut ours, &mut other).await;
    let offer = ours.link.create_offer(ours.now(), false).unwrap();
    let remote = RTCSessionDescription::offer(offer).unwrap();
    other.pc.set_remote_description(remote).await.unwrap();
    let answer = other.pc.create_answer(None).await.unwrap();
    other.pc.set_local_description(answer.clone()).await.unwrap();
    ours.link.accept_answer(ours.now(), &answer.sdp).unwrap();
    assert!(!ours.link.needs_negotiation());
    run_until(&mut ours, &mut other, "the microphone", |ours, _| {
        ours.contains(&LinkEvent::SenderReady { track: MICROPHONE, codec: Some(Codec::Opus) })
    })
    .await;
}
