//! The REST interface.

use parlor_server::ServerHandle;
use protocol::ServerFrame;
use serde_json::{Value, json};

use crate::deployment::{Deployment, text};
use crate::support::{Client, Event, call, refusal, request};

/// A server with a key of each kind.
struct Backend {
    deployment: Deployment,
    server: ServerHandle,
    publishable: String,
    bearer: String,
}

impl Backend {
    async fn start() -> Self {
        let deployment = Deployment::sqlite();
        let (_, publishable) = deployment.publishable(&[]);
        let (id, secret) = deployment.secret(&[]);
        let server = deployment.serve().await;
        Self { deployment, server, publishable, bearer: format!("{id}:{secret}") }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        call(self.server.local_addr(), "GET", path, &self.bearer, None).await
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.post_text(path, &self.bearer, &body.to_string()).await
    }

    async fn post_text(&self, path: &str, bearer: &str, body: &str) -> (u16, Value) {
        call(self.server.local_addr(), "POST", path, bearer, Some(body)).await
    }

    /// Connects with a token that the backend has minted.
    async fn connect(&self, request: &Value) -> Client {
        let (status, answer) = self.post("/v1/tokens", request).await;
        assert_eq!(status, 200, "{answer}");
        assert!(answer["expiresAt"].is_u64());
        Client::connect_with_token(&self.server.url(), &text(&answer["token"])).await
    }
}

fn error(answer: &(u16, Value)) -> (u16, &str) {
    assert!(answer.1["message"].is_string(), "{answer:?}");
    (answer.0, answer.1["error"].as_str().unwrap())
}

#[tokio::test]
async fn a_minted_token_connects_and_its_peer_is_listed_told_and_shown_out() {
    let backend = Backend::start().await;
    let mut ann = backend.connect(&json!({"peerId": "ann", "peerMetadata": {"name": "Ann"}})).await;
    ann.subscribe("room/1").await;
    let mut bob = backend
        .connect(&json!({"peerId": "bob", "channels": ["room/*"], "permissions": ["subscribe", "presence"]}))
        .await;
    bob.subscribe("room/1").await;
    ann.next_frame().await;
    let ann_listed = json!({"peerId": "ann", "metadata": {"name": "Ann"}});
    assert_eq!(
        backend.get("/v1/channels/room%2F1/peers").await,
        (200, json!({"channel": "room/1", "peers": [ann_listed, {"peerId": "bob"}]}))
    );
    assert_eq!(backend.get("/v1/channels/none/peers").await, (200, json!({"channel": "none", "peers": []})));
    assert_eq!(backend.get("/v1/channels").await.1, json!({"channels": [{"channel": "room/1", "peers": 2}]}));
    let peers = backend.get("/v1/peers").await.1;
    assert_eq!(
        peers["peers"][0],
        json!({"peerId": "ann", "metadata": {"name": "Ann"}, "channels": ["room/1"]})
    );
    assert_eq!(peers["peers"].as_array().unwrap().len(), 2);

    for (request, data, from) in [
        (json!({"data": {"text": "hi"}, "from": "bot"}), json!({"text": "hi"}), "bot"),
        (json!({"data": null}), Value::Null, "server"),
    ] {
        let answer = backend.post("/v1/channels/room%2F1/publish", &request).await;
        assert_eq!(answer, (200, json!({"channel": "room/1", "from": from})));
        let expected = ServerFrame::Message {
            channel: "room/1".to_owned(),
            from: from.to_owned(),
            data,
            from_metadata: None,
        };
        assert_eq!(bob.next_frame().await, expected);
    }

    let kick = |peer: &'static str| call(backend.server.local_addr(), "DELETE", peer, &backend.bearer, None);
    assert_eq!(kick("/v1/peers/bob").await, (200, json!({"peerId": "bob", "closed": 1})));
    assert_eq!(bob.next_close().await, 4020);
    assert_eq!(kick("/v1/peers/bob").await, (200, json!({"peerId": "bob", "closed": 0})));
}

#[tokio::test]
async fn usage_and_the_server_are_told() {
    let backend = Backend::start().await;
    let mut ann = backend.connect(&json!({"peerId": "ann"})).await;
    ann.publish("room", json!(1)).await;
    ann.assert_quiet().await;
    let (status, usage) = backend.get("/v1/usage").await;
    assert_eq!((status, &usage["concurrentNow"], &usage["peakConcurrent"]), (200, &json!(1), &json!(1)));
    assert_eq!((&usage["messagesUsed"], &usage["plan"]["name"]), (&json!(1), &json!("self-hosted")));
    let (status, server) = backend.get("/v1/server").await;
    assert_eq!((status, &server["name"]), (200, &json!("parlor-server")));
    assert_eq!(server["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn only_a_live_secret_key_opens_rest() {
    let backend = Backend::start().await;
    let (id, secret) = backend.bearer.split_once(':').unwrap();
    let address = backend.server.local_addr();
    let pair = format!("{}:x", backend.publishable);
    for bearer in
        ["", "hush", &backend.publishable, &pair, id, secret, &format!("{id}:"), &format!("{id}:{secret}0")]
    {
        for (method, path) in
            [("GET", "/v1/usage"), ("POST", "/v1/tokens"), ("DELETE", "/v1/peers/a"), ("GET", "/v1/peers")]
        {
            let answer = call(address, method, path, bearer, None).await;
            assert_eq!(error(&answer), (401, "unauthorized"), "{method} {path}");
        }
    }
    let bare = request(address, "GET", "/v1/usage", "").await;
    assert_eq!((bare.status, bare.header("www-authenticate")), (401, Some("Bearer")));
    backend.deployment.json(&["keys", "revoke", id]);
    let revoked = async {
        while backend.get("/v1/usage").await.0 == 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(2), revoked).await.expect("it is refused within 2 s");
    assert_eq!(error(&backend.get("/v1/usage").await), (401, "unauthorized"));
}

#[tokio::test]
async fn a_key_does_what_it_may_where_it_may() {
    let backend = Backend::start().await;
    let (id, secret) = backend.deployment.secret(&["--channel", "room/*", "--action", "subscribe"]);
    let limited = Backend { bearer: format!("{id}:{secret}"), ..backend };
    // Until the server has followed.
    while limited.get("/v1/usage").await.0 != 200 {
        tokio::task::yield_now().await;
    }
    let publish = json!({"data": 1});
    for (answer, expected) in [
        (limited.get("/v1/channels/other/peers").await, (403, "channel_not_authorized")),
        (limited.get("/v1/channels/room%2F1/peers").await, (403, "action_not_permitted")),
        (limited.get("/v1/channels").await, (403, "action_not_permitted")),
        (limited.get("/v1/peers").await, (403, "action_not_permitted")),
        (limited.post("/v1/channels/room%2F1/publish", &publish).await, (403, "action_not_permitted")),
        (limited.post("/v1/channels/other/publish", &publish).await, (403, "channel_not_authorized")),
        (
            limited.post("/v1/tokens", &json!({"peerId": "a", "channels": ["**"]})).await,
            (403, "channel_not_authorized"),
        ),
        (
            limited.post("/v1/tokens", &json!({"peerId": "a", "permissions": ["send"]})).await,
            (403, "action_not_permitted"),
        ),
    ] {
        assert_eq!(error(&answer), expected);
    }
}

#[tokio::test]
async fn a_request_that_breaks_the_contract_is_told_so() {
    let backend = Backend::start().await;
    let backend_ref = &backend;
    let tokens = |body: Value| async move { backend_ref.post("/v1/tokens", &body).await };
    for body in [
        json!({}),
        json!({"peerId": ""}),
        json!({"peerId": "é"}),
        json!({"peerId": 7}),
        json!({"peerId": "a", "expiresInSec": 0}),
        json!({"peerId": "a", "expiresInSec": 86_401}),
        json!({"peerId": "a", "expiresInSec": u64::MAX}),
        json!({"peerId": "a", "expiresInSec": 60.5}),
        json!({"peerId": "a", "expiresInSec": -1}),
        json!({"peerId": "a", "channels": "room"}),
        json!({"peerId": "a", "channels": vec!["a"; 101]}),
        json!({"peerId": "a", "permissions": ["shout"]}),
        json!({"peerId": "a", "metadata": []}),
        json!({"peerId": "a", "metadata": {"a": "x".repeat(8_192)}}),
        json!({"peerId": "a", "peerMetadata": {"a": "x".repeat(4_096)}}),
        json!(["a"]),
    ] {
        assert_eq!(error(&tokens(body.clone()).await), (400, "invalid_request"), "{body:.100}");
    }
    for good in [json!(60), json!(60.0), json!(86_400), Value::Null] {
        assert_eq!(tokens(json!({"peerId": "a", "expiresInSec": good})).await.0, 200, "{good}");
    }
    assert_eq!(
        error(&tokens(json!({"peerId": "a", "channels": ["_Internal/a"]})).await),
        (400, "channel_reserved")
    );
    for body in ["", "{", "null", "\"a\"", &"[".repeat(10_000), &"{\"a\":".repeat(5_000)] {
        let answer = backend.post_text("/v1/tokens", &backend.bearer, body).await;
        assert_eq!(error(&answer), (400, "invalid_request"), "{body:.20}");
    }
    let of_size = |size: usize| format!("{{\"peerId\":\"a\",\"x\":\"{}\"}}", "x".repeat(size - 21));
    let (status, _) = backend.post_text("/v1/tokens", &backend.bearer, &of_size(32_768)).await;
    assert_eq!(status, 200);
    let answer = backend.post_text("/v1/tokens", &backend.bearer, &of_size(32_769)).await;
    assert_eq!(error(&answer), (413, "invalid_request"));

    let publish = json!({"data": 1});
    for (path, body, expected) in [
        ("/v1/channels/_system%2Fa/publish", &publish, (400, "channel_reserved")),
        ("/v1/channels/a%00/publish", &publish, (400, "invalid_request")),
        ("/v1/channels/%ff/publish", &publish, (400, "invalid_request")),
        ("/v1/channels/a/publish", &json!({"from": "a"}), (400, "invalid_request")),
        ("/v1/channels/a/publish", &json!({"data": 1, "from": ""}), (400, "invalid_request")),
        ("/v1/nothing", &publish, (404, "not_found")),
        ("/v1/channels/a/b/publish", &publish, (404, "not_found")),
        ("/v1/usage", &publish, (405, "invalid_request")),
    ] {
        assert_eq!(error(&backend.post(path, body).await), expected, "{path}");
    }
}

#[tokio::test]
async fn a_site_without_a_backend_gets_tokens_for_its_users() {
    let backend = Backend::start().await;
    let (_, key) = backend.deployment.publishable(&["--origin", "https://app.example", "--channel", "lobby"]);
    let path = "/v1/tokens/anonymous";
    let ask = |key: String, body: Value| {
        let backend = &backend;
        async move { backend.post_text(path, &key, &body.to_string()).await }
    };
    let open = &backend.publishable;
    let (status, first) = ask(open.clone(), json!({"peerMetadata": {"name": "Guest"}})).await;
    assert_eq!(status, 200, "{first}");
    let mut guest = Client::connect_with_token(&backend.server.url(), &text(&first["token"])).await;
    assert_eq!(guest.id, text(&first["peerId"]));
    assert!(guest.id.starts_with("anon-"));
    guest.subscribe("demo").await;
    // The id lasts as long as tokens are renewed.
    let (_, second) = ask(open.clone(), json!({"previousToken": first["token"], "channels": ["demo"]})).await;
    assert_eq!(second["peerId"], first["peerId"]);
    assert_ne!(ask(open.clone(), json!({})).await.1["peerId"], first["peerId"]);

    for (body, expected) in [
        (json!({"expiresInSec": 3_601}), (400, "invalid_request")),
        (json!({"expiresInSec": 0}), (400, "invalid_request")),
        (json!({"previousToken": "hush"}), (401, "unauthorized")),
        (json!({"channels": ["_system/a"]}), (400, "channel_reserved")),
        (json!([]), (400, "invalid_request")),
    ] {
        assert_eq!(error(&ask(open.clone(), body.clone()).await), expected, "{body}");
    }
    for wrong in ["", "pk_live_hush", &backend.bearer] {
        assert_eq!(error(&ask(wrong.to_owned(), json!({})).await), (401, "unauthorized"));
    }
    // Until the server has followed.
    while ask(key.clone(), json!({})).await.1["error"] == "unauthorized" {
        tokio::task::yield_now().await;
    }
    assert_eq!(error(&ask(key.clone(), json!({})).await), (401, "origin_not_allowed"));
    let from = |origin: &'static str, body: &'static str| {
        let headers = format!(
            "authorization: Bearer {key}\r\norigin: {origin}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let address = backend.server.local_addr();
        async move { request(address, "POST", path, &headers).await }
    };
    let allowed = from("https://app.example", "{}").await;
    assert_eq!(
        (allowed.status, allowed.header("access-control-allow-origin")),
        (200, Some("https://app.example"))
    );
    let token = text(&serde_json::from_str::<Value>(&allowed.body).unwrap()["token"]);
    assert_eq!(
        refusal(&backend.server.url(), &format!("?token={token}")).await.1["error"],
        "origin_not_allowed"
    );
    let refused = from("https://evil.example", "{}").await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, None));
    let outside = from("https://app.example", "{\"channels\":[\"**\"]}").await;
    assert_eq!(outside.status, 403);
    let preflight =
        request(backend.server.local_addr(), "OPTIONS", path, "origin: https://app.example\r\n").await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-headers"), Some("authorization, content-type"));

    // Revoked with the key.
    backend.deployment.json(&["keys", "revoke", open]);
    assert_eq!(guest.next_close().await, 4001);
    let late = format!("?token={}", text(&second["token"]));
    assert_eq!(Client::open(&backend.server.url(), &late).await.next().await, Event::Close(4001));
}

/// The contract names exactly what there is.
#[tokio::test]
async fn the_contract_is_served_and_names_the_routes() {
    let backend = Backend::start().await;
    let (status, document) = call(backend.server.local_addr(), "GET", "/v1/openapi.json", "", None).await;
    assert_eq!(status, 200);
    let methods = ["get", "post", "put", "patch", "delete"];
    for (path, operations) in document["paths"].as_object().unwrap() {
        let path = path.replace("{channel}", "a").replace("{peer}", "a");
        for method in methods {
            let answer =
                call(backend.server.local_addr(), &method.to_uppercase(), &path, &backend.bearer, None).await;
            assert_eq!(answer.0 != 405, operations.get(method).is_some(), "{method} {path}: {answer:?}");
        }
    }
}
