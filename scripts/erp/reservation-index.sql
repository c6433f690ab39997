-- Lets a shipment of ours be there once: of two creates under one reference the second fails. A cancelled one may be
-- followed by another. For every database of Tryton that the availability server writes to and that may be given an
-- index; without it the server finds doubles and cancels them.
CREATE UNIQUE INDEX IF NOT EXISTS availability_reservation
    ON stock_shipment_out (reference)
    WHERE reference LIKE 'r-%' AND state <> 'cancelled';
-- What looks a reservation up also wants the cancelled ones.
CREATE INDEX IF NOT EXISTS availability_reference
    ON stock_shipment_out (reference)
    WHERE reference LIKE 'r-%';
