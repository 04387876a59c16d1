drop index preorders_access_idx;
