//! An empty test. Built in one command with a program, it turns on the features that the tests ask
//! of their dependencies (tokio's `test-util`), so that one compilation of these serves both.

fn main() {}
