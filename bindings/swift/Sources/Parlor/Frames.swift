import Foundation
import ParlorEngine

/// A picture, never changed. Its pixels stay where they are until it is released or its last reference is gone.
public typealias VideoFrame = ParlorEngine.VideoFrame
/// Sound, never changed. Its samples stay where they are until it is released or its last reference is gone.
public typealias AudioFrame = ParlorEngine.AudioFrame
/// One encoded picture or packet of sound, never changed; its bytes stay until it is released or its last reference is gone.
public typealias EncodedFrame = ParlorEngine.EncodedFrame

/// What a picture is.
public struct PictureLayout: Sendable, Hashable {
    /// How the pixels lie in memory.
    public let format: PixelFormat
    /// Width in pixels.
    public let width: Int
    /// Height in pixels.
    public let height: Int
    /// When it was captured or is due, by `timeUs`.
    public let timestampUs: UInt64
    /// For each plane the bytes from the start of one row to the start of the next.
    public let strides: [Int]
}

extension VideoFrame {
    /// Shows the pixels of each plane, without a copy, and what the picture is. The views are valid inside the closure, as
    /// long as nobody releases the frame there.
    ///
    /// Errors: `closed` when the frame was released; what the closure throws.
    public func withPlanes<R>(_ body: ([UnsafeRawBufferPointer], PictureLayout) throws -> R) throws -> R {
        let address = try layout()
        return try withExtendedLifetime(self) {
            let (planes, layout) = try readPicture(at: address)
            return try body(planes, layout)
        }
    }
}

extension AudioFrame {
    /// Shows the interleaved samples, without a copy, and what the sound is. The view is valid inside the closure, as long
    /// as nobody releases the frame there.
    ///
    /// Errors: `closed` when the frame was released; what the closure throws.
    public func withSamples<R>(_ body: (UnsafeBufferPointer<Int16>, SoundLayout) throws -> R) throws -> R {
        let layout = try layout()
        let length = layout.sampleCount * UInt64(MemoryLayout<Int16>.stride)
        return try withExtendedLifetime(self) {
            try body(bytes(at: layout.address, length: length).assumingMemoryBound(to: Int16.self), layout)
        }
    }
}

extension EncodedFrame {
    /// Shows the bytes, without a copy, and what they are. The view is valid inside the closure, as long as nobody releases
    /// the frame there.
    ///
    /// Errors: `closed` when the frame was released; what the closure throws.
    public func withBytes<R>(_ body: (UnsafeRawBufferPointer, EncodedInfo) throws -> R) throws -> R {
        let layout = try layout()
        return try withExtendedLifetime(self) {
            try body(bytes(at: layout.address, length: layout.length), layout.info)
        }
    }
}

/// A picture's layout as it crosses, in plain numbers: format, width, height and time, then address, length and stride of
/// three planes.
enum Numbers {
    static let planes = 4
    static let plane = 3
    static let count = 13
}

/// Reads the layout of a picture of the engine's.
private func readPicture(at address: UInt64) throws -> (planes: [UnsafeRawBufferPointer], layout: PictureLayout) {
    guard let numbers = UnsafePointer<UInt64>(bitPattern: UInt(address)),
        let format = PixelFormat(rawValue: Int32(truncatingIfNeeded: numbers[0]))
    else {
        throw ParlorError.Failed(status: .internal, reason: "the picture's layout is not one of this package's")
    }
    let starts = stride(from: Numbers.planes, to: Numbers.count, by: Numbers.plane).filter { numbers[$0] != 0 }
    let layout = PictureLayout(
        format: format, width: Int(numbers[1]), height: Int(numbers[2]), timestampUs: numbers[3],
        strides: starts.map { Int(numbers[$0 + 2]) })
    return (starts.map { bytes(at: numbers[$0], length: numbers[$0 + 1]) }, layout)
}

/// Makes a view of memory that the engine tells by address and length.
private func bytes(at address: UInt64, length: UInt64) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: UInt(address)), count: Int(length))
}
