//! A collection in the order of creation, with look-up by id. It holds objects of any kind and knows none of them.

use std::collections::HashMap;

pub struct Shelf<T> {
    rows: Vec<(String, T)>,
    places: HashMap<String, usize>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), places: HashMap::new() }
    }
}

impl<T> Shelf<T> {
    /// Adds an object, or replaces the one of that id in its place.
    pub fn put(&mut self, id: String, object: T) {
        if let Some(place) = self.places.get(&id) {
            self.rows[*place].1 = object;
        } else {
            self.places.insert(id.clone(), self.rows.len());
            self.rows.push((id, object));
        }
    }

    pub fn get(&self, id: &str) -> Option<&T> {
        self.places.get(id).map(|place| &self.rows[*place].1)
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.places.get(id).map(|place| &mut self.rows[*place].1)
    }

    /// Takes an object out. Slow, and rare: only endpoints are ever deleted.
    pub fn remove(&mut self, id: &str) -> Option<T> {
        let place = self.places.remove(id)?;
        let (_, object) = self.rows.remove(place);
        for later in self.places.values_mut().filter(|other| **other > place) {
            *later -= 1;
        }
        Some(object)
    }

    /// How many objects were created before this one.
    pub fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.rows.iter().map(|(_, object)| object)
    }
}
