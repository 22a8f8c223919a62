// What an event and a 720p picture cost in Swift: the program that `parlor bench ffi` starts with a URL, a key and how many
// seconds it receives pictures.
//
// Events and received pictures are timed by the library itself, from its own event or picture to the callback's return; for
// that it is built with the cargo feature `test-hooks`.

import Foundation
import Parlor

let (width, height, rate) = (1280, 720, UInt32(60))
let (events, pushes) = (20_000, 1_000)
let page = 4096

let arguments = CommandLine.arguments
guard arguments.count == 4, let seconds = Double(arguments[3]) else {
    fatalError("usage: parlor-bench URL KEY SECONDS")
}
let config = SessionConfig(
    url: arguments[1], credential: .apiKey(key: arguments[2]),
    engine: try Engine(config: EngineConfig(bindAddresses: ["127.0.0.1"])))
try await measureEvents(config)
try measureFramesIn()
try await measureFramesOut(config, seconds)

/// Requests that fail at once, since the session is in no channel: each is one event.
func measureEvents(_ config: SessionConfig) async throws {
    let session = try Session(config)
    let counter = Counter(of: events)
    session.listener = counter
    _ = try Durations.take(.event)
    var asked = 0
    while asked < events {
        do {
            try session.startSend("{}")
            asked += 1
        } catch let error as ParlorError where error.status == .busy {
            await Task.yield()
        }
    }
    for await _ in counter.end {}
    try printRow("event", Durations.take(.event))
    try session.shutdown()
}

func measureFramesIn() throws {
    let source = try VideoSource()
    let luma = [UInt8](repeating: 0, count: width * height)
    let chroma = [UInt8](repeating: 128, count: width * height / 4)
    var took: [UInt64] = []
    try luma.withUnsafeBytes { y in
        try chroma.withUnsafeBytes { c in
            for _ in 0..<pushes {
                let began = DispatchTime.now().uptimeNanoseconds
                try source.pushPlanes(
                    [(y, width), (c, width / 2), (c, width / 2)], format: .i420, width: width, height: height)
                took.append(DispatchTime.now().uptimeNanoseconds - began)
            }
        }
    }
    try printRow("frame_in", took)
}

func measureFramesOut(_ config: SessionConfig, _ seconds: Double) async throws {
    let (sending, receiving) = (try Session(config), try Session(config))
    let stream = try MediaStream()
    try stream.addVideo(.testPattern(width: UInt32(width), height: UInt32(height), framesPerSecond: rate))
    try sending.addStream(stream)
    let told = receiving.events
    try await sending.join("bench swift")
    try await receiving.join("bench swift")
    for await case .trackAdded(_, _, let id, _) in told {
        _ = try Durations.take(.frame)
        try receiving.remoteTrack(id).setVideoSink(look)
        break
    }
    try await Task.sleep(for: .seconds(seconds))
    try receiving.shutdown()
    try sending.shutdown()
    try printRow("frame_out", Durations.take(.frame))
}

/// Looks at one byte of each page, as a program does that hands the picture on.
@Sendable func look(_ picture: VideoFrame) throws {
    try picture.withPlanes { planes, _ in
        var sum = 0
        for plane in planes {
            for at in stride(from: 0, to: plane.count, by: page) { sum += Int(plane[at]) }
        }
        // So that the loop is not left out.
        if sum < 0 { print(sum) }
    }
}

/// Counts requests that have ended; `end` finishes with the last.
final class Counter: SessionListener, @unchecked Sendable {
    let end: AsyncStream<Void>
    private let last: AsyncStream<Void>.Continuation
    /// Only the session's own thread uses it.
    private var left: Int

    init(of count: Int) {
        left = count
        (end, last) = AsyncStream.makeStream()
    }

    func onEvent(_ event: Event) {
        guard case .requestDone = event else { return }
        left -= 1
        if left == 0 { last.finish() }
    }
}

/// What the library keeps of its callbacks.
enum Durations: Int32 {
    case event = 0
    case frame = 1

    /// How many the library keeps.
    private static let kept = 100_000

    /// Takes how long callbacks took, in nanoseconds.
    static func take(_ told: Self) throws -> [UInt64] {
        typealias Take = @convention(c) (Int32, UnsafeMutablePointer<UInt64>?, Int) -> Int
        guard let symbol = dlsym(UnsafeMutableRawPointer(bitPattern: 0), "parlor_test_durations") else {
            throw ParlorError.Failed(status: .invalidState, reason: "the library is built without test-hooks")
        }
        let take = unsafeBitCast(symbol, to: Take.self)
        return [UInt64](unsafeUninitializedCapacity: kept) { buffer, count in
            count = take(told.rawValue, buffer.baseAddress, kept)
        }
    }
}

func printRow(_ what: String, _ nanoseconds: [UInt64]) throws {
    let sorted = nanoseconds.sorted()
    guard !sorted.isEmpty else {
        throw ParlorError.Failed(status: .invalidState, reason: "nothing was measured of \(what)")
    }
    let (p50, p99) = (Double(sorted[sorted.count / 2]) / 1000, Double(sorted[sorted.count * 99 / 100]) / 1000)
    print(#"{"what":"\#(what)","p50_us":\#(p50),"p99_us":\#(p99),"runs":\#(sorted.count)}"#)
}
