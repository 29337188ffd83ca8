//! A wish for a link, from the form to the mail: only accounts in force get one, the secret stands in the mail
//! alone, and whoever asks learns nothing.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::SignedDuration;

use super::Stage;
use crate::clock::Clock;
use crate::engine::ports::{Letter, Notifier, NotifyError, Told};
use crate::engine::{Desk, DeskError, EngineParts, PersonForm, items};
use crate::order::Language;
use crate::store::{ClaimRequest, HolderId, Role, Share};

/// Keeps every letter; refuses the first ones for now.
#[derive(Debug, Default)]
struct Mailbox {
    letters: Mutex<Vec<Letter>>,
    refuse: Mutex<u32>,
}

#[async_trait]
impl Notifier for Mailbox {
    async fn deliver(&self, letter: &Letter) -> Result<String, NotifyError> {
        self.letters.lock().unwrap().push(letter.clone());
        let mut refuse = self.refuse.lock().unwrap();
        if *refuse > 0 {
            *refuse -= 1;
            return Err(NotifyError::Transient("451 later".to_owned()));
        }
        Ok("250 taken".to_owned())
    }

    async fn tell(&self, _message: &Told) -> Result<String, NotifyError> {
        Ok(String::new())
    }
}

struct Office {
    parts: EngineParts,
    mailbox: Arc<Mailbox>,
    desk: Desk,
    clock: Arc<crate::clock::SteppingClock>,
    _stage: Stage,
}

impl Office {
    async fn new() -> Self {
        let mut stage = Stage::new();
        stage.config.http.public_url = "https://fencepost.example/".to_owned();
        let (_, store) = stage.engine();
        let mailbox = Arc::new(Mailbox::default());
        let clock = Arc::new(crate::clock::SteppingClock::starting_at("2026-09-07T08:00:00Z".parse().unwrap()));
        let config = Arc::new(stage.config.clone());
        let desk = Desk::new(store.clone(), clock.clone(), config.clone());
        let parts = EngineParts {
            dice: crate::dice::Dice::new(),
            store,
            observer: stage.world.clone(),
            gateway: stage.world.clone(),
            notifier: mailbox.clone(),
            clock: clock.clone(),
            config,
        };
        let form = PersonForm {
            email: " Maija@Partner.example ".to_owned(),
            name: "Maija".to_owned(),
            role: Role::Partner,
            partner: Some("p".to_owned()),
            language: Language::Fi,
        };
        desk.add_person(&form, "desk").await.unwrap();
        Self { parts, mailbox, desk, clock, _stage: stage }
    }

    /// Carries out what is due.
    async fn work(&self) {
        let request = ClaimRequest {
            now: self.parts.clock.now(),
            owner: "test".to_owned(),
            lease: SignedDuration::from_mins(1),
            limit: 10,
            share: Share::All,
        };
        for item in self.parts.store.claim_outbox(request).await.unwrap() {
            items::carry_out(&self.parts, item).await;
        }
    }

    /// The secrets that were mailed.
    fn secrets(&self) -> Vec<String> {
        let letters = self.mailbox.letters.lock().unwrap();
        letters
            .iter()
            .map(|letter| letter.sign_in.as_ref().unwrap().link.rsplit_once('/').unwrap().1.to_owned())
            .collect()
    }
}

#[tokio::test]
async fn a_link_is_mailed_to_an_account_and_signs_it_in_once() {
    let office = Office::new().await;
    *office.mailbox.refuse.lock().unwrap() = 1;
    office.desk.ask_for_link("maija@PARTNER.example", "/domains/d1.example").await.unwrap();
    office.work().await;
    office.clock.skip_to(office.parts.clock.now() + SignedDuration::from_mins(2));
    office.work().await;
    let secrets = office.secrets();
    assert_eq!(secrets.len(), 2, "each attempt has a secret of its own");
    assert_ne!(secrets[0], secrets[1]);
    let letter = office.mailbox.letters.lock().unwrap()[1].clone();
    assert_eq!((letter.to, letter.language), (vec!["maija@partner.example".to_owned()], Language::Fi));
    let link = &letter.sign_in.as_ref().unwrap().link;
    assert_eq!(*link, format!("https://fencepost.example/sign-in/link/{}", secrets[1]));
    assert!(secrets[1].len() == 64 && !format!("{:?}", letter.sign_in).contains(&secrets[1]));
    let items = office.parts.store.effects(&subject("maija@partner.example"), "sign_in", 10).await.unwrap();
    assert!(items.iter().all(|item| !secrets.iter().any(|secret| item.payload.contains(secret))), "{items:?}");

    assert_eq!(office.desk.link(&secrets[1]).await.unwrap().unwrap().name, "Maija");
    let (used, begun) = office.desk.use_link(&secrets[1], "Firefox").await.unwrap().unwrap();
    assert_eq!((used.next.as_str(), used.person.partner.as_deref()), ("/domains/d1.example", Some("p")));
    assert!(begun.secret.len() == 64 && !secrets.contains(&begun.secret));
    for secret in &secrets {
        assert!(office.desk.use_link(secret, "Firefox").await.unwrap().is_none(), "and no other link of that person");
    }
    assert_eq!(office.desk.sessions(&HolderId::Person(used.person.id)).await.unwrap().len(), 1);
}

fn subject(email: &str) -> String {
    use sha2::{Digest, Sha256};
    format!("sign-in/{}", hex::encode(&Sha256::digest(email)[..16]))
}

#[tokio::test]
async fn strangers_and_disabled_accounts_get_nothing_and_the_wish_looks_the_same() {
    let office = Office::new().await;
    office.desk.ask_for_link("stranger@elsewhere.example", "/").await.unwrap();
    office.work().await;
    office.desk.disable_person("maija@partner.example").await.unwrap();
    office.desk.ask_for_link("maija@partner.example", "/").await.unwrap();
    office.work().await;
    assert!(office.secrets().is_empty());
    for email in ["stranger@elsewhere.example", "maija@partner.example"] {
        let items = office.parts.store.effects(&subject(email), "sign_in", 10).await.unwrap();
        assert_eq!((items.len(), items[0].status.as_str()), (1, "dropped"), "{email}: {items:?}");
    }
    assert!(matches!(office.desk.ask_for_link("no address", "/").await, Err(DeskError::Invalid(_))));
}

#[tokio::test]
async fn a_wish_that_could_not_be_mailed_in_time_is_not_mailed_at_all() {
    let office = Office::new().await;
    office.desk.ask_for_link("maija@partner.example", "/").await.unwrap();
    office.clock.skip_to(office.parts.clock.now() + SignedDuration::from_mins(15));
    office.work().await;
    assert!(office.secrets().is_empty());
}

#[tokio::test]
async fn an_account_is_refused_at_each_field() {
    let office = Office::new().await;
    let form = PersonForm {
        email: "nobody".to_owned(),
        name: " ".to_owned(),
        role: Role::Partner,
        partner: None,
        language: Language::En,
    };
    let fields = async |form: &PersonForm| match office.desk.add_person(form, "desk").await {
        Err(DeskError::Invalid(errors)) => errors.into_iter().map(|error| error.field).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(fields(&form).await, ["email", "name", "partner"]);
    let form = PersonForm { email: "a@b.example".to_owned(), name: "A".to_owned(), ..form };
    assert_eq!(
        fields(&PersonForm { role: Role::Desk, partner: Some("p".to_owned()), ..form.clone() }).await,
        ["partner"]
    );
    assert_eq!(fields(&PersonForm { role: Role::Agent, partner: None, ..form.clone() }).await, ["role"]);
    let known = PersonForm { email: "MAIJA@partner.example".to_owned(), partner: Some("q".to_owned()), ..form };
    assert!(matches!(office.desk.add_person(&known, "desk").await, Err(DeskError::Conflict(_))));
}
