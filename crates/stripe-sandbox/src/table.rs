//! A collection in the order of creation, with look-up by id. It is independent of what it
//! contains.

use std::collections::HashMap;

pub(crate) struct Table<T> {
    rows: Vec<(String, T)>,
    places: HashMap<String, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), places: HashMap::new() }
    }
}

impl<T> Table<T> {
    /// Adds an object, or replaces the one with the same id in its position.
    pub(crate) fn put(&mut self, id: String, object: T) {
        if let Some(place) = self.places.get(&id) {
            self.rows[*place].1 = object;
        } else {
            self.places.insert(id.clone(), self.rows.len());
            self.rows.push((id, object));
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.places.get(id).map(|place| &self.rows[*place].1)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.places.get(id).map(|place| &mut self.rows[*place].1)
    }

    /// Removes an object. This takes linear time and is rare.
    pub(crate) fn remove(&mut self, id: &str) -> Option<T> {
        let place = self.places.remove(id)?;
        let (_, object) = self.rows.remove(place);
        for later in self.places.values_mut().filter(|other| **other > place) {
            *later -= 1;
        }
        Some(object)
    }

    /// Returns the number of objects that were created before this one.
    pub(crate) fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Iterates over the objects, oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.rows.iter().map(|(_, object)| object)
    }
}
