//! See `rolitt_fuzz::object`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolitt_fuzz::object(data));
