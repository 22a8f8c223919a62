import Foundation
import ParlorEngine

/// A picture, never changed. Its pixels stay where they are until it is released or its last reference is gone.
public typealias VideoFrame = ParlorEngine.VideoFrame
/// Sound, never changed. Its samples stay where they are until it is released or its last reference is gone.
public typealias AudioFrame = ParlorEngine.AudioFrame
/// One encoded picture or packet of sound, never changed; its bytes stay until it is released or its last reference is gone.
public typealias EncodedFrame = ParlorEngine.EncodedFrame

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

/// Makes a view of memory that the engine tells by address and length.
func bytes(at address: UInt64, length: UInt64) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: UInt(address)), count: Int(length))
}
