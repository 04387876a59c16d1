//! See `rolitt_fuzz::form`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolitt_fuzz::form(data));
