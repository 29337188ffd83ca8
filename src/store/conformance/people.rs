//! Accounts, links and sessions: what is used once is used once, and what is disabled is over.

use super::fixture::{at, effect, request};
use crate::order::Language;
use crate::store::{
    Holder, HolderId, MAX_SESSIONS, MAX_SIGN_IN_LINKS, NewPerson, NewSession, NewSignInLink, NewToken, Page, Role,
    SignInWay, Store, StoreError, WishBounds,
};

const BOUNDS: WishBounds = WishBounds { all: 4, one: 2 };

pub(crate) fn person(id: &str) -> NewPerson {
    NewPerson {
        id: id.to_owned(),
        email: format!("{id}@partner.example"),
        name: "Maija Virtanen".to_owned(),
        role: Role::Partner,
        partner: Some("p".to_owned()),
        language: Language::Fi,
        created_at: at(0),
        created_by: "desk (1)".to_owned(),
    }
}

pub(crate) fn link(person: &str, hash: u8, seconds: i64) -> NewSignInLink {
    NewSignInLink {
        hash: [hash; 32],
        person_id: person.to_owned(),
        next: "/domains/a.example".to_owned(),
        created_at: at(seconds),
        ends_at: at(seconds + 900),
    }
}

pub(crate) fn session(hash: u8, seconds: i64) -> NewSession {
    NewSession {
        id: format!("s{hash}"),
        hash: [hash; 32],
        way: SignInWay::Link,
        browser: "Firefox".to_owned(),
        created_at: at(seconds),
        ends_at: at(seconds + 10_000),
    }
}

fn of(id: &str) -> HolderId {
    HolderId::Person(id.to_owned())
}

pub(crate) async fn an_address_has_one_account(store: &dyn Store) {
    store.add_person(person("b")).await.unwrap();
    store.add_person(person("a")).await.unwrap();
    let again = store.add_person(NewPerson { id: "c".to_owned(), ..person("a") }).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    let found = store.person_by_email("a@partner.example").await.unwrap().unwrap();
    let same = (found.role, found.partner.as_deref(), found.language, found.disabled_at, found.signed_in_at);
    assert_eq!(same, (Role::Partner, Some("p"), Language::Fi, None, None));
    assert!(store.person_by_email("c@partner.example").await.unwrap().is_none());
    let first = store.people(&Page { after: None, limit: 1 }).await.unwrap();
    assert_eq!((first.rows[0].id.as_str(), first.next.as_deref()), ("a", Some("a@partner.example")));
    let second = store.people(&Page { after: first.next, limit: 1 }).await.unwrap();
    assert_eq!((second.rows[0].id.as_str(), second.next), ("b", None));
}

pub(crate) async fn a_link_is_used_once_whoever_comes_at_the_same_time(store: &dyn Store) {
    store.add_person(person("a")).await.unwrap();
    assert!(store.keep_sign_in_link(link("a", 1, 0)).await.unwrap());
    assert!(store.keep_sign_in_link(link("a", 2, 1)).await.unwrap());
    for _ in 0..3 {
        assert_eq!(store.sign_in_link(&[1; 32], at(899)).await.unwrap().unwrap().id, "a", "looking uses nothing up");
    }
    assert!(store.sign_in_link(&[1; 32], at(900)).await.unwrap().is_none(), "it ends");
    assert!(store.use_sign_in_link(&[2; 32], session(9, 901)).await.unwrap().is_none(), "and is of no use then");
    assert!(store.use_sign_in_link(&[3; 32], session(9, 2)).await.unwrap().is_none(), "nor is one that never was");
    let hashes: [u8; 6] = [1, 2, 1, 2, 1, 2];
    let clicks = hashes
        .iter()
        .zip(10..)
        .map(|(hash, n)| async move { store.use_sign_in_link(&[*hash; 32], session(n, 5)).await.unwrap().is_some() });
    let used = futures_util::future::join_all(clicks).await;
    assert_eq!(used.iter().filter(|used| **used).count(), 1, "of all links that wait, one is used: {used:?}");
    let sessions = store.sessions(&of("a")).await.unwrap();
    assert_eq!(sessions.len(), 1);
    let Holder::Person(holder) = &sessions[0].holder else { panic!("{sessions:?}") };
    assert_eq!(holder.signed_in_at, Some(at(5)));
}

pub(crate) async fn links_of_a_person_are_bounded_and_forgotten(store: &dyn Store) {
    store.add_person(person("a")).await.unwrap();
    for n in 0..=u8::try_from(MAX_SIGN_IN_LINKS).unwrap() {
        assert!(store.keep_sign_in_link(link("a", n, n.into())).await.unwrap());
    }
    assert!(store.sign_in_link(&[0; 32], at(10)).await.unwrap().is_none(), "the oldest made room");
    assert!(store.sign_in_link(&[1; 32], at(10)).await.unwrap().is_some());
    assert!(!store.keep_sign_in_link(link("nobody", 77, 0)).await.unwrap());
}

pub(crate) async fn a_disabled_account_is_out_at_once(store: &dyn Store) {
    store.add_person(person("a")).await.unwrap();
    store.begin_session(of("a"), session(1, 0)).await.unwrap();
    store.keep_sign_in_link(link("a", 2, 0)).await.unwrap();
    assert_eq!(store.disable_person("x@partner.example", at(1)).await.unwrap(), None);
    assert_eq!(store.disable_person("a@partner.example", at(1)).await.unwrap(), Some(1));
    assert_eq!(store.disable_person("a@partner.example", at(9)).await.unwrap(), Some(0));
    assert!(store.session(&[1; 32]).await.unwrap().is_none());
    assert!(store.sign_in_link(&[2; 32], at(1)).await.unwrap().is_none());
    assert!(!store.keep_sign_in_link(link("a", 3, 1)).await.unwrap(), "nor does it get another");
    let row = store.person_by_email("a@partner.example").await.unwrap().unwrap();
    assert_eq!(row.disabled_at, Some(at(1)), "since when it is");
    assert!(store.enable_person("a@partner.example").await.unwrap());
    assert!(store.keep_sign_in_link(link("a", 3, 1)).await.unwrap());
    assert!(!store.enable_person("x@partner.example").await.unwrap());
}

pub(crate) async fn sessions_are_listed_and_ended_by_their_holder_alone(store: &dyn Store) {
    store.add_person(person("a")).await.unwrap();
    store.add_person(person("b")).await.unwrap();
    let token = NewToken {
        id: "t1".to_owned(),
        hash: [7; 32],
        role: Role::Desk,
        partner: None,
        label: "laptop".to_owned(),
        created_at: at(0),
        expires_at: None,
    };
    store.create_token(token).await.unwrap();
    let by_token = HolderId::Token("t1".to_owned());
    store.begin_session(of("a"), session(1, 0)).await.unwrap();
    store.begin_session(of("a"), session(2, 1)).await.unwrap();
    store.begin_session(by_token.clone(), NewSession { way: SignInWay::Token, ..session(3, 0) }).await.unwrap();
    store.touch_session(&[1; 32], at(60)).await.unwrap();
    store.touch_session(&[1; 32], at(50)).await.unwrap();
    let found = store.session(&[1; 32]).await.unwrap().unwrap();
    let told = (found.id.as_str(), found.browser.as_str(), found.seen_at, found.created_at, found.ends_at);
    assert_eq!(told, ("s1", "Firefox", at(60), at(0), at(10_000)));
    let found = store.session(&[3; 32]).await.unwrap().unwrap();
    assert!(matches!(found.holder, Holder::Token(token) if token.id == "t1"));
    assert_eq!(found.way, SignInWay::Token);
    let ids = async |holder: &HolderId| {
        store.sessions(holder).await.unwrap().into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&of("a")).await, ["s2", "s1"], "newest first");
    assert!(!store.end_session(&of("b"), "s1").await.unwrap(), "not somebody else's");
    assert!(!store.end_session(&by_token, "s1").await.unwrap());
    assert!(store.end_session(&of("a"), "s1").await.unwrap());
    assert_eq!(ids(&of("a")).await, ["s2"]);
    assert_eq!(store.end_sessions(&of("a")).await.unwrap(), 1);
    assert_eq!(ids(&by_token).await, ["s3"]);
    assert_eq!(store.end_sessions(&by_token).await.unwrap(), 1);
    for n in 0..=u8::try_from(MAX_SESSIONS).unwrap() {
        store.begin_session(of("b"), session(100 + n, n.into())).await.unwrap();
    }
    assert_eq!(ids(&of("b")).await.len(), MAX_SESSIONS as usize);
    assert!(store.session(&[100; 32]).await.unwrap().is_none(), "the oldest made room");
    store.begin_session(of("b"), session(99, 20_000)).await.unwrap();
    assert_eq!(ids(&of("b")).await, ["s99"], "those that ended are forgotten");
}

pub(crate) async fn wishes_for_links_are_bounded_and_forgotten(store: &dyn Store) {
    let ask = async |who: &str, n: u32, seconds: i64| {
        let mut wish = effect(&format!("sign-in/{n}"), seconds);
        wish.kind = "sign_in".to_owned();
        store.ask_for_link(&format!("sign-in/{who}"), wish, at(seconds), at(seconds - 3_600), BOUNDS).await.unwrap()
    };
    assert!(ask("a", 1, 0).await && ask("a", 2, 0).await);
    assert!(!ask("a", 3, 0).await, "one address has so many");
    assert!(ask("b", 4, 0).await && ask("c", 5, 0).await);
    assert!(!ask("d", 6, 0).await, "and all together so many");
    loop {
        let items = store.claim_outbox(request(10)).await.unwrap();
        if items.is_empty() {
            break;
        }
        for item in items {
            let sent = crate::store::OutboxOutcome::Sent { detail: String::new() };
            assert!(store.outbox_done(&item, at(10), sent).await.unwrap());
        }
    }
    assert!(!ask("d", 7, 3_600).await, "they are remembered for a while");
    assert!(ask("d", 8, 3_601).await);
    assert!(ask("a", 9, 3_602).await);
}
