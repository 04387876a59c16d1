-- The page behind a link is found by its token's hash, never by the order's number: guesses at numbers all take one time.
create index preorders_access_idx on preorders (access_hash) where access_hash is not null;
