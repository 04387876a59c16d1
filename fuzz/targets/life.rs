//! See `rolitt_fuzz::life`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolitt_fuzz::life(data));
