-- Lets a feed of kind erp find what moved lately without reading all moves. For every database of Tryton that such a feed
-- polls and that may be given an index.
CREATE INDEX IF NOT EXISTS availability_changes ON stock_move (write_date, id);
