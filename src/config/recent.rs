//! Values that many tenants have alike, kept once.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

/// How many different values are looked at: enough for the few that a fleet has, and no search where each is its own.
const MOST: usize = 16;

/// The last different values, for those that come to share them.
pub(super) struct Recent<T: ?Sized>(RefCell<VecDeque<Arc<T>>>);

impl<T: ?Sized> Default for Recent<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T: ?Sized + PartialEq> Recent<T> {
    /// The value: the known one that equals it, if there is one.
    pub(super) fn share(&self, value: impl Borrow<T> + Into<Arc<T>>) -> Arc<T> {
        let mut known = self.0.borrow_mut();
        if let Some(found) = known.iter().find(|known| ***known == *value.borrow()) {
            return Arc::clone(found);
        }
        let new = value.into();
        known.truncate(MOST - 1);
        known.push_front(Arc::clone(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_and_the_list_does_not_grow() {
        let recent: Recent<str> = Recent::default();
        let first = recent.share("a");
        assert!(Arc::ptr_eq(&first, &recent.share("a")));
        for number in 0..100 {
            assert_eq!(*recent.share(number.to_string()), *number.to_string());
        }
        assert_eq!(recent.0.borrow().len(), MOST);
        assert_eq!(recent.share("a"), first);
    }
}
