import CZlib

/// gzip both ways. One per event loop; the zlib states are made on first use and kept.
@safe
struct Gzip: ~Copyable {
    enum Inflated: Equatable {
        case whole
        /// The message would exceed the limit.
        case tooLarge
        case corrupt
    }

    private var inflater: UnsafeMutablePointer<z_stream>?
    private var deflater: UnsafeMutablePointer<z_stream>?

    deinit {
        if let inflater = unsafe inflater {
            unsafe inflateEnd(inflater)
            unsafe inflater.deallocate()
        }
        if let deflater = unsafe deflater {
            unsafe deflateEnd(deflater)
            unsafe deflater.deallocate()
        }
    }

    /// Appends what `source` holds compressed, never more than `limit` bytes.
    mutating func inflate(_ source: UnsafeRawBufferPointer, limit: Int, into target: inout ByteQueue) -> Inflated {
        guard let stream = unsafe readyInflater() else { return .corrupt }
        unsafe setInput(stream, source)
        var total = 0
        while true {
            // One byte over the limit is asked for, so that a message of exactly the limit passes.
            let room = min(max(4_096, source.count * 2), limit + 1 - total)
            unsafe stream.pointee.next_out = target.reserve(room).assumingMemoryBound(to: UInt8.self)
            unsafe stream.pointee.avail_out = UInt32(room)
            let code = unsafe CZlib.inflate(stream, Z_NO_FLUSH)
            let produced = unsafe room - Int(stream.pointee.avail_out)
            target.advance(by: produced)
            total += produced
            if total > limit { return .tooLarge }
            if code == Z_STREAM_END { return unsafe stream.pointee.avail_in == 0 ? .whole : .corrupt }
            if unsafe code != Z_OK || (produced == 0 && stream.pointee.avail_in == 0) { return .corrupt }
        }
    }

    /// Appends `source` compressed. False when zlib has no memory: the caller then sends it as it is.
    mutating func deflate(_ source: UnsafeRawBufferPointer, into target: inout ByteQueue) -> Bool {
        guard let stream = unsafe readyDeflater() else { return false }
        unsafe setInput(stream, source)
        let bound = unsafe Int(deflateBound(stream, UInt(source.count)))
        unsafe stream.pointee.next_out = target.reserve(bound).assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = UInt32(bound)
        guard unsafe CZlib.deflate(stream, Z_FINISH) == Z_STREAM_END else { return false }
        unsafe target.advance(by: bound - Int(stream.pointee.avail_out))
        return true
    }

    // zlib takes the input through a mutable pointer but only reads it.
    private func setInput(_ stream: UnsafeMutablePointer<z_stream>, _ source: UnsafeRawBufferPointer) {
        unsafe stream.pointee.next_in = UnsafeMutablePointer(
            mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe stream.pointee.avail_in = UInt32(source.count)
    }

    private mutating func readyInflater() -> UnsafeMutablePointer<z_stream>? {
        if let inflater = unsafe inflater { return unsafe inflateReset(inflater) == Z_OK ? inflater : nil }
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        guard unsafe shim_gzip_inflate_init(stream) == Z_OK else {
            unsafe stream.deallocate()
            return nil
        }
        unsafe inflater = stream
        return unsafe stream
    }

    private mutating func readyDeflater() -> UnsafeMutablePointer<z_stream>? {
        if let deflater = unsafe deflater { return unsafe deflateReset(deflater) == Z_OK ? deflater : nil }
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        guard unsafe shim_gzip_deflate_init(stream) == Z_OK else {
            unsafe stream.deallocate()
            return nil
        }
        unsafe deflater = stream
        return unsafe stream
    }
}
