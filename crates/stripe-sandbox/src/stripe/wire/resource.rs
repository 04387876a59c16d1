//! What all kinds of objects have in common: an address under which they are retrieved and listed, and a change that is told.

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use serde_json::Value;

use super::{
    error::ApiError,
    expand::{self, Expansions},
    gate::Call,
    list::{Created, Page},
    params::Reader,
    shelf::Shelf,
};
use crate::state::{Sandbox, World};

/// What a handler of `/v1` answers.
pub type Answered = Result<Json<Value>, ApiError>;

/// Which objects a list is to show.
pub type Wanted<'a, R> = Box<dyn Fn(&R) -> bool + 'a>;

/// A kind of object.
pub trait Resource: Sized + 'static {
    /// As in the object's own `object`.
    const KIND: &'static str;
    /// Where they are listed; each has its own address below.
    const URL: &'static str;
    /// The parameter that Stripe names where an address names no such object.
    const PARAM: &'static str = Self::KIND;
    /// Parameters of the list that Stripe has and the sandbox has not.
    const UNSUPPORTED: &'static [&'static str] = &[];

    fn shelf(world: &World) -> &Shelf<Self>;
    fn shelf_mut(world: &mut World) -> &mut Shelf<Self>;
    fn id(&self) -> &str;
    fn created(&self) -> i64;
    fn render(&self) -> Value;

    /// The filters that the list has besides `created`.
    fn filter<'a>(_reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        Ok(Box::new(|_| true))
    }

    /// Whether it can be retrieved and listed at this time.
    fn is_visible(&self, _now: i64) -> bool {
        true
    }

    /// Whether lists show it.
    fn is_listed(&self) -> bool {
        true
    }

    /// The object that an address names.
    fn find<'w>(world: &'w World, id: &str) -> Result<&'w Self, ApiError> {
        let now = world.now();
        let found = Self::shelf(world).get(id).filter(|object| object.is_visible(now));
        found.ok_or_else(|| ApiError::not_found(Self::KIND, id, Self::PARAM))
    }
}

pub async fn retrieve<R: Resource>(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&["client_secret"])?;
    sandbox.with(|world| expand::answer(world, R::find(world, &id)?.render(), &expansions))
}

pub async fn list<R: Resource>(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Answered {
    let mut reader = Reader::new(&call.params);
    let page = Page::read(&mut reader)?;
    let created = Created::read(&mut reader)?;
    let wanted = R::filter(&mut reader)?;
    let expansions = Expansions::of_list(&mut reader)?;
    reader.finish_but(R::UNSUPPORTED)?;
    sandbox.with(|world| {
        let now = world.now();
        let shown = |object: &R| {
            object.is_visible(now) && object.is_listed() && created.holds(object.created()) && wanted(object)
        };
        let list = page.of(R::shelf(world), (R::KIND, R::URL), shown, R::render)?;
        expand::answer(world, list, &expansions)
    })
}

impl World {
    pub fn put<R: Resource>(&mut self, object: R) {
        let id = object.id().to_owned();
        R::shelf_mut(self).put(id, object);
    }

    /// An object that another one refers to, to be changed.
    pub fn find_mut<R: Resource>(&mut self, id: &str) -> Result<&mut R, ApiError> {
        R::find(self, id)?;
        R::shelf_mut(self).get_mut(id).ok_or_else(|| ApiError::not_found(R::KIND, id, R::PARAM))
    }

    /// An object as it is now; null when there is none.
    pub fn rendered<R: Resource>(&self, id: &str) -> Value {
        R::shelf(self).get(id).map_or(Value::Null, R::render)
    }
}
