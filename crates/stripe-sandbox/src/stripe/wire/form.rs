//! Form encoding as Stripe's API reads it: `a[b][0]=c`, `expand[]=x`. A text becomes a tree; its
//! meaning is not known here.

use super::error::ApiError;

/// A parameter: a text, or a group of named (or numbered) parameters in the order of the request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Param {
    Text(String),
    Group(Params),
}

/// The parameters of a request, or of a group within it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Params(pub(crate) Vec<(String, Param)>);

const DEEPEST: usize = 10;
const MOST: usize = 1000;

impl Params {
    /// Parses a query or a body.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, ApiError> {
        let mut root = Self::default();
        for (count, (name, value)) in url::form_urlencoded::parse(text).enumerate() {
            if count >= MOST {
                return Err(ApiError::invalid(format!("More than {MOST} parameters.")));
            }
            let path = segments(&name).ok_or_else(|| ApiError::invalid(format!("Invalid parameter name: {name}")))?;
            root.insert(&path, value.into_owned()).map_err(|()| mixed(&name))?;
        }
        Ok(root)
    }

    /// Adds other parameters, which win over equal names.
    pub(crate) fn extend(&mut self, other: Self) {
        for (name, param) in other.0 {
            match self.0.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = param,
                None => self.0.push((name, param)),
            }
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Param> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, param)| param)
    }

    fn insert(&mut self, path: &[&str], value: String) -> Result<(), ()> {
        let Some((first, rest)) = path.split_first() else { return Err(()) };
        let name = if first.is_empty() { self.next_index(rest) } else { (*first).to_owned() };
        let place = self.0.iter().position(|(known, _)| *known == name);
        if rest.is_empty() {
            match place.map(|place| &mut self.0[place].1) {
                // As with most servers, the last of two equal names wins.
                Some(Param::Text(text)) => *text = value,
                Some(Param::Group(_)) => return Err(()),
                None => self.0.push((name, Param::Text(value))),
            }
            return Ok(());
        }
        let place = place.unwrap_or_else(|| {
            self.0.push((name, Param::Group(Self::default())));
            self.0.len() - 1
        });
        match &mut self.0[place].1 {
            Param::Group(group) => group.insert(rest, value),
            Param::Text(_) => Err(()),
        }
    }

    /// Returns the index that `[]` stands for: a new one, or the last one as long as it lacks the
    /// field that is added (`items[][a]=1&items[][b]=2` is one item).
    fn next_index(&self, rest: &[&str]) -> String {
        if let (Some(field), Some((name, Param::Group(last)))) = (rest.first(), self.0.last())
            && !field.is_empty()
            && last.get(field).is_none()
        {
            return name.clone();
        }
        self.0.len().to_string()
    }

    /// Returns every text with its full name, sorted, so that equal requests compare equal.
    pub(crate) fn flattened(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        self.flatten_into("", &mut pairs);
        pairs.sort_unstable();
        pairs
    }

    fn flatten_into(&self, prefix: &str, pairs: &mut Vec<(String, String)>) {
        for (name, param) in &self.0 {
            let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}[{name}]") };
            match param {
                Param::Text(text) => pairs.push((name, text.clone())),
                Param::Group(group) => group.flatten_into(&name, pairs),
            }
        }
    }
}

/// Splits `a[b][]` into `a`, `b` and an empty name. Returns `None` for any other form.
fn segments(name: &str) -> Option<Vec<&str>> {
    let Some((first, rest)) = name.split_once('[') else {
        return (!name.is_empty() && !name.contains(']')).then(|| vec![name]);
    };
    let inner = rest.strip_suffix(']')?;
    if first.is_empty() || first.contains(']') {
        return None;
    }
    let mut path = vec![first];
    path.extend(inner.split("]["));
    let clean = path.iter().all(|part| !part.contains(['[', ']']));
    (clean && path.len() <= DEEPEST).then_some(path)
}

fn mixed(name: &str) -> ApiError {
    ApiError::invalid(format!("Invalid parameter: {name} is used both as a value and as a group.")).at(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flat(text: &str) -> Vec<(String, String)> {
        Params::parse(text.as_bytes()).unwrap().flattened()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn nested_names_become_a_tree() {
        let params = Params::parse(b"line_items[0][price]=price_1&line_items[0][quantity]=2&mode=payment").unwrap();
        let Some(Param::Group(items)) = params.get("line_items") else { panic!("{params:?}") };
        let Some(Param::Group(first)) = items.get("0") else { panic!("{items:?}") };
        assert_eq!(first.get("price"), Some(&Param::Text("price_1".to_owned())));
        assert_eq!(first.get("quantity"), Some(&Param::Text("2".to_owned())));
        assert_eq!(params.get("mode"), Some(&Param::Text("payment".to_owned())));
    }

    #[test]
    fn names_and_values_are_percent_decoded() {
        assert_eq!(flat("metadata%5Bcolor%5D=Honey+Khaki%21"), pairs(&[("metadata[color]", "Honey Khaki!")]));
    }

    #[test]
    fn empty_brackets_count_up() {
        assert_eq!(flat("expand[]=a&expand[]=b"), pairs(&[("expand[0]", "a"), ("expand[1]", "b")]));
        assert_eq!(flat("i[][a]=1&i[][b]=2&i[][a]=3"), pairs(&[("i[0][a]", "1"), ("i[0][b]", "2"), ("i[1][a]", "3")]));
    }

    #[test]
    fn the_order_of_equal_requests_does_not_matter() {
        assert_eq!(flat("a=1&b[x]=2&b[y]=3"), flat("b[y]=3&b[x]=2&a=1"));
        assert_ne!(flat("a=1"), flat("a=2"));
    }

    #[test]
    fn the_last_of_two_equal_names_counts() {
        assert_eq!(flat("a=1&a=2"), pairs(&[("a", "2")]));
    }

    #[test]
    fn what_cannot_be_a_name_or_is_both_value_and_group_is_refused() {
        for text in ["=1", "[a]=1", "a[b=1", "a]=1", "a[b]c=1", "a=1&a[b]=2", "a[b]=2&a=1", "a[[b]]=1"] {
            assert!(Params::parse(text.as_bytes()).is_err(), "{text}");
        }
        let deep = format!("a{}=1", "[b]".repeat(DEEPEST));
        assert!(Params::parse(deep.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Params::parse(&bytes);
        }

        #[test]
        fn what_is_written_reads_back(
            pairs in proptest::collection::btree_map("[a-z]{1,5}(\\[[a-z0-9]{1,4}\\]){0,3}", "\\PC{0,12}", 0..8)
        ) {
            let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            if let Ok(params) = Params::parse(text.as_bytes()) {
                prop_assert_eq!(params.flattened(), pairs.into_iter().collect::<Vec<_>>());
            }
        }
    }
}
