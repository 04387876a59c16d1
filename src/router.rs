//! Every URL of the public listener.
