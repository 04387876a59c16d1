//! What only Firestore can be made to do, and a shop that moves between the two stores. A test that
//! needs Google's emulator is ignored, so that plain `cargo test` passes without one; `script/test`
//! runs it where the emulator is installed.

mod away;
mod crossing;
mod cut;
mod documents;
mod healing;
mod moving;

use std::collections::BTreeMap;

use rolitt::server::store::{Entry, Store};

use super::{copying::all_rows, emulated::Emulated};

/// What is in every row, by table and key.
async fn contents(store: &dyn Store) -> BTreeMap<(&'static str, String), [u8; 32]> {
    let read = |entry: Entry| match entry {
        Entry::Row(row) => ((row.table.as_str(), row.key()), row.content_hash()),
        Entry::Unreadable(unread) => panic!("{unread:?}"),
    };
    all_rows(store).await.into_iter().map(read).collect()
}

/// The variables under which a shop on PostgreSQL knows this project as its other store.
fn variables_for(project: &Emulated) -> Vec<(&'static str, String)> {
    project.variables().into_iter().filter(|(name, _)| *name != "DATABASE_STORAGE_TARGET").collect()
}

fn borrowed<'a>(variables: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}
