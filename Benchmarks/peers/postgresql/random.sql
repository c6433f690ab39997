\set sku random(0, :positions - 1)
SELECT reserve(gen_random_uuid(), 'SKU-' || lpad(:sku::text, 7, '0'), 1, 'order0123abcd', 'customer0123');
