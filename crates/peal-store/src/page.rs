//! Pages of lists that grow. A page begins after the last item of the one before, known by its id, so rows that come and go meanwhile
//! neither repeat nor hide others.

/// Where a page begins and how long it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging<C> {
    /// The last item of the page before.
    pub after: Option<C>,
    pub limit: u32,
}

impl<C> Paging<C> {
    #[must_use]
    pub fn first(limit: u32) -> Self {
        Paging { after: None, limit }
    }

    /// One more than asked for tells whether there is another page.
    pub(crate) fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    pub(crate) fn page<T>(&self, mut items: Vec<T>, cursor: impl Fn(&T) -> C) -> Page<T, C> {
        let limit = self.limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(cursor) } else { None };
        Page { items, next }
    }
}

#[derive(Debug, Clone)]
pub struct Page<T, C> {
    pub items: Vec<T>,
    /// What the next page begins after; `None` on the last.
    pub next: Option<C>,
}
