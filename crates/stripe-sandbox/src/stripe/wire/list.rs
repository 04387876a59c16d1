//! Lists in Stripe's shape: newest first, in pages after or before an object.

use serde_json::{Value, json};

use super::{
    error::ApiError,
    params::{Either, Reader},
};
use crate::table::Table;

/// The page of a list that a request wants.
pub(crate) struct Page {
    limit: usize,
    starting_after: Option<String>,
    ending_before: Option<String>,
}

/// A span of creation times.
#[derive(Default)]
pub(crate) struct Created {
    from: Option<i64>,
    to: Option<i64>,
}

impl Page {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ApiError> {
        let limit = reader.integer("limit")?.unwrap_or(10);
        let starting_after = reader.text("starting_after")?.map(str::to_owned);
        let ending_before = reader.text("ending_before")?.map(str::to_owned);
        let Some(limit) = usize::try_from(limit).ok().filter(|limit| (1..=100).contains(limit)) else {
            let bound = if limit < 1 { "greater than or equal to 1" } else { "less than or equal to 100" };
            let message = format!("This value must be {bound} (it currently is '{limit}').");
            return Err(ApiError::invalid(message).code("parameter_invalid_integer").at("limit"));
        };
        if starting_after.is_some() && ending_before.is_some() {
            return Err(ApiError::invalid("You cannot use both `starting_after` and `ending_before`."));
        }
        Ok(Self { limit, starting_after, ending_before })
    }

    /// Returns the page of those in `all` that `wanted` accepts. The object that a page starts
    /// after or ends before must exist, but need not be wanted itself.
    pub(crate) fn of<T>(
        &self,
        all: &Table<T>,
        (kind, url): (&str, &str),
        wanted: impl Fn(&T) -> bool,
        render: impl Fn(&T) -> Value,
    ) -> Result<Value, ApiError> {
        let place = |id: &Option<String>, param: &str| {
            id.as_deref().map(|id| all.place(id).ok_or_else(|| ApiError::no_such(kind, id, param))).transpose()
        };
        let after = place(&self.starting_after, "starting_after")?;
        let before = place(&self.ending_before, "ending_before")?;
        let (mut found, has_more) = if let Some(before) = before {
            // The nearest newer objects: collected from old to new, shown from new to old.
            let (mut newer, more) = self.take(all.iter().skip(before + 1).filter(|object| wanted(object)));
            newer.reverse();
            (newer, more)
        } else {
            let older = after.unwrap_or(all.len());
            self.take(all.iter().take(older).rev().filter(|object| wanted(object)))
        };
        let data: Vec<Value> = found.drain(..).map(render).collect();
        Ok(json!({"object": "list", "data": data, "has_more": has_more, "url": url}))
    }

    fn take<'a, T>(&self, mut objects: impl Iterator<Item = &'a T>) -> (Vec<&'a T>, bool) {
        let page: Vec<&T> = objects.by_ref().take(self.limit).collect();
        (page, objects.next().is_some())
    }
}

impl Created {
    /// Reads `created=1` or `created[gt|gte|lt|lte]=1`.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ApiError> {
        match reader.either("created")? {
            None => Ok(Self::default()),
            Some(Either::Integer(at)) => Ok(Self { from: Some(at), to: Some(at) }),
            Some(Either::Group(mut span)) => {
                let above = span.integer("gt")?.map(|at| at.saturating_add(1));
                let below = span.integer("lt")?.map(|at| at.saturating_sub(1));
                let from = above.max(span.integer("gte")?);
                let to = [below, span.integer("lte")?].into_iter().flatten().min();
                span.finish()?;
                Ok(Self { from, to })
            }
        }
    }

    pub(crate) fn holds(&self, created: i64) -> bool {
        self.from.is_none_or(|from| created >= from) && self.to.is_none_or(|to| created <= to)
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::Params;
    use super::*;

    /// Ten objects, `o0` the oldest.
    fn table() -> Table<i64> {
        let mut table = Table::default();
        for number in 0..10 {
            table.put(format!("o{number}"), number);
        }
        table
    }

    fn page(query: &str, wanted: impl Fn(&i64) -> bool) -> Result<(Vec<i64>, bool), ApiError> {
        let params = Params::parse(query.as_bytes())?;
        let mut reader = Reader::new(&params);
        let page = Page::read(&mut reader)?;
        reader.finish()?;
        let list = page.of(&table(), ("thing", "/v1/things"), wanted, |number| json!(number))?;
        let data = list["data"].as_array().unwrap().iter().map(|value| value.as_i64().unwrap()).collect();
        Ok((data, list["has_more"].as_bool().unwrap()))
    }

    #[test]
    fn pages_go_from_new_to_old_and_back() {
        let all = |_: &i64| true;
        assert_eq!(page("limit=3", all).unwrap(), (vec![9, 8, 7], true));
        assert_eq!(page("limit=3&starting_after=o7", all).unwrap(), (vec![6, 5, 4], true));
        assert_eq!(page("limit=3&starting_after=o2", all).unwrap(), (vec![1, 0], false));
        assert_eq!(page("limit=2&starting_after=o2", all).unwrap(), (vec![1, 0], false));
        assert_eq!(page("limit=3&ending_before=o4", all).unwrap(), (vec![7, 6, 5], true));
        assert_eq!(page("limit=3&ending_before=o7", all).unwrap(), (vec![9, 8], false));
        assert_eq!(page("", all).unwrap().0.len(), 10);
    }

    #[test]
    fn what_is_not_wanted_takes_no_place_but_may_be_the_cursor() {
        let even = |number: &i64| number % 2 == 0;
        assert_eq!(page("limit=2&starting_after=o7", even).unwrap(), (vec![6, 4], true));
        assert_eq!(page("limit=5", even).unwrap(), (vec![8, 6, 4, 2, 0], false));
    }

    #[test]
    fn limits_and_cursors_are_checked() {
        for (query, param) in [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=x", "limit"),
            ("starting_after=o99", "starting_after"),
        ] {
            assert_eq!(page(query, |_| true).unwrap_err().param.as_deref(), Some(param), "{query}");
        }
        assert!(page("starting_after=o1&ending_before=o2", |_| true).is_err());
    }

    #[test]
    fn a_span_of_time_includes_its_ends_as_asked() {
        let span = |query: &str| {
            let params = Params::parse(query.as_bytes()).unwrap();
            Created::read(&mut Reader::new(&params)).unwrap()
        };
        assert!(span("created[gte]=5").holds(5) && !span("created[gt]=5").holds(5));
        assert!(span("created[lte]=5").holds(5) && !span("created[lt]=5").holds(5));
        assert!(span("created=5").holds(5) && !span("created=5").holds(6));
        assert!(span("created[gt]=3&created[lt]=5").holds(4) && !span("created[gt]=3&created[lt]=5").holds(5));
    }
}
