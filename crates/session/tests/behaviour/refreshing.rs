//! Replacing a token before it expires.

use std::time::Duration;

use protocol::ServerFrame;
use serde_json::json;
use session::{Command, Config, ConnectCredential, Credential, Event, SessionState};
use units::{RequestId, Secret};

use crate::resuming::resumable;
use crate::support::{Client, Taken};

fn asked(taken: &Taken) -> Option<RequestId> {
    taken.events.iter().find_map(|event| match event {
        Event::TokenNeeded { request } => Some(*request),
        _ => None,
    })
}

fn provide(client: &mut Client, request: RequestId, token: Result<&str, &str>) -> Taken {
    let token = token.map(Secret::new).map_err(str::to_owned);
    client.command(Command::ProvideToken { request, token })
}

fn welcome_for(client: &mut Client, seconds: u64, resumed: bool) {
    let ServerFrame::Welcome(mut welcome) = resumable("me", "r", resumed) else { unreachable!() };
    welcome.expires_at = Some(welcome.server_time + seconds);
    client.frame(&ServerFrame::Welcome(welcome));
    client.ack();
    client.presence(&[], &[]);
}

/// In the channel with a token that is good for 1000 seconds.
fn joined() -> Client {
    let mut client = Client::with(Config::new(Credential::Provider, 1));
    let (_, taken) = client.join("room");
    provide(&mut client, asked(&taken).expect("a token is asked for"), Ok("first"));
    welcome_for(&mut client, 1000, false);
    assert_eq!(client.session.state(), SessionState::Joined);
    client
}

/// Lets time pass on a connection that answers pings.
fn wait(client: &mut Client, seconds: u64) -> Taken {
    let mut all = Taken::default();
    for _ in 0..seconds {
        client.frame(&ServerFrame::Pong);
        let taken = client.advance(Duration::from_secs(1));
        all.events.extend(taken.events);
        all.connects.extend(taken.connects);
    }
    all
}

fn token(text: &str) -> ConnectCredential {
    ConnectCredential::Token(Secret::new(text))
}

#[test]
fn a_token_is_asked_for_a_minute_ahead_and_the_session_goes_on_with_it() {
    let mut client = joined();
    assert_eq!(asked(&wait(&mut client, 939)), None);
    let request = asked(&wait(&mut client, 1)).expect("a minute ahead");
    let taken = provide(&mut client, request, Ok("second"));
    assert_eq!(taken.connects, [token("second")]);
    assert!(taken.resumes[0].is_some());
    assert_eq!(taken.closes, [4000], "not the goodbye of one who leaves");
    welcome_for(&mut client, 1000, true);
    assert_eq!(client.session.state(), SessionState::Joined);
    assert_eq!(asked(&wait(&mut client, 941)).map(|next| next == request), Some(false));
}

#[test]
fn a_request_under_way_is_not_lost_to_it() {
    let mut client = joined();
    let request = asked(&wait(&mut client, 940)).unwrap();
    let (sent, _) = client.send(None, json!("hello"));
    assert!(provide(&mut client, request, Ok("second")).connects.is_empty());
    let taken = client.ack();
    assert_eq!(taken.result(sent), Some(&Ok(())));
    assert_eq!(taken.connects, [token("second")]);
}

#[test]
fn an_app_without_a_token_is_asked_again_and_the_connection_goes_on() {
    let mut client = joined();
    let request = asked(&wait(&mut client, 940)).unwrap();
    let taken = provide(&mut client, request, Err("not now"));
    assert!(taken.events.is_empty() && taken.closes.is_empty(), "{taken:?}");
    assert!(asked(&wait(&mut client, 15)).is_some());
    assert_eq!(client.session.state(), SessionState::Joined);
}

#[test]
fn a_connection_that_is_lost_meanwhile_takes_the_answer_that_is_on_its_way() {
    let mut client = joined();
    let request = asked(&wait(&mut client, 940)).unwrap();
    client.closed(1006);
    assert_eq!(asked(&client.advance(Duration::from_secs(1))), None, "it was asked for already");
    assert_eq!(provide(&mut client, request, Ok("second")).connects, [token("second")]);
}
