-- The same work as one function call: the idempotency key, the conditional update of the position, the reservation with
-- its one line, and the row of the outbox that others follow changes by. Filled as load/dataset.c says.
CREATE TABLE position (
    sku text NOT NULL,
    location smallint NOT NULL,
    on_hand bigint NOT NULL,
    safety_stock bigint NOT NULL,
    reserved bigint NOT NULL DEFAULT 0,
    next_expiry timestamptz,
    updated timestamptz NOT NULL,
    PRIMARY KEY (sku, location)
) WITH (fillfactor = 80);

CREATE TABLE reservation (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state smallint NOT NULL,
    channel smallint NOT NULL,
    sku text NOT NULL,
    location smallint NOT NULL,
    units bigint NOT NULL,
    order_reference text NOT NULL,
    customer text NOT NULL,
    created timestamptz NOT NULL,
    expires timestamptz NOT NULL
);

CREATE TABLE request (
    channel smallint NOT NULL,
    id uuid NOT NULL,
    digest bigint NOT NULL,
    reservation bigint NOT NULL,
    created timestamptz NOT NULL,
    PRIMARY KEY (channel, id)
);

CREATE TABLE outbox (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reservation bigint NOT NULL,
    cause smallint NOT NULL,
    created timestamptz NOT NULL
);

CREATE FUNCTION reserve(wished_request uuid, wished_sku text, wished_units bigint, wished_order text,
                        wished_customer text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    made bigint;
    expiry timestamptz := now() + interval '15 minutes';
BEGIN
    SELECT reservation INTO made FROM request WHERE channel = 1 AND id = wished_request;
    IF FOUND THEN
        RETURN made;
    END IF;
    UPDATE position
        SET reserved = reserved + wished_units, next_expiry = least(next_expiry, expiry), updated = now()
        WHERE sku = wished_sku AND location = 1 AND on_hand - safety_stock - reserved >= wished_units;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'insufficient stock of %', wished_sku;
    END IF;
    INSERT INTO reservation (state, channel, sku, location, units, order_reference, customer, created, expires)
        VALUES (1, 1, wished_sku, 1, wished_units, wished_order, wished_customer, now(), expiry)
        RETURNING id INTO made;
    INSERT INTO request VALUES (1, wished_request, hashtextextended(wished_sku, wished_units), made, now());
    INSERT INTO outbox (reservation, cause, created) VALUES (made, 1, now());
    RETURN made;
END $$;

INSERT INTO position (sku, location, on_hand, safety_stock, updated)
    SELECT 'SKU-' || lpad(number::text, 7, '0'), 1, 55 + number::bigint * 7919 % 997, 3, now()
    FROM generate_series(0, :positions - 1) number;
INSERT INTO position (sku, location, on_hand, safety_stock, updated) VALUES ('SKU-9999999', 1, 1000000000, 3, now());
