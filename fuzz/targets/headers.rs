//! See `rolitt_fuzz::headers`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolitt_fuzz::headers(data));
