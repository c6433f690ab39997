import CNGHTTP2
import Glibc

/// Memory for nghttp2 that refuses one allocation, or every one from then on, and counts what is out.
final class FailingMemory {
    /// What nghttp2 is given. Lives as long as this object.
    let table = UnsafeMutablePointer<nghttp2_mem>.allocate(capacity: 1)
    /// Allocations asked for, refused ones included.
    private(set) var asked = 0
    /// Allocations not freed yet.
    var live: Int { taken.count }
    private var taken: Set<UnsafeMutableRawPointer> = []
    /// The number of the first allocation refused, from 1; 0: none is.
    var refusedFrom: Int
    private let refusesOnlyOne: Bool

    init(refusedFrom: Int, refusesOnlyOne: Bool) {
        self.refusedFrom = refusedFrom
        self.refusesOnlyOne = refusesOnlyOne
        table.initialize(
            to: nghttp2_mem(
                mem_user_data: Unmanaged.passUnretained(self).toOpaque(),
                malloc: { size, user in FailingMemory.of(user).allocate { malloc(size) } },
                free: { pointer, user in FailingMemory.of(user).free(pointer) },
                calloc: { count, size, user in FailingMemory.of(user).allocate { calloc(count, size) } },
                realloc: { pointer, size, user in FailingMemory.of(user).reallocate(pointer, size) }))
    }

    deinit {
        // Of a session that had to be left behind.
        for pointer in taken { Glibc.free(pointer) }
        table.deallocate()
    }

    private static func of(_ user: UnsafeMutableRawPointer?) -> FailingMemory {
        Unmanaged<FailingMemory>.fromOpaque(user!).takeUnretainedValue()
    }

    private func isRefused() -> Bool {
        asked += 1
        return refusedFrom > 0 && (refusesOnlyOne ? asked == refusedFrom : asked >= refusedFrom)
    }

    private func allocate(_ body: () -> UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        if isRefused() { return nil }
        let pointer = body()
        if let pointer { taken.insert(pointer) }
        return pointer
    }

    private func reallocate(_ pointer: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
        if isRefused() { return nil }
        guard let moved = realloc(pointer, size) else { return nil }
        if let pointer { taken.remove(pointer) }
        taken.insert(moved)
        return moved
    }

    private func free(_ pointer: UnsafeMutableRawPointer?) {
        guard let pointer else { return }
        taken.remove(pointer)
        Glibc.free(pointer)
    }
}
