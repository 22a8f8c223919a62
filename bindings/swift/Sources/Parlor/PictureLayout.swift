import ParlorEngine

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

/// A picture's layout as it crosses, in plain numbers: format, width, height and time, then address, length and stride of
/// three planes.
private enum Numbers {
    static let planes = 4
    static let plane = 3
    static let count = 13
}

/// A plane in memory, and the bytes from one row to the next.
typealias Rows = (bytes: UnsafeRawBufferPointer, stride: Int)

/// Reads the layout of a picture of the engine's.
func readPicture(at address: UInt64) throws -> (planes: [UnsafeRawBufferPointer], layout: PictureLayout) {
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

/// Writes the layout of a picture of the app's, for the length of a call.
func withPicture<R>(
    _ planes: [Rows], format: PixelFormat, width: Int, height: Int, timestampUs: UInt64, _ body: (UInt64) throws -> R
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
