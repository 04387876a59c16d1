//! See `rolitt_fuzz::answers`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rolitt_fuzz::answers(data));
