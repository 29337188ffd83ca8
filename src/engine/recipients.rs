//! Who gets which notice, and in which language. A notice without anybody to go to goes to the service desk.

use crate::config::NotifyConfig;
use crate::order::{ContactRole, Order};
use crate::words::Language;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Partner,
    Technical,
    SalesRep,
    Desk,
    Accounting,
}

/// Those who read the same text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Readers {
    pub(super) language: Language,
    pub(super) to: Vec<String>,
}

/// Addresses for a notice, each once, the first group first; a letter for each language.
pub(super) fn recipients(notice: &str, order: &Order, config: &NotifyConfig) -> Vec<Readers> {
    let mut all: Vec<Readers> = Vec::new();
    for group in groups(notice) {
        for address in of(*group, order, config) {
            if !address.is_empty() {
                add(&mut all, group.language(order, config), address);
            }
        }
    }
    if all.is_empty() {
        add(&mut all, config.language, config.desk.clone());
    }
    all
}

fn add(all: &mut Vec<Readers>, language: Language, address: String) {
    if all.iter().flat_map(|readers| &readers.to).any(|known| known.eq_ignore_ascii_case(&address)) {
        return;
    }
    match all.iter_mut().find(|readers| readers.language == language) {
        Some(readers) => readers.to.push(address),
        None => all.push(Readers { language, to: vec![address] }),
    }
}

/// To whom a notice goes, in words, the first group first.
#[must_use]
pub fn readers(notice: &str) -> Vec<&'static str> {
    groups(notice).iter().map(|group| group.in_words()).collect()
}

impl To {
    const fn in_words(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::Technical => "customer",
            Self::SalesRep => "sales",
            Self::Desk => "desk",
            Self::Accounting => "accounting",
        }
    }

    /// The order's for those outside, the installation's for those who run it.
    const fn language(self, order: &Order, config: &NotifyConfig) -> Language {
        match self {
            Self::Partner | Self::Technical | Self::SalesRep => order.language,
            Self::Desk | Self::Accounting => config.language,
        }
    }
}

fn groups(notice: &str) -> &'static [To] {
    match notice {
        "firewall_instructions" | "may_close_old_path" => &[To::Technical, To::Partner],
        "mx_change_may_be_relayed" => &[To::Partner],
        "order_received" | "mx_change_seen" | "connected" | "move_away" | "released" | "thank_you" => {
            &[To::Partner, To::Technical]
        }
        "stop" | "delivery_failing" => &[To::Partner, To::Technical, To::Desk],
        "address_announced" | "address_retired" => &[To::Technical, To::Partner],
        "new_server_instructions" | "route_changed" | "route_change_failed" => &[To::Technical, To::Partner],
        "suspended" | "resumed" | "host_retiring" | "host_retired" => &[To::Partner, To::Technical],
        "cut_off_announced" | "cut_off_begun" => &[To::Partner, To::Technical, To::SalesRep, To::Desk],
        "permission_withdrawn" | "early_cutover_alarm" | "overdue" | "drift" | "repaired" => &[To::Partner, To::Desk],
        "trial_started" | "trial_reminder" | "trial_ended" | "decision_needed" => &[To::Partner, To::SalesRep],
        "security_report_in_trial" => &[To::SalesRep, To::Technical],
        "security_report" => &[To::Technical],
        "partner_changed" | "trial_extended" => &[To::Partner, To::SalesRep],
        "used_after_end" => &[To::Partner, To::SalesRep, To::Technical, To::Desk],
        "decision_overdue" => &[To::Desk, To::Partner, To::SalesRep],
        "will_be_invoiced" | "last_call" => &[To::Partner, To::SalesRep, To::Desk],
        "invoiced" | "use_invoiced" | "notice_confirmed" | "notice_withdrawn" => {
            &[To::Partner, To::SalesRep, To::Accounting]
        }
        _ => &[To::Desk],
    }
}

fn of(group: To, order: &Order, config: &NotifyConfig) -> Vec<String> {
    let contacts = |role: ContactRole| {
        order.contacts.iter().filter(move |contact| contact.role == role).map(|contact| contact.email.clone()).collect()
    };
    match group {
        To::Partner => contacts(ContactRole::Partner),
        To::Technical => contacts(ContactRole::Technical),
        To::SalesRep => order.sales_rep.iter().cloned().collect(),
        To::Desk => vec![config.desk.clone()],
        To::Accounting => vec![config.accounting.clone()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::fixture::order;

    #[test]
    fn reminders_go_to_partner_and_sales_rep_and_what_follows_from_silence_to_the_desk_too() {
        let config = NotifyConfig {
            desk: "desk@provider.example".to_owned(),
            accounting: "accounting@provider.example".to_owned(),
            ..NotifyConfig::default()
        };
        let to = |notice: &str| {
            let all = recipients(notice, &order("p", "d.example"), &config);
            all.into_iter().flat_map(|readers| readers.to).collect::<Vec<_>>().join(" ")
        };
        let (partner, rep) = ("orders@partner.example", "rep@partner.example");
        for reminder in ["trial_reminder", "trial_ended", "decision_needed"] {
            assert_eq!(to(reminder), format!("{partner} {rep}"), "{reminder}");
        }
        for ahead in ["will_be_invoiced", "last_call"] {
            assert_eq!(to(ahead), format!("{partner} {rep} desk@provider.example"), "{ahead}");
        }
        assert_eq!(to("decision_overdue"), format!("desk@provider.example {partner} {rep}"));
        assert_eq!(to("thank_you"), format!("{partner} tech@customer.example"));
        for charge in ["invoiced", "notice_confirmed", "notice_withdrawn"] {
            assert_eq!(to(charge), format!("{partner} {rep} accounting@provider.example"), "{charge}");
        }
        assert_eq!(to("security_report_in_trial"), format!("{rep} tech@customer.example"));
        assert_eq!(to("security_report"), "tech@customer.example");
    }

    #[test]
    fn the_order_says_the_language_outside_and_the_configuration_inside() {
        let config = NotifyConfig { desk: "desk@provider.example".to_owned(), ..NotifyConfig::default() };
        let mut finnish = order("p", "d.example");
        finnish.language = Language::Fi;
        let all = recipients("will_be_invoiced", &finnish, &config);
        let [partner, desk] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((partner.language, partner.to.len()), (Language::Fi, 2));
        assert_eq!((desk.language, desk.to.join(" ")), (Language::En, config.desk.clone()));
        // Whoever is both is written to once.
        finnish.sales_rep = Some("Desk@Provider.example".to_owned());
        let all = recipients("will_be_invoiced", &finnish, &config);
        assert_eq!(all.iter().map(|readers| readers.to.len()).collect::<Vec<_>>(), [2]);
        // One language, one letter.
        let same = NotifyConfig { language: Language::Fi, ..config.clone() };
        assert_eq!(recipients("will_be_invoiced", &order_in(Language::Fi), &same).len(), 1);
        // For the desk alone.
        let alone = recipients("import_unconfirmed", &order_in(Language::Fi), &config);
        assert_eq!(alone, [Readers { language: Language::En, to: vec![config.desk.clone()] }]);
    }

    fn order_in(language: Language) -> Order {
        Order { language, ..order("p", "d.example") }
    }
}
