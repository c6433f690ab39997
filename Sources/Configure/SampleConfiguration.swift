/// The catalogue of development mode, in the syntax of the configuration file.
public let sampleConfiguration = """
    locations:
      WH1: {display_name: Warehouse 1}
      WH2: {display_name: Warehouse 2}
      WH3: {display_name: Warehouse 3}
      WH4: {display_name: Warehouse 4}
      WH5: {display_name: Warehouse 5}
      WH6: {display_name: Warehouse 6}

    groups:
      EAST: [WH1, WH2, WH3]
      WEST: [WH4, WH5, WH6]

    channels:
      web:
        display_name: Web shop
        sourcing: [WH1, WH2, WH3, WH4]
        buffer: 2
        stale_after: 15m
        stale_action: serve
      marketplace:
        display_name: Marketplace
        sourcing: [EAST]
        share_percent: 50
        cap: 500
        stale_after: 15m
        stale_action: withhold
      b2b:
        display_name: Business customers
        sourcing: [EAST, WEST]
        count_in_transit: true
        floor: 5
        stale_after: 1h
        stale_action: buffer 20%
    """
