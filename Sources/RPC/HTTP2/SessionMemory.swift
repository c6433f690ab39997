import CNGHTTP2
import Glibc

/// Where the nghttp2 sessions of one event loop get their memory: small blocks from free lists by size, which cost a tenth
/// of malloc's way, large ones from malloc. A request so allocates nothing once its sizes have been seen.
///
/// Memory: it keeps what it ever gave out at one time, which the limits of connections, streams and headers bound.
/// Thread: the owning loop's only. Lifetime: it outlives the loop's sessions.
@safe
final class SessionMemory {
    /// In front of each block: its size class, 0 for malloc's. As long as malloc's alignment.
    private static let headerBytes = 16
    private static let classBytes = 16
    /// The largest block of a free list is of so many times `classBytes`.
    private static let classMax = 64
    private static let slabBytes = 64 << 10

    // By size class, each a list linked through the blocks themselves. Owned, as are the slabs.
    private let free: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    private var slabs: [UnsafeMutableRawPointer] = unsafe []
    private var slabRest = 0
    /// What nghttp2 is given.
    let table: UnsafeMutablePointer<nghttp2_mem>

    init() {
        unsafe free = .allocate(capacity: Self.classMax + 1)
        unsafe free.initialize(repeating: nil, count: Self.classMax + 1)
        unsafe table = .allocate(capacity: 1)
        unsafe table.initialize(
            to: nghttp2_mem(
                mem_user_data: nil, malloc: sessionMalloc, free: sessionFree, calloc: sessionCalloc,
                realloc: sessionRealloc))
        unsafe table.pointee.mem_user_data = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit {
        while let slab = unsafe slabs.popLast() { unsafe Glibc.free(slab) }
        unsafe free.deallocate()
        unsafe table.deallocate()
    }

    @inline(__always)
    fileprivate func take(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        let sizeClass = max(1, (byteCount + Self.classBytes - 1) / Self.classBytes)
        guard sizeClass <= Self.classMax else { return unsafe takeLarge(byteCount) }
        guard let block = unsafe free[sizeClass] else { return unsafe carve(sizeClass) }
        unsafe free[sizeClass] = block.load(as: UnsafeMutableRawPointer?.self)
        return unsafe block
    }

    @inline(__always)
    fileprivate func give(_ block: UnsafeMutableRawPointer) {
        let sizeClass = unsafe Self.sizeClass(block)
        if sizeClass == 0 { return unsafe Glibc.free(block - Self.headerBytes) }
        unsafe block.storeBytes(of: free[sizeClass], as: UnsafeMutableRawPointer?.self)
        unsafe free[sizeClass] = block
    }

    fileprivate func resize(_ block: UnsafeMutableRawPointer, to byteCount: Int) -> UnsafeMutableRawPointer? {
        let sizeClass = unsafe Self.sizeClass(block)
        guard sizeClass > 0 else {
            // A large block stays malloc's, however small it becomes.
            guard let moved = unsafe realloc(block - Self.headerBytes, byteCount + Self.headerBytes) else { return nil }
            return unsafe moved + Self.headerBytes
        }
        if byteCount <= sizeClass * Self.classBytes { return unsafe block }
        guard let moved = unsafe take(byteCount) else { return nil }
        unsafe memcpy(moved, block, sizeClass * Self.classBytes)
        unsafe give(block)
        return unsafe moved
    }

    private static func sizeClass(_ block: UnsafeMutableRawPointer) -> Int {
        unsafe (block - headerBytes).load(as: Int.self)
    }

    @inline(never)
    private func takeLarge(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        guard byteCount <= Int.max - Self.headerBytes, let start = unsafe malloc(byteCount + Self.headerBytes) else {
            return nil
        }
        unsafe start.storeBytes(of: 0, as: Int.self)
        return unsafe start + Self.headerBytes
    }

    /// A block that was never used, from the rest of the newest slab; what remains of the one before is given up.
    @inline(never)
    private func carve(_ sizeClass: Int) -> UnsafeMutableRawPointer? {
        let byteCount = Self.headerBytes + sizeClass * Self.classBytes
        if slabRest < byteCount {
            guard let slab = unsafe malloc(Self.slabBytes) else { return nil }
            unsafe slabs.append(slab)
            slabRest = Self.slabBytes
        }
        let start = unsafe slabs[slabs.count - 1] + (Self.slabBytes - slabRest)
        slabRest -= byteCount
        unsafe start.storeBytes(of: sizeClass, as: Int.self)
        return unsafe start + Self.headerBytes
    }
}

// nghttp2's four functions. The user data is the memory, which outlives every session.

@inline(__always)
private func memory(_ user: UnsafeMutableRawPointer?) -> Unmanaged<SessionMemory> {
    unsafe Unmanaged<SessionMemory>.fromOpaque(user!)
}

private func sessionMalloc(_ byteCount: Int, _ user: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    unsafe memory(user)._withUnsafeGuaranteedRef { unsafe $0.take(byteCount) }
}

private func sessionFree(_ block: UnsafeMutableRawPointer?, _ user: UnsafeMutableRawPointer?) {
    guard let block = unsafe block else { return }
    unsafe memory(user)._withUnsafeGuaranteedRef { unsafe $0.give(block) }
}

private func sessionCalloc(_ count: Int, _ each: Int, _ user: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    let (byteCount, overflow) = count.multipliedReportingOverflow(by: each)
    guard !overflow, let block = unsafe sessionMalloc(byteCount, user) else { return nil }
    return unsafe memset(block, 0, byteCount)
}

private func sessionRealloc(
    _ block: UnsafeMutableRawPointer?, _ byteCount: Int, _ user: UnsafeMutableRawPointer?
) -> UnsafeMutableRawPointer? {
    guard let block = unsafe block else { return unsafe sessionMalloc(byteCount, user) }
    return unsafe memory(user)._withUnsafeGuaranteedRef { unsafe $0.resize(block, to: byteCount) }
}
