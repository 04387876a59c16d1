//! See `rolitt_fuzz::locale`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolitt_fuzz::locale(data));
