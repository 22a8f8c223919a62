// Sends to all, to one, and on a data channel, and prints what comes: `message <url> <key> <channel> [--seconds N]`.

import Foundation
import Parlor

let arguments = CommandLine.arguments
guard arguments.count >= 4 else {
    print("usage: message <url> <key> <channel> [--seconds N]")
    exit(2)
}
do {
    let session = try Session(SessionConfig(url: arguments[1], credential: .apiKey(key: arguments[2])))
    let events = session.events
    let receiving = Task { [weak session] in
        for await event in events {
            if let session { try await onEvent(event, session) }
        }
    }
    try await session.join(arguments[3])
    print("joined \(arguments[3])")
    try await session.send(#"{"text":"hello, all"}"#)
    try await waitForTheEnd()
    try await session.leave()
    try session.shutdown()
    try await receiving.value
} catch let error as ParlorError {
    print("message: \(error.reason)")
    exit(1)
}

func onEvent(_ event: Event, _ session: Session) async throws {
    switch event {
    case .peerJoined(let peer, let name, _):
        print("peer \(peer) is \(name)")
        await greet(peer, session)
    case .data(let peer, let data, let kind, _):
        print("peer \(peer) to \(kind == .direct ? "me" : "all"): \(data)")
    case .channelOpen(_, let channel, _, incoming: false):
        try session.sendText("hello, straight", on: channel)
    case .channelText(let peer, _, let text):
        print("peer \(peer) on its channel: \(text)")
    default:
        break
    }
}

/// Greets who comes through the server, and straight: a data channel carries what the server does not see.
func greet(_ peer: UInt64, _ session: Session) async {
    do {
        _ = try session.openChannel(to: peer, label: "greeting")
        try await session.send(#"{"text":"hello, you"}"#, to: peer)
    } catch {
        print("peer \(peer) could not be greeted: \(error)")
    }
}

/// Returns after `--seconds N`, or at the end of the input.
func waitForTheEnd() async throws {
    if let option = arguments.firstIndex(of: "--seconds"), let seconds = Double(arguments[option + 1]) {
        try await Task.sleep(for: .seconds(seconds))
    } else {
        await Task.detached { while readLine() != nil {} }.value
    }
}
