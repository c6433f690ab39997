SELECT reserve(gen_random_uuid(), 'SKU-9999999', 1, 'order0123abcd', 'customer0123');
