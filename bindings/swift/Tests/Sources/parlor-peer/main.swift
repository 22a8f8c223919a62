// One session of the Swift package for tests of all languages, driven by lines of JSON.
//
// Reads commands, `{"id", "call", …}`, and writes lines: `{"id", "value"}` or `{"id", "error", "message"}` for each command,
// and `{"event": {"name", "at", …}}` for what the session tells, with peers by their ids on the wire.

import Foundation
import Parlor

let peer = Peer()
while let line = readLine() {
    guard let command = parse(line) as? Fields, let id = command["id"] as? Int else {
        fatalError("not a command: \(line)")
    }
    do {
        let value = try peer.answer(command)
        write(["id": id, "value": value ?? NSNull()])
    } catch let error as ParlorError {
        write(["id": id, "error": code(error.status), "message": error.reason])
    }
}
try peer.end()
