//! Notices by name, each with its template in every language. A new notice is a line here and a file in
//! `config/templates/notices/en` and in `fi`; one that is missing does not compile.

use askama::Template;

use super::view::View;
use crate::words::Language;

/// How a notice shall strike the eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Mail is in danger.
    Alarm,
    /// Somebody has something to do.
    Act,
    /// Good to know.
    Calm,
}

macro_rules! notices {
    ($($variant:ident = $name:literal, $tone:ident, $when:literal, $en:literal, $fi:literal;)+) => {
        /// Every notice that can be rendered, in the order in which they happen.
        pub const NAMES: &[&str] = &[$($name),+];

        /// What makes a notice go out, as the end of a sentence that begins with "when"; `None` where there is none
        /// of that name.
        #[must_use]
        pub fn when(name: &str) -> Option<&'static str> {
            match name {
                $($name => Some($when),)+
                _ => None,
            }
        }

        /// How a notice shall strike the eye; one that there is not is calm.
        pub(super) fn tone(name: &str) -> Tone {
            match name {
                $($name => Tone::$tone,)+
                _ => Tone::Calm,
            }
        }

        /// The rendered template, `None` where there is no such notice.
        pub(super) fn render(name: &str, language: Language, view: &View) -> Option<askama::Result<String>> {
            Some(match (name, language) {
                $(
                    ($name, Language::En) => {
                        #[derive(Template)]
                        #[template(path = $en)]
                        struct $variant<'a> { v: &'a View }
                        $variant { v: view }.render()
                    }
                    ($name, Language::Fi) => {
                        #[derive(Template)]
                        #[template(path = $fi)]
                        struct $variant<'a> { v: &'a View }
                        $variant { v: view }.render()
                    }
                )+
                _ => return None,
            })
        }
    };
}

notices! {
    OrderReceived = "order_received", Calm, "an order is registered",
        "notices/en/order_received.txt", "notices/fi/order_received.txt";
    FirewallInstructions = "firewall_instructions", Act, "the firewall does not let every gateway address in yet",
        "notices/en/firewall_instructions.txt", "notices/fi/firewall_instructions.txt";
    MxChangeMayBeRelayed = "mx_change_may_be_relayed", Act, "every check has passed: a permit is issued",
        "notices/en/mx_change_may_be_relayed.txt", "notices/fi/mx_change_may_be_relayed.txt";
    PermissionWithdrawn = "permission_withdrawn", Alarm, "a re-check failed or the permit expired after somebody was told to go ahead",
        "notices/en/permission_withdrawn.txt", "notices/fi/permission_withdrawn.txt";
    EarlyCutoverAlarm = "early_cutover_alarm", Alarm, "the MX names the gateway before it may",
        "notices/en/early_cutover_alarm.txt", "notices/fi/early_cutover_alarm.txt";
    MxChangeSeen = "mx_change_seen", Calm, "a name server gives the new MX for the first time",
        "notices/en/mx_change_seen.txt", "notices/fi/mx_change_seen.txt";
    Overdue = "overdue", Act, "the change has not settled 72 hours after it was seen",
        "notices/en/overdue.txt", "notices/fi/overdue.txt";
    Connected = "connected", Calm, "the confirmation window has closed on a clean round",
        "notices/en/connected.txt", "notices/fi/connected.txt";
    MayCloseOldPath = "may_close_old_path", Act, "five days after every sender has switched",
        "notices/en/may_close_old_path.txt", "notices/fi/may_close_old_path.txt";
    Drift = "drift", Alarm, "the MX of a connected domain has left the gateway",
        "notices/en/drift.txt", "notices/fi/drift.txt";
    Repaired = "repaired", Calm, "the MX is right again after it had left",
        "notices/en/repaired.txt", "notices/fi/repaired.txt";
    DeliveryFailing = "delivery_failing", Alarm, "the own mail server of a connected domain takes no mail",
        "notices/en/delivery_failing.txt", "notices/fi/delivery_failing.txt";
    Stop = "stop", Alarm, "an order is withdrawn before the domain is connected",
        "notices/en/stop.txt", "notices/fi/stop.txt";
    MoveAway = "move_away", Act, "the service is ending and the next destination takes mail",
        "notices/en/move_away.txt", "notices/fi/move_away.txt";
    Released = "released", Calm, "the MX has left and the route is removed",
        "notices/en/released.txt", "notices/fi/released.txt";
    NewServerInstructions = "new_server_instructions", Act, "other own servers are to take the mail",
        "notices/en/new_server_instructions.txt", "notices/fi/new_server_instructions.txt";
    RouteChanged = "route_changed", Calm, "the new own servers were seen to take mail",
        "notices/en/route_changed.txt", "notices/fi/route_changed.txt";
    RouteChangeFailed = "route_change_failed", Act, "the new own servers failed after the switch, the old ones are back",
        "notices/en/route_change_failed.txt", "notices/fi/route_change_failed.txt";
    Suspended = "suspended", Act, "the service desk suspends a domain",
        "notices/en/suspended.txt", "notices/fi/suspended.txt";
    Resumed = "resumed", Calm, "the suspension ends",
        "notices/en/resumed.txt", "notices/fi/resumed.txt";
    CutOffAnnounced = "cut_off_announced", Act, "the service has ended, the MX never moved, and an end is set",
        "notices/en/cut_off_announced.txt", "notices/fi/cut_off_announced.txt";
    CutOffBegun = "cut_off_begun", Alarm, "that end has begun: mail is deferred",
        "notices/en/cut_off_begun.txt", "notices/fi/cut_off_begun.txt";
    ReleaseUndecidable = "release_undecidable", Act, "the name servers of a domain that is being released are silent for 14 days",
        "notices/en/release_undecidable.txt", "notices/fi/release_undecidable.txt";
    ImportUnconfirmed = "import_unconfirmed", Act, "a domain that was imported as connected does not look so",
        "notices/en/import_unconfirmed.txt", "notices/fi/import_unconfirmed.txt";
    HostRetiring = "host_retiring", Act, "the MX names a host of the gateway that is going to be retired",
        "notices/en/host_retiring.txt", "notices/fi/host_retiring.txt";
    HostRetired = "host_retired", Alarm, "the MX names a host of the gateway that takes no mail any more",
        "notices/en/host_retired.txt", "notices/fi/host_retired.txt";
    AddressAnnounced = "address_announced", Act, "the gateway is going to deliver from further addresses",
        "notices/en/address_announced.txt", "notices/fi/address_announced.txt";
    AddressRetired = "address_retired", Calm, "the gateway does not deliver from an address any more",
        "notices/en/address_retired.txt", "notices/fi/address_retired.txt";
    TrialStarted = "trial_started", Calm, "the first domain of a trial customer is connected",
        "notices/en/trial_started.txt", "notices/fi/trial_started.txt";
    TrialExtended = "trial_extended", Calm, "the service desk has extended the trial",
        "notices/en/trial_extended.txt", "notices/fi/trial_extended.txt";
    TrialReminder = "trial_reminder", Act, "the trial is about to end",
        "notices/en/trial_reminder.txt", "notices/fi/trial_reminder.txt";
    TrialEnded = "trial_ended", Act, "the trial has ended without a decision",
        "notices/en/trial_ended.txt", "notices/fi/trial_ended.txt";
    DecisionNeeded = "decision_needed", Act, "two weeks are left to decide",
        "notices/en/decision_needed.txt", "notices/fi/decision_needed.txt";
    WillBeInvoiced = "will_be_invoiced", Act, "a decision is missing, and the customer is about to be invoiced",
        "notices/en/will_be_invoiced.txt", "notices/fi/will_be_invoiced.txt";
    LastCall = "last_call", Act, "a week is left to decide",
        "notices/en/last_call.txt", "notices/fi/last_call.txt";
    DecisionOverdue = "decision_overdue", Act, "the time to decide is over and the desk has to decide",
        "notices/en/decision_overdue.txt", "notices/fi/decision_overdue.txt";
    Invoiced = "invoiced", Calm, "the customer has become a paying one",
        "notices/en/invoiced.txt", "notices/fi/invoiced.txt";
    ThankYou = "thank_you", Calm, "the trial ended without a customer, or the notice has run out",
        "notices/en/thank_you.txt", "notices/fi/thank_you.txt";
    NoticeConfirmed = "notice_confirmed", Calm, "a notice was recorded",
        "notices/en/notice_confirmed.txt", "notices/fi/notice_confirmed.txt";
    NoticeWithdrawn = "notice_withdrawn", Calm, "a notice was taken back",
        "notices/en/notice_withdrawn.txt", "notices/fi/notice_withdrawn.txt";
    UsedAfterEnd = "used_after_end", Act, "the service has ended and its MX still names the gateway",
        "notices/en/used_after_end.txt", "notices/fi/used_after_end.txt";
    UseInvoiced = "use_invoiced", Act, "that use is invoiced from now on",
        "notices/en/use_invoiced.txt", "notices/fi/use_invoiced.txt";
    PartnerChanged = "partner_changed", Calm, "the customer has moved to another partner",
        "notices/en/partner_changed.txt", "notices/fi/partner_changed.txt";
    SignInLink = "sign_in_link", Act, "somebody asks to sign in and has an account",
        "notices/en/sign_in_link.txt", "notices/fi/sign_in_link.txt";
    VantageQuarantined = "vantage_quarantined", Act, "a place from which is looked does not see what others see",
        "notices/en/vantage_quarantined.txt", "notices/fi/vantage_quarantined.txt";
}
