-- The last price seen of each symbol. May be run again.

CREATE TABLE IF NOT EXISTS latest_prices (
    symbol      TEXT PRIMARY KEY,
    price       NUMERIC NOT NULL CHECK (price > 0),
    price_time  TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
