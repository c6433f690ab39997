/// Digests of content, to tell a repeat from another body. Not for secrets.
public enum ContentDigest {
    /// XXH64 of the bytes; two seeds make an independent pair.
    public static func of(_ bytes: [UInt8], seed: UInt64 = 0) -> UInt64 {
        // The bytes are lent for the call only.
        unsafe bytes.withUnsafeBytes { unsafe XXH64.hash($0, seed: seed) }
    }
}
