/// A key and its value, lent from the map or from a dirty page: valid until the transaction ends, is reset, or writes.
@unsafe
public struct Entry {
    public let key: UnsafeRawBufferPointer
    public let value: UnsafeRawBufferPointer
}
