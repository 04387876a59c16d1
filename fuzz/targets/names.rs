//! See `rolitt_fuzz::names`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolitt_fuzz::names(data));
