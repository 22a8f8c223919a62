// Joins a channel and shows who is there: `room <url> <key> <channel> [--seconds N]`.

import Foundation
import Parlor

let arguments = CommandLine.arguments
guard arguments.count >= 4 else {
    print("usage: room <url> <key> <channel> [--seconds N]")
    exit(2)
}
do {
    let room = try Room(url: arguments[1], key: arguments[2])
    try await room.join(arguments[3])
    try await waitForTheEnd()
    try await room.leave()
    try await room.close()
} catch let error as ParlorError {
    print("room: \(error.reason)")
    exit(1)
}

/// Returns after `--seconds N`, or at the end of the input.
func waitForTheEnd() async throws {
    if let option = arguments.firstIndex(of: "--seconds"), let seconds = Double(arguments[option + 1]) {
        try await Task.sleep(for: .seconds(seconds))
    } else {
        await Task.detached { while readLine() != nil {} }.value
    }
}
