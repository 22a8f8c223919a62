import Foundation
import ParlorEngine

// Values and objects of the generated code, where they are documented.

public typealias Codec = ParlorEngine.Codec
public typealias Credential = ParlorEngine.Credential
public typealias DataChannelOptions = ParlorEngine.DataChannelOptions
public typealias EncodedInfo = ParlorEngine.EncodedInfo
public typealias Engine = ParlorEngine.Engine
public typealias EngineConfig = ParlorEngine.EngineConfig
public typealias Event = ParlorEngine.Event
public typealias FileMode = ParlorEngine.FileMode
public typealias IceServer = ParlorEngine.IceServer
public typealias LiveObjects = ParlorEngine.LiveObjects
public typealias LogLevel = ParlorEngine.LogLevel
public typealias MediaKind = ParlorEngine.MediaKind
public typealias MessageKind = ParlorEngine.MessageKind
public typealias ParlorError = ParlorEngine.ParlorError
public typealias PeerState = ParlorEngine.PeerState
public typealias PeerStats = ParlorEngine.PeerStats
public typealias PixelFormat = ParlorEngine.PixelFormat
public typealias Reference = ParlorEngine.Reference
public typealias SessionConfig = ParlorEngine.SessionConfig
public typealias SessionState = ParlorEngine.SessionState
public typealias SoundLayout = ParlorEngine.SoundLayout
public typealias Status = ParlorEngine.Status
public typealias TrackStats = ParlorEngine.TrackStats

extension ParlorError {
    /// What went wrong; its raw value is the number of every language.
    public var status: Status {
        switch self {
        case .Failed(let status, _): status
        }
    }

    /// One sentence for people, without secrets and addresses.
    public var reason: String {
        switch self {
        case .Failed(_, let reason): reason
        }
    }
}

/// Returns how many objects are alive: what was forgotten shows here.
public func liveObjects() throws -> LiveObjects {
    try ParlorEngine.liveObjects()
}

/// Returns the time on the clock of every time stamp of this process, in microseconds.
public func timeUs() throws -> UInt64 {
    try ParlorEngine.timeUs()
}

/// Returns the library's version, such as `0.1.0`.
public func version() throws -> String {
    try ParlorEngine.version()
}

/// Sets where the engine's log goes, for the whole process: lines of `level` and graver ones, each with its target and its
/// message. It is called on any thread and on several at once, and must not block. Nil makes the log silent again.
public func setLogSink(_ level: LogLevel, _ sink: (@Sendable (LogLevel, String, String) -> Void)?) throws {
    try ParlorEngine.setLogSink(level: level, sink: sink.map(LogBridge.init))
}

private final class LogBridge: ParlorEngine.LogSink {
    private let sink: @Sendable (LogLevel, String, String) -> Void

    init(_ sink: @escaping @Sendable (LogLevel, String, String) -> Void) {
        self.sink = sink
    }

    func onLine(level: LogLevel, target: String, message: String) {
        sink(level, target, message)
    }
}

/// Runs a closure of the app's. What it throws may be any error; only one crosses.
func crossing(_ body: () throws -> Void) throws {
    do {
        try body()
    } catch {
        throw CallbackError.Failed(reason: String(describing: error))
    }
}
