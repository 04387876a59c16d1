//! Databases for tests, each one's own, in a cluster that all tests share.

use std::path::Path;

use rolitt::server::store::postgres::embedded::{Embedded, Purpose};
use secrecy::ExposeSecret;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The cluster; it is left running for the next run.
async fn admin_url() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-postgres");
    let cluster = Embedded::start(&folder, std::env::var_os("PATH"), Purpose::Tests).await.unwrap();
    cluster.leave_running().unwrap();
    cluster.url().expose_secret().to_owned()
}

async fn as_admin(sql: String) -> String {
    let admin = admin_url().await;
    let mut connection = PgConnection::connect(&admin).await.unwrap();
    sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    admin
}

/// An empty database: its name and its URL.
pub async fn fresh_database() -> (String, String) {
    let alphabet: Vec<char> = ('a'..='z').collect();
    let name = format!("test_{}", nanoid::nanoid!(16, &alphabet));
    let admin = as_admin(format!("create database {name}")).await;
    let url = admin.replace("/rolitt?", &format!("/{name}?"));
    (name, url)
}

pub async fn drop_database(name: &str) {
    as_admin(format!("drop database if exists {name} with (force)")).await;
}

/// Creates an empty database and a role with this password. Returns their name and the URL.
pub async fn owned_database(password: &str) -> (String, String) {
    let (name, url) = fresh_database().await;
    as_admin(format!("create role {name} login password '{password}'")).await;
    as_admin(format!("alter database {name} owner to {name}")).await;
    let (_, place) = url.split_once('@').unwrap();
    (name.clone(), format!("postgres://{name}:{password}@{place}"))
}

pub async fn drop_owned(name: &str) {
    drop_database(name).await;
    as_admin(format!("drop role {name}")).await;
}

/// What the next release might do to the schema: a column for every table, a value for a type, a
/// table, and a migration that this program has never heard of. `ROLITT_TEST_SCHEMA=tomorrow` runs
/// all tests on it; those in `migrations`, which are about the schema's own versions, do not fit
/// it.
pub const TOMORROW: &str = "
    do $$
    declare name text;
    begin
      for name in select tablename from pg_tables where schemaname = 'public' and tablename <> '_sqlx_migrations' loop
        execute format('alter table %I add column tomorrow text not null default ''new''', name);
      end loop;
    end $$;
    alter type preorder_status add value 'tomorrow';
    create table tomorrow (id bigint primary key);
    insert into _sqlx_migrations (version, description, success, checksum, execution_time)
      values (29991231000001, 'of tomorrow', true, 'x', 0)";

pub fn on_the_schema_of_tomorrow() -> bool {
    std::env::var("ROLITT_TEST_SCHEMA").is_ok_and(|schema| schema == "tomorrow")
}
