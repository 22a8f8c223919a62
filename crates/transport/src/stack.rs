//! Making the stack's connection the way links want it.

use std::time::{Duration, Instant};

use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::{
    NackResponderBuilder, ReceiverReportBuilder, Registry, SenderReportBuilder, Slot, TwccReceiverBuilder,
    TwccSenderBuilder,
};
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::setting_engine::{SctpMaxMessageSize, SettingEngineBuilder};
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};

use crate::channels;
use crate::checks;
use crate::codecs;
use crate::config::LinkConfig;
use crate::error::LinkError;
use crate::feedback::{Tap, Waiting};

/// How often a live path is checked (RFC 7675 wants no more than 5 s, libwebrtc does 2.5 s).
const KEEPALIVE: Duration = Duration::from_millis(2_500);
/// How long a pair with a reflexive end waits for a better one.
const REFLEXIVE_WAIT: Duration = Duration::from_millis(100);
/// How long a pair with a relayed end waits for a better one.
const RELAY_WAIT: Duration = Duration::from_millis(400);
/// Largest data channel message that a link takes and sends, in bytes. All implementations take half of it (RFC 8841
/// section 6.1), some twice; the stack keeps a buffer of this size for each connection, used or not.
pub const MAX_MESSAGE: u32 = 128 * 1024;
/// Nearest to the wire, before anything that consumes RTCP.
const TAP_SLOT: usize = 500;

/// Makes a connection.
///
/// The stack's generator of retransmission requests is left out: it does not see what retransmission brought
/// back and so asks for every lost packet again and again. The link has its own (`loss`).
pub(crate) fn connection(
    now: Instant,
    config: &LinkConfig,
    waiting: Waiting,
) -> Result<RTCPeerConnection, LinkError> {
    let settings = SettingEngineBuilder::new()
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        // Zero is never: whether the path is alive is the link's verdict (`liveness`), and checks go on for ever.
        .with_ice_timeouts(Some(Duration::ZERO), Some(Duration::ZERO), Some(KEEPALIVE))
        .with_ice_connection_attempts(Some(checks::STACK_INTERVAL), Some(checks::ATTEMPTS))
        .with_host_acceptance_min_wait(Some(Duration::ZERO))
        .with_prflx_acceptance_min_wait(Some(REFLEXIVE_WAIT))
        .with_srflx_acceptance_min_wait(Some(REFLEXIVE_WAIT))
        .with_relay_acceptance_min_wait(Some(RELAY_WAIT))
        // The stack's SCTP calls the other side when it is the client of the DTLS handshake: once, at its
        // end, whether or not there is a data section yet. As the server it can be called at any time.
        // So it is the server wherever there is a choice, for half a round trip.
        .with_answering_dtls_role(RTCDtlsRole::Server)
        .with_sctp_max_message_size(SctpMaxMessageSize::Bounded(MAX_MESSAGE))
        .build();
    let interceptors = Registry::new()
        .with(Slot::from(TAP_SLOT), Tap::new(waiting))
        .with(Slot::TwccSender, TwccSenderBuilder::new().build())
        .with(Slot::NackResponder, NackResponderBuilder::new().build())
        .with(Slot::TwccReceiver, TwccReceiverBuilder::new().build())
        .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build())
        .with(Slot::SenderReport, SenderReportBuilder::new().build());
    let mut connection = RTCPeerConnectionBuilder::new()
        .with_configuration(
            RTCConfigurationBuilder::new().with_certificates(vec![config.certificate.0.clone()]).build(),
        )
        .with_media_engine(codecs::media_engine(&config.video_codecs)?)
        .with_setting_engine(settings)
        .with_interceptor_registry(interceptors)
        .build(now)
        .map_err(LinkError::stack)?;
    channels::reserve(&mut connection)?;
    Ok(connection)
}
