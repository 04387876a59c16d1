//! Reading parameters one by one, with Stripe's errors. A reader remembers which names were read,
//! so that all others are reported as unknown.

use std::collections::BTreeMap;

use super::{
    error::ApiError,
    form::{Param, Params},
};

/// The limits of metadata: <https://docs.stripe.com/api/metadata>.
const METADATA_KEYS: usize = 50;
const METADATA_KEY_LENGTH: usize = 40;
const METADATA_VALUE_LENGTH: usize = 500;

/// Metadata of an object.
pub(crate) type Metadata = BTreeMap<String, String>;

pub(crate) struct Reader<'a> {
    params: &'a Params,
    prefix: String,
    seen: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(params: &'a Params) -> Self {
        Self { params, prefix: String::new(), seen: Vec::new() }
    }

    /// Returns the full name of a parameter: `line_items[0][price]`.
    pub(crate) fn name(&self, field: &str) -> String {
        if self.prefix.is_empty() { field.to_owned() } else { format!("{}[{field}]", self.prefix) }
    }

    fn take(&mut self, field: &'static str) -> Option<&'a Param> {
        self.seen.push(field);
        self.params.get(field)
    }

    /// Reads a text, which must not be empty.
    pub(crate) fn text(&mut self, field: &'static str) -> Result<Option<&'a str>, ApiError> {
        let name = self.name(field);
        match self.take(field) {
            None => Ok(None),
            Some(Param::Text(text)) if text.is_empty() => Err(ApiError::empty(&name)),
            Some(Param::Text(text)) => Ok(Some(text)),
            Some(Param::Group(_)) => Err(ApiError::invalid("Invalid string: {}").at(name)),
        }
    }

    pub(crate) fn required(&mut self, field: &'static str) -> Result<&'a str, ApiError> {
        self.text(field)?.ok_or_else(|| ApiError::missing(&self.name(field)))
    }

    /// Reads a text of at most `most` characters.
    pub(crate) fn text_up_to(&mut self, field: &'static str, most: usize) -> Result<Option<&'a str>, ApiError> {
        let text = self.text(field)?;
        match text.map(|text| text.chars().count()).filter(|length| *length > most) {
            None => Ok(text),
            Some(length) => {
                let name = self.name(field);
                let message = format!("Invalid string: {name} must be at most {most} characters, but has {length}.");
                Err(ApiError::invalid(message).code("parameter_invalid_string").at(name))
            }
        }
    }

    pub(crate) fn integer(&mut self, field: &'static str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        let name = self.name(field);
        let number = text.parse();
        number.map(Some).map_err(|_| {
            ApiError::invalid(format!("Invalid integer: {text}")).code("parameter_invalid_integer").at(name)
        })
    }

    pub(crate) fn boolean(&mut self, field: &'static str) -> Result<Option<bool>, ApiError> {
        match self.text(field)? {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(text) => Err(ApiError::invalid(format!("Invalid boolean: {text}")).at(self.name(field))),
        }
    }

    pub(crate) fn one_of(
        &mut self,
        field: &'static str,
        choices: &[&'static str],
    ) -> Result<Option<&'static str>, ApiError> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        let choice = choices.iter().find(|choice| **choice == text);
        choice.map(|choice| Some(*choice)).ok_or_else(|| ApiError::not_one_of(&self.name(field), choices))
    }

    /// Reads an absolute http or https address.
    pub(crate) fn url(&mut self, field: &'static str) -> Result<Option<&'a str>, ApiError> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        let fits = text.len() <= 5000
            && url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if fits {
            return Ok(Some(text));
        }
        Err(ApiError::invalid("Not a valid URL").code("url_invalid").at(self.name(field)))
    }

    /// Reads a group of named parameters.
    pub(crate) fn group(&mut self, field: &'static str) -> Result<Option<Reader<'a>>, ApiError> {
        let name = self.name(field);
        match self.take(field) {
            None => Ok(None),
            Some(Param::Group(params)) => Ok(Some(Reader { params, prefix: name, seen: Vec::new() })),
            Some(Param::Text(_)) => Err(ApiError::invalid("Invalid object").at(name)),
        }
    }

    /// Reads a parameter that may be an integer or a group of bounds, like `created=1` or
    /// `created[gte]=1` in lists.
    pub(crate) fn either(&mut self, field: &'static str) -> Result<Option<Either<'a>>, ApiError> {
        if let Some(Param::Group(_)) = self.params.get(field) {
            return Ok(self.group(field)?.map(Either::Group));
        }
        Ok(self.integer(field)?.map(Either::Integer))
    }

    /// Reads a list of groups, in the order of their numbers.
    pub(crate) fn groups(&mut self, field: &'static str) -> Result<Option<Vec<Reader<'a>>>, ApiError> {
        let Some(items) = self.items(field)? else { return Ok(None) };
        let readers = items.into_iter().map(|(prefix, item)| match item {
            Param::Group(params) => Ok(Reader { params, prefix, seen: Vec::new() }),
            Param::Text(_) => Err(ApiError::invalid("Invalid object").at(prefix)),
        });
        readers.collect::<Result<_, _>>().map(Some)
    }

    /// Reads a list of texts, each with its full name.
    pub(crate) fn texts(&mut self, field: &'static str) -> Result<Option<Vec<(String, &'a str)>>, ApiError> {
        let Some(items) = self.items(field)? else { return Ok(None) };
        let texts = items.into_iter().map(|(name, item)| match item {
            Param::Text(text) if text.is_empty() => Err(ApiError::empty(&name)),
            Param::Text(text) => Ok((name, text.as_str())),
            Param::Group(_) => Err(ApiError::invalid("Invalid string: {}").at(name)),
        });
        texts.collect::<Result<_, _>>().map(Some)
    }

    fn items(&mut self, field: &'static str) -> Result<Option<Vec<(String, &'a Param)>>, ApiError> {
        let name = self.name(field);
        let group = match self.take(field) {
            None => return Ok(None),
            Some(Param::Text(_)) => return Err(ApiError::invalid("Invalid array").at(name)),
            Some(Param::Group(group)) => group,
        };
        let mut items = Vec::with_capacity(group.0.len());
        for (key, item) in &group.0 {
            let index: u32 = key.parse().map_err(|_| ApiError::invalid("Invalid array").at(&name))?;
            items.push((index, format!("{name}[{key}]"), item));
        }
        items.sort_by_key(|(index, ..)| *index);
        Ok(Some(items.into_iter().map(|(_, name, item)| (name, item)).collect()))
    }

    /// Reads a text of an update: one that was not sent stays, an empty one is unset.
    pub(crate) fn change(&mut self, field: &'static str) -> Result<Change<String>, ApiError> {
        if self.is_empty_text(field) {
            return Ok(Change::Clear);
        }
        Ok(self.text(field)?.map_or(Change::Keep, |text| Change::To(text.to_owned())))
    }

    /// Reads a group of an update, in the same way.
    pub(crate) fn change_group(&mut self, field: &'static str) -> Result<Change<Reader<'a>>, ApiError> {
        if self.is_empty_text(field) {
            return Ok(Change::Clear);
        }
        Ok(self.group(field)?.map_or(Change::Keep, Change::To))
    }

    /// Reads metadata within Stripe's limits, for a new object.
    pub(crate) fn metadata(&mut self, field: &'static str) -> Result<Metadata, ApiError> {
        let mut metadata = Metadata::new();
        self.metadata_change(field)?.apply(&mut metadata);
        Ok(metadata)
    }

    /// Reads an update of metadata: an empty value unsets a key, an empty text unsets all.
    pub(crate) fn metadata_change(&mut self, field: &'static str) -> Result<MetadataChange, ApiError> {
        let name = self.name(field);
        let group = match self.take(field) {
            None => return Ok(MetadataChange::default()),
            Some(Param::Text(text)) if text.is_empty() => {
                return Ok(MetadataChange { clear: true, keys: Metadata::new() });
            }
            Some(Param::Text(_)) => return Err(ApiError::invalid("Invalid hash").at(name)),
            Some(Param::Group(group)) => group,
        };
        if group.0.len() > METADATA_KEYS {
            let message =
                format!("You can have at most {METADATA_KEYS} metadata keys, but you passed {}.", group.0.len());
            return Err(ApiError::invalid(message).at(name));
        }
        let mut keys = Metadata::new();
        for (key, param) in &group.0 {
            let full = format!("{name}[{key}]");
            let Param::Text(value) = param else {
                return Err(ApiError::invalid("Metadata values must be strings.").at(full));
            };
            within("keys", key, METADATA_KEY_LENGTH).map_err(|error| error.at(&full))?;
            within("values", value, METADATA_VALUE_LENGTH).map_err(|error| error.at(&full))?;
            keys.insert(key.clone(), value.clone());
        }
        Ok(MetadataChange { clear: false, keys })
    }

    /// Returns whether this was sent as an empty text, which then counts as read.
    pub(crate) fn is_empty_text(&mut self, field: &'static str) -> bool {
        let empty = matches!(self.params.get(field), Some(Param::Text(text)) if text.is_empty());
        if empty {
            self.seen.push(field);
        }
        empty
    }

    /// Reads an amount of at least 1.
    pub(crate) fn amount(&mut self, field: &'static str) -> Result<Option<i64>, ApiError> {
        let amount = self.integer(field)?;
        if amount.is_some_and(|amount| amount < 1) {
            let error = ApiError::invalid("This value must be greater than or equal to 1.");
            return Err(error.code("parameter_invalid_integer").at(self.name(field)));
        }
        Ok(amount)
    }

    /// Reads an email address, checked as far as Stripe checks it.
    pub(crate) fn email(&mut self, field: &'static str) -> Result<Option<String>, ApiError> {
        let Some(text) = self.text_up_to(field, 800)? else { return Ok(None) };
        let whole = text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.')
        });
        if whole && !text.contains(char::is_whitespace) && text.matches('@').count() == 1 {
            return Ok(Some(text.to_owned()));
        }
        let error = ApiError::invalid(format!("Invalid email address: {text}"));
        Err(error.code("email_invalid").at(self.name(field)))
    }

    /// Rejects what was sent and not read. Must be called last.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        self.finish_but(&[])
    }

    /// Does the same as [`Self::finish`], with another error for the parameters in `unsupported`:
    /// Stripe has those, and the sandbox does not.
    pub(crate) fn finish_but(self, unsupported: &[&str]) -> Result<(), ApiError> {
        let left: Vec<&str> =
            self.params.0.iter().map(|(name, _)| name.as_str()).filter(|name| !self.seen.contains(name)).collect();
        if let Some(name) = left.iter().find(|name| unsupported.contains(*name)) {
            let name = self.name(name);
            return Err(ApiError::unsupported(&name).at(name));
        }
        if left.is_empty() {
            return Ok(());
        }
        Err(ApiError::unknown_parameters(&left.iter().map(|name| self.name(name)).collect::<Vec<_>>()))
    }
}

/// The effect of an update on a field that may be unset.
pub(crate) enum Change<T> {
    Keep,
    Clear,
    To(T),
}

impl<T> Change<T> {
    pub(crate) fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::To(value) => *field = Some(value),
        }
    }

    pub(crate) fn map<U>(self, convert: impl FnOnce(T) -> Result<U, ApiError>) -> Result<Change<U>, ApiError> {
        match self {
            Self::Keep => Ok(Change::Keep),
            Self::Clear => Ok(Change::Clear),
            Self::To(value) => convert(value).map(Change::To),
        }
    }
}

/// See [`Reader::metadata_change`].
#[derive(Default)]
pub(crate) struct MetadataChange {
    clear: bool,
    keys: Metadata,
}

impl MetadataChange {
    pub(crate) fn apply(self, metadata: &mut Metadata) {
        if self.clear {
            metadata.clear();
        }
        for (key, value) in self.keys {
            if value.is_empty() {
                metadata.remove(&key);
            } else {
                metadata.insert(key, value);
            }
        }
    }
}

/// See [`Reader::either`].
pub(crate) enum Either<'a> {
    Integer(i64),
    Group(Reader<'a>),
}

fn within(what: &str, text: &str, most: usize) -> Result<(), ApiError> {
    let length = text.chars().count();
    if length <= most {
        return Ok(());
    }
    let message = format!(
        "Metadata {what} can have up to {most} characters, but you passed in one that is {length} characters long."
    );
    Err(ApiError::invalid(message))
}
