/// A fixed run of plain values at a fixed address, for the read path: reading it costs no reference counting.
///
/// Whoever makes one owns it and deallocates it; it is never changed after it was made, so any thread may read it.
struct Table<Element: BitwiseCopyable>: @unchecked Sendable {
    private let base: UnsafeMutablePointer<Element>
    let count: Int

    init(_ elements: [Element]) {
        base = .allocate(capacity: max(1, elements.count))
        count = elements.count
        for (index, element) in elements.enumerated() { (base + index).initialize(to: element) }
    }

    subscript(_ index: Int) -> Element {
        precondition(index >= 0 && index < count)
        return base[index]
    }

    /// The element's address, for those that are read field by field.
    func pointer(at index: Int) -> UnsafePointer<Element> {
        precondition(index >= 0 && index < count)
        return UnsafePointer(base + index)
    }

    func deallocate() { base.deallocate() }
}
