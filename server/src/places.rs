//! Places that are limited by who takes them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard};

/// How many places each has.
#[derive(Debug)]
pub(crate) struct Places<K: Eq + Hash>(Mutex<HashMap<K, usize>>);

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place<K: Eq + Hash> {
    places: Arc<Places<K>>,
    holder: K,
}

impl<K: Eq + Hash + Clone> Places<K> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::default()))
    }

    /// Takes a place, unless the holder has as many as it may.
    pub(crate) fn enter(self: &Arc<Self>, holder: K, most: usize) -> Option<Place<K>> {
        let mut places = self.lock();
        let taken = places.entry(holder.clone()).or_default();
        if *taken >= most {
            return None;
        }
        *taken += 1;
        Some(Place { places: Arc::clone(self), holder })
    }
}

impl<K: Eq + Hash> Places<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.0.lock().expect("nothing panics while it holds the counts")
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut places = self.places.lock();
        if let Some(taken) = places.get_mut(&self.holder) {
            *taken -= 1;
            if *taken == 0 {
                places.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_has_so_many_places_until_it_gives_one_back() {
        let places = Places::new();
        let first = places.enter("ann", 2).unwrap();
        let _second = places.enter("ann", 2).unwrap();
        assert!(places.enter("ann", 2).is_none());
        assert!(places.enter("bob", 2).is_some());
        drop(first);
        assert!(places.enter("ann", 2).is_some());
        assert_eq!(places.lock().len(), 1);
    }
}
