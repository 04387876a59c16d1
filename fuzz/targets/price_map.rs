//! See `rolitt_fuzz::price_map`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolitt_fuzz::price_map(data));
