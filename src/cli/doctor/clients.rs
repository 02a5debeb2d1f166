//! `clients`: whether somebody could sign in.
use futures::future::BoxFuture;

use super::{Check, Finding, Skipped, Verdict, World};
use crate::model::{Client, Registration};
use crate::secret::SecretName;
use crate::store::{Examination, StoreError};

/// Clients whose secrets are looked for; a keyring needs some time for each.
const LOOKED_FOR_MAX: usize = 8;

pub(super) struct Clients;

impl Check for Clients {
    fn id(&self) -> &'static str {
        "clients"
    }

    fn title(&self) -> &'static str {
        "the clients and their secrets"
    }

    fn limit(&self) -> std::time::Duration {
        // A keyring has 10 s to answer, and the check before this one asks it too.
        std::time::Duration::from_secs(25)
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(look(world))
    }
}

async fn look(world: &World) -> Verdict {
    let mut all = clients(world).await?;
    // What registered itself and nobody allowed signs in nowhere.
    all.retain(|it| it.is_own() || it.approved_at.is_some());
    let now = world.clock.now();
    let active: Vec<&Client> = all.iter().filter(|client| client.is_approved(now)).collect();
    if active.is_empty() {
        let cause = match all.len() {
            0 => "no client was made yet".to_owned(),
            _ => "every client is revoked or has expired".to_owned(),
        };
        return Ok(Finding::warn(
            "nobody can sign in",
            cause,
            "gateway mint-client (`gateway serve` makes the first one by itself)",
        ));
    }
    let missing = without_secret(world, &active).await?;
    let (tokens, clients): (Vec<&Client>, Vec<&Client>) =
        active.iter().partition(|client| client.registration == Registration::Token);
    let well = [(clients, "can sign in"), (tokens, "can call with a token")]
        .into_iter()
        .filter(|(clients, _)| !clients.is_empty())
        .map(|(clients, how)| {
            let names: Vec<&str> = clients.iter().map(|client| client.name.as_str()).collect();
            format!("{} {how}", names.join(", "))
        });
    Ok(Finding::of_all(missing, well.collect::<Vec<_>>().join("; ")))
}

async fn clients(world: &World) -> Result<Vec<Client>, Skipped> {
    let path = world.database();
    match world.machine.path(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        _ => {}
    }
    let read = tokio::task::spawn_blocking(move || {
        let open = Examination::open(&path)?;
        if open.schema() < Examination::schema_known() {
            return Ok(None);
        }
        open.read(|tx| tx.clients()).map(Some)
    });
    match read.await.unwrap_or(Err(StoreError::Panicked)) {
        Ok(Some(clients)) => Ok(clients),
        Ok(None) => Err(Skipped::because("the next start brings the database up to date first")),
        Err(error) => Err(Skipped::because(format!("{error}: see `database`"))),
    }
}

/// A finding for each client whose secret the owner can no longer be shown.
async fn without_secret(world: &World, active: &[&Client]) -> Result<Vec<Finding>, Skipped> {
    let vault = world.secrets()?.vault();
    let mut findings = Vec::new();
    // The vault holds the secrets of the owner's own clients; others keep theirs themselves.
    let confidential = active
        .iter()
        .filter(|client| client.registration == Registration::Static && client.is_confidential());
    for client in confidential.take(LOOKED_FOR_MAX) {
        let Ok(name) = SecretName::client(client.id.as_str()) else { continue };
        let found = vault
            .get(&name)
            .await
            .map_err(|error| Skipped::because(format!("{error}: see `secrets`")))?;
        if found.is_none() {
            findings.push(Finding::warn(
                format!("the secret of client {} is lost", client.name),
                format!(
                    "the {} has no {name}: where Claude already knows the secret it goes on, but \
                     the connect page cannot show it",
                    vault.source()
                ),
                format!(
                    "gateway mint-client --rotate --name {}",
                    super::finding::word(client.name.as_ref())
                ),
            ));
        }
    }
    Ok(findings)
}
