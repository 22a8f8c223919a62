// Joins a channel without media of its own and prints what it hears and sees:
// `listen <url> <key> <channel> [--seconds N]`.

import Foundation
import Parlor

let arguments = CommandLine.arguments
guard arguments.count >= 4 else {
    print("usage: listen <url> <key> <channel> [--seconds N]")
    exit(2)
}
do {
    let session = try Session(SessionConfig(url: arguments[1], credential: .apiKey(key: arguments[2])))
    let events = session.events
    let listening = Task { [weak session] in
        for await case .trackAdded(_, _, let id, _) in events {
            if let track = try session?.remoteTrack(id) { try listen(to: track, id) }
        }
    }
    try await session.join(arguments[3])
    print("listening in \(arguments[3])")
    try await waitForTheEnd()
    try await session.leave()
    try session.shutdown()
    try await listening.value
} catch let error as ParlorError {
    print("listen: \(error.reason)")
    exit(1)
}

func listen(to track: MediaTrack, _ id: UInt64) throws {
    switch try track.kind() {
    case .audio: try track.setAudioSink(Hearer(id).hear)
    case .video: try track.setVideoSink(Viewer(id).look)
    }
}

/// Prints how loud a track is, once a second. Only the playout thread uses it, every 20 ms.
final class Hearer: @unchecked Sendable {
    private let track: UInt64
    private var frames = 0

    init(_ track: UInt64) {
        self.track = track
    }

    func hear(_ sound: AudioFrame) throws {
        defer { frames += 1 }
        guard frames.isMultiple(of: 50) else { return }
        let level = try sound.withSamples { samples, _ in
            let energy = samples.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(samples.count)
            return 20 * log10(max(energy.squareRoot(), 1) / 32768)
        }
        print("track \(track): \(Int(level.rounded())) dBFS")
    }
}

/// Prints what pictures come, once a second or so. Only one media thread uses it.
final class Viewer: @unchecked Sendable {
    private let track: UInt64
    private var pictures = 0

    init(_ track: UInt64) {
        self.track = track
    }

    func look(_ picture: VideoFrame) throws {
        pictures += 1
        guard pictures % 30 == 1 else { return }
        // The views are valid inside the closure: the pixels are the decoder's own, not a copy.
        try picture.withPlanes { planes, layout in
            print("track \(track): picture \(pictures), \(layout.width)x\(layout.height), top left \(planes[0][0])")
        }
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
