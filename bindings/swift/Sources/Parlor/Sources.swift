import Foundation
import ParlorEngine

/// A source of pictures. Each is encoded once per codec, however many peers receive it.
public typealias VideoSource = ParlorEngine.VideoSource
/// A source of sound.
public typealias AudioSource = ParlorEngine.AudioSource

extension VideoSource {
    /// Makes a source that the app feeds with `pushEncoded` frames of one codec. The closures are called on threads of the
    /// engine and must not block: the one when the next frame should be a keyframe, the other when the rate to aim at, in
    /// bits per second, changes.
    ///
    /// Errors: `unsupportedCodec` when the codec is not one for pictures.
    public static func encoded(
        codec: Codec,
        onKeyframeRequest: @escaping @Sendable () -> Void,
        onTargetBitrate: @escaping @Sendable (UInt64) -> Void = { _ in }
    ) throws -> VideoSource {
        try encoded(codec: codec, observer: Observer(keyframe: onKeyframeRequest, bitrate: onTargetBitrate))
    }

    /// Gives a picture to the encoders; returns at once. A picture that comes before the one before it was encoded takes
    /// its place.
    ///
    /// Errors: `invalidState` when this source is fed otherwise, `closed` when the picture was released.
    public func push(_ frame: VideoFrame) throws {
        try push(frame: frame)
    }

    /// Copies a picture from the app's memory, each plane with the bytes from one row to the next, and gives it to the
    /// encoders. `timestampUs` is by `timeUs`; 0 means now.
    ///
    /// Errors: `invalidFrame` when size, format or planes do not fit; as `push`.
    public func pushPlanes(
        _ planes: [(bytes: UnsafeRawBufferPointer, stride: Int)], format: PixelFormat, width: Int, height: Int,
        timestampUs: UInt64 = 0
    ) throws {
        try withPicture(planes, format: format, width: width, height: height, timestampUs: timestampUs) {
            try pushPlanes(layout: $0)
        }
    }

    /// Sends an encoded frame, whose bytes are copied; returns at once.
    ///
    /// Errors: `invalidState` when this source is fed otherwise, `invalidFrame` when the frame is empty or of another codec.
    public func pushEncoded(_ bytes: UnsafeRawBufferPointer, _ info: EncodedInfo) throws {
        try pushEncoded(info: info, bytes: borrowed(bytes))
    }
}

extension VideoFrame {
    /// Copies a picture from the app's memory, each plane with the bytes from one row to the next. `timestampUs` is by
    /// `timeUs`; 0 means now.
    ///
    /// Errors: `invalidFrame` when size, format or planes do not fit.
    public static func copy(
        _ planes: [(bytes: UnsafeRawBufferPointer, stride: Int)], format: PixelFormat, width: Int, height: Int,
        timestampUs: UInt64 = 0
    ) throws -> VideoFrame {
        try withPicture(planes, format: format, width: width, height: height, timestampUs: timestampUs) {
            try copy(layout: $0)
        }
    }
}

extension AudioSource {
    /// Gives interleaved signed 16-bit sound to the encoder, 48 kHz, any length; it is copied, and this returns at once.
    /// `capturedUs` is when the first sample was captured, by `timeUs`; 0 means now.
    ///
    /// Errors: `invalidFrame` when the sound is not 48 kHz, 1 or 2 channels, in whole samples; `invalidState` when this
    /// source is fed otherwise; `busy` when more than a second waits for the encoder.
    public func push(
        _ samples: UnsafeBufferPointer<Int16>, sampleRate: UInt32 = 48_000, channels: UInt32, capturedUs: UInt64 = 0
    ) throws {
        let (address, count) = place(samples.baseAddress, samples.count)
        try pushI16(
            address: address, sampleCount: count, sampleRate: sampleRate, channels: channels, capturedUs: capturedUs)
    }

    /// Gives interleaved sound of ±1.0 to the encoder; otherwise as with 16-bit sound.
    public func push(
        _ samples: UnsafeBufferPointer<Float>, sampleRate: UInt32 = 48_000, channels: UInt32, capturedUs: UInt64 = 0
    ) throws {
        let (address, count) = place(samples.baseAddress, samples.count)
        try pushF32(
            address: address, sampleCount: count, sampleRate: sampleRate, channels: channels, capturedUs: capturedUs)
    }

    /// Sends an Opus packet, whose bytes are copied; returns at once.
    ///
    /// Errors: `invalidState` when this source is fed otherwise, `invalidFrame` when the packet is empty or not Opus.
    public func pushEncoded(_ bytes: UnsafeRawBufferPointer, _ info: EncodedInfo) throws {
        try pushEncoded(info: info, bytes: borrowed(bytes))
    }
}

/// A mixer that an app pulls its sound from when its device asks, 48 kHz stereo.
public typealias AudioPlayout = ParlorEngine.AudioPlayout

extension AudioPlayout {
    /// Fills the buffer with interleaved 16-bit stereo, silence where no track has sound, and returns how many samples some
    /// track had. It never waits.
    @discardableResult
    public func pull(into samples: UnsafeMutableBufferPointer<Int16>) throws -> Int {
        let (address, count) = place(UnsafePointer(samples.baseAddress), samples.count)
        return try Int(pull(address: address, sampleCount: count))
    }
}

/// Writes the layout of a picture of the app's, for the length of a call.
private func withPicture<R>(
    _ planes: [(bytes: UnsafeRawBufferPointer, stride: Int)], format: PixelFormat, width: Int, height: Int,
    timestampUs: UInt64, _ body: (UInt64) throws -> R
) throws -> R {
    guard let width = UInt32(exactly: width), let height = UInt32(exactly: height),
        planes.count <= (Numbers.count - Numbers.planes) / Numbers.plane
    else {
        throw ParlorError.Failed(status: .invalidFrame, reason: "the picture's size or number of planes is out of range")
    }
    var numbers = [UInt64(format.rawValue), UInt64(width), UInt64(height), timestampUs]
    for plane in planes {
        guard let stride = UInt64(exactly: plane.stride) else {
            throw ParlorError.Failed(status: .invalidFrame, reason: "a stride is negative")
        }
        let (address, length) = place(plane.bytes.baseAddress, plane.bytes.count)
        numbers += [address, length, stride]
    }
    numbers += [UInt64](repeating: 0, count: Numbers.count - numbers.count)
    return try numbers.withUnsafeBufferPointer { try body(place($0.baseAddress, $0.count).address) }
}

/// Tells where memory of the app's lies, as the engine wants to know it.
private func place<T>(_ start: UnsafePointer<T>?, _ count: Int) -> (address: UInt64, count: UInt64) {
    (UInt64(UInt(bitPattern: start)), UInt64(count))
}

private func place(_ start: UnsafeRawPointer?, _ count: Int) -> (address: UInt64, count: UInt64) {
    (UInt64(UInt(bitPattern: start)), UInt64(count))
}

/// Shows bytes as the generated code wants them, without a copy; for the length of a call.
private func borrowed(_ bytes: UnsafeRawBufferPointer) -> Data {
    guard let start = bytes.baseAddress, !bytes.isEmpty else { return Data() }
    return Data(bytesNoCopy: UnsafeMutableRawPointer(mutating: start), count: bytes.count, deallocator: .none)
}

/// Closures as the generated code wants them.
private final class Observer: ParlorEngine.EncodedSourceObserver {
    private let keyframe: @Sendable () -> Void
    private let bitrate: @Sendable (UInt64) -> Void

    init(keyframe: @escaping @Sendable () -> Void, bitrate: @escaping @Sendable (UInt64) -> Void) {
        self.keyframe = keyframe
        self.bitrate = bitrate
    }

    func onKeyframeRequest() {
        keyframe()
    }

    func onTargetBitrate(bitsPerSecond: UInt64) {
        bitrate(bitsPerSecond)
    }
}
