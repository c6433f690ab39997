/// Units of a position that one channel holds.
public struct ChannelHold: Sendable, Equatable, BitwiseCopyable {
    public var channel: ChannelNumber
    public var units: Int64

    public init(channel: ChannelNumber, units: Int64) {
        self.channel = channel
        self.units = units
    }
}

/// What is known of one sku at one location.
public struct Position: Sendable, Equatable {
    public var buckets = Buckets()
    /// The ledger sequence of the last change.
    public var sequence: UInt64 = 0
    /// When the newest event placed here occurred; 0 when there was none.
    public var authoritativeTimeNanoseconds: WallNanoseconds = 0
    /// Who sent that event; 0 when there was none, or when several sources did at that very time.
    public var authoritativeSource: SourceNumber = 0
    /// No open hold expires before this (ledger time); 0 when none does at all. Only past it does a reader walk the holds.
    public var nextExpiryNanoseconds: WallNanoseconds = 0
    /// The greatest `OrderKey.primary` applied to this position; `Int64.min` before the first. An event beyond it is in
    /// order and needs no look at the journal.
    public var newestPrimary: Int64 = .min
    /// The greatest `OrderKey.primary` of an absolute event applied to this position; `Int64.min` before the first. A
    /// late difference beyond it needs no look at the journal either.
    public var newestAbsolutePrimary: Int64 = .min
    /// Journal entries up to and including this `OrderKey.primary` are pruned: an event at or below it can no longer be
    /// placed and is TOO_OLD. `Int64.min` while nothing is pruned.
    public var prunedThroughPrimary: Int64 = .min
    /// Units of our holds that the figures of this position contain, as last applied.
    public var contained: Int64 = 0
    /// Some of it is told by lot: only then are there lots to look for.
    public var isSplit = false
    /// What belongs to no lot is the figure of an ERP that knows no lots: beside lots it would count them again.
    public var isRead = false
    /// Of a lot: its source tells what is allocated of it, so that the position's figure does not.
    public var tellsAllocated = false
    /// The part of `reserved` that each channel holds, those that hold nothing left out, in order of numbers.
    public private(set) var channelHolds: [ChannelHold] = []

    public init() {}

    /// Units that a channel holds here.
    public func openHolds(of channel: ChannelNumber) -> Int64 {
        channelHolds.first { $0.channel == channel }?.units ?? 0
    }

    /// A channel's holds grow or shrink by so many units, and `reserved` with them.
    public mutating func hold(_ units: Int64, for channel: ChannelNumber) {
        guard units != 0 else { return }
        buckets[.reserved] += units
        let place = channelHolds.firstIndex { $0.channel >= channel } ?? channelHolds.count
        if place < channelHolds.count, channelHolds[place].channel == channel {
            channelHolds[place].units += units
            if channelHolds[place].units == 0 { channelHolds.remove(at: place) }
        } else {
            channelHolds.insert(ChannelHold(channel: channel, units: units), at: place)
        }
        if channelHolds.isEmpty { nextExpiryNanoseconds = 0 }
    }

    /// A hold has run out and the ledger has yet to say so: what is still contained goes on being subtracted.
    public mutating func expire(open: Int64, contained: Int64, of channel: ChannelNumber) {
        hold(-open, for: channel)
        buckets[.releasing] += min(open, contained)
    }

    /// As read from the ledger.
    public mutating func setChannelHolds(_ holds: [ChannelHold]) {
        channelHolds = holds
    }

    /// on_hand − quarantined − damaged − allocated − reserved − releasing − safety_stock; signed.
    public var sellable: Int64 { StockFigures(self).sellable() }

    /// By how many units our open holds exceed what is there; 0 when they do not.
    public var shortfall: Int64 { max(0, min(buckets[.reserved], -sellable)) }
}
