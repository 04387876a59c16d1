//! Customers at every provider that has them.

use rolitt::{
    domain::{customer::Email, payment::CustomerId},
    server::payments::{
        Customers, PaymentError,
        capability::{Customer, CustomerChange, CustomerDraft},
    },
};

use super::{every_provider, key, refused, without_deliveries};

fn draft(email: &str) -> CustomerDraft {
    CustomerDraft {
        email: Email::parse(email).unwrap(),
        name: Some("Jo Buyer".to_owned()),
        locale: Some("de".to_owned().try_into().unwrap()),
    }
}

async fn found(customers: &dyn Customers, email: &str) -> Vec<Customer> {
    let mut found = customers.find_by_email(&Email::parse(email).unwrap()).await.unwrap();
    found.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
    found
}

#[tokio::test]
async fn a_customer_is_made_changed_found_and_deleted() {
    every_provider(async |_, provider| {
        let Some(customers) = provider.customers() else { return };
        let jo = customers.create(&draft("jo@example.com"), &key("make-jo")).await.unwrap();
        assert_eq!((jo.email.as_deref(), jo.name.as_deref()), (Some("jo@example.com"), Some("Jo Buyer")));
        assert_eq!(jo.livemode, provider.livemode());
        assert_eq!(customers.retrieve(&jo.id).await.unwrap(), jo);

        let renamed = CustomerChange { name: Some("Jo B.".to_owned()), ..CustomerChange::default() };
        let renamed = customers.update(&jo.id, &renamed, &key("rename-jo")).await.unwrap();
        assert_eq!(renamed, Customer { name: Some("Jo B.".to_owned()), ..jo.clone() }, "the rest stays");
        let moved =
            CustomerChange { email: Some(Email::parse("jo@example.org").unwrap()), ..CustomerChange::default() };
        let moved = customers.update(&jo.id, &moved, &key("move-jo")).await.unwrap();
        assert_eq!(moved.email.as_deref(), Some("jo@example.org"));
        assert_eq!(customers.update(&jo.id, &CustomerChange::default(), &key("as-it-is")).await.unwrap(), moved);
        assert_eq!(customers.retrieve(&jo.id).await.unwrap(), moved);
        assert_eq!(found(customers, "jo@example.org").await, [moved]);
        assert_eq!(found(customers, "jo@example.com").await, []);

        customers.delete(&jo.id).await.unwrap();
        assert_eq!(customers.retrieve(&jo.id).await, Err(PaymentError::NotFound));
        assert_eq!(customers.delete(&jo.id).await, Err(PaymentError::NotFound));
        let change = CustomerChange { name: Some("Ghost".to_owned()), ..CustomerChange::default() };
        refused(customers.update(&jo.id, &change, &key("ghost")).await, "NotFound");
        assert_eq!(found(customers, "jo@example.org").await, []);
        assert_eq!(customers.retrieve(&CustomerId::parse("cus_unknown").unwrap()).await, Err(PaymentError::NotFound));
    })
    .await;
}

#[tokio::test]
async fn one_key_makes_one_customer_and_is_good_for_nothing_else() {
    every_provider(async |_, provider| {
        let Some(customers) = provider.customers() else { return };
        let jo = customers.create(&draft("jo@example.com"), &key("make-jo")).await.unwrap();
        assert_eq!(customers.create(&draft("jo@example.com"), &key("make-jo")).await.unwrap(), jo);
        assert_eq!(found(customers, "jo@example.com").await.len(), 1);
        refused(customers.create(&draft("al@example.com"), &key("make-jo")).await, "KeyReused");
        let other = customers.create(&draft("jo@example.com"), &key("make-another-jo")).await.unwrap();
        assert_ne!(other.id, jo.id);
        assert_eq!(found(customers, "jo@example.com").await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn all_customers_of_exactly_one_address_are_found_however_many() {
    every_provider(async |app, provider| {
        let Some(customers) = provider.customers() else { return };
        without_deliveries(app).await;
        let make = async |number: usize| {
            let email = if number.is_multiple_of(2) { "jo@example.com" } else { "Jo@example.com" };
            customers.create(&draft(email), &key(&format!("make-{number}"))).await.unwrap().id
        };
        futures::future::join_all((0..210).map(make)).await;
        let all = found(customers, "jo@example.com").await;
        let mut ids: Vec<_> = all.iter().map(|customer| customer.id.clone()).collect();
        ids.dedup();
        assert_eq!((all.len(), ids.len()), (105, 105));
    })
    .await;
}
