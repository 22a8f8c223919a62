import Foundation
import Parlor

/// Counts what is received of all tracks that a peer has sent so far.
final class Received: @unchecked Sendable {
    /// The level, in dBFS, above which sound is loud.
    private static let loudFrom = -40.0

    private let lock = NSLock()
    private var pictures = 0
    private var soundPackets = 0
    private var loud = 0
    /// When the first and the last picture came, in microseconds.
    private var firstPicture: UInt64?
    private var lastPicture: UInt64?
    /// The longest time between two pictures, in microseconds, since this was last asked for.
    private var longestPause: UInt64 = 0

    /// Returns the counts; the longest pause starts anew.
    func take() -> Fields {
        lock.withLock {
            defer { longestPause = 0 }
            return [
                "video": pictures, "audio": soundPackets, "longestPauseMs": longestPause / 1000, "loud": loud,
                "firstPictureAt": firstPicture.map { Double($0) / 1000 } ?? NSNull(),
            ]
        }
    }

    func notePicture() throws {
        let now = try timeUs()
        lock.withLock {
            pictures += 1
            firstPicture = firstPicture ?? now
            if let lastPicture, now > lastPicture {
                longestPause = max(longestPause, now - lastPicture)
            }
            lastPicture = now
        }
    }

    func notePacket() {
        lock.withLock { soundPackets += 1 }
    }

    func note(_ sound: AudioFrame) throws {
        let level = try sound.withSamples { samples, _ in
            let energy = samples.reduce(0.0) { $0 + Double($1) * Double($1) }
            return 10 * log10(energy / Double(max(samples.count, 1)) / (32768.0 * 32768.0))
        }
        if level > Self.loudFrom {
            lock.withLock { loud += 1 }
        }
    }
}
