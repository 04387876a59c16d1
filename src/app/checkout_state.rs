//! The state of the checkout island, and the rules by which it changes. One signal holds all of
//! it: each further type of signal adds two kilobytes to the bundle, and redrawing this little
//! costs nothing. Sends no requests and touches no elements.

use leptos::prelude::*;

use crate::{
    domain::{
        checkout::{CheckoutError, Field},
        money::Money,
        product::{Offer, ProductColor},
    },
    wire::checkout_seed::{CheckoutSeed, Problem},
};

/// How far the checkout has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Idle,
    /// The form was sent. A second click does nothing.
    Pending,
    /// The server responded, and the browser is leaving.
    Done,
}

/// The data that the form is drawn from.
pub struct CheckoutState {
    /// `None` while no price is known yet.
    pub offers: Option<Vec<Offer>>,
    pub chosen: Option<ProductColor>,
    /// A change that the customer did not make: a color became unavailable.
    pub notice: Option<String>,
    /// The price of the chosen color before it changed on the open page.
    pub earlier: Option<Money>,
    pub phase: Phase,
    /// Why the checkout did not start.
    pub problem: Option<Problem>,
    /// What is wrong with the address, as the customer reads it.
    pub email_fault: Option<String>,
    /// The field was left once, or the form was sent: from now on every key validates the address.
    pub email_judged: bool,
    /// Hydration is complete. Before that, a choice made in the page is not known here.
    pub awake: bool,
    /// Several requests for prices returned none.
    pub given_up: bool,
}

impl CheckoutState {
    /// Returns the first state. Chooses the selected color if it is available, else the first
    /// available one.
    pub fn new(seed: &CheckoutSeed) -> Self {
        let mut state = Self {
            offers: None,
            chosen: seed.selected,
            notice: None,
            earlier: None,
            phase: Phase::Idle,
            problem: None,
            email_fault: None,
            email_judged: false,
            awake: false,
            given_up: false,
        };
        if let Some(offers) = &seed.offers {
            state.fill(offers.clone());
        }
        if let Some(problem) = &seed.problem {
            state.fail(problem.clone());
        }
        state
    }

    /// Takes the first prices.
    fn fill(&mut self, offers: Vec<Offer>) {
        let mut buyable = offers.iter().filter(|offer| offer.price.is_some()).map(|offer| offer.color);
        let first = buyable.clone().find(|color| Some(*color) == self.chosen).or_else(|| buyable.next());
        if let (Some(wished), Some(first)) = (self.chosen, first)
            && wished != first
        {
            self.notice =
                Some([wished.as_str(), " is unavailable right now. ", first.as_str(), " is chosen instead."].concat());
        }
        self.chosen = first.or(self.chosen);
        self.offers = Some(offers);
    }

    /// Takes fresh prices for an open page. Announces what changed for the chosen color, and
    /// chooses no other color in its place.
    pub fn refresh(&mut self, fresh: Vec<Offer>) {
        self.given_up = false;
        if self.offers.is_none() {
            return self.fill(fresh);
        }
        let old = self.chosen_price();
        self.offers = Some(fresh);
        let new = self.chosen_price();
        match (self.chosen, old, new) {
            (Some(color), Some(_), None) => {
                self.notice = Some([color.as_str(), " has just become unavailable. Choose another color."].concat());
                self.chosen = None;
            }
            (Some(_), Some(_), Some(_)) if old != new => self.earlier = old,
            _ => {}
        }
    }

    /// Takes the customer's choice, which ends every announcement about colors.
    pub fn choose(&mut self, color: ProductColor) {
        self.chosen = Some(color);
        self.notice = None;
        self.earlier = None;
        self.problem.take_if(|problem| problem.error.field() == Some(Field::Color));
    }

    /// Takes a checkout that did not start. A fault in the address belongs to its field; every
    /// other problem is shown next to the form.
    pub fn fail(&mut self, problem: Problem) {
        self.phase = Phase::Idle;
        if problem.error.field() == Some(Field::Email) {
            self.email_judged = true;
            self.email_fault = Some(problem.error.message().to_owned());
        } else {
            self.problem = Some(problem);
        }
    }

    /// Returns the price of `color`, or `None` if it is unavailable.
    pub fn price_of(&self, color: ProductColor) -> Option<Money> {
        self.offers.iter().flatten().find(|offer| offer.color == color)?.price
    }

    fn chosen_price(&self) -> Option<Money> {
        self.price_of(self.chosen?)
    }

    /// Returns the price of the chosen color. While none is chosen, returns the price that all
    /// colors share.
    pub fn price(&self) -> Option<Money> {
        self.chosen_price().or_else(|| self.prices().next().filter(|_| self.one_price()))
    }

    /// Returns the amount that the button may name. It is certain even before hydration, when a
    /// choice made in the page is not known here yet.
    pub fn certain_price(&self) -> Option<Money> {
        self.price().filter(|_| self.awake || self.one_price())
    }

    fn prices(&self) -> impl Iterator<Item = Money> {
        self.offers.iter().flatten().filter_map(|offer| offer.price)
    }

    /// Reports whether all available colors have the same price.
    pub fn one_price(&self) -> bool {
        let first = self.prices().next();
        self.prices().all(|price| Some(price) == first)
    }

    /// Reports whether prices are known and no color has one: nothing can be bought.
    pub fn sold_out(&self) -> bool {
        self.offers.is_some() && self.prices().next().is_none()
    }

    /// Returns the problem that is shown next to the form.
    pub fn shown_problem(&self) -> Option<&Problem> {
        self.problem.as_ref().filter(|problem| problem.error.field() != Some(Field::Color))
    }

    fn color_fault(&self) -> Option<&str> {
        self.problem.as_ref().filter(|problem| problem.error.field() == Some(Field::Color)).map(|p| p.error.message())
    }

    /// Reports whether the form was rejected because of its color.
    pub fn color_is_faulty(&self) -> bool {
        self.color_fault().is_some()
    }

    /// Returns the line below the colors: an error, or which colors are unavailable. It is never
    /// empty, so nothing moves when it changes.
    pub fn said_of_colors(&self) -> String {
        if let Some(said) = self.color_fault().or(self.notice.as_deref()) {
            return said.to_owned();
        }
        if self.sold_out() {
            return "No color is available right now.".to_owned();
        }
        let gone = self.offers.iter().flatten().filter(|offer| offer.price.is_none()).map(|offer| offer.color.as_str());
        let gone = gone.collect::<Vec<_>>().join(", ");
        if gone.is_empty() {
            "Every color ships in the same window.".to_owned()
        } else {
            ["Unavailable right now: ", &gone, "."].concat()
        }
    }

    /// Returns "The price changed from $299 to $319." if it did.
    pub fn said_of_price(&self) -> Option<String> {
        let (was, now) = (self.earlier?, self.chosen_price()?);
        Some(["The price changed from ", &was.display(), " to ", &now.display(), "."].concat())
    }
}

/// The state as the components share it.
#[derive(Clone, Copy)]
pub struct Shared(RwSignal<CheckoutState>);

/// An optional text that follows the state.
pub type Text = Box<dyn FnMut() -> Option<String> + Send>;
/// A boolean that follows the state.
pub type Flag = Box<dyn FnMut() -> bool + Send>;

// Boxed, because each type of closure would compile another copy of the framework into the bundle.
impl Shared {
    /// Returns the state that starts from `seed`.
    pub fn new(seed: &CheckoutSeed) -> Self {
        Self(RwSignal::new(CheckoutState::new(seed)))
    }

    /// Returns a text that changes with the state.
    pub fn text(self, read: impl Fn(&CheckoutState) -> Option<String> + Send + 'static) -> Text {
        Box::new(move || read(&self.0.read()))
    }

    /// Returns a boolean that changes with the state.
    pub fn flag(self, read: impl Fn(&CheckoutState) -> bool + Send + 'static) -> Flag {
        Box::new(move || read(&self.0.read()))
    }

    /// Reads the state once, without following it.
    pub fn now<T>(self, read: impl FnOnce(&CheckoutState) -> T) -> T {
        read(&self.0.read_untracked())
    }

    /// Changes the state and redraws what follows it.
    pub fn change(self, change: impl FnOnce(&mut CheckoutState)) {
        change(&mut self.0.write());
    }
}

/// Returns the error of a form that was sent without a color.
pub fn no_color() -> CheckoutError {
    CheckoutError::invalid(Field::Color, "Choose a color.")
}

#[cfg(test)]
mod tests {
    use ProductColor::{HoneyKhaki, Red, SakuraPink};

    use super::*;
    use crate::domain::money::Currency;

    fn offers(prices: &[(ProductColor, Option<i64>)]) -> Vec<Offer> {
        let price = |minor| Money::new(minor, Currency::USD).ok();
        prices.iter().map(|(color, minor)| Offer { color: *color, price: minor.and_then(price) }).collect()
    }

    fn state(wished: Option<ProductColor>, prices: &[(ProductColor, Option<i64>)]) -> CheckoutState {
        let seed = CheckoutSeed { offers: Some(offers(prices)), selected: wished, ..CheckoutSeed::default() };
        CheckoutState::new(&seed)
    }

    #[test]
    fn the_wished_color_is_chosen_when_it_can_be_had() {
        let prices = [(HoneyKhaki, Some(29_900)), (Red, None), (SakuraPink, Some(29_900))];
        assert_eq!(state(Some(SakuraPink), &prices).chosen, Some(SakuraPink));
        assert_eq!(state(None, &prices).chosen, Some(HoneyKhaki));
        let other = state(Some(Red), &prices);
        assert_eq!(other.chosen, Some(HoneyKhaki));
        assert!(other.said_of_colors().starts_with("Red is unavailable"));
    }

    #[test]
    fn a_price_that_changes_while_looking_is_said_until_another_color_is_chosen() {
        let mut state = state(None, &[(HoneyKhaki, Some(29_900)), (Red, Some(29_900))]);
        state.refresh(offers(&[(HoneyKhaki, Some(31_900)), (Red, Some(29_900))]));
        assert_eq!(state.said_of_price().as_deref(), Some("The price changed from $299 to $319."));
        state.choose(Red);
        assert_eq!(state.said_of_price(), None);
    }

    #[test]
    fn a_color_that_goes_away_is_not_replaced_by_another() {
        let mut state = state(Some(Red), &[(HoneyKhaki, Some(29_900)), (Red, Some(29_900))]);
        state.refresh(offers(&[(HoneyKhaki, Some(29_900)), (Red, None)]));
        assert_eq!(state.chosen, None);
        assert!(state.said_of_colors().starts_with("Red has just become unavailable"));
    }

    #[test]
    fn before_the_page_is_awake_the_button_names_only_an_amount_that_is_true_for_every_color() {
        let mut differing = state(None, &[(HoneyKhaki, Some(29_900)), (Red, Some(34_900))]);
        assert_eq!(differing.certain_price(), None);
        differing.awake = true;
        assert!(differing.certain_price().is_some());
        assert!(state(None, &[(HoneyKhaki, Some(29_900)), (Red, None)]).certain_price().is_some());
    }

    #[test]
    fn without_any_price_nothing_can_be_bought() {
        let gone = state(Some(Red), &[(HoneyKhaki, None), (Red, None)]);
        assert!(gone.sold_out() && gone.price().is_none());
        let unknown = CheckoutState::new(&CheckoutSeed::default());
        assert!(!unknown.sold_out() && unknown.price().is_none());
    }

    #[test]
    fn an_address_fault_belongs_to_its_field_and_a_color_fault_ends_with_a_choice() {
        let mut state = state(None, &[(HoneyKhaki, Some(29_900))]);
        let problem = |error| Problem { error, detail: String::new(), request_id: String::new() };
        state.fail(problem(CheckoutError::invalid(Field::Email, "no")));
        assert_eq!((state.email_fault.as_deref(), state.shown_problem().is_none()), (Some("no"), true));
        state.fail(problem(no_color()));
        assert!(state.color_is_faulty() && state.shown_problem().is_none());
        state.choose(HoneyKhaki);
        assert!(!state.color_is_faulty());
        state.fail(problem(CheckoutError::Network));
        assert!(state.shown_problem().is_some());
    }
}
