import Foundation
import Parlor

/// A JSON object.
typealias Fields = [String: Any]

private let output = NSLock()

/// Writes a line of JSON; fields that are nil are left out.
func write(_ fields: Fields) {
    var line = json(fields)
    line.append("\n")
    output.withLock { FileHandle.standardOutput.write(Data(line.utf8)) }
}

/// Returns a JSON text.
func json(_ value: Any) -> String {
    guard let data = try? JSONSerialization.data(withJSONObject: value, options: [.fragmentsAllowed]) else {
        fatalError("no JSON: \(value)")
    }
    return String(decoding: data, as: UTF8.self)
}

/// Parses a JSON text; what is none is nil.
func parse(_ text: String?) -> Any? {
    guard let text else { return nil }
    return try? JSONSerialization.jsonObject(with: Data(text.utf8), options: [.fragmentsAllowed])
}

/// Returns a status as the protocol spells codes, such as `invalid_argument`.
func code(_ status: Status) -> String {
    spelled(status, between: "_")
}

/// Returns the name of an enum's case as words: `peerJoined` is `peer-joined`.
func spelled(_ value: Any, between separator: String = "-") -> String {
    let name = Mirror(reflecting: value).children.first?.label ?? String(describing: value)
    return name.reduce(into: "") { words, letter in
        words += letter.isUppercase ? separator + letter.lowercased() : String(letter)
    }
}

/// Makes the error of a command that names what is not there.
func unknown(_ what: String) -> ParlorError {
    .Failed(status: .unknownId, reason: "there is no \(what)")
}

func bytes(ofHex text: String) -> Data? {
    let digits = Array(text.utf8)
    guard digits.count.isMultiple(of: 2) else { return nil }
    var data = Data()
    for start in stride(from: 0, to: digits.count, by: 2) {
        guard let byte = UInt8(String(decoding: digits[start..<start + 2], as: UTF8.self), radix: 16) else { return nil }
        data.append(byte)
    }
    return data
}

func hex(of data: Data) -> String {
    data.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
