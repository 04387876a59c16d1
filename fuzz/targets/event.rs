//! See `rolitt_fuzz::event`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolitt_fuzz::event(data));
